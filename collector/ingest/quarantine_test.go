package ingest_test

import (
	"strings"
	"testing"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/internal/inventory"
)

// bomb is a device section that panics when it is taken apart.
type bomb struct{ *inventory.Device }

func (bomb) Facts() []inventory.Fact { panic("boom") }

func TestF15PanicIsQuarantinedAndNeighboursProceed(t *testing.T) {
	onEach(t, f15PanicIsQuarantinedAndNeighboursProceed)
}

func f15PanicIsQuarantinedAndNeighboursProceed(t *testing.T, r *rig) {
	observation := func(agent string, s inventory.Section) inventory.Observation {
		return inventory.Observation{Source: inventory.Source{Kind: inventory.KindAgent, ID: agent}, Epoch: 1, Seq: 1,
			SeenAt: r.clock, Sections: []inventory.Section{s}}
	}
	bad := laptop()
	bad.Body = bomb{bad.Body.(*inventory.Device)}
	acks, err := r.Submit(t.Context(), []inventory.Observation{observation("ag1", laptop()), observation("ag2", bad), observation("ag3", laptop())})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []ingest.Outcome{ingest.Accepted, ingest.Quarantined, ingest.Accepted} {
		if acks[i].Outcome != want {
			t.Errorf("observation %d: %+v, want %s", i, acks[i], want)
		}
	}
	if strings.Contains(acks[1].Reason, "boom") {
		t.Errorf("reason %q tells the source about our innards", acks[1].Reason)
	}
	list, err := r.store.Quarantined(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Source != "ag2" || !strings.Contains(string(list[0].Bytes), "PF3ABC12") {
		t.Errorf("quarantine = %+v, want the observation of ag2 with its content", list)
	}
	if c := r.Counts(); c["quarantined"] != 1 || c["accepted"] != 2 {
		t.Errorf("counts = %v", c)
	}
}
