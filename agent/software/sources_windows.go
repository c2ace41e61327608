package software

import (
	"context"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on this OS. root is not used.
func Sources(_ string) []source.Source {
	const system = `C:\` // where tags are; data drives have none
	list := []source.Source{
		{Name: "programs", Read: func(context.Context) (inventory.Body, error) {
			return nil, source.Unsupported("installed programs are listed in the registry (Uninstall keys), which this version does not read")
		}},
		{Name: "swid", Read: in(system, swid("ProgramData/regid.*", "ProgramData/*/swidtag", "Program Files/*/swidtag", "Program Files (x86)/*/swidtag"))},
	}
	for i := range list {
		list[i].Section, list[i].Timeout = inventory.SectionSoftware, 30*time.Second
	}
	return append(list, placeSources(systemDrive()+`\`, windowsPlaces(systemDrive()))...)
}
