package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/reconcile"
)

func TestExplain(t *testing.T) {
	m := machine{agent: "5f0c9f6e-3b55-4d0e-9a58-1f2f0c6d9e01", serial: "5CG1234XYZ", name: "lt-0001", domain: "corp.example", site: "hq", maker: "HP", macs: []string{"8c:16:45:00:11:22"}}
	n := machine{agent: "7d1c9f6e-3b55-4d0e-9a58-1f2f0c6d9e02", serial: "5CG9876ABC", name: "lt-0002", domain: "corp.example", site: "hq", maker: "HP", macs: []string{"8c:16:45:33:44:55"}}
	const dock = "00:e0:4c:71:75:5a"
	w := newWorld(t)
	w.take(m.report(0, dock))
	w.take(delivered("5cg1234xyz", 1))
	w.take(sweep("hq", "8c:16:45:00:11:22", "10.1.0.5", 2))
	w.take(directory("8f0317eb-f04a-4607-b7e6-85dec6dc50d6", "LT-0001.corp.example", 3))
	w.take(n.report(0, dock))
	got := reconcile.Explain(reconcile.Decide(w.records, nil), 1, func(r int64) string { return fmt.Sprintf("r%d", r) })
	want := []string{
		"One asset of 4 records.",
		"r1 and r2 have the same serial number 5CG1234XYZ, since 2026-03-03.",
		"r1 and r3 have the same MAC address 8c:16:45:00:11:22, since 2026-03-04.",
		"r4 belongs to it because no other asset has the name lt-0001 in corp.example.",
		"The MAC address 00:e0:4c:71:75:5a joins nothing: r1 and r5 both have it and cannot be one asset (different serial numbers).",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	w.pin(1, 5, true)
	all := strings.Join(reconcile.Explain(reconcile.Decide(w.records, w.pins), 1, func(r int64) string { return fmt.Sprintf("r%d", r) }), "\n")
	if !strings.Contains(all, "r1 and r5 are one because a person said so.") {
		t.Errorf("no word of the pin:\n%s", all)
	}
	if got := reconcile.Explain(reconcile.Result{}, 7, nil); got != nil {
		t.Errorf("an asset without records: %q", got)
	}
}
