package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// Review is something that a person should look at.
type Review struct {
	ID      int64
	Kind    ReviewKind
	Records []int64
	Assets  []inventory.AssetID // of the records, now
	Detail  string
	At      time.Time
	DoneAt  time.Time // zero while it is open
	DoneBy  string
	DoneWhy string
}

// Name is how people see a review's id.
func (r Review) Name() string { return "q" + strconv.FormatInt(r.ID, 10) }

// ReviewKind says why somebody should look.
type ReviewKind string

// The kinds. The queue is small on purpose: what no person can do anything about is not in it.
const (
	ReviewDemoted  ReviewKind = "demoted"   // a value of hardware or of a provider is on two machines
	ReviewClone    ReviewKind = "clone"     // one agent id is on two sets of hardware
	ReviewNearMiss ReviewKind = "near_miss" // two assets agree on several weak values
	ReviewPin      ReviewKind = "pin"       // evidence came that a pin stands against
)

// strongTier is the last tier whose values no two machines share unless something is wrong.
const strongTier = 3

// reviewRow is a review as it goes to the database.
type reviewRow struct {
	Kind    ReviewKind `json:"k"`
	Subject string     `json:"s"`
	Records string     `json:"r"`
	Detail  string     `json:"d"`
}

// review notes what a decision found out about changed records that somebody should look
// at. What was noted before stays as it is, also when it is done.
func (t *Tx) review(ctx context.Context, res reconcile.Result, changed map[int64]int64, cause string) error {
	found := map[string]reviewRow{}
	add := func(k ReviewKind, subject, detail string, records ...int64) {
		slices.Sort(records)
		found[string(k)+" "+subject] = reviewRow{k, subject, idList(records), detail}
	}
	for _, d := range res.Demotions {
		kind := ReviewDemoted
		switch {
		case d.A == 0: // so many carry it that it is no machine's
			continue
		case d.Told:
			kind = ReviewPin
		case d.Key.Type == inventory.IDAgent:
			kind = ReviewClone
		case d.Tier > strongTier:
			continue
		}
		detail := fmt.Sprintf("%s: %s", reconcile.Describe(d.Key), d.Reason)
		add(kind, string(d.Key.Type)+" "+d.Key.Value, detail, d.A, d.B)
	}
	for _, n := range res.NearMisses {
		var what []string
		for _, k := range n.Keys {
			what = append(what, reconcile.Describe(k))
		}
		add(ReviewNearMiss, fmt.Sprintf("%d %d", n.A, n.B), "both have the "+strings.Join(what, " and the "), n.A, n.B)
	}
	if len(found) == 0 {
		return nil
	}
	list := make([]reviewRow, 0, len(found))
	for _, k := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[k])
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	// What a person's pin brings about is known to that person.
	done, by := "0", ""
	if strings.HasPrefix(cause, "pin:") {
		done, by = "o.seen_at", cause
	}
	return t.exec(ctx, `insert into review (kind, subject, records, detail, at, done_at, done_by, done_why)
		select value->>'k', value->>'s', value->>'r', value->>'d', o.seen_at, `+done+`, $3, '' from json_each($1) join observation o on o.id = $2 where true
		on conflict (kind, subject) do nothing`, string(text), newestOf(changed), by)
}

func newestOf(changed map[int64]int64) int64 {
	newest := int64(0)
	for _, obs := range changed {
		newest = max(newest, obs)
	}
	return newest
}

const reviewColumns = `id, kind, records, detail, at, done_at, done_by, done_why`

// Reviews are what somebody should look at, oldest first; all, also what is done.
func (s *Store) Reviews(ctx context.Context, all bool, p Page) (out []Review, next string, err error) {
	err = s.look(ctx, func(v view) error {
		rows, err := v.query(ctx, `select `+reviewColumns+` from review where id > $1 and (done_at = 0 or $2 = 1) order by id limit $3`, offset(p.After), bit(all), p.Limit+1)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var r Review
			var records string
			var at, done int64
			if err := rows.Scan(&r.ID, &r.Kind, &records, &r.Detail, &at, &done, &r.DoneBy, &r.DoneWhy); err != nil {
				return err
			}
			r.At, r.DoneAt = fromMillis(at), fromMillis(done)
			if err := json.Unmarshal([]byte(records), &r.Records); err != nil {
				return fmt.Errorf("review %d: %w", r.ID, err)
			}
			out = append(out, r)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if len(out) > p.Limit {
			out = out[:p.Limit]
			next = formatOffset(out[p.Limit-1].ID)
		}
		return v.reviewedAssets(ctx, out)
	})
	return out, next, err
}

// reviewedAssets fills in which assets the witnesses belong to now.
func (v view) reviewedAssets(ctx context.Context, list []Review) error {
	var ids []int64
	for _, r := range list {
		ids = append(ids, r.Records...)
	}
	rows, err := v.query(ctx, `select id, asset_id from record where id in (select cast(value as bigint) from json_each($1))`, idList(ids))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	asset := map[int64]inventory.AssetID{}
	for rows.Next() {
		var id int64
		var a inventory.AssetID
		if err := rows.Scan(&id, &a); err != nil {
			return err
		}
		asset[id] = a
	}
	for i := range list {
		for _, id := range list[i].Records {
			if a := asset[id]; a != 0 && !slices.Contains(list[i].Assets, a) {
				list[i].Assets = append(list[i].Assets, a)
			}
		}
	}
	return rows.Err()
}

// ReviewDone takes something out of the queue.
func (s *Store) ReviewDone(ctx context.Context, id int64, who, why string, now time.Time) error {
	return s.Update(ctx, func(t *Tx) error {
		n, err := t.changed(ctx, `update review set done_at = $2, done_by = $3, done_why = $4 where id = $1 and done_at = 0`, id, millis(now), who, why)
		if err != nil {
			return err
		}
		if n == 0 {
			return inventory.Errorf(inventory.CodeNotFound, "review q%d: there is none that is open", id)
		}
		return t.Audit(ctx, now, who, "review done", fmt.Sprintf("review:q%d", id), why)
	})
}
