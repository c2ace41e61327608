package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// maxSide bounds the records of an asset that a pin speaks of: what has an identity of
// its own comes first, the rest follows it.
const maxSide = 64

// anchorsOf are the records that a pin joins: those that the ids name.
func (t *Tx) anchorsOf(ctx context.Context, a, b Ref) (left, right []int64, err error) {
	for _, r := range []Ref{a, b} {
		if _, err := t.assetOf(ctx, r); err != nil {
			return nil, nil, err
		}
	}
	if a.ID == b.ID {
		return nil, nil, inventory.Errorf(inventory.CodeInvalid, "%s and %s are one record", a, b)
	}
	return []int64{a.ID}, []int64{b.ID}, nil
}

func (t *Tx) assetOf(ctx context.Context, r Ref) (int64, error) {
	var id int64
	what := map[bool]string{true: "record ", false: "asset "}[r.Record] + r.String()
	return id, found(t.row(ctx, `select asset_id from record where id = $1 and asset_id <> 0`, r.ID).Scan(&id), what)
}

// sidesOf are the records that a pin tells apart. Two ids of what is one asset now stand
// for what each of them was before they were merged.
func (t *Tx) sidesOf(ctx context.Context, a, b Ref) (left, right []int64, err error) {
	inA, err := t.assetOf(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	inB, err := t.assetOf(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	if left, err = t.side(ctx, a, inA); err != nil {
		return nil, nil, err
	}
	if right, err = t.side(ctx, b, inB); err != nil {
		return nil, nil, err
	}
	// The smaller claim goes first: a record before an asset, a former asset before the one it went into.
	switch {
	case inA != inB:
	case b.Record || !a.Record && b.ID != inB:
		left = without(left, right)
	default:
		right = without(right, left)
	}
	if len(left) == 0 || len(right) == 0 {
		return nil, nil, inventory.Errorf(inventory.CodeInvalid, "%s and %s are the same records: name a record (muster asset show lists them)", a, b)
	}
	return left[:min(len(left), maxSide)], right[:min(len(right), maxSide)], nil
}

func without(list, others []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(list), func(id int64) bool { return slices.Contains(others, id) })
}

// side are the records that an id stands for, now in the given asset.
func (t *Tx) side(ctx context.Context, r Ref, asset int64) ([]int64, error) {
	if r.Record {
		return []int64{r.ID}, nil
	}
	q := `select id from record where asset_id = $1 order by id`
	args := []any{asset}
	if r.ID != asset {
		q = `select distinct r.id from record r join member m on m.record_id = r.id where r.asset_id = $1 and m.asset_id = $2 order by 1`
		args = append(args, r.ID)
	}
	rows, err := t.query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	ids, err := numbers(rows)
	if err != nil {
		return nil, err
	}
	return t.identified(ctx, ids)
}

// identified are the records with an identity of their own; all when none has one.
func (t *Tx) identified(ctx context.Context, ids []int64) ([]int64, error) {
	recs, err := t.Records(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []int64
	for i := range recs {
		if recs[i].Identified() {
			out = append(out, recs[i].ID)
		}
	}
	if len(out) == 0 {
		return ids, nil
	}
	return out, nil
}

// saying is a pair of records with the pin that speaks of it.
type saying struct {
	a, b, pin int64
	same      bool
}

// contradiction is the error that a pin would contradict others, directly or by way of several.
func (t *Tx) contradiction(ctx context.Context, p *Pin, left, right []int64) error {
	said, err := t.sayings(ctx)
	if err != nil {
		return err
	}
	for _, x := range left {
		for _, y := range right {
			if via, ok := chain(said, x, y); ok && !p.Same {
				return t.conflict(ctx, via, "that they are one")
			} else if ok {
				return inventory.Errorf(inventory.CodeConflict, "that was said before: %s", t.sayPins(ctx, via))
			}
		}
	}
	if !p.Same {
		return nil
	}
	// What is one with the left must not be told from what is one with the right.
	for _, d := range said {
		if d.same {
			continue
		}
		for _, ends := range [][2]int64{{d.a, d.b}, {d.b, d.a}} {
			one, ok := chain(said, ends[0], left[0])
			two, also := chain(said, ends[1], right[0])
			if ok && also {
				return t.conflict(ctx, append(append(one, d.pin), two...), "that they are different")
			}
		}
	}
	return nil
}

func (t *Tx) conflict(ctx context.Context, pins []int64, what string) error {
	return inventory.Errorf(inventory.CodeConflict, "people said before %s: %s; end one first with muster unpin", what, t.sayPins(ctx, pins))
}

// sayPins names pins for people.
func (t *Tx) sayPins(ctx context.Context, ids []int64) string {
	var out []string
	for _, id := range ids {
		p, err := scanPin(t.row(ctx, `select `+pinColumns+` from pin where id = $1`, id))
		if err != nil {
			continue
		}
		word := map[bool]string{true: "the same as", false: "different from"}[p.Same]
		out = append(out, fmt.Sprintf("%s (%s is %s %s, by %s: %s)", p.Name(), p.A, word, p.B, p.Who, p.Why))
	}
	return strings.Join(out, ", ")
}

func (t *Tx) sayings(ctx context.Context) ([]saying, error) {
	return list(ctx, t, func(row oneRow) (s saying, err error) {
		var same int
		err = row.Scan(&s.a, &s.b, &s.pin, &same)
		s.same = same != 0
		return s, err
	}, `select record_id, other_id, pin_id, same from pin_pair where record_id < other_id order by pin_id, 1, 2`)
}

// chain are the pins by which two records are one; ok is also true for one record.
func chain(said []saying, from, to int64) (pins []int64, ok bool) {
	type step struct{ prev, pin int64 }
	reached := map[int64]step{from: {}}
	for queue := []int64{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == to {
			for at != from {
				pins, at = append(pins, reached[at].pin), reached[at].prev
			}
			slices.Reverse(pins)
			return pins, true
		}
		for _, s := range said {
			next := s.b
			if s.b == at {
				next = s.a
			} else if s.a != at {
				continue
			}
			if _, known := reached[next]; s.same && !known {
				reached[next] = step{at, s.pin}
				queue = append(queue, next)
			}
		}
	}
	return nil, false
}
