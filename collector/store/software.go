package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// installSet is a record's software while a transaction changes it.
type installSet struct {
	have    []install // by title
	past    []pastInstall
	changed bool
}

// pastInstall is a row of the table install: one that ended.
type pastInstall struct {
	install
	to int64
}

// listBits are enough for a place in a list (inventory.MaxItems), and leave 2^45 titles.
const listBits = 18

// PutSoftware is PutFacts for the software section.
func (t *Tx) PutSoftware(ctx context.Context, record, obs int64, list inventory.SoftwareList, keep bool) (bool, error) {
	titles, err := t.titlesOf(ctx, list)
	if err != nil {
		return false, err
	}
	set, err := t.installsOf(ctx, record)
	if err != nil {
		return false, err
	}
	order := make([]int64, len(list)) // by title; many times faster to sort than what they stand for
	for i, t := range titles {
		order[i] = t.id<<listBits | int64(i)
	}
	slices.Sort(order)
	listed := make([]install, 0, len(list))
	for _, at := range order {
		i := at & (1<<listBits - 1)
		in := install{titles[i].id, obs, detailOf(&list[i], titles[i])}
		if n := len(listed); n > 0 && listed[n-1].title == in.title {
			// The same title twice is one install: which one does not depend on their order.
			if compareDetails(in.detail, listed[n-1].detail) < 0 {
				listed[n-1] = in
			}
			continue
		}
		listed = append(listed, in)
	}
	changed := set.put(obs, listed, keep)
	set.changed = set.changed || changed
	return changed, nil
}

// put brings a list in, by title; what is not in it ends, unless keep says that it stays.
func (s *installSet) put(obs int64, listed []install, keep bool) (changed bool) {
	if len(s.have) == 0 {
		s.have = listed
		return len(listed) > 0
	}
	next := make([]install, 0, max(len(listed), len(s.have)))
	end := func(was install) {
		if was.from != obs { // else it was never there
			s.past = append(s.past, pastInstall{was, obs})
		}
		changed = true
	}
	for was := s.have; len(was) > 0 || len(listed) > 0; {
		switch {
		case len(was) == 0 || len(listed) > 0 && listed[0].title < was[0].title:
			next, listed, changed = append(next, listed[0]), listed[1:], true
			continue
		case len(listed) == 0 || was[0].title < listed[0].title:
			if keep {
				next = append(next, was[0])
			} else {
				end(was[0])
			}
		default:
			if was[0].detail == listed[0].detail {
				next = append(next, was[0])
			} else {
				end(was[0])
				next = append(next, listed[0])
			}
			listed = listed[1:]
		}
		was = was[1:]
	}
	s.have = next
	return changed
}

func detailOf(s *inventory.Software, t title) detail {
	d := detail{day: dayNumber(s.Installed)}
	if s.Bytes != t.bytes || s.Path != t.path || s.User != "" {
		d.own, d.bytes, d.path, d.user = true, max(s.Bytes, 0), s.Path, s.User
	}
	return d
}

func compareDetails(a, b detail) int {
	return cmp.Or(strings.Compare(a.user, b.user), strings.Compare(a.path, b.path), cmp.Compare(a.day, b.day), cmp.Compare(a.bytes, b.bytes))
}

// installsOf are a record's present ones by title.
func (t *Tx) installsOf(ctx context.Context, record int64) (*installSet, error) {
	if set := t.installs[record]; set != nil {
		return set, nil
	}
	if t.installs == nil {
		t.installs = map[int64]*installSet{}
	}
	set := &installSet{}
	if r, ok := t.known.records.get(record); !ok || !r.created { // else nothing is written yet
		var p packed
		err := t.row(ctx, `select list, obs from software where record_id = $1`, record).Scan(&p.list, &p.obs)
		if err == nil {
			err = p.unpack(func(in install) { set.have = append(set.have, in) })
		} else if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		if err != nil {
			return nil, fmt.Errorf("software of record %d: %w", record, err)
		}
	}
	t.installs[record] = set
	return set, nil
}

