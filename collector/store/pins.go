package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// Pin is what a person said about two things.
type Pin struct {
	ID   int64
	Same bool
	A, B string // as the person named them: an asset a12 or a record r57
	Why  string
	Who  string
	At   time.Time
	// Event is what it took back; 0 for none.
	Event    int64
	EndedAt  time.Time // zero while it holds
	EndedBy  string
	EndedWhy string
}

// Name is how people see a pin's id.
func (p Pin) Name() string { return "p" + strconv.FormatInt(p.ID, 10) }

const pinColumns = `id, same, a, b, why, who, at, event_id, ended_at, ended_by, ended_why`

func scanPin(row oneRow) (Pin, error) {
	var p Pin
	var same, at, ended int64
	err := row.Scan(&p.ID, &same, &p.A, &p.B, &p.Why, &p.Who, &at, &p.Event, &ended, &p.EndedBy, &p.EndedWhy)
	p.Same, p.At, p.EndedAt = same != 0, fromMillis(at), fromMillis(ended)
	return p, err
}

// pinsOf are the pins in force that name records.
func pinsOf(ctx context.Context, q queryer, records []int64) (map[int64][]reconcile.Pin, error) {
	rows, err := q.query(ctx, `select record_id, other_id, same from pin_pair
		where record_id in (select cast(value as bigint) from json_each($1)) order by record_id, other_id, pin_id`, idList(records))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[int64][]reconcile.Pin{}
	for rows.Next() {
		var p reconcile.Pin
		var same int
		if err := rows.Scan(&p.A, &p.B, &same); err != nil {
			return nil, err
		}
		p.Same = same != 0
		out[p.A] = append(out[p.A], p)
	}
	return out, rows.Err()
}

// Ref names an asset or a record.
type Ref struct {
	Record bool
	ID     int64
}

// ParseRef reads an asset's id like a12 or a record's like r57.
func ParseRef(text string) (Ref, error) {
	if n, ok := strings.CutPrefix(strings.ToLower(text), "r"); ok {
		if id, err := strconv.ParseInt(n, 10, 64); err == nil && id > 0 {
			return Ref{Record: true, ID: id}, nil
		}
	}
	id, err := inventory.ParseAssetID(text)
	if err != nil {
		return Ref{}, inventory.Errorf(inventory.CodeInvalid, "%.40q: an asset like a12 or a record like r57 is wanted", text)
	}
	return Ref{ID: int64(id)}, nil
}

func (r Ref) String() string {
	if r.Record {
		return "r" + strconv.FormatInt(r.ID, 10)
	}
	return "a" + strconv.FormatInt(r.ID, 10)
}

// AddPin enters that two things are one or two, and decides anew about them. A pin that
// contradicts those in force is refused.
func (s *Store) AddPin(ctx context.Context, a, b Ref, p Pin, now time.Time) (Pin, []Event, error) {
	var events []Event
	err := s.Update(ctx, func(t *Tx) (err error) {
		var left, right []int64
		if p.Same {
			left, right, err = t.anchorsOf(ctx, a, b)
		} else {
			left, right, err = t.sidesOf(ctx, a, b)
		}
		if err != nil {
			return err
		}
		p.A, p.B = a.String(), b.String()
		events, err = t.addPin(ctx, &p, left, right, now)
		return err
	})
	return p, events, err
}

