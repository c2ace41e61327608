package query

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
)

// WhereQuery asks where something is plugged in.
type WhereQuery struct {
	// What is a host name, an IP or hardware address, or an asset's id.
	What string
	When
	// History asks for all places with a stay after Since.
	History bool
	Since   time.Time
}

// Thing is what a question is about.
type Thing struct {
	store.Named
	MACs []string
}

// Whereabouts are the places of a thing, one for each of its hardware addresses that a
// bridge has seen; a bridge is one station with all of its addresses.
type Whereabouts struct {
	Thing  Thing
	Places []topology.Place
	Stays  []topology.Stay // in order, with History
	Map
}

// Map tells what the assets and ports of an answer are.
type Map struct {
	net   *topology.Network
	ports map[topology.Port]inventory.Interface
}

// Node is an asset that the answer speaks of; its id and nothing else when it is not known.
func (m Map) Node(id inventory.AssetID) topology.Node {
	if m.net != nil {
		if n := m.net.Node(id); n != nil {
			return *n
		}
	}
	return topology.Node{ID: id}
}

// Interface is what a bridge says of a port.
func (m Map) Interface(p topology.Port) inventory.Interface { return m.ports[p] }

// Members are the ports of a bundle that cables end at, as far as neighbours tell.
func (m Map) Members(p topology.Port) []string {
	if m.net == nil {
		return nil
	}
	return m.net.Members(p)
}

// maxWhat bounds a question's text.
const maxWhat = 512

var assetID = regexp.MustCompile(`^[aA][1-9][0-9]*$`)

// find is the thing that a person means.
func (q *Inventory) find(ctx context.Context, what string, at When) (Thing, error) {
	what = strings.TrimSpace(what)
	if what == "" || len(what) > maxWhat {
		return Thing{}, inventory.Errorf(inventory.CodeInvalid, "what: %d bytes given, a name, address or asset id of 1 to %d bytes wanted", len(what), maxWhat)
	}
	var found []store.Named
	var err error
	if assetID.MatchString(what) {
		id, err := inventory.ParseAssetID(what)
		if err != nil {
			return Thing{}, err
		}
		n, err := q.store.Called(ctx, id)
		if err != nil {
			return Thing{}, err
		}
		found = []store.Named{n}
	} else if mac := inventory.CanonicalMAC(what); mac != "" {
		t := Thing{MACs: []string{mac}}
		list, err := q.store.Claimed(ctx, inventory.IDMAC, mac)
		if len(list) > 0 {
			t.Named = list[0]
		}
		return t, err
	} else if a, aerr := netip.ParseAddr(what); aerr == nil {
		found, err = q.store.WithAddress(ctx, a.Unmap(), at.Or(q.now()))
	} else if name, _, ok := reconcile.Name(what, ""); ok {
		found, err = q.store.Claimed(ctx, reconcile.TypeName, name)
	}
	if len(found) == 0 && err == nil {
		found, err = q.store.Shown(ctx, what)
	}
	switch {
	case err != nil:
		return Thing{}, err
	case len(found) == 0:
		return Thing{}, inventory.Errorf(inventory.CodeNotFound, "nothing is known as %.80q", what)
	case len(found) > 1:
		var names []string
		for _, n := range found {
			names = append(names, strings.TrimSpace(n.ID.String()+" "+n.Name))
		}
		return Thing{}, inventory.Errorf(inventory.CodeConflict, "%.80q is several assets: %s; ask by id", what, strings.Join(names, ", "))
	}
	t := Thing{Named: found[0]}
	t.MACs, err = q.store.MACs(ctx, t.ID)
	return t, err
}

// Where says where something is or was plugged in.
func (q *Inventory) Where(ctx context.Context, ask WhereQuery) (Whereabouts, error) {
	if err := checkWhen(ask.When, q.now()); err != nil {
		return Whereabouts{}, err
	}
	t, err := q.find(ctx, ask.What, ask.When)
	if err != nil {
		return Whereabouts{}, err
	}
	return q.whereabouts(ctx, t, ask)
}