func (t *Tx) flushInstalls(ctx context.Context) error {
	var lists, past bulk
	for _, id := range sortedKeys(t.installs, cmp.Compare[int64]) {
		set := t.installs[id]
		if !set.changed {
			continue
		}
		p := pack(set.have)
		lists.row(id, p.list, p.obs)
		slices.SortFunc(set.past, func(a, b pastInstall) int { return cmp.Or(cmp.Compare(a.title, b.title), cmp.Compare(a.from, b.from)) })
		for _, in := range set.past {
			row := []any{id, in.title, in.from, in.to, nil, nil, nil, nil}
			if in.day != 0 {
				row[4] = dayText(in.day)
			}
			if in.own {
				row[5], row[6], row[7] = in.bytes, in.path, in.user
			}
			past.row(row...)
		}
	}
	if lists.n > 0 {
		if err := t.later(ctx, `insert into software (record_id, list, obs) select cast(value->>0 as bigint), `+t.d.bytes("value->>1")+`,
			`+fmt.Sprintf(t.d.load[kindJSON], "value->>2")+` from json_each($1) where true
			on conflict (record_id) do update set list = excluded.list, obs = excluded.obs`, &lists, 0); err != nil {
			return err
		}
	}
	if past.n == 0 {
		return nil
	}
	return t.later(ctx, `insert into install (record_id, title_id, from_obs, to_obs, day, bytes, path, owner)
		select cast(value->>0 as bigint), cast(value->>1 as bigint), cast(value->>2 as bigint), cast(value->>3 as bigint), value->>4,
		cast(value->>5 as bigint), value->>6, value->>7 from json_each($1)`, &past, 0)
}

// installed is an install with the record that has it.
type installed struct {
	install
	record int64
}

// eachInstall calls fn for the installs of one record, or of all when record is 0, now or
// as they were at a time.
func (v view) eachInstall(ctx context.Context, record int64, at When, fn func(installed)) error {
	which, args := ``, []any{}
	if record != 0 {
		which, args = ` and s.record_id = $1`, []any{record}
	}
	keep := func(int64) bool { return true }
	if !at.IsZero() {
		known, err := v.observationsOf(ctx, record, at)
		if err != nil {
			return err
		}
		keep = func(obs int64) bool { return known[obs] }
		if err := v.eachPast(ctx, record, at, fn); err != nil {
			return err
		}
	}
	rows, err := v.query(ctx, `select s.record_id, s.list, s.obs from software s where s.record_id <> 0`+which, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var p packed
		in := installed{}
		if err := rows.Scan(&in.record, &p.list, &p.obs); err != nil {
			return err
		}
		if err := p.unpack(func(one install) {
			if keep(one.from) {
				in.install = one
				fn(in)
			}
		}); err != nil {
			return fmt.Errorf("software of record %d: %w", in.record, err)
		}
	}
	return rows.Err()
}

// observationsOf are those of the observations which brought present software that were
// true and known at a time.
func (v view) observationsOf(ctx context.Context, record int64, at When) (map[int64]bool, error) {
	which, args := ``, at.args()
	if record != 0 {
		which, args = ` and s.record_id = $3`, at.args(record)
	}
	rows, err := v.query(ctx, `select o.id from software s cross join json_each(s.obs) j join observation o on o.id = cast(j.value as bigint)
		where o.seen_at <= $1 and o.received_at <= $2`+which, args...)
	if err != nil {
		return nil, err
	}
	ids, err := numbers(rows)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, nil
}

// eachPast calls fn for installs that have ended and had not at a time.
func (v view) eachPast(ctx context.Context, record int64, at When, fn func(installed)) error {
	which, args := ``, at.args()
	if record != 0 {
		which, args = ` and i.record_id = $3`, at.args(record)
	}
	rows, err := v.query(ctx, `select `+pastColumns+` from install i
		join observation b on b.id = i.from_obs left join observation e on e.id = i.to_obs where `+during+which, args...)
	if err != nil {
		return err
	}
	return scanPast(rows, func(in installed, _ int64) { fn(in) })
}

const pastColumns = `i.record_id, i.title_id, i.from_obs, i.to_obs, coalesce(i.day, ''), i.bytes, coalesce(i.path, ''), coalesce(i.owner, '')`

