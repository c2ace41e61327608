package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// ChangeAsk asks for differences, newest first.
type ChangeAsk struct {
	Asset        inventory.AssetID // 0 for all
	Since, Until time.Time         // [Since, Until); zero for no bound
	// KnownOn leaves out what was received later; zero for nothing.
	KnownOn time.Time
	Page
}

// Changes lists differences, newest first. Cursors are observation ids: a page ends
// between observations.
func (s *Store) Changes(ctx context.Context, ask ChangeAsk) (changes []Change, next string, err error) {
	err = s.look(ctx, func(v view) error {
		if ask.Asset != 0 {
			now, err := v.resolve(ctx, ask.Asset)
			if err != nil {
				return err
			}
			ask.Asset = inventory.AssetID(now)
		}
		list, more, err := v.changed(ctx, ask, 0)
		if err != nil {
			return err
		}
		for i, o := range list {
			if i > 0 && len(changes) >= ask.Limit && o.obs != list[i-1].obs {
				next = formatOffset(o.obs + 1)
				return nil
			}
			some, err := v.changesOf(ctx, o)
			if err != nil {
				return err
			}
			changes = append(changes, some...)
		}
		if more {
			next = formatOffset(list[len(list)-1].obs)
		}
		return nil
	})
	return changes, next, err
}

// changedObs is an observation that changed something, or a merge or split.
type changedObs struct {
	obs, record, source int64
	at                  time.Time
	asset               inventory.AssetID
	name                string
	kind                string
	sections            string
	event               *Event
	move                *Move
}

// changed lists observations that changed something and merges and splits, newest first,
// with ids below the cursor when there is one; more says that there are others. An observation
// that changed more than a page has comes alone and whole: only, when not 0, is that one.
func (v view) changed(ctx context.Context, ask ChangeAsk, only int64) (out []changedObs, more bool, err error) {
	args := []any{int64(0)}
	if !ask.Since.IsZero() {
		args[0] = millis(ask.Since)
	}
	both := ``
	add := func(cond string, arg any) {
		args = append(args, arg)
		both += cond + "$" + strconv.Itoa(len(args))
	}
	if !ask.Until.IsZero() {
		add(` and o.seen_at < `, millis(ask.Until))
	}
	if !ask.KnownOn.IsZero() {
		add(` and o.received_at <= `, millis(ask.KnownOn))
	}
	if before := offset(ask.After); before > 0 {
		add(` and o.id < `, before)
	}
	limit := ask.Limit + 1
	if only != 0 {
		add(` and o.id = `, only)
		limit = math.MaxInt32
	}
	reports, events, moves := ``, ``, ``
	if ask.Asset != 0 {
		args = append(args, int64(ask.Asset))
		n := "$" + strconv.Itoa(len(args))
		reports = ` and r.asset_id = ` + n
		events = ` and (v.to_asset in (select id from record where asset_id = ` + n + `) or v.from_asset in (select id from record where asset_id = ` + n + `))`
		moves = ` and m.mac in (select c.value from record x cross join claim c where x.asset_id = ` + n + ` and c.record_id = x.id and c.type = 'mac')`
	}
	args = append(args, limit)
	rows, err := v.query(ctx, `select o.id, o.record_id, o.source_id, o.seen_at, r.asset_id, coalesce(a.doc->>'name', ''), r.kind, o.changes, 0, ''
			from observation o join record r on r.id = o.record_id left join asset a on a.id = r.asset_id
			where o.changes <> '' and o.seen_at >= $1`+both+reports+`
		union all select o.id, 0, o.source_id, o.seen_at, r.asset_id, coalesce(a.doc->>'name', ''), s.kind, '', v.id, ''
			from event v join observation o on o.id = v.obs_id join record r on r.id = v.to_asset left join asset a on a.id = r.asset_id
			join source s on s.id = o.source_id where o.seen_at >= $1`+both+events+`
		union all select o.id, 0, o.source_id, o.seen_at, a.id, coalesce(a.doc->>'name', ''), s.kind, '', 0, m.mac
			from move m join observation o on o.id = m.obs_id join source s on s.id = o.source_id join record t on t.id = m.to_record
			join asset a on a.id = (select min(r.asset_id) from claim c join record r on r.id = c.record_id
				where c.type = 'mac' and c.value = m.mac and c.scope in ('', 'site:' || t.site)) where o.seen_at >= $1`+both+moves+`
		order by 1 desc, 9, 10 limit $`+strconv.Itoa(len(args)), args...)
	if err != nil {
		return nil, false, err
	}
	if out, err = scanChanged(rows); err != nil {
		return nil, false, err
	}
	if more = len(out) > ask.Limit; more && only == 0 {
		last := out[ask.Limit].obs
		keep := out[:ask.Limit]
		for len(keep) > 0 && keep[len(keep)-1].obs == last { // the rest of it would be skipped
			keep = keep[:len(keep)-1]
		}
		if len(keep) == 0 {
			return v.changed(ctx, ask, last)
		}
		out = keep
	}
	if err := v.eventsIn(ctx, out); err != nil {
		return nil, false, err
	}
	return out, more, v.movesIn(ctx, out)
}

