package reconcile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// seen is one observation of an estate.
type seen struct {
	source inventory.Source
	key    string // what the source calls the thing
	at     time.Time
	bodies map[inventory.SectionName]inventory.Body
}

func see(kind inventory.SourceKind, source, site, key string, at time.Time, bodies ...inventory.Body) seen {
	s := seen{inventory.Source{Kind: kind, ID: source, Site: site}, key, at, map[inventory.SectionName]inventory.Body{}}
	for _, b := range bodies {
		s.bodies[b.Section()] = b
	}
	return s
}

// world keeps records as a store would and decides after every observation.
type world struct {
	t       testing.TB
	ids     map[string]int64
	records []reconcile.Record
	holders map[reconcile.Key][]int64
	assets  map[int64]int64
	pins    []reconcile.Pin
	loaded  int // records loaded since last asked
	decide  func(id int64, before []reconcile.Claim)
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, ids: map[string]int64{}, holders: map[reconcile.Key][]int64{}, assets: map[int64]int64{}}
	w.decide = func(id int64, before []reconcile.Claim) { w.resolve(map[int64][]reconcile.Claim{id: before}, id) }
	return w
}

func (w *world) Records(_ context.Context, ids []int64) ([]reconcile.Record, error) {
	var out []reconcile.Record
	for _, id := range ids {
		w.loaded++
		out = append(out, w.records[id-1])
	}
	return out, nil
}

func (w *world) Holders(_ context.Context, keys []reconcile.Key, limit int) ([][]int64, error) {
	out := make([][]int64, len(keys))
	for i, k := range keys {
		out[i] = w.holders[k][:min(limit, len(w.holders[k]))]
	}
	return out, nil
}

// take takes an observation in and returns its record.
func (w *world) take(s seen) int64 {
	w.t.Helper()
	e := reconcile.Read(s.source, s.at, s.bodies)
	scope := s.source.ID
	if s.source.Kind == inventory.KindScanner {
		scope = s.source.Site
	}
	name := fmt.Sprint(s.source.Kind, "|", scope, "|", s.key, "|", e.Incarnation)
	id, ok := w.ids[name]
	if !ok {
		id = int64(len(w.records) + 1)
		w.ids[name] = id
		w.records = append(w.records, reconcile.Record{ID: id, Kind: s.source.Kind})
	}
	r := &w.records[id-1]
	before := r.Claims
	all, changed := reconcile.Accumulate(before, e.Claims)
	r.Claims = all
	for _, c := range changed {
		if !slices.Contains(w.holders[c.Key], id) {
			w.holders[c.Key] = append(w.holders[c.Key], id)
		}
	}
	if !ok || len(changed) > 0 {
		w.decide(id, before)
	}
	return id
}

func (w *world) resolve(before map[int64][]reconcile.Claim, seeds ...int64) {
	w.t.Helper()
	res, err := reconcile.Resolve(w.t.Context(), w, seeds, before, w.pins)
	if err != nil {
		w.t.Fatal(err)
	}
	for r, a := range res.Assets {
		w.assets[r] = a
	}
}

func (w *world) pin(a, b int64, same bool) {
	w.t.Helper()
	w.pins = append(w.pins, reconcile.Pin{A: a, B: b, Same: same})
	w.resolve(nil, a, b)
}

// checkRebuild compares the running decisions with one over everything.
func (w *world) checkRebuild() {
	w.t.Helper()
	for id, want := range reconcile.Decide(w.records, w.pins).Assets {
		if w.assets[id] != want {
			w.t.Errorf("record %d is in asset %d, a rebuild puts it into %d", id, w.assets[id], want)
		}
	}
}

// partition is which observations are together, whatever their assets are called.
func partition(t testing.TB, order []int, all []seen) []int {
	w := newWorld(t)
	record := make([]int64, len(all))
	for _, i := range order {
		record[i] = w.take(all[i])
	}
	w.checkRebuild()
	first := map[int64]int{}
	out := make([]int, len(all))
	for i := range all {
		a := w.assets[record[i]]
		if _, ok := first[a]; !ok {
			first[a] = i
		}
		out[i] = first[a]
	}
	return out
}

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func on(day int) time.Time { return monday.AddDate(0, 0, day) }

// estate draws a small company with much that goes wrong in it.
type estate struct {
	*rand.Rand
	all   []seen
	place string // what its sites' names end in
}

func (e *estate) text(prefix string) string { return fmt.Sprintf("%s%07d", prefix, e.IntN(10_000_000)) }

func (e *estate) uuid() string {
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", e.Uint32(), e.Uint32()&0xffff, e.Uint32()&0xfff, e.Uint32()&0xfff, e.Uint64()&0xffffffffffff)
}

