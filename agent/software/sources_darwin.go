package software

import (
	"context"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on this OS. root is "/", or a directory with a copy of one.
func Sources(root string) []source.Source {
	list := []source.Source{
		{Name: "programs", Read: func(context.Context) (inventory.Body, error) {
			return nil, source.Unsupported("installed programs are described by Info.plist files in /Applications and by installer receipts, which this version does not read")
		}},
		{Name: "homebrew", Read: in(root, brew)},
		{Name: "swid", Read: in(root, swid("Library/Application Support/*/swidtag", "Library/Application Support/regid.*",
			"Applications/*.app/Contents", "Applications/*.app/Contents/Resources", "usr/local/share/swidtag"))},
	}
	for i := range list {
		list[i].Section, list[i].Timeout = inventory.SectionSoftware, 30*time.Second
	}
	return append(list, placeSources(root, darwinPlaces())...)
}