func (q *Inventory) whereabouts(ctx context.Context, t Thing, ask WhereQuery) (Whereabouts, error) {
	w := Whereabouts{Thing: t}
	if len(t.MACs) == 0 {
		return w, nil
	}
	found, err := q.store.Sightings(ctx, store.SightingAsk{At: ask.When, Now: q.now(), MACs: t.MACs, Past: ask.History, Further: nearer})
	if err != nil {
		return w, fmt.Errorf("where: %w", err)
	}
	w.net, w.ports = found.Net, found.Ports
	for _, group := range stationsOf(&found) {
		place, ok := w.net.Place(group, found.Time)
		if !ok {
			continue
		}
		w.Places = append(w.Places, place)
		if !ask.History {
			continue
		}
		for _, s := range w.net.History(group) {
			if s.Until.IsZero() || !s.Until.Before(ask.Since) {
				w.Stays = append(w.Stays, s)
			}
		}
	}
	slices.SortStableFunc(w.Stays, func(a, b topology.Stay) int { return a.From.Compare(b.From) })
	return w, nil
}

// endpoints are classes of what nothing is plugged into, unless it tells a table.
var endpoints = []inventory.Class{inventory.ClassServer, inventory.ClassDesktop, inventory.ClassLaptop, inventory.ClassTablet, inventory.ClassPhone,
	inventory.ClassVM, inventory.ClassContainer, inventory.ClassPrinter, inventory.ClassStorage, inventory.ClassCamera}

// stationsOf groups sightings by hardware address, those of one bridge all together: it is
// in one place, whichever of its addresses speaks.
func stationsOf(found *store.Sightings) [][]topology.Sighting {
	reads, ends := map[inventory.AssetID]bool{}, map[inventory.AssetID]bool{}
	for _, n := range found.Nodes {
		reads[n.ID], ends[n.ID] = n.Reads, !n.Reads && slices.Contains(endpoints, n.Class)
	}
	at := map[string]int{}
	var out [][]topology.Sighting
	for _, s := range found.Of {
		if s.Owner != 0 && s.Owner == s.Bridge || ends[s.Bridge] {
			continue // its own address in its own table, or a host that heard its switch
		}
		key := s.MAC
		if reads[s.Owner] {
			key = s.Owner.String()
		}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], s)
	}
	return out
}

