package identify_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/snmp"
)

// What Needs leaves out changes no answer.
func TestNeeds(t *testing.T) {
	needWalks(t)
	rules, err := identify.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	all := snmp.Prober{Extra: rules.Wanted}
	brief := snmp.Prober{Extra: rules.Wanted, Needs: rules.Needs}
	left := 0
	for name, rec := range recordings(t) {
		whole, err := all.Replay(t.Context(), rec)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		part, err := brief.Replay(t.Context(), rec)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		left += len(whole.Sections) - len(part.Sections)
		if d := cmp.Diff(first(rules.Device(whole)), first(rules.Device(part))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if left == 0 {
		t.Error("nothing was left out of any device")
	}
}
