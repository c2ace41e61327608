package query_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

var update = flag.Bool("update", false, "write testdata anew")

// estate is a collector that hears of things, day after day.
type estate struct {
	t   *testing.T
	in  *ingest.Ingester
	q   *query.Inventory
	now time.Time
	seq int64
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "muster.db"))
	if err != nil {
		t.Fatal(err)
	}
	e := &estate{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return e.now }
	e.in = ingest.New(ingest.Config{}, st, slog.New(slog.DiscardHandler), clock)
	e.q = query.New(st, clock)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { e.in.Run(ctx); close(done) }()
	t.Cleanup(func() {
		stop()
		<-done
		_ = st.Close()
	})
	return e
}

// day goes on to a day, counted from the first.
func (e *estate) day(n int) { e.now = time.Date(2026, 3, 2+n, 9, 0, 0, 0, time.UTC) }

func (e *estate) hear(src inventory.Source, key string, bodies ...inventory.Body) {
	e.t.Helper()
	e.seq++
	o := inventory.Observation{Source: src, NativeKey: key, Epoch: 1, Seq: e.seq, SeenAt: e.now, Complete: true}
	for _, b := range bodies {
		o.Sections = append(o.Sections, inventory.Section{Name: b.Section(), Status: inventory.StatusOK, Hash: fmt.Append(nil, e.seq), Body: b})
	}
	acks, err := e.in.Submit(e.t.Context(), []inventory.Observation{o})
	if err != nil || acks[0].Outcome != ingest.Accepted {
		e.t.Fatal(err, acks)
	}
}

type host struct {
	agent, name, serial, uuid, machine, maker, model string
	macs                                             []string
}

func (e *estate) agent(h host, extra ...string) {
	e.t.Helper()
	var cards inventory.Interfaces
	for i, m := range append(append([]string(nil), h.macs...), extra...) {
		cards = append(cards, inventory.Interface{Name: fmt.Sprintf("eth%d", i), MAC: m, Type: inventory.IfEthernet})
	}
	e.hear(inventory.Source{Kind: inventory.KindAgent, ID: h.agent, Site: "hq"}, "",
		&inventory.Device{Name: h.name, Domain: "corp.example", Vendor: h.maker, Model: h.model, Serial: h.serial, Identifiers: []inventory.Identifier{
			{Type: inventory.IDSMBIOS, Value: h.uuid}, {Type: inventory.IDMachine, Value: h.machine}}}, cards)
}

func (e *estate) sweep(mac, ip string) {
	e.t.Helper()
	e.hear(inventory.Source{Kind: inventory.KindScanner, ID: "scan-hq", Site: "hq"}, "mac:"+mac, &inventory.Device{},
		inventory.Interfaces{{MAC: mac, Addresses: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(ip), 32)}}})
}

func (e *estate) row(list, key string, d inventory.Device) {
	e.t.Helper()
	e.hear(inventory.Source{Kind: inventory.KindImport, ID: "import:" + list}, key, &d)
}

func (e *estate) guest(instance, uuid, mac, name string) {
	e.t.Helper()
	e.hear(inventory.Source{Kind: inventory.KindImport, ID: "import:vcenter"}, name, &inventory.Device{Name: name, Role: inventory.RoleHost, Class: inventory.ClassVM,
		Identifiers: []inventory.Identifier{{Type: inventory.IDVMInstance, Value: instance}, {Type: inventory.IDSMBIOS, Value: uuid}}}, inventory.Interfaces{{MAC: mac}})
}

// The answers to "muster why" are read by people: here they are as a whole.
func TestWhyReads(t *testing.T) {
	laptop := host{"5f0c9f6e-3b55-4d0e-9a58-1f2f0c6d9e01", "lt-0412", "5CG1234XYZ", "095e9ebf-6dd2-4139-a64a-6cb64d4b47e4", "5da840c64282ad99e0130ddfc0b7d852", "HP", "EliteBook 840 G9",
		[]string{"8c:16:45:00:11:22"}}
	other := host{"7d1c9f6e-3b55-4d0e-9a58-1f2f0c6d9e02", "lt-0987", "5CG9876ABC", "1b4e28ba-2fa1-41d2-883f-0016d3cca427", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "HP", "EliteBook 840 G9",
		[]string{"8c:16:45:33:44:55"}}
	const dock = "00:e0:4c:71:75:5a"

	for _, c := range []struct {
		name  string
		build func(*estate)
		ask   [][2]string
	}{
		{"docked-laptop", func(e *estate) {
			e.row("purchases", "5cg1234xyz", inventory.Device{Serial: " 5cg1234xyz ", AssetTag: "A100412"})
			e.agent(laptop, dock)
			e.sweep(laptop.macs[0], "10.1.16.20")
			e.row("directory", "8f0317eb-f04a-4607-b7e6-85dec6dc50d6", inventory.Device{Name: "LT-0412.corp.example",
				Identifiers: []inventory.Identifier{{Type: inventory.IDDirectory, Value: "8f0317eb-f04a-4607-b7e6-85dec6dc50d6"}}})
			e.sweep(dock, "10.1.0.77")
			e.day(1)
			e.agent(other, dock)
			e.sweep(dock, "10.1.0.78")
			e.day(2)
			e.agent(laptop, dock)
		}, [][2]string{{"a1", ""}, {"a5", ""}, {"a1", "a5"}}},
		{"re-imaged-machine", func(e *estate) {
			e.agent(laptop)
			e.row("directory", "8f0317eb-f04a-4607-b7e6-85dec6dc50d6", inventory.Device{Name: "LT-0412.corp.example",
				Identifiers: []inventory.Identifier{{Type: inventory.IDDirectory, Value: "8f0317eb-f04a-4607-b7e6-85dec6dc50d6"}}})
			e.day(6)
			anew := laptop
			anew.agent, anew.machine, anew.name = "c2f0b7aa-90f4-4f3a-8df2-0b7f5b1f6d03", "b1946ac92492d2347c6235b4d2611184", "lt-0700"
			e.agent(anew)
			e.sweep(laptop.macs[0], "10.1.16.20")
		}, [][2]string{{"a1", ""}, {"r1", "r3"}}},
		{"cloned-vm", func(e *estate) {
			vm := host{"91aa9f6e-3b55-4d0e-9a58-1f2f0c6d9e03", "web01", "VMware-a3 03 47 09 00 27 4c 7b-a2 08 13 f1 94 17 1a ea", "a3034709-0027-4c7b-a208-13f194171aea",
				"5da840c64282ad99e0130ddfc0b7d852", "VMware, Inc.", "VMware7,1", []string{"00:50:56:f9:cb:2c"}}
			clone := vm
			clone.macs = []string{"00:50:56:05:72:d4"}
			for d := range 2 {
				e.day(3 * d)
				e.guest("fae8cb9b-aafe-4fa9-b560-9c76ce1984b0", vm.uuid, vm.macs[0], "web01")
				e.agent(vm)
				e.guest("5d243159-535d-4b93-b011-9e28ca2e3bfe", vm.uuid, clone.macs[0], "web01-copy")
				e.agent(clone)
			}
		}, [][2]string{{"a1", ""}, {"a3", ""}, {"a1", "a3"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEstate(t)
			c.build(e)
			var out strings.Builder
			for _, ids := range c.ask {
				x, err := e.q.Why(t.Context(), ids[0], ids[1])
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&out, "$ muster why %s\n%s\n\n", strings.TrimSpace(ids[0]+" "+ids[1]), strings.Join(x.Text, "\n"))
			}
			golden(t, filepath.Join("testdata", "why", c.name+".txt"), out.String())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
