package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
)

// Retention is how long what is no longer true is kept, by kind; 0 is for ever. What
// holds now is never touched.
type Retention struct {
	// Observations that no fact, membership or event refers to.
	Observations time.Duration
	// History is facts, installs, memberships and events that ended.
	History time.Duration
	// Sightings are records of an address that answered on one day.
	Sightings time.Duration
	// Quarantine is observations that could not be processed.
	Quarantine time.Duration
	// Audit is who did what, and what was reviewed.
	Audit time.Duration
	// Scans are jobs that are over.
	Scans time.Duration
}

// Kept counts the rows of one kind that are past their time.
type Kept struct {
	Kind string
	Rows int64
}

// sweep is a kind of rows that belong to records: a table and what of it is past its
// time. $1 are records, $2 is the time before which it ended.
type sweep struct{ kind, table, where string }

const (
	ofRecords = `record_id in (select cast(value as bigint) from json_each($1))`
	longEnded = ofRecords + ` and to_obs is not null and exists (select 1 from observation e where e.id = to_obs and e.received_at < $2)`
)

var historySweeps = []sweep{
	{"history", "fact", longEnded}, {"history", "install", longEnded}, {"history", "member", longEnded}, {"history", "link", longEnded},
}

// Sweeping observations comes after sweeping history, which lets go of some.
var observationSweeps = []sweep{{"observations", "observation", ofRecords + ` and received_at < $2
	and not exists (select 1 from event v where v.obs_id = observation.id)
	and id <> (select max(o.id) from observation o)
	and id not in (select first_obs from record where id in (select cast(value as bigint) from json_each($1))
		union select from_obs from fact where ` + ofRecords + ` union select to_obs from fact where ` + ofRecords + ` and to_obs is not null
		union select cast(j.value as bigint) from software s cross join json_each(s.obs) j where s.` + ofRecords + `
		union select from_obs from install where ` + ofRecords + ` union select to_obs from install where ` + ofRecords + ` and to_obs is not null
		union select from_obs from member where ` + ofRecords + ` union select to_obs from member where ` + ofRecords + ` and to_obs is not null
		union select from_obs from link where ` + ofRecords + ` union select to_obs from link where ` + ofRecords + ` and to_obs is not null
		union select last_obs from link where ` + ofRecords + ` and last_obs is not null union select look_obs from section where ` + ofRecords + `
		union select obs_id from move where to_record in (select cast(value as bigint) from json_each($1))
		union select obs_id from move where from_record in (select cast(value as bigint) from json_each($1))
		union select body_obs from section where ` + ofRecords + ` union select obs_id from section where ` + ofRecords + `)`}}

// plain are kinds that stand for themselves. $1 is the time, $2 the most rows at once.
func (r Retention) plain() []struct {
	sweep
	after time.Duration
} {
	return []struct {
		sweep
		after time.Duration
	}{
		{sweep{"quarantine", "quarantine", `id in (select id from quarantine where received_at < $1 order by id limit $2)`}, r.Quarantine},
		{sweep{"audit", "audit", `id in (select id from audit where at < $1 order by id limit $2)`}, r.Audit},
		{sweep{"audit", "review", `id in (select id from review where done_at <> 0 and done_at < $1 order by id limit $2)`}, r.Audit},
		{sweep{"history", "event", `id in (select v.id from event v join observation o on o.id = v.obs_id
			where o.received_at < $1 and v.pin_id = 0 and v.id <> (select max(id) from event) order by v.id limit $2)`}, r.History},
		{sweep{"history", "move", `obs_id in (select v.obs_id from move v join observation o on o.id = v.obs_id where o.received_at < $1 order by v.obs_id limit $2)`}, r.History},
		{sweep{"scans", "scan_job", `id in (select id from scan_job where finished_at <> 0 and finished_at < $1 order by id limit $2)`}, r.Scans},
		{sweep{"scans", "sweep", `(site, first, last, job) in (select site, first, last, job from sweep where finished_at < $1 order by finished_at limit $2)`}, r.Scans},
	}
}

// Bounds on one transaction of a sweep: those who report wait for it no longer than for a report.
const (
	sweepRecords   = 20
	sweepRows      = 500
	sweepSightings = 50
)

