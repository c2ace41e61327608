package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
)

// Most changes leave the assets what they were: a laptop is in another dock, is seen at another site, is seen
// again. What is attached to an asset follows from which records it is, from what speaks against them,
// and from their names and addresses. Where the first two are as they were, only who has to do with the names
// and addresses that changed can go elsewhere, and of an asset's history in addresses nothing is read.

// question is a name or an address by which something may be attached to a record otherwise than before.
type question struct {
	carried
	was *Claim // a name of which days changed and nothing else, as it was
}

// stirred are the names and addresses by which something may be attached otherwise than before. Things
// without an identity that are as they were are let go: they come back where one of these is theirs.
func (l *neighbourhood) stirred(d *decision) []question {
	var out []question
	idle := map[*component]bool{}
	was := l.earlier()
	for _, c := range componentsOf(d.members) {
		if was == nil {
			out = append(out, l.wholly(c)...)
			continue
		}
		anchored, before := d.anchored(c), was.before(c)
		switch {
		case anchored && before != nil && was.anchored(before) && steady(c, before, was):
			for _, n := range c.nodes {
				if l.seeds[n] {
					out = append(out, l.newly(n)...)
				}
			}
		case anchored:
			out = append(out, l.wholly(c)...)
		case before != nil && !was.anchored(before) && !slices.ContainsFunc(c.nodes, was.changed):
			idle[c] = true
		default: // explored as a whole, with whatever was attached to it
		}
	}
	d.letGo(idle)
	return out
}

// wholly are all names and addresses of a component.
func (l *neighbourhood) wholly(c *component) []question {
	var out []question
	for _, n := range c.nodes {
		for _, x := range slices.Concat(l.weakOf(n), l.weeksOf(n)) {
			out = append(out, question{carried: x})
		}
	}
	return out
}

// letGo takes components out of the decision, but for those without which a value would be judged otherwise.
func (d *decision) letGo(idle map[*component]bool) {
	for again := true; again; {
		again = false
		for c := range idle {
			if slices.ContainsFunc(c.nodes, func(n *node) bool { return d.needed(n, idle) }) {
				delete(idle, c)
				again = true
			}
		}
	}
	d.members = slices.DeleteFunc(d.members, func(n *node) bool {
		if !idle[n.of] {
			return false
		}
		n.of, n.closed = nil, false
		return true
	})
}

// needed says that what becomes of a value of a node depends on the assets of all who hold it, or on all sightings of
// a card, and that some of them stay. A value that its holders alone demote is demoted without them.
func (d *decision) needed(n *node, idle map[*component]bool) bool {
	for _, c := range n.strong {
		for _, e := range d.judge(c.value, c.Tier) {
			if !slices.Contains(e.holders, n) {
				continue
			}
			for _, o := range e.holders {
				stays := o.of != nil && o.of != n.of && !idle[o.of]
				if stays && (e.demotion == nil || c.Type == inventory.IDMAC && n.bareSighting() && o.bareSighting()) {
					return true
				}
			}
		}
	}
	return false
}

// newly are the names that a seed in a steady asset has otherwise than before, and its addresses in places and weeks in
// which it was seen anew.
func (l *neighbourhood) newly(n *node) []question {
	before := l.before[n.ID]
	var out []question
	for _, c := range l.weakOf(n) {
		was := claimIn(before, c.Key)
		switch {
		case was != nil && *was == *c.Claim:
		case was != nil && was.Tier == c.Tier:
			out = append(out, question{c, was})
		default:
			out = append(out, question{carried: c})
		}
	}
	var scopes []string
	for _, c := range l.weeksOf(n) {
		if was := claimIn(before, c.Key); was == nil || *was != *c.Claim {
			scopes = append(scopes, c.Scope)
		}
	}
	for _, c := range l.weeksOf(n) {
		if slices.Contains(scopes, c.Scope) {
			out = append(out, question{carried: c})
		}
	}
	return out
}

// past is the decision by values that identify about the same records before the seeds changed.
type past struct {
	*decision
	of map[*node]*node // by the nodes of now; new records have none
}

// earlier is the past, nil when it is not known. A person's word gives records the marks of others: where one is
// about, all is looked at.
func (l *neighbourhood) earlier() *past {
	if len(l.pinList) > 0 {
		return nil
	}
	for n := range l.seeds {
		if _, known := l.before[n.ID]; l.seeds[n] && !known {
			return nil
		}
	}
	p := &past{newDecision(newGraph(l.rules, nil)), make(map[*node]*node, len(l.nodes))}
	values := map[*held]*held{}
	var closed []*node
	for _, n := range l.nodes {
		m := l.pastOf(n, values)
		if m == nil {
			continue
		}
		p.of[n], p.nodes[n.ID] = m, m
		if n.closed {
			closed = append(closed, m)
		}
	}
	for now, h := range values {
		for _, n := range now.holders {
			m := p.of[n]
			if m != nil && n.Record != m.Record && claimIn(m.Claims, h.Key) == nil {
				m = nil // it came to carry it
			}
			if m != nil {
				h.holders = append(h.holders, m)
			}
		}
		h.many = now.many && len(now.holders) == 0 || len(h.holders) > l.rules.holders()
	}
	p.joinAnew(closed)
	return p
}