// nearer are the bridges whose tables are wanted to place the stations that were found.
func nearer(found *store.Sightings) []inventory.AssetID {
	var out []inventory.AssetID
	for _, group := range stationsOf(found) {
		out = append(out, found.Net.Nearer(group)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Connection is a cable from a port of the asset to an asset, or to what is none.
type Connection struct {
	LocalPort  string
	Asset      inventory.AssetID
	Name       string
	RemotePort string
	Via        string
}

// connect fills in what an asset is connected to.
func (q *Inventory) connect(ctx context.Context, d *Detail, at When) error {
	t := Thing{Named: store.Named{ID: d.ID, Name: d.Name, Class: d.Class}}
	var err error
	if t.MACs, err = q.store.MACs(ctx, d.ID); err != nil {
		return err
	}
	if d.Places, err = q.whereabouts(ctx, t, WhereQuery{When: at}); err != nil {
		return err
	}
	if d.Switch, err = q.portsOf(ctx, d.ID, at); err != nil {
		return err
	}
	known := map[Connection]bool{}
	add := func(c Connection) {
		key := Connection{LocalPort: c.LocalPort, Asset: c.Asset, Name: c.Name}
		if c.Asset != 0 {
			key.Name = ""
		}
		if !known[key] {
			known[key] = true
			d.Links = append(d.Links, c)
		}
	}
	for _, p := range d.Switch.Ports {
		for _, s := range p.Spoken {
			add(Connection{p.Port.Name, s.Owner, cmp.Or(d.Switch.Node(s.Owner).Name, s.RemoteName, s.MAC), s.RemotePort, s.Via})
		}
		for _, s := range p.Stations {
			add(Connection{p.Port.Name, s.Owner, cmp.Or(d.Switch.Node(s.Owner).Name, s.RemoteName, s.MAC), s.RemotePort, s.Via})
		}
	}
	for _, p := range d.Places.Places {
		if p.Exact() && !p.Ended {
			add(Connection{p.RemotePort, p.Bridge, d.Places.Node(p.Bridge).Name, p.Name, p.Via})
		}
	}
	return nil
}

// Switch is a bridge's ports.
type Switch struct {
	Ports []PortUse
	Map
}

// PortUse is a port of a bridge with who is there.
type PortUse struct {
	topology.Port
	inventory.Interface
	// Members are the ports of a bundle.
	Members []string
	// LeadsTo are the bridges behind it.
	LeadsTo  []inventory.AssetID
	Stations []topology.Place
	// Spoken are the neighbours that say themselves that they are here.
	Spoken []topology.Sighting
	// Passing is how many hardware addresses are seen here that are somewhere behind it.
	Passing int
}

// Ports are a bridge's ports with who is on each; one of them when port is given.
func (q *Inventory) Ports(ctx context.Context, what, port string, at When) (store.Named, Switch, error) {
	if err := checkWhen(at, q.now()); err != nil {
		return store.Named{}, Switch{}, err
	}
	if len(port) > inventory.MaxText {
		return store.Named{}, Switch{}, inventory.Errorf(inventory.CodeInvalid, "port: %d bytes, at most %d allowed", len(port), inventory.MaxText)
	}
	t, err := q.find(ctx, what, at)
	if err != nil {
		return store.Named{}, Switch{}, err
	}
	s, err := q.portsOf(ctx, t.ID, at)
	if err != nil || port == "" {
		return t.Named, s, err
	}
	s.Ports = slices.DeleteFunc(s.Ports, func(p PortUse) bool {
		return !strings.EqualFold(p.Port.Name, port) && !slices.ContainsFunc(p.Members, func(m string) bool { return strings.EqualFold(m, port) })
	})
	if len(s.Ports) == 0 {
		return t.Named, s, inventory.Errorf(inventory.CodeNotFound, "%s has no port %.80q", t.ID, port)
	}
	return t.Named, s, nil
}

// portsOf are the ports of a bridge; none when it tells of none.
func (q *Inventory) portsOf(ctx context.Context, id inventory.AssetID, at When) (Switch, error) {
	own, err := q.store.Sightings(ctx, store.SightingAsk{At: at, Now: q.now(), Bridges: []inventory.AssetID{id}})
	if err != nil || len(own.Rows) == 0 {
		return Switch{}, err
	}
	var macs []string // of those that may be on a port here: who else has them decides
	for _, s := range own.Rows {
		if s.MAC != "" && (s.Via != topology.ViaBridge || len(own.Net.Behind(s.Port, own.Time)) == 0) {
			macs = append(macs, s.MAC)
		}
	}
	slices.Sort(macs)
	found := own
	if macs = slices.Compact(macs); len(macs) > 0 {
		if found, err = q.store.Sightings(ctx, store.SightingAsk{At: at, Now: q.now(), MACs: macs, Bridges: []inventory.AssetID{id}, Further: nearer}); err != nil {
			return Switch{}, err
		}
	}
	m := Map{found.Net, found.Ports}
	uses := map[topology.Port]*PortUse{}
	use := func(p topology.Port) *PortUse {
		p = m.net.Bundle(p)
		if uses[p] == nil {
			uses[p] = &PortUse{Port: p, Interface: found.Ports[p], LeadsTo: m.net.Behind(p, found.Time)}
		}
		return uses[p]
	}
	for p, i := range own.Ports {
		if p.Bridge != id || p.Name == "" {
			continue
		}
		if u := use(p); i.Aggregate != "" {
			u.Members = append(u.Members, p.Name)
		}
	}
	for _, s := range own.Rows {
		u := use(s.Port)
		if s.Via == topology.ViaLLDP || s.Via == topology.ViaCDP {
			u.Spoken = append(u.Spoken, s)
		}
	}
	for _, group := range stationsOf(&found) {
		place, ok := m.net.Place(group, found.Time)
		if ok && place.Bridge == id && place.Exact() && !place.Ended {
			u := use(place.Port)
			if slices.Contains(u.LeadsTo, place.Owner) {
				continue
			}
			u.Stations = append(u.Stations, place)
		}
	}
	out := make([]PortUse, 0, len(uses))
	for _, u := range uses {
		u.Passing = m.net.Stations(u.Port) - len(u.Stations)
		slices.Sort(u.Members)
		slices.SortFunc(u.Stations, func(a, b topology.Place) int { return strings.Compare(a.MAC, b.MAC) })
		out = append(out, *u)
	}
	slices.SortFunc(out, func(a, b PortUse) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), topology.Natural(a.Port.Name, b.Port.Name), strings.Compare(a.Port.Name, b.Port.Name))
	})
	return Switch{out, m}, nil
}
