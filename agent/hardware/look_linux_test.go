package hardware_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Two looks at an idle machine find the same, or every report would be news.
func TestTwoLooks(t *testing.T) {
	looked := func() map[string][]inventory.Fact {
		out := map[string][]inventory.Fact{}
		for _, s := range hardware.Sources("/") {
			if s.Category == source.CategoryCloudMetadata {
				continue // asks the network
			}
			if body, _ := s.Read(t.Context()); body != nil {
				out[s.Name] = body.Facts()
			}
		}
		return out
	}
	one := looked()
	if diff := cmp.Diff(one, looked()); diff != "" || len(one) < 8 {
		t.Errorf("%d sources; -first +second:\n%s", len(one), diff)
	}
}

// BenchmarkLook is one look at everything here.
func BenchmarkLook(b *testing.B) {
	b.ReportAllocs()
	sources := hardware.Sources("/")
	for b.Loop() {
		for _, s := range sources {
			if _, err := s.Read(b.Context()); err != nil {
				if status, reason := source.Status(err); status == inventory.StatusFailed {
					b.Fatal(s.Name, reason)
				}
			}
		}
	}
}
