package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
)

// SightingAsk asks for what bridges tell. Of its parts the first that is given counts.
type SightingAsk struct {
	At  When
	Now time.Time
	// MACs are the stations whose sightings are wanted, from their beginning.
	MACs []string
	// Bridges are the assets whose ports are wanted.
	Bridges []inventory.AssetID
	// Further names other bridges whose tables are wanted, by what has been read, until it names
	// none. With it the tables of those alone are read that it names, not of all that have seen a
	// station, and of the others what they tell of these; the present only.
	Further func(*Sightings) []inventory.AssetID
	// Past is for history: also where bridges were before.
	Past bool
	// Newest is how many sightings of each station are wanted at most, the newest ones; 0 for all.
	Newest int
}

// Sightings are what bridges tell, for topology.New.
type Sightings struct {
	// Of are the sightings of the stations that were asked for, also those that ended.
	Of []topology.Sighting
	// Rows are all of what the bridges concerned have.
	Rows  []topology.Sighting
	Nodes []topology.Node
	// Ports are the interfaces of the bridges concerned.
	Ports map[topology.Port]inventory.Interface
	Time  time.Time
	// Net is what follows from it.
	Net *topology.Network
}

// Sightings reads what bridges tell about stations, about bridges, or all of it.
func (s *Store) Sightings(ctx context.Context, ask SightingAsk) (out Sightings, err error) {
	err = s.look(ctx, func(v view) error {
		out, err = sightings(ctx, v, ask)
		return err
	})
	return out, err
}

func sightings(ctx context.Context, q queryer, ask SightingAsk) (out Sightings, err error) {
	l := loader{q: q, ask: ask, sites: map[int64]string{}}
	out.Time = ask.At.Or(ask.Now)
	if len(ask.MACs) > 0 {
		list, err := textList(ask.MACs)
		if err != nil {
			return out, err
		}
		if out.Of, err = l.rows(ctx, `l.target_type = 'mac' and l.target in (select value->>'v' from json_each($3))`, list); err != nil {
			return out, err
		}
		out.Of = newest(out.Of, ask.Newest)
	}
	if ask.Further != nil && !ask.Past {
		return out, l.grow(ctx, &out)
	}
	switch {
	case len(ask.MACs) > 0:
		out.Rows, err = l.context(ctx, recordsIn(out.Of))
	case len(ask.Bridges) > 0:
		out.Rows, err = l.told(ctx, ask.Bridges)
	default:
		out.Rows, err = l.rows(ctx, present)
	}
	if err != nil {
		return out, err
	}
	return out, l.complete(ctx, &out)
}

// complete fills in whom the rows speak of.
func (l *loader) complete(ctx context.Context, out *Sightings) (err error) {
	if err := l.owners(ctx, out.Of, out.Rows); err != nil {
		return err
	}
	if out.Nodes, err = l.nodes(ctx, l.readers, out.Of, out.Rows); err != nil {
		return err
	}
	for i := range out.Nodes {
		out.Nodes[i].Partial = l.read != nil && !l.read[out.Nodes[i].ID]
	}
	// Of a bridge that is read in part those ports matter that may be a bundle's.
	tell := slices.DeleteFunc(slices.Concat(out.Of, out.Rows), func(s topology.Sighting) bool { return l.read != nil && !l.read[s.Bridge] && !s.Spoken() })
	if out.Ports, err = l.ports(ctx, recordsIn(tell), out.Nodes); err != nil {
		return err
	}
	out.Net = topology.New(out.Nodes, out.Rows, out.Time)
	return nil
}