func (e *estate) mac(prefix string) string {
	return fmt.Sprintf("%s:%02x:%02x:%02x", prefix, 1+e.IntN(250), e.IntN(256), 1+e.IntN(250))
}

type machine struct {
	agent, serial, uuid, machine, name, domain, site, maker string
	macs, disks                                             []string
}

func (e *estate) machine() machine {
	m := machine{agent: e.uuid(), serial: e.text("S"), uuid: e.uuid(), machine: fmt.Sprintf("%016x%016x", e.Uint64(), e.Uint64()), name: e.text("lt-"),
		domain: "corp.example", site: []string{"hq", "dc", "br"}[e.IntN(3)] + e.place, maker: []string{"Dell Inc.", "HP", "LENOVO"}[e.IntN(3)]}
	for range 1 + e.IntN(2) {
		m.macs = append(m.macs, e.mac("8c:16:45"))
	}
	m.disks = []string{e.text("DISK")}
	return m
}

func (e *estate) add(s seen) { e.all = append(e.all, s) }

func cards(macs []string, addresses ...string) inventory.Interfaces {
	var out inventory.Interfaces
	for _, m := range macs {
		out = append(out, inventory.Interface{MAC: m, Type: inventory.IfEthernet})
	}
	for i, a := range addresses {
		p := netip.PrefixFrom(netip.MustParseAddr(a), 32)
		if i < len(out) {
			out[i].Addresses = []netip.Prefix{p}
		} else {
			out = append(out, inventory.Interface{Addresses: []netip.Prefix{p}})
		}
	}
	return out
}

func disks(serials []string) inventory.Disks {
	var out inventory.Disks
	for _, s := range serials {
		out = append(out, inventory.Disk{Serial: s})
	}
	return out
}

func (m machine) report(day int, extra ...string) seen {
	ids := []inventory.Identifier{{Type: inventory.IDSMBIOS, Value: m.uuid}, {Type: inventory.IDMachine, Value: m.machine}}
	return see(inventory.KindAgent, m.agent, m.site, "", on(day),
		&inventory.Device{Name: m.name, Domain: m.domain, Serial: m.serial, Vendor: m.maker, Identifiers: ids},
		cards(append(slices.Clone(m.macs), extra...)), disks(m.disks))
}

func sweep(site, mac, ip string, day int) seen {
	return see(inventory.KindScanner, "scan", site, "mac:"+mac, on(day), &inventory.Device{}, cards([]string{mac}, ip))
}

func answering(site, ip, name, key string, day int) seen {
	d := &inventory.Device{Name: name}
	if key != "" {
		d.Identifiers = []inventory.Identifier{{Type: inventory.IDSSHHostKey, Value: key}}
	}
	return see(inventory.KindScanner, "probe", site, "ip:"+ip, on(day), d, cards(nil, ip))
}

func directory(guid, name string, day int) seen {
	return see(inventory.KindImport, "import:ad", "", guid, on(day), &inventory.Device{Name: name, Identifiers: []inventory.Identifier{{Type: inventory.IDDirectory, Value: guid}}})
}

func delivered(serial string, day int) seen {
	return see(inventory.KindImport, "import:csv", "", serial, on(day), &inventory.Device{Serial: serial})
}

func listed(serial, state string, day int) seen {
	return see(inventory.KindImport, "import:cmdb", "", serial, on(day), &inventory.Device{Serial: serial, State: state})
}

func announced(site, mac, name, ip string, day int) seen {
	return see(inventory.KindScanner, "scan", site, "mac:"+mac, on(day), &inventory.Device{Name: name + ".local"}, cards([]string{mac}, ip))
}

// draw makes an estate of machines and of the trouble that they make.
func draw(seed uint64, machines int) []seen { return drawAt("", seed, machines) }

