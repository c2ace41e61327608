package topology_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/topology"
)

func TestNatural(t *testing.T) {
	want := []string{"", "1/1/2", "1/1/10", "1/2/1", "Gi0/1", "Gi0/2", "Gi0/10", "Gi0/10.5", "Gi1/1", "Po1", "Te1", "é"}
	for a := range want {
		for b := range want {
			if got := topology.Natural(want[a], want[b]); got < 0 != (a < b) || got > 0 != (a > b) {
				t.Errorf("%q and %q: %d", want[a], want[b], got)
			}
		}
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, topology.Natural)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