// grow reads the tables of the bridges that are asked for and of those that ask.Further names.
func (l *loader) grow(ctx context.Context, out *Sightings) error {
	l.read = map[inventory.AssetID]bool{}
	if len(l.ask.MACs) == 0 {
		// Of each record that has links the first one is found by the key, so this takes a step a record.
		rows, err := l.q.query(ctx, `with recursive teller(id) as (select min(record_id) from link
				union all select (select min(l.record_id) from link l where l.record_id > teller.id) from teller where teller.id is not null)
			select distinct r.asset_id from teller join record r on r.id = teller.id where r.asset_id <> 0`)
		if err != nil {
			return err
		}
		if l.readers, err = numbers(rows); err != nil {
			return err
		}
	}
	var whole, parts []topology.Sighting // of those that are read, and of others about these
	for want := l.ask.Bridges; ; want = l.ask.Further(out) {
		want = slices.DeleteFunc(slices.Clone(want), func(id inventory.AssetID) bool { return l.read[id] })
		if len(want) == 0 && out.Net != nil {
			return nil
		}
		for _, id := range want {
			l.read[id] = true
		}
		told, err := l.told(ctx, want)
		if err != nil {
			return err
		}
		unread := func(s topology.Sighting) bool { return !l.read[s.Bridge] }
		if len(out.Of) == 0 || slices.ContainsFunc(out.Of, unread) {
			about, err := l.about(ctx, want)
			if err != nil {
				return err
			}
			parts = append(parts, about...)
		}
		whole, parts = append(whole, told...), slices.DeleteFunc(parts, func(s topology.Sighting) bool { return !unread(s) })
		out.Rows = slices.Concat(whole, parts)
		if err := l.complete(ctx, out); err != nil {
			return err
		}
	}
}

// loader reads the parts of Sightings.
type loader struct {
	q       queryer
	ask     SightingAsk
	sites   map[int64]string           // of the records that tell
	read    map[inventory.AssetID]bool // whose tables are read; nil for all
	readers []int64                    // who tells anything, where who is not read has to be known
}

// present is the condition that a link held at the time asked about.
const present = `(e.id is null or e.seen_at > $1 or e.received_at > $2)`

// rows are links by a condition on link l, record r and their observations, all that had
// begun by the time asked about. Parameters are $3 on.
func (l *loader) rows(ctx context.Context, where string, args ...any) ([]topology.Sighting, error) {
	return l.links(ctx, `l.via <> 'arp' and `+where, args...)
}

