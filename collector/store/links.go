package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
)

// link is what a port leads to, as a record tells it.
type link struct {
	linkKey
	more string
}

// linkKey tells a record's links apart.
type linkKey struct {
	via, port, targetType, target, remotePort string
	vlan                                      int
}

// linkMore is what the far end said besides; JSON in the database.
type linkMore struct {
	Name         string   `json:"name,omitempty"`
	Address      string   `json:"address,omitempty"`
	Platform     string   `json:"platform,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
	Serial       string   `json:"serial,omitempty"`
	Version      string   `json:"version,omitempty"`
}

// linkSet are a record's links while a transaction changes them.
type linkSet struct {
	have   map[linkKey]string // the present ones
	ends   []linkEnd
	begins map[linkKey]linkBegin
}

type linkEnd struct {
	linkKey
	obs, last int64
}

type linkBegin struct {
	more string
	from int64
}

// maxLinkText bounds each text of a link: it is part of a key.
const maxLinkText = 255

// linkOf is what a neighbour says of a port; false when it says nothing of who is there.
func linkOf(n *inventory.Neighbour) (link, bool) {
	var l link
	switch n.Protocol {
	case topology.ViaLLDP, topology.ViaCDP:
		l.more = moreOf(n)
	case topology.ViaBridge, topology.ViaWireless, topology.ViaARP:
	default:
		return l, false
	}
	l.linkKey = linkKey{via: n.Protocol, port: shorten(n.LocalPort), remotePort: shorten(n.RemotePort), vlan: n.VLAN}
	if n.Protocol == topology.ViaARP {
		l.remotePort = shorten(n.Address) // where the far end can be asked for
	}
	for _, text := range []string{n.MAC, n.ChassisID} {
		if mac := inventory.CanonicalMAC(text); mac != "" {
			l.targetType, l.target = "mac", mac
			return l, true
		}
	}
	l.targetType, l.target = "name", shorten(strings.ToLower(n.RemoteName))
	return l, l.target != "" && l.more != ""
}

func moreOf(n *inventory.Neighbour) string {
	b, err := json.Marshal(linkMore{n.RemoteName, n.Address, n.Platform, n.Capabilities, n.Serial, n.Version})
	if err != nil {
		return "{}" // texts marshal
	}
	return string(b)
}

func shorten(s string) string {
	if len(s) <= maxLinkText {
		return s
	}
	s = s[:maxLinkText]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// Sighted says that a neighbour is an entry of a table, which comes and goes without that
// being a change of anything.
func Sighted(n *inventory.Neighbour) bool {
	return n.Protocol != topology.ViaLLDP && n.Protocol != topology.ViaCDP
}

// PutLinks makes a list the present links of a record, as of obs. Those that are not in it
// end, unless keep says that the list is partial: they were there at the last look.
func (t *Tx) PutLinks(ctx context.Context, record, obs int64, list inventory.Neighbours, last int64, keep bool) error {
	if err := t.GatherLinks(ctx, []int64{record}); err != nil {
		return err
	}
	set := t.links[record]
	listed := make(map[linkKey]bool, len(list))
	for i := range list {
		l, ok := linkOf(&list[i])
		if !ok || listed[l.linkKey] {
			continue
		}
		listed[l.linkKey] = true
		more, known := set.have[l.linkKey]
		if known && more == l.more {
			continue
		}
		if known {
			set.end(l.linkKey, obs, last)
		}
		set.have[l.linkKey] = l.more
		set.begins[l.linkKey] = linkBegin{l.more, obs}
	}
	if keep {
		return nil
	}
	for k := range set.have {
		if !listed[k] {
			set.end(k, obs, last)
		}
	}
	return nil
}

func (s *linkSet) end(k linkKey, obs, last int64) {
	delete(s.have, k)
	if _, fresh := s.begins[k]; fresh { // it came and went between two writes
		delete(s.begins, k)
		return
	}
	s.ends = append(s.ends, linkEnd{k, obs, last})
}

// GatherLinks learns the present links of records.
func (t *Tx) GatherLinks(ctx context.Context, records []int64) error {
	if t.links == nil {
		t.links = map[int64]*linkSet{}
	}
	var missing []int64
	for _, id := range records {
		if t.links[id] == nil {
			t.links[id] = &linkSet{have: map[linkKey]string{}, begins: map[linkKey]linkBegin{}}
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := t.query(ctx, `select record_id, via, port, target_type, target, vlan, remote_port, more from link
		where record_id in (select cast(value as bigint) from json_each($1)) and to_obs is null`, idList(missing))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var record int64
		var l link
		if err := rows.Scan(&record, &l.via, &l.port, &l.targetType, &l.target, &l.vlan, &l.remotePort, &l.more); err != nil {
			return err
		}
		t.links[record].have[l.linkKey] = l.more
	}
	return rows.Err()
}

const (
	linkRows = `(select cast(value->>0 as bigint) as record_id, value->>1 as via, value->>2 as port, value->>3 as target_type, value->>4 as target,
		cast(value->>5 as int) as vlan, value->>6 as remote_port, cast(value->>7 as bigint) as obs, cast(value->>8 as bigint) as last_obs, value->>9 as more from json_each($1)) n`
	sameLink = `link.record_id = n.record_id and link.via = n.via and link.port = n.port and link.target_type = n.target_type
		and link.target = n.target and link.vlan = n.vlan and link.remote_port = n.remote_port`
)

// flushLinks writes links that began and ended. One that was away for a short time while
// nobody else saw its far end goes on: tables age, and a row for each time would be many.
func (t *Tx) flushLinks(ctx context.Context) error {
	var ends, begins bulk
	for _, id := range sortedKeys(t.links, cmp.Compare[int64]) {
		set := t.links[id]
		for _, e := range set.ends {
			ends.row(id, e.via, e.port, e.targetType, e.target, e.vlan, e.remotePort, e.obs, e.last, "")
			t.notice(e.linkKey, e.obs)
		}
		for _, k := range sortedKeys(set.begins, compareLinks) {
			b := set.begins[k]
			begins.row(id, k.via, k.port, k.targetType, k.target, k.vlan, k.remotePort, b.from, int64(0), b.more)
			t.notice(k, b.from)
		}
	}
	if ends.n > 0 {
		if err := t.later(ctx, `update link set to_obs = n.obs, last_obs = case when n.last_obs > link.from_obs then n.last_obs else link.from_obs end
			from `+linkRows+` where `+sameLink+` and link.to_obs is null`, &ends, 0); err != nil {
			return err
		}
	}
	if begins.n == 0 {
		return nil
	}
	if err := t.later(ctx, fmt.Sprintf(`update link set to_obs = null, last_obs = null from `+linkRows+`
		where `+sameLink+` and link.to_obs is not null and link.more = n.more
		and (select o.seen_at from observation o where o.id = link.last_obs) >= (select o.seen_at from observation o where o.id = n.obs) - %d
		and not exists (select 1 from link x where x.target_type = link.target_type and x.target = link.target and x.from_obs > link.last_obs
			and (x.via = 'arp') = (link.via = 'arp'))`,
		topology.ShortGap.Milliseconds()), &begins, 0); err != nil {
		return err
	}
	return t.later(ctx, `insert into link (record_id, via, port, target_type, target, vlan, remote_port, from_obs, more)
		select n.record_id, n.via, n.port, n.target_type, n.target, n.vlan, n.remote_port, n.obs, n.more from `+linkRows+`
		where not exists (select 1 from link where `+sameLink+` and link.to_obs is null)`, &begins, 0)
}

func compareLinks(a, b linkKey) int {
	return cmp.Or(strings.Compare(a.via, b.via), strings.Compare(a.port, b.port), strings.Compare(a.targetType, b.targetType),
		strings.Compare(a.target, b.target), strings.Compare(a.remotePort, b.remotePort), cmp.Compare(a.vlan, b.vlan))
}

// notice remembers a station that began or ended somewhere, for NoteMoves.
func (t *Tx) notice(k linkKey, obs int64) {
	if k.targetType != "mac" || k.via != topology.ViaBridge && k.via != topology.ViaWireless {
		return
	}
	if t.stirred == nil {
		t.stirred = map[string]int64{}
	}
	if first, ok := t.stirred[k.target]; !ok || obs < first {
		t.stirred[k.target] = obs
	}
}

func (t *Tx) flushStirred(ctx context.Context) error {
	if len(t.stirred) == 0 {
		return nil
	}
	var b bulk
	for _, mac := range sortedKeys(t.stirred, strings.Compare) {
		b.row(mac, t.stirred[mac])
	}
	t.stirred, t.stirs = nil, true
	return t.later(ctx, `insert into stirred (mac, obs_id) select value->>0, cast(value->>1 as bigint) from json_each($1) where true on conflict do nothing`, &b, 0)
}

// linkRecords is how many records one step of keepLinks takes.
const linkRecords = 50

// keepLinks makes links of the facts about neighbours, as far back as these go. Entries of
// tables are facts no longer.
func keepLinks(ctx context.Context, t *Tx) error {
	return wrap("keep links", t.inPortions(ctx, `select distinct record_id from fact where section = 'neighbours' and record_id > $1 order by record_id limit $2`,
		linkRecords, t.keepLinksOf))
}

func (t *Tx) keepLinksOf(ctx context.Context, records []int64) error {
	list := idList(records)
	rows, err := t.query(ctx, `select record_id, from_obs, coalesce(to_obs, 0), value, key,
			coalesce((select max(o.id) from observation o where o.record_id = fact.record_id and o.id < fact.to_obs), 0)
		from fact where section = 'neighbours' and `+ofRecords, list)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var links, gone bulk
	for rows.Next() {
		var record, from, to, last int64
		var value, key string
		if err := rows.Scan(&record, &from, &to, &value, &key, &last); err != nil {
			return err
		}
		var n inventory.Neighbour
		if json.Unmarshal([]byte(value), &n) != nil {
			continue
		}
		if Sighted(&n) {
			gone.row(record, key)
		}
		l, ok := linkOf(&n)
		if !ok {
			continue
		}
		ended, seen := any(nil), any(nil)
		if to != 0 {
			ended, seen = to, max(last, from)
		}
		links.row(record, l.via, l.port, l.targetType, l.target, l.vlan, l.remotePort, from, ended, seen, l.more)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := t.exec(ctx, `insert into link (record_id, via, port, target_type, target, vlan, remote_port, from_obs, to_obs, last_obs, more)
		select cast(value->>0 as bigint), value->>1, value->>2, value->>3, value->>4, cast(value->>5 as int), value->>6,
		cast(value->>7 as bigint), cast(value->>8 as bigint), cast(value->>9 as bigint), value->>10 from json_each($1) where true on conflict do nothing`, links.text()); err != nil {
		return err
	}
	if err := t.exec(ctx, `update section set look_obs = (select coalesce(max(o.id), section.obs_id) from observation o where o.record_id = section.record_id)
		where name = 'neighbours' and status = 'ok' and `+ofRecords, list); err != nil {
		return err
	}
	return t.exec(ctx, `delete from fact where section = 'neighbours' and exists (select 1 from json_each($1) j
		where fact.record_id = cast(j.value->>0 as bigint) and fact.key = j.value->>1)`, gone.text())
}
