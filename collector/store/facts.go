package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/muster-itam/muster/internal/inventory"
)

// factSet are a section's facts while a transaction changes them.
type factSet struct {
	have   map[string]factState
	ends   []factEnd
	begins []*factBegin
}

// factState is a present fact; begin is set while its row is not written.
type factState struct {
	value string
	begin *factBegin
}

type factEnd struct {
	key string
	obs int64
}

type factBegin struct {
	key, value string
	from, to   int64
}

// end ends a present fact.
func (s *factSet) end(key string, f factState, obs int64) {
	if f.begin != nil {
		f.begin.to = obs
	} else {
		s.ends = append(s.ends, factEnd{key, obs})
	}
}

// PutFacts makes facts the present ones of a section, as of obs. Facts that are not
// among them end, unless keep says that the list is partial. It reports whether
// anything changed.
func (t *Tx) PutFacts(ctx context.Context, record, obs int64, section inventory.SectionName, facts []inventory.Fact, keep bool) (bool, error) {
	if err := t.GatherFacts(ctx, []SectionRef{{record, section}}); err != nil {
		return false, err
	}
	set := t.facts[sectionKey{record, section}]
	changed := false
	listed := make(map[string]bool, len(facts))
	for _, f := range facts {
		listed[f.Key] = true
		was, known := set.have[f.Key]
		if known && was.value == f.Value {
			continue
		}
		if known {
			set.end(f.Key, was, obs)
		}
		b := &factBegin{key: f.Key, value: f.Value, from: obs}
		set.begins = append(set.begins, b)
		set.have[f.Key] = factState{f.Value, b}
		changed = true
	}
	if keep {
		return changed, nil
	}
	for key, f := range set.have {
		if !listed[key] {
			set.end(key, f, obs)
			delete(set.have, key)
			changed = true
		}
	}
	return changed, nil
}

func (t *Tx) flushFacts(ctx context.Context) error {
	var ends, begins bulk
	for _, k := range sortedKeys(t.facts, compareSections) {
		set := t.facts[k]
		for _, e := range set.ends {
			ends.row(k.record, string(k.name), e.key, e.obs)
		}
		slices.SortFunc(set.begins, func(a, b *factBegin) int { return strings.Compare(a.key, b.key) })
		for _, b := range set.begins {
			begins.row(k.record, string(k.name), b.key, b.from, orNull(b.to), b.value)
		}
	}
	if ends.n > 0 {
		if err := t.exec(ctx, `update fact set to_obs = n.obs from (select cast(value->>0 as bigint) as record, value->>1 as section, value->>2 as key,
				cast(value->>3 as bigint) as obs from json_each($1)) n
			where fact.record_id = n.record and fact.section = n.section and fact.key = n.key and fact.to_obs is null`, ends.text()); err != nil {
			return err
		}
	}
	if begins.n == 0 {
		return nil
	}
	return t.exec(ctx, `insert into fact (record_id, section, key, from_obs, to_obs, value)
		select cast(value->>0 as bigint), value->>1, value->>2, cast(value->>3 as bigint), cast(value->>4 as bigint), value->>5
		from json_each($1)`, begins.text())
}

