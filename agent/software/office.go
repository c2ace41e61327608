package software

import (
	"cmp"
	"strings"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/internal/inventory"
)

// officeChannels are the addresses from which Office updates itself, by the id at their end
// (https://learn.microsoft.com/intune/configmgr/sum/deploy-use/manage-office-365-proplus-updates,
// https://learn.microsoft.com/deployoffice/updates/overview-update-channels).
var officeChannels = map[string]string{
	"492350f6-3a01-4f97-b9c0-c7c6ddf67d60": "Current Channel",
	"64256afe-f5d9-4f86-8936-8840a6a4f5be": "Current Channel (Preview)",
	"55336b82-a18d-4dd6-b5f6-9e5095c314a6": "Monthly Enterprise Channel",
	"7ffbc6bf-bc32-4f92-8982-f9dd17fd3114": "Semi-Annual Enterprise Channel",
	"b8f9b850-328d-4355-9145-c59439a0c4cf": "Semi-Annual Enterprise Channel (Preview)",
	"5440fd1f-7ecb-4221-8110-145efaa6372f": "Beta Channel",
	"f2e724c1-748f-4b47-8fb8-8e0d210e9208": "Perpetual 2019",
	"5030841d-c919-4594-8d2d-84ae4f96e58e": "Perpetual 2021",
	"7983bac0-e531-40cf-be00-fd24fe66619c": "Perpetual 2024",
}

// office adds to the list what Click-to-Run keeps elsewhere: the licensed products with their
// channel, which tell Microsoft 365 from a perpetual licence. Office's registration keys are
// no help: they list what could be activated, on many machines without being installed.
func office(r registry.Reader, list inventory.SoftwareList) inventory.SoftwareList {
	if v, err := r.Values(nativeRoot + `Microsoft\Office\ClickToRun\Configuration`); err == nil {
		return clickToRun(v, list)
	}
	return list
}

// clickToRun lists the licensed products by the ids under which Microsoft sells them,
// such as O365ProPlusRetail and VisioPro2021Volume.
func clickToRun(v registry.Values, list inventory.SoftwareList) inventory.SoftwareList {
	version := cmp.Or(v.Text("versiontoreport"), v.Text("clientversiontoreport"))
	url := cmp.Or(v.Text("updatechannel"), v.Text("cdnbaseurl"))
	channel := officeChannels[strings.ToLower(url[strings.LastIndexByte(url, '/')+1:])]
	for i, id := range strings.Split(v.Text("productreleaseids"), ",") {
		if id = strings.TrimSpace(id); id == "" || i == 64 {
			continue
		}
		list = append(list, inventory.Software{
			Source: "office", Name: id, Version: version, Arch: officeArch(v.Text("platform")), Edition: channel,
			Publisher: "Microsoft Corporation", Path: v.Text("installationpath"),
			// Programs lists it under a name for people, too; who counts programs counts that one.
			Kind: inventory.KindSystemComponent,
		})
	}
	return list
}

func officeArch(platform string) string {
	if platform == "x64" {
		return "amd64"
	}
	return platform
}