func scanChanged(rows rowScanner) (out []changedObs, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var o changedObs
		var at, event int64
		var mac string
		if err := rows.Scan(&o.obs, &o.record, &o.source, &at, &o.asset, &o.name, &o.kind, &o.sections, &event, &mac); err != nil {
			return nil, err
		}
		o.at = fromMillis(at)
		if event != 0 {
			o.event = &Event{ID: event}
		}
		if mac != "" {
			o.move = &Move{MAC: mac}
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// eventsIn fills in the events of a list.
func (v view) eventsIn(ctx context.Context, list []changedObs) error {
	at := map[int64]int{}
	var ids []int64
	for i := range list {
		if list[i].event != nil {
			at[list[i].event.ID] = i
			ids = append(ids, list[i].event.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := v.query(ctx, `select `+eventColumns+` from event v join observation o on o.id = v.obs_id
		where v.id in (select cast(value as bigint) from json_each($1))`, idList(ids))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		list[at[e.ID]].event = &e
	}
	return rows.Err()
}

// changesOf are the differences that one observation made.
func (v view) changesOf(ctx context.Context, o changedObs) ([]Change, error) {
	base := Change{Obs: o.obs, At: o.at, Asset: o.asset, AssetName: o.name, Source: o.kind}
	if e := o.event; e != nil {
		base.Section, base.Kind, base.Item, base.Before, base.After = SectionIdentity, string(e.Kind), eventName(e.ID), e.From.String(), e.To.String()
		return []Change{base}, nil
	}
	if m := o.move; m != nil {
		base.Section, base.Kind, base.Item, base.Before, base.After = SectionPlace, "moved", m.MAC, m.From, m.To
		return []Change{base}, nil
	}
	if o.sections == "*" {
		base.Kind, base.Section = "appeared", "record"
		base.Item = o.kind
		return []Change{base}, nil
	}
	var out []Change
	for _, name := range strings.Split(o.sections, ",") {
		var list []difference
		var err error
		if inventory.SectionName(name) == inventory.SectionSoftware {
			list, err = v.softwareChanges(ctx, o.record, o.obs)
		} else {
			list, err = v.factChanges(ctx, o.record, o.obs, name)
		}
		if err != nil {
			return nil, err
		}
		base.Section = name
		more := pairUp(list, base)
		if more, err = v.withoutEchoes(ctx, o, name, more); err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// difference is a value that an observation began or ended.
type difference struct {
	item, value string
	began       bool
}

// factChanges are what an observation began and ended of a section kept as facts.
func (v view) factChanges(ctx context.Context, record, obs int64, section string) ([]difference, error) {
	rows, err := v.query(ctx, `select key, value, from_obs = $2 from fact where record_id = $1 and section = $3
		and (from_obs = $2 or to_obs = $2) order by 1, 3`, record, obs, section)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []difference
	for rows.Next() {
		var d difference
		if err := rows.Scan(&d.item, &d.value, &d.began); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// pairUp turns differences, sorted by item with ends first, into changes.
func pairUp(list []difference, base Change) []Change {
	var out []Change
	for _, d := range list {
		c := base
		c.Item = d.item
		switch last := len(out) - 1; {
		case !d.began:
			c.Kind, c.Before = "removed", d.value
			out = append(out, c)
		case last >= 0 && out[last].Item == c.Item && out[last].Kind == "removed":
			out[last].Kind, out[last].After = "changed", d.value
			if out[last].Before == d.value { // what differs is not shown: a package's day of installation, say
				out = out[:last]
			}
		default:
			c.Kind, c.After = "added", d.value
			out = append(out, c)
		}
	}
	return out
}

// Cursors are numbers in text so that their meaning can change.
func offset(cursor string) int64 {
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func formatOffset(n int64) string { return strconv.FormatInt(n, 10) }

// SectionIdentity is the section of changes that are merges and splits of assets.
const SectionIdentity = "identity"

// SectionPlace is the section of changes that are moves from port to port.
const SectionPlace = "place"

// Move is a station that went from port to port; both as a bridge and its port.
type Move struct{ MAC, From, To string }

// movesIn fills in the moves of a list.
func (v view) movesIn(ctx context.Context, list []changedObs) error {
	type key struct {
		obs int64
		mac string
	}
	at := map[key]*Move{}
	var ids []int64
	for i := range list {
		if m := list[i].move; m != nil {
			at[key{list[i].obs, m.MAC}] = m
			ids = append(ids, list[i].obs)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := v.query(ctx, `select m.obs_id, m.mac, coalesce(a.doc->>'name', ''), f.asset_id, m.from_port, coalesce(b.doc->>'name', ''), t.asset_id, m.to_port
		from move m join record f on f.id = m.from_record join record t on t.id = m.to_record
		left join asset a on a.id = f.asset_id left join asset b on b.id = t.asset_id
		where m.obs_id in (select cast(value as bigint) from json_each($1))`, idList(ids))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var k key
		var from, fromPort, to, toPort string
		var fromID, toID inventory.AssetID
		if err := rows.Scan(&k.obs, &k.mac, &from, &fromID, &fromPort, &to, &toID, &toPort); err != nil {
			return err
		}
		if m := at[k]; m != nil {
			m.From, m.To = cmp.Or(from, fromID.String())+" "+fromPort, cmp.Or(to, toID.String())+" "+toPort
		}
	}
	return rows.Err()
}

// saidBefore is a value of a fact with who said it and who ended it.
type saidBefore struct {
	value     string
	from      int64
	by, ended int64 // the sources
}

// withoutEchoes leaves out what is no change but two sources that keep to what each of
// them says of one thing: the scanners of a site share their records, and what one of
// them sees from where it stands another one may not. A source that says again what it
// said the last time has changed nothing.
func (v view) withoutEchoes(ctx context.Context, o changedObs, section string, list []Change) ([]Change, error) {
	if o.kind != string(inventory.KindScanner) || len(list) == 0 || section == string(inventory.SectionSoftware) {
		return list, nil
	}
	var keys []string
	for _, c := range list {
		keys = append(keys, c.Item)
	}
	text, err := textList(keys)
	if err != nil {
		return nil, err
	}
	rows, err := v.query(ctx, `select f.key, f.value, f.from_obs, b.source_id, coalesce(e.source_id, 0) from fact f
		join observation b on b.id = f.from_obs left join observation e on e.id = f.to_obs
		where f.record_id = $1 and f.section = $2 and f.from_obs <= $3 and f.key in (select value->>'v' from json_each($4)) order by f.key, f.from_obs`,
		o.record, section, o.obs, text)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	history := map[string][]saidBefore{}
	for rows.Next() {
		var key string
		var x saidBefore
		if err := rows.Scan(&key, &x.value, &x.from, &x.by, &x.ended); err != nil {
			return nil, err
		}
		history[key] = append(history[key], x)
	}
	return slices.DeleteFunc(list, func(c Change) bool { return echo(o, c, history[c.Item]) }), rows.Err()
}

// echo says that a source only repeats what it said of a key before another one spoke.
func echo(o changedObs, c Change, history []saidBefore) bool {
	past := history[:0:0]
	for _, x := range history {
		if x.from < o.obs {
			past = append(past, x)
		}
	}
	if len(past) == 0 {
		return false
	}
	last := past[len(past)-1]
	if c.Kind == "added" && last.ended == o.source || c.Kind != "added" && last.by == o.source {
		return false // it corrects its own word
	}
	if c.Kind == "removed" {
		return slices.ContainsFunc(past[:len(past)-1], func(x saidBefore) bool { return x.by != o.source && x.ended == o.source })
	}
	for _, x := range slices.Backward(past) {
		if x.by == o.source {
			return x.value == c.After
		}
	}
	return false
}