// pastOf is a node as it was, nil for a new record. values leads from claim values to what they were.
func (l *neighbourhood) pastOf(n *node, values map[*held]*held) *node {
	then := func(h *held) *held {
		if values[h] == nil {
			values[h] = &held{Key: h.Key}
		}
		return values[h]
	}
	before, changed := l.before[n.ID]
	if !changed {
		m := *n
		m.strong, m.weak, m.weeks, m.days, m.of, m.round = slices.Clone(n.strong), nil, nil, nil, nil, 0
		for i := range m.strong {
			m.strong[i].value = then(m.strong[i].value)
		}
		return &m
	}
	if len(before) == 0 {
		return nil
	}
	m := newNode(l.rules.admit(&Record{ID: n.ID, Kind: n.Kind, Claims: before}))
	m.closed = n.closed
	for i := range m.Claims {
		if c := &m.Claims[i]; c.Tier <= tierPart {
			m.strong = append(m.strong, carried{c, then(l.value(c.Key))})
		}
	}
	return m
}

// changed says that a node is new or has other claims than it had.
func (p *past) changed(n *node) bool { return p.of[n] == nil || p.of[n].Record != n.Record }

// before is the component that a component's nodes were, but for new ones; nil when there is no such.
func (p *past) before(c *component) *component {
	var was *component
	old := 0
	for _, n := range c.nodes {
		if m := p.of[n]; m != nil {
			if was != nil && m.of != was {
				return nil
			}
			was = m.of
			old++
		}
	}
	if was == nil || len(was.nodes) != old {
		return nil
	}
	return was
}

// steady says that nothing speaks against an asset's records that did not, so that whatever was attached to it by the
// names and addresses that it had stays so.
func steady(c, before *component, was *past) bool {
	return c.releasedOn() == before.releasedOn() && !slices.ContainsFunc(c.nodes, func(n *node) bool {
		m := was.of[n]
		return m == nil && !markless(n, before) || m != nil && was.changed(n) && !sameMarks(n, m)
	})
}

// sameMarks says that two nodes have the same marks: what keeps a thing without an identity from them.
func sameMarks(a, b *node) bool {
	return slices.Equal(a.roles, b.roles) && slices.Equal(a.serials, b.serials) && slices.Equal(a.uuids, b.uuids) &&
		maps.EqualFunc(a.provider, b.provider, slices.Equal) && a.agreement() == b.agreement()
}

// agreement is how many parts it has, by which an asset may nearly be another one.
func (n *node) agreement() (parts int) {
	for _, c := range n.strong {
		if c.Tier == tierPart {
			parts++
		}
	}
	return parts
}

// markless says that a node brings no mark to a component.
func markless(n *node, c *component) bool {
	return len(n.serials)+len(n.uuids)+len(n.provider)+n.agreement() == 0 &&
		(len(n.roles) == 0 || slices.ContainsFunc(c.nodes, func(m *node) bool { return slices.Equal(m.roles, n.roles) }))
}

// asked are the answers to questions: names with all who bear them, and records of which only addresses are known.
func (l *neighbourhood) asked(ctx context.Context, questions []question) (names []carried, sightings []int64, err error) {
	var keys []Key
	var open []question
	for _, q := range questions {
		if q.Type == TypeAddress || q.was != nil {
			keys, open = append(keys, q.Key), append(open, q)
		} else {
			names = append(names, q.carried)
		}
	}
	if len(open) == 0 {
		return names, nil, nil
	}
	found, err := l.load.Holders(ctx, keys, l.limit())
	if err != nil {
		return nil, nil, fmt.Errorf("load holders of %d values: %w", len(keys), err)
	}
	for i, ids := range found {
		if len(ids) > l.rules.holders() {
			found[i] = nil // too many to mean anybody
		}
	}
	records, err := l.peek(ctx, found)
	if err != nil {
		return nil, nil, err
	}
	for i, q := range open {
		for _, id := range found[i] {
			r := records[id]
			theirs := claimIn(r.Claims, q.Key)
			switch {
			case theirs == nil: // dropped by the rules
			case q.Type == TypeAddress:
				if theirs.Days.any()&q.Days.any() != 0 && r.addressOnly() && !slices.Contains(sightings, id) {
					sightings = append(sightings, id)
				}
			case l.turns(q, r, theirs) && !slices.ContainsFunc(names, func(c carried) bool { return c.value == q.value }):
				names = append(names, q.carried)
			}
		}
	}
	return names, sightings, nil
}

// peek reads records without taking them in.
func (l *neighbourhood) peek(ctx context.Context, lists [][]int64) (map[int64]*Record, error) {
	out := map[int64]*Record{}
	var missing []int64
	for _, ids := range lists {
		for _, id := range ids {
			if _, asked := out[id]; asked {
				continue
			}
			if n := l.nodes[id]; n != nil {
				out[id] = n.Record
			} else {
				out[id] = nil
				missing = append(missing, id)
			}
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	list, err := l.load.Records(ctx, missing)
	if err != nil {
		return nil, fmt.Errorf("load %d records: %w", len(missing), err)
	}
	for i := range list {
		out[list[i].ID] = l.rules.admit(&list[i])
	}
	return out, nil
}

// turns says that days more of a name put a record that has it too elsewhere in time: what bearers and
// succession compare comes out differently.
func (l *neighbourhood) turns(q question, r *Record, theirs *Claim) bool {
	if before, changed := l.before[r.ID]; changed {
		if theirs = claimIn(before, q.Key); theirs == nil {
			return false // new to it: asked there
		}
	}
	return !distanceKept(q.was, q.Claim, theirs, claimIn(r.Claims, q.Key), nameLife, true)
}