// scanPast calls fn for rows of the table install with the observation that ended them.
func scanPast(rows rowScanner, fn func(in installed, to int64)) error {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var in installed
		var to int64
		var day string
		var bytes sql.NullInt64
		if err := rows.Scan(&in.record, &in.title, &in.from, &to, &day, &bytes, &in.path, &in.user); err != nil {
			return err
		}
		in.day, in.own, in.bytes = dayNumber(day), bytes.Valid, bytes.Int64
		fn(in, to)
	}
	return rows.Err()
}

// titleRows are rows of the dictionary by id.
func (v view) titleRows(ctx context.Context, ids []int64) (map[int64]inventory.Software, error) {
	rows, err := v.query(ctx, `select t.id, t.source, t.name, t.version, t.arch, t.publisher, t.purl, t.kind, t.edition, t.bytes, t.path
		from json_each($1) j join title t on t.id = cast(j.value as bigint)`, idList(ids))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := make(map[int64]inventory.Software, len(ids))
	for rows.Next() {
		var id int64
		var s inventory.Software
		if err := rows.Scan(&id, &s.Source, &s.Name, &s.Version, &s.Arch, &s.Publisher, &s.PURL, &s.Kind, &s.Edition, &s.Bytes, &s.Path); err != nil {
			return nil, err
		}
		out[id] = s
	}
	return out, rows.Err()
}

// software is a record's list, now or as it was at a time, by name and version.
func (v view) software(ctx context.Context, record int64, at When) (inventory.SoftwareList, error) {
	var list []installed
	var ids []int64
	if err := v.eachInstall(ctx, record, at, func(in installed) {
		list, ids = append(list, in), append(ids, in.title)
	}); err != nil || len(list) == 0 {
		return nil, err
	}
	titles, err := v.titleRows(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(inventory.SoftwareList, 0, len(list))
	for _, in := range list {
		s, ok := titles[in.title]
		if !ok {
			return nil, fmt.Errorf("software of record %d: there is no title %d", record, in.title)
		}
		s.Installed = dayText(in.day)
		if in.own {
			s.Bytes, s.Path, s.User = in.bytes, in.path, in.user
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b inventory.Software) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version), strings.Compare(a.Arch, b.Arch), strings.Compare(a.Source, b.Source))
	})
	return out, nil
}

// softwareChanges are what began and ended with an observation of a record. An update is
// one package that leaves and enters with another version.
func (v view) softwareChanges(ctx context.Context, record, obs int64) ([]difference, error) {
	began, ended := []int64{}, []int64{}
	if err := v.eachInstall(ctx, record, When{}, func(in installed) {
		if in.from == obs {
			began = append(began, in.title)
		}
	}); err != nil {
		return nil, err
	}
	rows, err := v.query(ctx, `select `+pastColumns+` from install i where i.record_id = $1 and (i.from_obs = $2 or i.to_obs = $2)`, record, obs)
	if err != nil {
		return nil, err
	}
	if err := scanPast(rows, func(in installed, to int64) {
		if in.from == obs {
			began = append(began, in.title)
		}
		if to == obs {
			ended = append(ended, in.title)
		}
	}); err != nil {
		return nil, err
	}
	titles, err := v.titleRows(ctx, slices.Concat(began, ended))
	if err != nil {
		return nil, err
	}
	var out []difference
	for i, ids := range [][]int64{ended, began} {
		for _, id := range ids {
			t := titles[id]
			item := t.Name
			if t.Arch != "" {
				item += ":" + t.Arch
			}
			out = append(out, difference{item, t.Version, i == 1})
		}
	}
	slices.SortFunc(out, func(a, b difference) int {
		return cmp.Or(strings.Compare(a.item, b.item), compareBool(a.began, b.began), strings.Compare(a.value, b.value))
	})
	return out, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// owners leads from records to their assets, now or at a time.
func (v view) owners(ctx context.Context, at When) (map[int64]inventory.AssetID, error) {
	q, args := `select id, asset_id from record`, []any(nil)
	if !at.IsZero() {
		q = `select m.record_id, m.asset_id from member m join observation b on b.id = m.from_obs left join observation e on e.id = m.to_obs where ` + during
		args = at.args()
	}
	rows, err := v.query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[int64]inventory.AssetID{}
	for rows.Next() {
		var record int64
		var asset inventory.AssetID
		if err := rows.Scan(&record, &asset); err != nil {
			return nil, err
		}
		out[record] = asset
	}
	return out, rows.Err()
}