func (l *loader) links(ctx context.Context, where string, args ...any) ([]topology.Sighting, error) {
	t, known := l.ask.At.Or(l.ask.Now), l.ask.At.known()
	rows, err := l.q.query(ctx, `select l.record_id, r.asset_id, l.via, l.port, l.target_type, l.target, l.vlan, l.remote_port, l.more,
			l.from_obs, coalesce(l.to_obs, 0), b.seen_at, coalesce(z.seen_at, k.seen_at, 0), case when `+present+` then 0 else 1 end, r.site
		from link l join record r on r.id = l.record_id join observation b on b.id = l.from_obs
		left join observation e on e.id = l.to_obs left join observation z on z.id = l.last_obs
		left join section s on s.record_id = l.record_id and s.name = 'neighbours' left join observation k on k.id = s.look_obs
		where b.seen_at <= $1 and b.received_at <= $2 and r.asset_id <> 0 and `+where, append([]any{millis(t), known}, args...)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []topology.Sighting
	for rows.Next() {
		s, site, err := scanSighting(rows, t)
		if err != nil {
			return nil, err
		}
		l.sites[s.Record] = site
		out = append(out, s)
	}
	return out, rows.Err()
}

// scanSighting reads a row; Last is never after t, when nothing had been looked at.
func scanSighting(rows rowScanner, t time.Time) (s topology.Sighting, site string, err error) {
	var kind, target, more string
	var first, last, ended int64
	if err := rows.Scan(&s.Record, &s.Bridge, &s.Via, &s.Name, &kind, &target, &s.VLAN, &s.RemotePort, &more, &s.Begin, &s.End, &first, &last, &ended, &site); err != nil {
		return s, site, err
	}
	var m linkMore
	if more != "" {
		if err := json.Unmarshal([]byte(more), &m); err != nil {
			return s, site, fmt.Errorf("link of record %d: %w", s.Record, err)
		}
	}
	s.RemoteName, s.Capabilities = m.Name, m.Capabilities
	if kind == "mac" {
		s.MAC = target
	} else {
		s.RemoteName = cmp.Or(s.RemoteName, target)
	}
	s.First, s.Last, s.Ended = fromMillis(first), fromMillis(max(first, last)), ended != 0
	if s.Last.After(t) {
		s.Last = t
	}
	return s, site, nil
}

// told are what bridges tell.
func (l *loader) told(ctx context.Context, bridges []inventory.AssetID) ([]topology.Sighting, error) {
	if len(bridges) == 0 {
		return nil, nil
	}
	return l.rows(ctx, present+` and r.asset_id in (select cast(value as bigint) from json_each($3))`, assetList(bridges))
}

// about are what anybody tells of bridges by their hardware addresses. A cross join keeps SQLite
// from reading the addresses of all machines.
func (l *loader) about(ctx context.Context, bridges []inventory.AssetID) ([]topology.Sighting, error) {
	if len(bridges) == 0 {
		return nil, nil
	}
	return l.rows(ctx, present+` and l.target_type = 'mac' and l.target in (select c.value from record o cross join claim c
		where o.asset_id in (select cast(value as bigint) from json_each($3)) and c.record_id = o.id and c.type = 'mac')`, assetList(bridges))
}

func assetList(list []inventory.AssetID) string {
	ids := make([]int64, len(list))
	for i, id := range list {
		ids[i] = int64(id)
	}
	return idList(ids)
}

func recordsIn(list []topology.Sighting) []int64 {
	var out []int64
	for i := range list {
		out = append(out, list[i].Record)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// context is what records have, and for history what of it was about each other.
func (l *loader) context(ctx context.Context, records []int64) ([]topology.Sighting, error) {
	if len(records) == 0 {
		return nil, nil
	}
	list := idList(records)
	out, err := l.rows(ctx, present+` and l.record_id in (select cast(value as bigint) from json_each($3))`, list)
	if err != nil || !l.ask.Past {
		return out, err
	}
	// One condition for each index: what has ended is much more than what is wanted of it. A cross
	// join keeps SQLite from reading the addresses of all machines.
	for _, where := range []string{
		`l.via in ('lldp', 'cdp') and l.record_id in (select cast(value as bigint) from json_each($3))`,
		`l.via not in ('lldp', 'cdp') and l.target_type = 'mac' and l.target in (select c.value from record x cross join record o cross join claim c
			where x.id in (select cast(value as bigint) from json_each($3)) and o.asset_id = x.asset_id and c.record_id = o.id and c.type = 'mac')
			and l.record_id in (select cast(value as bigint) from json_each($3))`,
	} {
		past, err := l.rows(ctx, `not `+present+` and `+where, list)
		if err != nil {
			return nil, err
		}
		out = append(out, past...)
	}
	return out, nil
}

// newest keeps the newest sightings of each station, at most n; all when n is 0.
func newest(list []topology.Sighting, n int) []topology.Sighting {
	if n == 0 {
		return list
	}
	slices.SortStableFunc(list, func(a, b topology.Sighting) int {
		return cmp.Or(strings.Compare(a.MAC, b.MAC), cmp.Compare(b.Begin, a.Begin))
	})
	var out []topology.Sighting
	run := 0
	for i := range list {
		if run++; i > 0 && list[i].MAC != list[i-1].MAC {
			run = 1
		}
		if run <= n {
			out = append(out, list[i])
		}
	}
	return out
}

// owners fills in the assets that stations belong to. An address that means something in its
// site only belongs to who claims it there.
func (l *loader) owners(ctx context.Context, lists ...[]topology.Sighting) error {
	macs, names := map[string]bool{}, map[string]bool{}
	for _, list := range lists {
		for i := range list {
			if s := &list[i]; s.MAC != "" {
				macs[s.MAC] = true
			} else if name, _, ok := reconcile.Name(s.RemoteName, ""); ok {
				names[name] = true
			}
		}
	}
	byMAC, err := l.claimed(ctx, "mac", macs)
	if err != nil {
		return err
	}
	byName, err := l.claimed(ctx, "name", names)
	if err != nil {
		return err
	}
	for _, list := range lists {
		for i := range list {
			s := &list[i]
			if s.MAC != "" {
				s.Owner = byMAC[claimedBy{s.MAC, ""}]
				if s.Owner == 0 {
					s.Owner = byMAC[claimedBy{s.MAC, "site:" + l.sites[s.Record]}]
				}
			} else if name, _, ok := reconcile.Name(s.RemoteName, ""); ok {
				s.Owner = byName[claimedBy{name, ""}]
			}
		}
	}
	return nil
}

type claimedBy struct{ value, scope string }

// claimed are the assets that claim values, by value and scope; of several the oldest.
func (l *loader) claimed(ctx context.Context, kind string, values map[string]bool) (map[claimedBy]inventory.AssetID, error) {
	out := map[claimedBy]inventory.AssetID{}
	if len(values) == 0 {
		return out, nil
	}
	texts := make([]string, 0, len(values))
	for v := range values {
		texts = append(texts, v)
	}
	list, err := textList(texts)
	if err != nil {
		return nil, err
	}
	rows, err := l.q.query(ctx, `select c.value, c.scope, min(r.asset_id) from claim c join record r on r.id = c.record_id
		where c.type = $1 and c.value in (select value->>'v' from json_each($2)) and r.asset_id <> 0 group by c.value, c.scope`, kind, list)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c claimedBy
		var id inventory.AssetID
		if err := rows.Scan(&c.value, &c.scope, &id); err != nil {
			return nil, err
		}
		out[c] = id
	}
	return out, rows.Err()
}

// nodes are the assets that tell, those that are told of, and others.
func (l *loader) nodes(ctx context.Context, others []int64, lists ...[]topology.Sighting) ([]topology.Node, error) {
	seen := map[int64]bool{}
	ids := slices.Clone(others)
	for _, list := range lists {
		for i := range list {
			for _, id := range []inventory.AssetID{list[i].Bridge, list[i].Owner} {
				if id != 0 && !seen[int64(id)] {
					seen[int64(id)] = true
					ids = append(ids, int64(id))
				}
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rows, err := l.q.query(ctx, `select a.id, coalesce(a.doc->>'name', ''), coalesce(a.doc->>'class', ''), coalesce(a.doc->>'site', ''),
			case when exists (select 1 from record r join link l on l.record_id = r.id where r.asset_id = a.id and l.via in ('bridge', 'wireless')) then 1 else 0 end
		from asset a where a.id in (select cast(value as bigint) from json_each($1)) order by a.id`, idList(ids))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []topology.Node
	for rows.Next() {
		var n topology.Node
		var reads int
		if err := rows.Scan(&n.ID, &n.Name, &n.Class, &n.Site, &reads); err != nil {
			return nil, err
		}
		n.Reads = reads != 0
		out = append(out, n)
	}
	return out, rows.Err()
}

// ports reads the interfaces of records that tell, and notes in nodes which are bundled.
func (l *loader) ports(ctx context.Context, records []int64, nodes []topology.Node) (map[topology.Port]inventory.Interface, error) {
	out := map[topology.Port]inventory.Interface{}
	if len(records) == 0 {
		return out, nil
	}
	t, known := l.ask.At.Or(l.ask.Now), l.ask.At.known()
	rows, err := l.q.query(ctx, `select r.asset_id, f.value from fact f join record r on r.id = f.record_id
		join observation b on b.id = f.from_obs left join observation e on e.id = f.to_obs
		where f.record_id in (select cast(value as bigint) from json_each($3)) and f.section = 'interfaces' and `+during, millis(t), known, idList(records))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	at := map[inventory.AssetID]*topology.Node{}
	for i := range nodes {
		at[nodes[i].ID] = &nodes[i]
	}
	for rows.Next() {
		var p topology.Port
		var value string
		var i inventory.Interface
		if err := rows.Scan(&p.Bridge, &value); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(value), &i); err != nil {
			return nil, fmt.Errorf("interface of %s: %w", p.Bridge, err)
		}
		p.Name = i.Name
		out[p] = i
		if node := at[p.Bridge]; node != nil && i.Aggregate != "" {
			if node.Aggregates == nil {
				node.Aggregates = map[string]string{}
			}
			node.Aggregates[i.Name] = i.Aggregate
		}
	}
	return out, rows.Err()
}

// Resolved are the interfaces of routers that have hardware addresses in their ARP or neighbour
// tables; RemotePort is the address that it is for.
func (s *Store) Resolved(ctx context.Context, at When, now time.Time, macs []string) (out []topology.Sighting, err error) {
	list, err := textList(macs)
	if err != nil {
		return nil, err
	}
	err = s.look(ctx, func(v view) error {
		l := loader{q: v, ask: SightingAsk{At: at, Now: now}, sites: map[int64]string{}}
		out, err = l.links(ctx, `l.via = 'arp' and l.target_type = 'mac' and l.target in (select value->>'v' from json_each($3)) and `+present, list)
		return err
	})
	return out, err
}

// maxMoving is how many stations are looked at in one transaction for having moved.
const maxMoving = 1000

// recentStays is how many sightings of a station tell where it is and where it was before: a row
// for each bridge that hears it, twice.
const recentStays = 64

// NoteMoves notes which of the stations that began or ended somewhere went from one place to another, of
// at most maxMoving. A move is known when the new place was seen and the old one was looked at: until then a
// port may have lost sight of the station only. It reads the tables of all bridges that hear them, so
// the transactions that take reports in leave it for later.
func (s *Store) NoteMoves(ctx context.Context, now time.Time) error {
	s.moving.Lock()
	defer s.moving.Unlock()
	if !s.stirred.Swap(false) {
		return nil
	}
	err := s.Update(ctx, func(t *Tx) error { return t.noteMoves(ctx, now) })
	if err != nil {
		s.stirred.Store(true)
	}
	return err
}

func (t *Tx) noteMoves(ctx context.Context, now time.Time) error {
	rows, err := t.query(ctx, `select mac, obs_id from stirred order by mac limit $1`+t.d.forUpdate, maxMoving)
	if err != nil {
		return err
	}
	macs, first, err := scanStirred(rows)
	if err != nil || len(macs) == 0 {
		return err
	}
	if len(macs) == maxMoving {
		t.stirs = true // there may be more
	}
	list, err := textList(macs)
	if err != nil {
		return err
	}
	if err := t.exec(ctx, `delete from stirred where mac in (select value->>'v' from json_each($1))`, list); err != nil {
		return err
	}
	return t.moves(ctx, list, first, now)
}

// scanStirred are stations and the first of their observations.
func scanStirred(rows rowScanner) (macs []string, first int64, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var mac string
		var obs int64
		if err := rows.Scan(&mac, &obs); err != nil {
			return nil, 0, err
		}
		if macs = append(macs, mac); len(macs) == 1 || obs < first {
			first = obs
		}
	}
	return macs, first, rows.Err()
}

// moves notes which of some stations moved, as is known by observations from the first on.
func (t *Tx) moves(ctx context.Context, list string, first int64, now time.Time) error {
	// Of those that were noticed, the ones whose new port or whose old one's end is news.
	rows, err := t.query(ctx, `select distinct l.target from link l join link x on x.target_type = 'mac' and x.target = l.target
		where l.target_type = 'mac' and l.target in (select value->>'v' from json_each($1)) and l.to_obs is null and x.to_obs is not null and l.via <> 'arp' and x.via <> 'arp'
		and (x.record_id <> l.record_id or x.port <> l.port) and x.from_obs < l.from_obs and (l.from_obs >= $2 or x.to_obs >= $2)
		and not exists (select 1 from move m where m.mac = l.target and m.from_obs = l.from_obs)`, list, first)
	if err != nil {
		return err
	}
	macs, err := texts(rows)
	if err != nil || len(macs) == 0 {
		return err
	}
	found, err := sightings(ctx, t, SightingAsk{Now: now.Add(time.Hour), MACs: macs, Past: true, Newest: recentStays}) // sources' clocks may be ahead
	if err != nil {
		return err
	}
	n := found.Net
	var b bulk
	of := map[string][]topology.Sighting{}
	for _, s := range found.Of {
		of[s.MAC] = append(of[s.MAC], s)
	}
	for _, mac := range macs {
		stays := n.History(of[mac])
		for i := 1; i < len(stays); i++ {
			from, to := &stays[i-1], &stays[i]
			left, began := leftFor(n.Rows(of[mac], from.Port), n.Rows(of[mac], to.Port), to.From)
			known := max(left, began)
			if (to.Now || i < len(stays)-1) && from.Exact() && to.Exact() && left != 0 && began != 0 && known >= first {
				b.row(mac, began, known, from.Record, from.Name, to.Record, to.Name)
			}
		}
	}
	if b.n == 0 {
		return nil
	}
	return t.exec(ctx, `insert into move (mac, from_obs, obs_id, from_record, from_port, to_record, to_port)
		select value->>0, cast(value->>1 as bigint), cast(value->>2 as bigint), cast(value->>3 as bigint), value->>4, cast(value->>5 as bigint), value->>6
		from json_each($1) where true on conflict do nothing`, b.text())
}

// leftFor is the observation that ended the last sighting of a station at an old port and the one that began
// its sighting at a new one; 0 where there is none.
func leftFor(old, fresh []topology.Sighting, at time.Time) (left, began int64) {
	for _, s := range fresh {
		if s.First.Equal(at) {
			began = s.Begin
			break
		}
	}
	for _, s := range old {
		if s.First.After(at) {
			continue // it came back
		}
		if !s.Ended {
			return 0, began
		}
		left = max(left, s.End)
	}
	return left, began
}