func drawAt(place string, seed uint64, machines int) []seen {
	e := &estate{Rand: rand.New(rand.NewPCG(seed, 1)), place: place}
	docks := []string{e.mac("00:e0:4c"), e.mac("00:e0:4c")}
	golden := e.uuid()
	var keys []string
	for range 3 {
		keys = append(keys, "SHA256:"+e.text("hostkeyhostkey"))
	}
	for i := range machines {
		m := e.machine()
		switch e.IntN(16) {
		case 0:
			m.serial, m.uuid = "To Be Filled By O.E.M.", "03000200-0400-0500-0006-000700080009"
		case 1:
			m.agent = golden
		case 2: // a copy of a virtual machine
			c := m
			c.macs, c.disks, c.name = []string{e.mac("52:54:00")}, nil, e.text("vm")
			m.maker, c.maker = "QEMU", "QEMU"
			e.daily(c, 1+e.IntN(4), nil, "")
		case 3: // renamed and installed anew
			old := m
			old.agent, old.machine, old.name = e.uuid(), fmt.Sprintf("%016x%016x", e.Uint64(), e.Uint64()), e.text("lt-")
			e.daily(old, 0, nil, "")
		case 4: // a replacement under the old name
			r := e.machine()
			r.name = m.name
			e.daily(r, 5, nil, "")
		case 5: // a new board
			b := m
			b.uuid, b.serial = e.uuid(), e.text("S")
			if len(b.macs) > 1 {
				b.macs[1] = e.mac("8c:16:45")
			}
			e.daily(b, 5, nil, "")
		case 6:
			m.serial = ""
		case 7: // gone, and another takes its name and address
			e.add(listed(m.serial, "retired", e.IntN(6)))
			r := e.machine()
			r.name = m.name
			e.daily(r, 3, nil, "")
		case 8: // long in a drawer, and installed anew
			old := m
			old.agent, old.machine, old.name = e.uuid(), fmt.Sprintf("%016x%016x", e.Uint64(), e.Uint64()), e.text("lt-")
			m.serial, old.serial = "", ""
			e.daily(old, 80+e.IntN(80), docks, "")
		case 10: // moved to another maker's hypervisor
			v := m
			v.uuid, v.macs, v.disks, v.serial, v.maker = e.uuid(), []string{e.mac("52:54:00")}, nil, "", "QEMU"
			m.maker, m.serial, m.disks = "VMware, Inc.", "", nil
			e.daily(v, 3+e.IntN(4), nil, "")
		case 11, 12: // its card is seen at another site, at times day after day
			for d := range 8 {
				if e.IntN(3) > 0 {
					e.add(sweep([]string{"hq", "dc"}[i%2]+e.place, m.macs[0], "10.1.7.7", d))
				}
				if e.IntN(3) > 0 {
					e.add(sweep("br"+e.place, m.macs[0], "10.1.8.8", d))
				}
			}
		case 13: // two docks that others use as well show one name side by side
			guest := e.machine()
			guest.site = m.site
			for d := range 7 {
				if d%3 == 0 {
					e.add(m.report(d, docks...))
					e.add(guest.report(d, docks...))
				}
				if e.IntN(5) > 0 {
					e.add(announced(m.site, docks[0], "front-desk", "10.1.7.1", d))
				}
				if e.IntN(5) > 0 {
					e.add(announced(m.site, docks[1], "front-desk", "10.1.7.2", d))
				}
			}
			fallthrough
		case 9: // the same with others' docks
			e.daily(m, 100+e.IntN(20), docks, keys[e.IntN(3)])
		}
		e.daily(m, e.IntN(3), docks, keys[e.IntN(3)])
		if i%3 == 0 {
			e.phone()
		}
	}
	return e.all
}

// daily lets all sorts of sources report a machine over some days.
func (e *estate) daily(m machine, from int, docks []string, key string) {
	guid, ip := e.uuid(), fmt.Sprintf("10.1.%d.%d", e.IntN(2), 1+e.IntN(40))
	for d := from; d < from+4; d++ {
		if e.IntN(3) == 0 {
			ip = fmt.Sprintf("10.1.%d.%d", e.IntN(2), 1+e.IntN(40))
		}
		if e.IntN(3) > 0 {
			if len(docks) > 0 && e.IntN(3) == 0 {
				dock := docks[e.IntN(len(docks))]
				s := m.report(d, dock)
				if e.IntN(2) == 0 { // as some systems label it
					s.bodies[inventory.SectionInterfaces].(inventory.Interfaces)[len(m.macs)].Type = inventory.IfUSB
				}
				e.add(s)
				e.add(sweep(m.site, dock, ip, d))
				e.add(announced(m.site, docks[e.IntN(len(docks))], "front-desk", ip, d))
			} else {
				e.add(m.report(d))
			}
		}
		if e.IntN(2) == 0 {
			e.add(sweep(m.site, m.macs[e.IntN(len(m.macs))], ip, d))
		}
		if e.IntN(3) == 0 {
			e.add(answering(m.site, ip, m.name+"."+m.domain, key, d))
		}
		if e.IntN(4) == 0 {
			e.add(directory(guid, m.name+"."+m.domain, d))
		}
	}
	if e.IntN(2) == 0 {
		e.add(delivered(m.serial, from))
	}
}

// phone shows a new address every day and one name.
func (e *estate) phone() {
	name := e.text("somebodys-phone-")
	for d := range 3 {
		e.add(announced("hq"+e.place, e.mac("da:a1:19"), name, fmt.Sprintf("10.1.9.%d", 1+e.IntN(200)), d))
	}
	if e.IntN(2) == 0 {
		e.add(see(inventory.KindImport, "import:mdm", "", name, on(1), &inventory.Device{Name: name, Serial: e.text("F"),
			Identifiers: []inventory.Identifier{{Type: inventory.IDMDM, Value: e.uuid()}}}, cards([]string{e.mac("3c:22:fb")})))
	}
}