// Retain removes what is past its time, a few rows a transaction with a pause after each.
// With dry it only counts. told is called after each step.
func (s *Store) Retain(ctx context.Context, r Retention, now time.Time, pause time.Duration, dry bool, told func(Kept)) error {
	run := sweeper{s, now, pause, dry, told}
	if r.Sightings > 0 {
		if err := run.sightings(ctx, r.Sightings); err != nil {
			return fmt.Errorf("retention of sightings: %w", err)
		}
	}
	for _, p := range r.plain() {
		if p.after > 0 {
			if err := run.plain(ctx, p.sweep, p.after); err != nil {
				return fmt.Errorf("retention of %s: %w", p.kind, err)
			}
		}
	}
	for _, p := range []struct {
		sweeps []sweep
		after  time.Duration
	}{{historySweeps, r.History}, {observationSweeps, r.Observations}} {
		if p.after > 0 {
			if err := run.byRecord(ctx, p.sweeps, p.after); err != nil {
				return fmt.Errorf("retention of %s: %w", p.sweeps[0].kind, err)
			}
		}
	}
	return nil
}

// sweeper is one run of Retain.
type sweeper struct {
	s     *Store
	now   time.Time
	pause time.Duration
	dry   bool
	told  func(Kept)
}

func (w sweeper) before(after time.Duration) int64 { return millis(w.now.Add(-after)) }

