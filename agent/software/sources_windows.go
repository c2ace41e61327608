package software

import (
	"runtime"
	"time"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on Windows. root is not used.
func Sources(_ string) []source.Source {
	const system = `C:\` // where tags are; data drives have none
	list := append(RegistrySources(registry.System{}, runtime.GOARCH), source.Source{
		Section: inventory.SectionSoftware, Name: "swid", Timeout: 30 * time.Second,
		Read: in(system, swid("ProgramData/regid.*", "ProgramData/*/swidtag", "Program Files/*/swidtag", "Program Files (x86)/*/swidtag")),
	})
	list = append(list, UsageSources(registry.System{})...)
	return append(list, placeSources(systemDrive()+`\`, windowsPlaces(systemDrive()))...)
}