func (t *Tx) addPin(ctx context.Context, p *Pin, left, right []int64, now time.Time) ([]Event, error) {
	if err := t.alone(ctx); err != nil {
		return nil, err
	}
	if err := t.contradiction(ctx, p, left, right); err != nil {
		return nil, err
	}
	obs, err := t.decision(ctx, now)
	if err != nil {
		return nil, err
	}
	p.At = now
	if err := t.row(ctx, `insert into pin (same, a, b, why, who, at, obs_id, event_id, ended_at, ended_by, ended_why)
		values ($1, $2, $3, $4, $5, $6, $7, $8, 0, '', '') returning id`, bit(p.Same), p.A, p.B, p.Why, p.Who, millis(now), obs, p.Event).Scan(&p.ID); err != nil {
		return nil, wrap("add pin", err)
	}
	type pair struct {
		A int64 `json:"a"`
		B int64 `json:"b"`
	}
	var pairs []pair
	for _, x := range left {
		for _, y := range right {
			pairs = append(pairs, pair{x, y}, pair{y, x})
		}
	}
	text, err := json.Marshal(pairs)
	if err != nil {
		return nil, err
	}
	if err := t.exec(ctx, `insert into pin_pair (record_id, other_id, pin_id, same)
		select cast(value->>'a' as bigint), cast(value->>'b' as bigint), $2, $3 from json_each($1) where true on conflict do nothing`, string(text), p.ID, bit(p.Same)); err != nil {
		return nil, err
	}
	word := map[bool]string{true: "same", false: "different"}[p.Same]
	if err := t.Audit(ctx, now, p.Who, "pin entered", "pin:"+p.Name(), fmt.Sprintf("%s and %s are %s: %s", p.A, p.B, word, p.Why)); err != nil {
		return nil, err
	}
	return t.decideAround(ctx, slices.Concat(left, right), obs, "pin:"+p.Name(), now)
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// decideAround decides anew about records and all that belong to their assets.
func (t *Tx) decideAround(ctx context.Context, records []int64, obs int64, cause string, now time.Time) ([]Event, error) {
	rows, err := t.query(ctx, `select id from record where asset_id in (select asset_id from record where id in (select cast(value as bigint) from json_each($1))) order by id`, idList(records))
	if err != nil {
		return nil, err
	}
	ids, err := numbers(rows)
	if err != nil {
		return nil, err
	}
	changed := make(map[int64]int64, len(ids))
	for _, id := range ids {
		changed[id] = obs
	}
	d, err := t.Decide(ctx, changed, cause)
	if err != nil {
		return nil, err
	}
	return d.Events, t.AssembleAssets(ctx, d.Touched, now)
}

// RemovePin ends a pin and decides anew about its records.
func (s *Store) RemovePin(ctx context.Context, id int64, who, why string, now time.Time) (events []Event, err error) {
	err = s.Update(ctx, func(t *Tx) error {
		events, err = t.removePin(ctx, id, who, why, now)
		return err
	})
	return events, err
}

func (t *Tx) removePin(ctx context.Context, id int64, who, why string, now time.Time) ([]Event, error) {
	if err := t.alone(ctx); err != nil {
		return nil, err
	}
	p, err := scanPin(t.row(ctx, `select `+pinColumns+` from pin where id = $1`, id))
	if err != nil {
		return nil, found(err, fmt.Sprintf("pin p%d", id))
	}
	if !p.EndedAt.IsZero() {
		return nil, inventory.Errorf(inventory.CodeConflict, "pin %s was ended by %s before", p.Name(), p.EndedBy)
	}
	rows, err := t.query(ctx, `select distinct record_id from pin_pair where pin_id = $1 order by 1`, id)
	if err != nil {
		return nil, err
	}
	records, err := numbers(rows)
	if err != nil {
		return nil, err
	}
	obs, err := t.decision(ctx, now)
	if err != nil {
		return nil, err
	}
	for _, q := range []string{`delete from pin_pair where pin_id = $1`, `update event set pin_id = 0 where pin_id = $1`} {
		if err := t.exec(ctx, q, id); err != nil {
			return nil, err
		}
	}
	if err := t.exec(ctx, `update pin set ended_at = $2, ended_by = $3, ended_why = $4 where id = $1`, id, millis(now), who, why); err != nil {
		return nil, err
	}
	if err := t.Audit(ctx, now, who, "pin ended", "pin:"+p.Name(), why); err != nil {
		return nil, err
	}
	return t.decideAround(ctx, records, obs, "unpin:"+p.Name(), now)
}

// Pins are people's words, newest first; all, also those that ended, or those in force.
func (s *Store) Pins(ctx context.Context, all bool) (out []Pin, err error) {
	err = s.look(ctx, func(v view) error {
		out, err = list(ctx, v, scanPin, `select `+pinColumns+` from pin where ended_at = 0 or $1 = 1 order by id desc`, bit(all))
		return err
	})
	return out, err
}

// PinsOf are the pins in force that name any of some records.
func (s *Store) PinsOf(ctx context.Context, records []int64) (out []Pin, err error) {
	err = s.look(ctx, func(v view) error {
		out, err = list(ctx, v, scanPin, `select `+pinColumns+` from pin where id in
			(select pin_id from pin_pair where record_id in (select cast(value as bigint) from json_each($1))) order by id`, idList(records))
		return err
	})
	return out, err
}