// orNull is null for 0, which no observation has.
func orNull(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// install is one row of a software list.
type install struct {
	title int64
	day   string
	bytes int64
	path  string
}

// installSet are a record's installs while a transaction changes them.
type installSet struct {
	have   map[int64]installState
	ends   []installEnd
	begins []*installBegin
}

type installState struct {
	install
	begin *installBegin
}

type installEnd struct{ title, obs int64 }

type installBegin struct {
	install
	from, to int64
}

func (s *installSet) end(in installState, obs int64) {
	if in.begin != nil {
		in.begin.to = obs
	} else {
		s.ends = append(s.ends, installEnd{in.title, obs})
	}
}

// PutSoftware is PutFacts for the software section: titles go to the dictionary, installs to narrow rows.
func (t *Tx) PutSoftware(ctx context.Context, record, obs int64, list inventory.SoftwareList, keep bool) (bool, error) {
	ids, err := t.titleIDs(ctx, list)
	if err != nil {
		return false, err
	}
	set, err := t.installsOf(ctx, record)
	if err != nil {
		return false, err
	}
	changed := false
	done := make(map[int64]bool, len(list))
	for i := range list {
		in := install{ids[i], list[i].Installed, list[i].Bytes, list[i].Path}
		if done[in.title] {
			continue // the same title twice is one install
		}
		done[in.title] = true
		was, known := set.have[in.title]
		if known && was.install == in {
			continue
		}
		if known {
			set.end(was, obs)
		}
		b := &installBegin{install: in, from: obs}
		set.begins = append(set.begins, b)
		set.have[in.title] = installState{in, b}
		changed = true
	}
	if keep {
		return changed, nil
	}
	for id, in := range set.have {
		if !done[id] {
			set.end(in, obs)
			delete(set.have, id)
			changed = true
		}
	}
	return changed, nil
}

// installsOf are a record's present ones by title.
func (t *Tx) installsOf(ctx context.Context, record int64) (*installSet, error) {
	if set := t.installs[record]; set != nil {
		return set, nil
	}
	if t.installs == nil {
		t.installs = map[int64]*installSet{}
	}
	set := &installSet{have: map[int64]installState{}}
	t.installs[record] = set
	if r, ok := t.known.records.get(record); ok && r.created {
		return set, nil // nothing is written yet
	}
	rows, err := t.query(ctx, `select title_id, coalesce(day, ''), coalesce(bytes, 0), coalesce(path, '')
		from install where record_id = $1 and to_obs is null`, record)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var in install
		if err := rows.Scan(&in.title, &in.day, &in.bytes, &in.path); err != nil {
			return nil, err
		}
		set.have[in.title] = installState{install: in}
	}
	return set, rows.Err()
}

func (t *Tx) flushInstalls(ctx context.Context) error {
	var ends, begins bulk
	for _, id := range sortedKeys(t.installs, cmp.Compare[int64]) {
		set := t.installs[id]
		for _, e := range set.ends {
			ends.row(id, e.title, e.obs)
		}
		slices.SortFunc(set.begins, func(a, b *installBegin) int { return cmp.Compare(a.title, b.title) })
		for _, b := range set.begins {
			var day, path, bytes any
			if b.day != "" {
				day = b.day
			}
			if b.path != "" {
				path = b.path
			}
			if b.bytes != 0 {
				bytes = b.bytes
			}
			begins.row(id, b.title, b.from, orNull(b.to), day, bytes, path)
		}
	}
	if ends.n > 0 {
		if err := t.exec(ctx, `update install set to_obs = n.obs from (select cast(value->>0 as bigint) as record, cast(value->>1 as bigint) as title,
				cast(value->>2 as bigint) as obs from json_each($1)) n
			where install.record_id = n.record and install.title_id = n.title and install.to_obs is null`, ends.text()); err != nil {
			return err
		}
	}
	if begins.n == 0 {
		return nil
	}
	return t.exec(ctx, `insert into install (record_id, title_id, from_obs, to_obs, day, bytes, path)
		select cast(value->>0 as bigint), cast(value->>1 as bigint), cast(value->>2 as bigint), cast(value->>3 as bigint), value->>4,
		cast(value->>5 as bigint), value->>6 from json_each($1)`, begins.text())
}

// titleKey is what makes two installs the same title.
type titleKey struct {
	Name      string `json:"n"`
	Version   string `json:"v"`
	Source    string `json:"s"`
	Arch      string `json:"a"`
	Publisher string `json:"p"`
	PURL      string `json:"u"`
}

func compareTitles(a, b titleKey) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version), strings.Compare(a.Source, b.Source),
		strings.Compare(a.Arch, b.Arch), strings.Compare(a.Publisher, b.Publisher), strings.Compare(a.PURL, b.PURL))
}

