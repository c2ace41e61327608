package store

import (
	"context"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// factSet are a section's facts while a transaction changes them.
type factSet struct {
	have   map[string]factState
	ends   []factEnd
	begins []*factBegin
}

// factState is a present fact; begin is set while its row is not written, obs is the last
// observation that was compared and has it.
type factState struct {
	value string
	begin *factBegin
	obs   int64
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
func (t *Tx) PutFacts(ctx context.Context, record, obs int64, section inventory.SectionName, facts []inventory.Fact, keep bool) (changed bool, err error) {
	if err := t.GatherFacts(ctx, []SectionRef{{record, section}}); err != nil {
		return false, err
	}
	set := t.facts[sectionKey{record, section}]
	defer func() {
		if r, ok := t.known.records.get(record); ok && changed && slices.Contains(summary, section) {
			r.share = nil
		}
	}()
	for _, f := range facts {
		was, known := set.have[f.Key]
		if !known || was.value != f.Value {
			if known {
				set.end(f.Key, was, obs)
			}
			was = factState{value: f.Value, begin: &factBegin{key: f.Key, value: f.Value, from: obs}}
			set.begins = append(set.begins, was.begin)
			changed = true
		}
		was.obs = obs
		set.have[f.Key] = was
	}
	if keep {
		return changed, nil
	}
	for key, f := range set.have {
		if f.obs != obs {
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
		if err := t.later(ctx, `update fact set to_obs = n.obs from (select cast(value->>0 as bigint) as record, value->>1 as section, value->>2 as key,
				cast(value->>3 as bigint) as obs from json_each($1)) n
			where fact.record_id = n.record and fact.section = n.section and fact.key = n.key and fact.to_obs is null`, &ends, 0); err != nil {
			return err
		}
	}
	if begins.n == 0 {
		return nil
	}
	return t.later(ctx, `insert into fact (record_id, section, key, from_obs, to_obs, value)
		select cast(value->>0 as bigint), value->>1, value->>2, cast(value->>3 as bigint), cast(value->>4 as bigint), value->>5
		from json_each($1)`, &begins, 0)
}

// orNull is null for 0, which no observation has.
func orNull(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}
