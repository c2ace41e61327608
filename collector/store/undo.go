package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Undo takes a merge or a split back, by pins that hold from now on; what a pin brought
// about is taken back by ending the pin. It can itself be undone: what it changes is an
// event as well.
func (s *Store) Undo(ctx context.Context, event int64, who, why string, now time.Time) (pins []Pin, events []Event, err error) {
	err = s.Update(ctx, func(t *Tx) error {
		pins, events, err = t.undo(ctx, event, who, why, now)
		return err
	})
	return pins, events, err
}

func (t *Tx) undo(ctx context.Context, id int64, who, why string, now time.Time) ([]Pin, []Event, error) {
	e, err := t.event(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if e.Pin != 0 {
		return nil, nil, inventory.Errorf(inventory.CodeConflict, "%s was taken back before, by pin p%d: to have it again, muster unpin p%d", eventName(id), e.Pin, e.Pin)
	}
	if name, ok := strings.CutPrefix(e.Cause, "pin:p"); ok {
		pin, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return nil, nil, fmt.Errorf("event %d: cause %q: %w", id, e.Cause, err)
		}
		events, err := t.removePin(ctx, pin, who, why, now)
		return nil, events, err
	}
	left, right, err := t.sidesThen(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	p := Pin{A: e.From.String(), B: e.To.String(), Why: why, Who: who, Event: id, Same: e.Kind == EventSplit}
	if p.Same {
		left, right = left[:1], right[:1]
	}
	events, err := t.addPin(ctx, &p, left, right, now)
	if err != nil {
		return nil, nil, err
	}
	pins := []Pin{p}
	if e.Kind == EventMoved { // back to where they were, too
		if back, err := t.stayed(ctx, e, int64(e.From)); err != nil {
			return nil, nil, err
		} else if len(back) > 0 {
			q := Pin{A: Ref{true, left[0]}.String(), B: e.From.String(), Why: why, Who: who, Event: id, Same: true}
			more, err := t.addPin(ctx, &q, left[:1], back[:1], now)
			if err != nil {
				return nil, nil, err
			}
			pins, events = append(pins, q), append(events, more...)
		}
	}
	return pins, events, t.exec(ctx, `update event set pin_id = $2 where id = $1`, id, p.ID)
}

// sidesThen are the records that moved with an event, and those to which they came or,
// for a split, which stayed behind.
func (t *Tx) sidesThen(ctx context.Context, e Event) (left, right []int64, err error) {
	at := int64(e.To)
	if e.Kind == EventSplit {
		at = int64(e.From)
	}
	if right, err = t.stayed(ctx, e, at); err != nil {
		return nil, nil, err
	}
	if len(right) == 0 {
		return nil, nil, inventory.Errorf(inventory.CodeConflict, "%s cannot be taken back: of asset %s as it was then nothing is left", eventName(e.ID), inventory.AssetID(at))
	}
	left = e.Records
	return left[:min(len(left), maxSide)], right[:min(len(right), maxSide)], nil
}

// stayed are the records that an asset had before an event and, but for those that moved, after it.
func (t *Tx) stayed(ctx context.Context, e Event, asset int64) ([]int64, error) {
	rows, err := t.query(ctx, `select distinct record_id from member where asset_id = $1 and from_obs < $2 and (to_obs is null or to_obs >= $2) order by 1`, asset, e.Obs)
	if err != nil {
		return nil, err
	}
	ids, err := numbers(rows)
	if err != nil {
		return nil, err
	}
	return t.identified(ctx, without(ids, e.Records))
}

const eventColumns = `v.id, v.obs_id, o.seen_at, v.kind, v.from_asset, v.to_asset, v.records, v.cause, v.pin_id`

func scanEvent(row oneRow) (Event, error) {
	var e Event
	var at int64
	var records string
	if err := row.Scan(&e.ID, &e.Obs, &at, &e.Kind, &e.From, &e.To, &records, &e.Cause, &e.Pin); err != nil {
		return e, err
	}
	e.At = fromMillis(at)
	if err := json.Unmarshal([]byte(records), &e.Records); err != nil {
		return e, fmt.Errorf("event %d: %w", e.ID, err)
	}
	slices.Sort(e.Records)
	return e, nil
}

func (t *Tx) event(ctx context.Context, id int64) (Event, error) {
	e, err := scanEvent(t.row(ctx, `select `+eventColumns+` from event v join observation o on o.id = v.obs_id where v.id = $1`, id))
	return e, found(err, "event "+eventName(id))
}
