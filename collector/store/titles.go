package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/muster-itam/muster/internal/inventory"
)

// titleKey is what makes two installs the same title.
type titleKey struct {
	Name      string `json:"n"`
	Version   string `json:"v"`
	Source    string `json:"s"`
	Arch      string `json:"a"`
	Publisher string `json:"p"`
	PURL      string `json:"u"`
	Kind      string `json:"k"`
	Edition   string `json:"e"`
}

func keyOfTitle(s *inventory.Software) titleKey {
	return titleKey{s.Name, s.Version, s.Source, s.Arch, s.Publisher, s.PURL, string(s.Kind), s.Edition}
}

func compareTitles(a, b titleKey) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version), strings.Compare(a.Source, b.Source),
		strings.Compare(a.Arch, b.Arch), strings.Compare(a.Publisher, b.Publisher), strings.Compare(a.PURL, b.PURL),
		strings.Compare(a.Kind, b.Kind), strings.Compare(a.Edition, b.Edition))
}

// title is a title's row in the dictionary, with size and path where it was first seen.
type title struct {
	id    int64
	bytes int64
	path  string
}

// titleCache remembers titles; most of an estate's packages are the same few thousand.
type titleCache struct {
	mu     sync.Mutex
	titles map[titleKey]title
}

const titleCacheMax = 200_000

// find fills in the titles that it knows and returns where in the list those are that it does not.
func (c *titleCache) find(list inventory.SoftwareList, out []title) (missing []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range list {
		t, ok := c.titles[keyOfTitle(&list[i])]
		if !ok {
			missing = append(missing, i)
		}
		out[i] = t
	}
	return missing
}

func (c *titleCache) add(made map[titleKey]title) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.titles == nil || len(c.titles) > titleCacheMax {
		c.titles = make(map[titleKey]title, 4096)
	}
	maps.Copy(c.titles, made)
}

func (c *titleCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.titles = nil
}

// GatherTitles learns the dictionary's rows of the titles of several lists, made where they are new.
func (t *Tx) GatherTitles(ctx context.Context, lists []inventory.SoftwareList) error {
	type place struct{ list, item int }
	found := make([][]title, len(lists))
	want := map[titleKey]*inventory.Software{}
	var places []place
	for n, list := range lists {
		found[n] = make([]title, len(list))
		for _, i := range t.s.titles.find(list, found[n]) {
			places = append(places, place{n, i})
			if k := keyOfTitle(&list[i]); want[k] == nil {
				want[k] = &list[i]
			}
		}
	}
	if len(want) > 0 {
		made, err := t.addTitles(ctx, want)
		if err != nil {
			return err
		}
		t.s.titles.add(made)
		for _, p := range places {
			k := keyOfTitle(&lists[p.list][p.item])
			row := made[k]
			if row.id == 0 {
				return fmt.Errorf("software title %q %q has no id", k.Name, k.Version)
			}
			found[p.list][p.item] = row
		}
	}
	if t.titles == nil {
		t.titles = map[*inventory.Software][]title{}
	}
	for n, list := range lists {
		if len(list) > 0 {
			t.titles[&list[0]] = found[n]
		}
	}
	return nil
}

// titlesOf are the dictionary's rows of a list's titles.
func (t *Tx) titlesOf(ctx context.Context, list inventory.SoftwareList) ([]title, error) {
	if len(list) == 0 {
		return nil, nil
	}
	if t.titles[&list[0]] == nil {
		if err := t.GatherTitles(ctx, []inventory.SoftwareList{list}); err != nil {
			return nil, err
		}
	}
	return t.titles[&list[0]], nil
}

// addTitles gives titles rows where they have none. Where transactions run side by side
// it does so outside of them: titles are never taken back, and a transaction that held
// new ones until its commit would make all others wait that meet the same.
func (t *Tx) addTitles(ctx context.Context, want map[titleKey]*inventory.Software) (map[titleKey]title, error) {
	s := t.session
	if t.s.side != nil {
		s.tx = t.s.side
	}
	made := make(map[titleKey]title, len(want))
	// Most often all that are not remembered are new.
	const columns = `value->>'n', value->>'v', value->>'s', value->>'a', value->>'p', value->>'u', value->>'k', value->>'e',
		cast(value->>'b' as bigint), value->>'d'`
	text, err := titleRowsText(want)
	if err != nil {
		return nil, err
	}
	if err := s.scanTitles(ctx, made, `insert into title (name, version, source, arch, publisher, purl, kind, edition, bytes, path)
		select `+columns+` from json_each($1) where true on conflict do nothing
		returning id, name, version, source, arch, publisher, purl, kind, edition, bytes, path`, text); err != nil {
		return nil, err
	}
	for k := range made {
		delete(want, k)
	}
	if len(want) == 0 {
		return made, nil
	}
	if text, err = titleRowsText(want); err != nil {
		return nil, err
	}
	return made, s.scanTitles(ctx, made, `select distinct t.id, t.name, t.version, t.source, t.arch, t.publisher, t.purl, t.kind, t.edition, t.bytes, t.path
		from json_each($1) j join title t on t.name = j.value->>'n' and t.version = j.value->>'v' and t.source = j.value->>'s'
		and t.arch = j.value->>'a' and t.publisher = j.value->>'p' and t.purl = j.value->>'u' and t.kind = j.value->>'k' and t.edition = j.value->>'e'`, text)
}

// titleRowsText are titles as one JSON parameter.
func titleRowsText(want map[titleKey]*inventory.Software) (string, error) {
	type row struct {
		titleKey
		Bytes int64  `json:"b"`
		Path  string `json:"d"`
	}
	rows := make([]row, 0, len(want))
	for _, k := range sortedKeys(want, compareTitles) { // one order for all who insert at once
		rows = append(rows, row{k, want[k].Bytes, want[k].Path})
	}
	text, err := json.Marshal(rows)
	return string(text), err
}

// scanTitles adds the rows that a statement gives.
func (s session) scanTitles(ctx context.Context, to map[titleKey]title, statement, text string) error {
	rows, err := s.query(ctx, statement, text)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var k titleKey
		var v title
		if err := rows.Scan(&v.id, &k.Name, &k.Version, &k.Source, &k.Arch, &k.Publisher, &k.PURL, &k.Kind, &k.Edition, &v.bytes, &v.path); err != nil {
			return err
		}
		to[k] = v
	}
	return rows.Err()
}

// titleSet are ids of titles.
type titleSet []uint64

func (s *titleSet) add(id int64) {
	for int64(len(*s)) <= id>>6 {
		*s = append(*s, make([]uint64, max(64, len(*s)))...)
	}
	(*s)[id>>6] |= 1 << (id & 63)
}

func (s titleSet) has(id int64) bool { return id>>6 < int64(len(s)) && s[id>>6]&(1<<(id&63)) != 0 }