// rest pauses after a step.
func (w sweeper) rest(ctx context.Context) error {
	if w.dry || w.pause == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(w.pause):
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (w sweeper) plain(ctx context.Context, x sweep, after time.Duration) error {
	for {
		n, err := w.do(ctx, x, 1<<40, w.before(after), sweepRows)
		if err != nil || w.dry || n < sweepRows {
			return err
		}
		if err := w.rest(ctx); err != nil {
			return err
		}
	}
}

// do removes, or counts, the rows of a sweep; a count is not bounded by the last argument
// but by all.
func (w sweeper) do(ctx context.Context, x sweep, all int64, args ...any) (n int64, err error) {
	if w.dry {
		if _, bounded := args[len(args)-1].(int); bounded {
			args = append(slices.Clone(args[:len(args)-1]), all)
		}
		err = w.s.look(ctx, func(v view) error {
			return v.row(ctx, `select count(*) from `+x.table+` where `+x.where, args...).Scan(&n)
		})
	} else {
		err = w.s.Update(ctx, func(t *Tx) error {
			n, err = t.changed(ctx, `delete from `+x.table+` where `+x.where, args...)
			return err
		})
	}
	if err == nil && n > 0 {
		w.told(Kept{x.kind, n})
	}
	return n, err
}

// byRecord sweeps what belongs to records, some records at a time.
func (w sweeper) byRecord(ctx context.Context, sweeps []sweep, after time.Duration) error {
	for last := int64(0); ; {
		var ids []int64
		err := w.s.look(ctx, func(v view) error {
			rows, err := v.query(ctx, `select id from record where id > $1 order by id limit $2`, last, sweepRecords)
			if err != nil {
				return err
			}
			ids, err = numbers(rows)
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		last = ids[len(ids)-1]
		removed := int64(0)
		for _, x := range sweeps {
			n, err := w.do(ctx, x, 0, idList(ids), w.before(after))
			if err != nil {
				return err
			}
			removed += n
		}
		if removed > 0 {
			if err := w.rest(ctx); err != nil {
				return err
			}
		}
	}
}

// oldSightings are records of an address on a day, not seen since, that nobody pinned and
// that give no asset its id while others are in it. $1 is the time, $2 the last one looked
// at, $3 how many. The newest record stays: its id must not be given away again.
const oldSightings = `select r.id from record r where r.kind = 'scanner' and r.incarnation like '____-__-__' and r.last_seen < $1 and r.id > $2
	and r.id <> (select max(id) from record) and not exists (select 1 from pin_pair p where p.record_id = r.id)
	and not exists (select 1 from record o where o.asset_id = r.id and (o.kind <> 'scanner' or o.incarnation not like '____-__-__' or o.last_seen >= $1))
	order by r.id limit $3`

// sightings removes records of addresses and decides anew about all that shared something
// with them.
func (w sweeper) sightings(ctx context.Context, after time.Duration) error {
	for last := int64(0); ; {
		var ids []int64
		find := func(q queryer, lock string) error {
			rows, err := q.query(ctx, oldSightings+lock, w.before(after), last, sweepSightings)
			if err != nil {
				return err
			}
			ids, err = numbers(rows)
			return err
		}
		var err error
		if w.dry {
			err = w.s.look(ctx, func(v view) error { return find(v, "") })
		} else {
			err = w.s.Update(ctx, func(t *Tx) error {
				if err := find(t, t.forUpdateOf("r")); err != nil || len(ids) == 0 {
					return err
				}
				return t.purge(ctx, ids, w.now)
			})
		}
		if err != nil || len(ids) == 0 {
			return err
		}
		last = ids[len(ids)-1]
		w.told(Kept{"sightings", int64(len(ids))})
		if err := w.rest(ctx); err != nil {
			return err
		}
	}
}

// purge removes records with all they said, and decides anew about those that were in
// their assets or shared a claim with them.
func (t *Tx) purge(ctx context.Context, ids []int64, now time.Time) error {
	recs, err := t.Records(ctx, ids)
	if err != nil {
		return err
	}
	var keys []reconcile.Key
	for _, r := range recs {
		for _, c := range r.Claims {
			keys = append(keys, c.Key)
		}
	}
	held, err := t.Holders(ctx, keys, crowded+len(ids))
	if err != nil {
		return err
	}
	list := idList(ids)
	rows, err := t.query(ctx, `select id from record where asset_id in (select asset_id from record where id in (select cast(value as bigint) from json_each($1)))`, list)
	if err != nil {
		return err
	}
	around, err := numbers(rows)
	if err != nil {
		return err
	}
	for _, h := range held {
		if len(h) < crowded+len(ids) { // with more it joined nobody and joins nobody
			around = append(around, h...)
		}
	}
	rows, err = t.query(ctx, `select distinct asset_id from record where id in (select cast(value as bigint) from json_each($1))`, list)
	if err != nil {
		return err
	}
	assets, err := numbers(rows)
	if err != nil {
		return err
	}
	for _, table := range []string{"claim", "fact", "install", "software", "section", "link", "member"} {
		if err := t.exec(ctx, `delete from `+table+` where `+ofRecords, list); err != nil {
			return err
		}
	}
	for _, q := range []string{
		`delete from move where to_record in (select cast(value as bigint) from json_each($1)) or from_record in (select cast(value as bigint) from json_each($1))`,
		`delete from observation where ` + ofRecords + ` and id <> (select max(o.id) from observation o) and not exists (select 1 from event v where v.obs_id = observation.id)`,
		`update observation set record_id = 0, changes = '' where ` + ofRecords,
		`delete from record where id in (select cast(value as bigint) from json_each($1))`,
	} {
		if err := t.exec(ctx, q, list); err != nil {
			return err
		}
	}
	t.forget()
	slices.Sort(around)
	left := without(slices.Compact(around), ids)
	if len(left) > 0 {
		obs, err := t.decision(ctx, now)
		if err != nil {
			return err
		}
		changed := make(map[int64]int64, len(left))
		for _, id := range left {
			changed[id] = obs
		}
		d, err := t.Decide(ctx, changed, "retention")
		if err != nil {
			return err
		}
		assets = append(assets, d.Touched...)
	}
	slices.Sort(assets)
	return t.AssembleAssets(ctx, slices.Compact(assets), now)
}

// Lease takes or keeps a lease until a time; false when another holder has it.
func (s *Store) Lease(ctx context.Context, name, holder string, now, until time.Time) (mine bool, err error) {
	err = s.Update(ctx, func(t *Tx) error {
		n, err := t.changed(ctx, `insert into lease (name, holder, until) values ($1, $2, $3) on conflict (name) do update
			set holder = excluded.holder, until = excluded.until where lease.until < $4 or lease.holder = excluded.holder`, name, holder, millis(until), millis(now))
		mine = n > 0
		return err
	})
	return mine && err == nil, err
}
