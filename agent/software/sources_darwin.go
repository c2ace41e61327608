package software

import (
	"context"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on this OS. root is not used.
func Sources(_ string) []source.Source {
	return []source.Source{{
		Section: inventory.SectionSoftware, Name: "programs", Timeout: 30 * time.Second,
		Read: func(context.Context) (inventory.Body, error) {
			return nil, source.Unsupported("installed programs are described by Info.plist files in /Applications and by installer receipts, which this version does not read")
		},
	}}
}
