package software

import (
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on Linux. root is "/", or a directory with a copy of one.
func Sources(root string) []source.Source {
	list := []source.Source{
		{Name: "dpkg", Read: in(root, dpkg)},
		{Name: "apk", Read: in(root, apk)},
		{Name: "pacman", Read: in(root, pacman)},
		{Name: "snap", Read: in(root, snap)},
		{Name: "rpm", Read: in(root, rpm(root))},
	}
	for i := range list {
		list[i].Section, list[i].Timeout = inventory.SectionSoftware, 30*time.Second
	}
	return list
}