// titleCache remembers ids of titles; most of an estate's packages are the same few thousand.
type titleCache struct {
	mu  sync.Mutex
	ids map[titleKey]int64
}

const titleCacheMax = 200_000

// find fills in the ids that it knows and returns the keys that it does not.
func (c *titleCache) find(keys []titleKey, ids []int64) (missing []titleKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, k := range keys {
		if ids[i] = c.ids[k]; ids[i] == 0 {
			missing = append(missing, k)
		}
	}
	return missing
}

func (c *titleCache) add(made map[titleKey]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ids == nil || len(c.ids) > titleCacheMax {
		c.ids = make(map[titleKey]int64, 4096)
	}
	maps.Copy(c.ids, made)
}

func (c *titleCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids = nil
}

// titleIDs are the dictionary's ids of a list's titles, made where they are new.
func (t *Tx) titleIDs(ctx context.Context, list inventory.SoftwareList) ([]int64, error) {
	keys := make([]titleKey, len(list))
	for i, s := range list {
		keys[i] = titleKey{s.Name, s.Version, s.Source, s.Arch, s.Publisher, s.PURL}
	}
	ids := make([]int64, len(list))
	missing := t.s.titles.find(keys, ids)
	if len(missing) == 0 {
		return ids, nil
	}
	made, err := t.addTitles(ctx, missing)
	if err != nil {
		return nil, err
	}
	t.s.titles.add(made)
	for i, k := range keys {
		if ids[i] == 0 {
			ids[i] = made[k]
		}
		if ids[i] == 0 {
			return nil, fmt.Errorf("software title %q %q has no id", k.Name, k.Version)
		}
	}
	return ids, nil
}

// addTitles gives titles ids where they have none. Where transactions run side by side
// it does so outside of them: titles are never taken back, and a transaction that held
// new ones until its commit would make all others wait that meet the same.
func (t *Tx) addTitles(ctx context.Context, missing []titleKey) (map[titleKey]int64, error) {
	s := t.session
	if t.s.side != nil {
		s.tx = t.s.side
	}
	slices.SortFunc(missing, compareTitles) // one order for all who insert at once
	text, err := json.Marshal(missing)
	if err != nil {
		return nil, err
	}
	const columns = `value->>'n', value->>'v', value->>'s', value->>'a', value->>'p', value->>'u'`
	if err := s.exec(ctx, `insert into title (name, version, source, arch, publisher, purl)
		select `+columns+` from json_each($1) where true on conflict do nothing`, string(text)); err != nil {
		return nil, err
	}
	rows, err := s.query(ctx, `select t.id, t.name, t.version, t.source, t.arch, t.publisher, t.purl from json_each($1) j
		join title t on t.name = j.value->>'n' and t.version = j.value->>'v' and t.source = j.value->>'s'
		and t.arch = j.value->>'a' and t.publisher = j.value->>'p' and t.purl = j.value->>'u'`, string(text))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	made := make(map[titleKey]int64, len(missing))
	for rows.Next() {
		var id int64
		var k titleKey
		if err := rows.Scan(&id, &k.Name, &k.Version, &k.Source, &k.Arch, &k.Publisher, &k.PURL); err != nil {
			return nil, err
		}
		made[k] = id
	}
	return made, rows.Err()
}

// Link is the far end of a link as a record tells it.
type Link struct {
	Type       string
	LocalPort  string
	Via        string
	TargetType string // "mac" or "name"
	Target     string
	RemotePort string
	RemoteName string
}

// PutLinks replaces a record's links.
func (t *Tx) PutLinks(record int64, links []Link) {
	if t.links == nil {
		t.links = map[int64][]Link{}
	}
	t.links[record] = links
}

// placeholders is "$from, $from+1, ..." for n parameters.
func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", from+i)
	}
	return b.String()
}
