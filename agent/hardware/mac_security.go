package hardware

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/plist"
)

// macSecurity is how the machine protects itself. No Mac has a Trusted Platform Module:
// the Secure Enclave does some of what one does, and is not called one here.
func macSecurity(r profiler.Report, intel, virtual bool) *inventory.Security {
	s := &inventory.Security{}
	if !virtual {
		s.TPMVersion = "none"
	}
	if intel {
		s.FirmwareMode = "uefi"
	}
	level, sip := "", ""
	told := false
	for _, e := range r {
		told = told || e.Name == "SPiBridgeDataType"
	}
	for _, e := range r.Type("SPiBridgeDataType").All() {
		level = first(level, e.Get("ibridge_secure_boot", "secure boot"))
		sip = first(sip, e.Get("ibridge_sb_sip", "system integrity protection"))
	}
	for _, e := range r.Type("SPSoftwareDataType").All() {
		sip = first(sip, e.Get("system_integrity", "system integrity protection"))
	}
	if told {
		s.SecureBoot = macSecureBoot(level, intel && !virtual)
	}
	switch strings.ToLower(profiler.Word(sip)) {
	case "enabled":
		s.MandatoryAccess = "sip:enabled"
	case "disabled":
		s.MandatoryAccess = "sip:disabled"
	case "custom configuration":
		s.MandatoryAccess = "sip:custom"
	}
	return s
}

// macSecureBoot goes by the first word of "Full Security". On Intel's machines it is the
// T2 chip that checks, and those without cannot. The words come in the system's language;
// others than English are not known.
func macSecureBoot(level string, intel bool) string {
	word, _, _ := strings.Cut(strings.ToLower(level), " ")
	switch {
	case level == "" && intel:
		return "unsupported"
	case intel && (word == "full" || word == "medium"):
		return "enabled"
	case intel && word == "no":
		return "disabled"
	case word == "full", word == "reduced", word == "permissive":
		return word
	}
	return ""
}

// gatekeeper reads "spctl --status": whether programs are assessed before they start.
func gatekeeper(b []byte) string {
	switch strings.TrimSpace(string(b)) {
	case "assessments enabled":
		return "gatekeeper:enabled"
	case "assessments disabled":
		return "gatekeeper:disabled"
	}
	return ""
}

// gatekeeperPrefs reads SystemPolicy-prefs.plist, where the same is kept.
func gatekeeperPrefs(b []byte) string {
	d, err := plist.ParseDict(b)
	switch {
	case err != nil || d["enabled"] == nil:
		return ""
	case d.Bool("enabled"):
		return "gatekeeper:enabled"
	}
	return "gatekeeper:disabled"
}

// fileVault reads "fdesetup status", which also knows about what comes before APFS.
func fileVault(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("FileVault is On")):
		return "filevault"
	case bytes.HasPrefix(b, []byte("FileVault is Off")):
		return "none"
	}
	return ""
}

// apfs is what "diskutil apfs list -plist" tells.
type apfs struct {
	containers inventory.Volumes
	volumes    []apfsVolume
}

type apfsVolume struct {
	device, name, uuid, container string
	roles                         []string
	fileVault                     bool
	used                          int64
}

func parseAPFS(b []byte) (apfs, error) {
	d, err := plist.ParseDict(b)
	if err != nil {
		return apfs{}, fmt.Errorf("diskutil: %w", err)
	}
	out := apfs{containers: inventory.Volumes{}}
	for _, c := range d.Dicts("Containers") {
		v := inventory.Volume{
			Type: "apfs_container", Name: c.Text("ContainerReference"), UUID: c.Text("APFSContainerUUID"),
			Bytes: max(c.Int("CapacityCeiling"), 0), State: "active",
		}
		v.FreeBytes = roundUsed(c.Int("CapacityFree"), v.Bytes)
		if c.Bool("Fusion") {
			v.Level = "fusion"
		}
		for _, p := range c.Dicts("PhysicalStores") {
			v.Members = append(v.Members, p.Text("DeviceIdentifier"))
		}
		if len(out.containers) == maxList {
			return apfs{}, fmt.Errorf("diskutil: more than %d containers", maxList)
		}
		out.containers = append(out.containers, *clean(&v))
		for _, f := range c.Dicts("Volumes") {
			out.volumes = append(out.volumes, apfsVolume{
				device: f.Text("DeviceIdentifier"), name: f.Text("Name"), uuid: f.Text("APFSVolumeUUID"), container: v.Name,
				roles: f.Texts("Roles"), fileVault: f.Bool("FileVault"), used: f.Int("CapacityInUse"),
			})
		}
	}
	return out, nil
}

// volume finds the volume of a device node. What is mounted as the root is a snapshot of
// its volume: /dev/disk3s1s1 of disk3s1.
func (a apfs) volume(device string) (apfsVolume, bool) {
	device = strings.TrimPrefix(device, "/dev/")
	for _, v := range a.volumes {
		if v.device != "" && (device == v.device || strings.HasPrefix(device, v.device+"s")) {
			return v, true
		}
	}
	return apfsVolume{}, false
}

// encryption says whether FileVault protects the root's volume, or the volume with what
// people write, which is another of the same container.
func (a apfs) encryption(root string) string {
	v, ok := a.volume(root)
	if !ok {
		return ""
	}
	for _, other := range a.volumes {
		data := other.container == v.container && len(other.roles) == 1 && other.roles[0] == "Data"
		if (data || other.device == v.device) && other.fileVault {
			return "filevault"
		}
	}
	return "none"
}

// join tells mounted file systems what their volume is called, and hides nothing: space
// is the container's, so the used part is the volume's own.
func (a apfs) join(list inventory.Filesystems) {
	for i := range list {
		f := &list[i]
		v, ok := a.volume(f.Device)
		if !ok {
			continue
		}
		f.UUID, f.Label = v.uuid, v.name
		if f.UsedBytes = roundUsed(v.used, f.Bytes); v.fileVault {
			f.Encryption = "filevault"
		}
		clean(f)
	}
}
