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

// Facts are a section's present facts, sorted by key.
func (t *Tx) Facts(ctx context.Context, record int64, section inventory.SectionName) ([]inventory.Fact, error) {
	rows, err := t.query(ctx, `select key, value from fact where record_id = $1 and section = $2 and to_obs is null order by key`, record, section)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []inventory.Fact
	for rows.Next() {
		var f inventory.Fact
		if err := rows.Scan(&f.Key, &f.Value); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, rows.Err()
}

// PutFacts makes facts the present ones of a section, as of obs. Facts that are not
// among them end, unless keep says that the list is partial. It reports whether
// anything changed.
func (t *Tx) PutFacts(ctx context.Context, record, obs int64, section inventory.SectionName, facts []inventory.Fact, keep bool) (bool, error) {
	have, err := t.Facts(ctx, record, section)
	if err != nil {
		return false, err
	}
	old := make(map[string]string, len(have))
	for _, f := range have {
		old[f.Key] = f.Value
	}
	type row struct {
		Key   string `json:"k"`
		Value string `json:"v"`
	}
	var begin []row
	var end []string
	for _, f := range facts {
		was, known := old[f.Key]
		delete(old, f.Key)
		if known && was == f.Value {
			continue
		}
		if known {
			end = append(end, f.Key)
		}
		begin = append(begin, row{f.Key, f.Value})
	}
	if !keep {
		for k := range old {
			end = append(end, k)
		}
	}
	if len(end) > 0 {
		list, err := textList(end)
		if err != nil {
			return false, err
		}
		if err := t.exec(ctx, `update fact set to_obs = $3 where record_id = $1 and section = $2 and to_obs is null
			and key in (select value->>'v' from json_each($4))`, record, section, obs, list); err != nil {
			return false, err
		}
	}
	if len(begin) > 0 {
		list, err := json.Marshal(begin)
		if err != nil {
			return false, err
		}
		if err := t.exec(ctx, `insert into fact (record_id, section, key, from_obs, value)
			select $1, $2, value->>'k', $3, value->>'v' from json_each($4)`, record, section, obs, string(list)); err != nil {
			return false, err
		}
	}
	return len(begin)+len(end) > 0, nil
}

// install is one row of a software list as it goes to the database.
type install struct {
	Title int64  `json:"t"`
	Day   string `json:"d,omitempty"`
	Bytes int64  `json:"b,omitempty"`
	Path  string `json:"p,omitempty"`
}

// PutSoftware is PutFacts for the software section: titles go to the dictionary, installs to narrow rows.
func (t *Tx) PutSoftware(ctx context.Context, record, obs int64, list inventory.SoftwareList, keep bool) (bool, error) {
	ids, err := t.titleIDs(ctx, list)
	if err != nil {
		return false, err
	}
	old, err := t.installs(ctx, record)
	if err != nil {
		return false, err
	}
	var begin []install
	var end []int64
	done := make(map[int64]bool, len(list))
	for i := range list {
		in := install{ids[i], list[i].Installed, list[i].Bytes, list[i].Path}
		if done[in.Title] {
			continue // the same title twice is one install
		}
		done[in.Title] = true
		was, known := old[in.Title]
		delete(old, in.Title)
		if known && was == in {
			continue
		}
		if known {
			end = append(end, in.Title)
		}
		begin = append(begin, in)
	}
	if !keep {
		for id := range old {
			end = append(end, id)
		}
	}
	if len(end) > 0 {
		text, err := json.Marshal(end)
		if err != nil {
			return false, err
		}
		if err := t.exec(ctx, `update install set to_obs = $2 where record_id = $1 and to_obs is null
			and title_id in (select cast(value as bigint) from json_each($3))`, record, obs, string(text)); err != nil {
			return false, err
		}
	}
	if len(begin) > 0 {
		text, err := json.Marshal(begin)
		if err != nil {
			return false, err
		}
		if err := t.exec(ctx, `insert into install (record_id, title_id, from_obs, day, bytes, path)
			select $1, cast(value->>'t' as bigint), $2, value->>'d', cast(value->>'b' as bigint), value->>'p' from json_each($3)`, record, obs, string(text)); err != nil {
			return false, err
		}
	}
	return len(begin)+len(end) > 0, nil
}

// installs are a record's present ones by title.
func (t *Tx) installs(ctx context.Context, record int64) (map[int64]install, error) {
	rows, err := t.query(ctx, `select title_id, coalesce(day, ''), coalesce(bytes, 0), coalesce(path, '')
		from install where record_id = $1 and to_obs is null`, record)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[int64]install{}
	for rows.Next() {
		var in install
		if err := rows.Scan(&in.Title, &in.Day, &in.Bytes, &in.Path); err != nil {
			return nil, err
		}
		out[in.Title] = in
	}
	return out, rows.Err()
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
	Type       string `json:"y"`
	LocalPort  string `json:"l"`
	Via        string `json:"v"`
	TargetType string `json:"k"` // "mac" or "name"
	Target     string `json:"t"`
	RemotePort string `json:"r"`
	RemoteName string `json:"n"`
}

// PutLinks replaces a record's links.
func (t *Tx) PutLinks(ctx context.Context, record int64, links []Link) error {
	if err := t.exec(ctx, `delete from link where record_id = $1`, record); err != nil || len(links) == 0 {
		return err
	}
	text, err := json.Marshal(links)
	if err != nil {
		return err
	}
	return t.exec(ctx, `insert into link (record_id, type, local_port, via, target_type, target, remote_port, remote_name)
		select $1, value->>'y', value->>'l', value->>'v', value->>'k', value->>'t', value->>'r', value->>'n'
		from json_each($2) where true on conflict do nothing`, record, string(text))
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
