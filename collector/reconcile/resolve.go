package reconcile

import (
	"context"
	"fmt"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
)

// Resolve decides anew what the seeds, records that changed, can have an effect on.
// It equals Decide over all records, for the records that it names.
//
// It follows the values that join; one that two of its holders demote for sure is not
// followed, so the neighbourhood stays small however many machines share a dock.
//
// before leads from seeds to what they claimed before they changed, nil for new ones. It may lack some or all:
// more is decided then, not otherwise.
func Resolve(ctx context.Context, load Loader, seeds []int64, before map[int64][]Claim, pins []Pin) (Result, error) {
	return Rules{}.Resolve(ctx, load, seeds, before, pins)
}

func (r Rules) resolve(ctx context.Context, load Loader, seeds []int64, before map[int64][]Claim, pins []Pin) (Result, error) {
	l := &neighbourhood{graph: newGraph(r, pins), load: load, seeds: map[*node]bool{}, before: before}
	if err := l.close(ctx, seeds, true); err != nil {
		return Result{}, err
	}
	d := newDecision(l.graph)
	nodes := l.around()
	d.joinAnew(nodes)
	if err := l.dependants(ctx, d); err != nil {
		return Result{}, err
	}
	nodes = slices.DeleteFunc(nodes, func(n *node) bool { return !n.closed })
	for {
		if more := l.around(); len(more) > 0 {
			d.joinAnew(more)
			nodes = append(nodes, more...)
		}
		loose := d.unexplored(nodes)
		if len(loose) == 0 {
			d.attach()
			return d.result(), nil
		}
		if err := l.explore(ctx, loose); err != nil {
			return Result{}, err
		}
		nodes = nodes[:0]
	}
}

// neighbourhood is a graph that grows by what a loader knows.
type neighbourhood struct {
	*graph
	load   Loader
	seeds  map[*node]bool
	before map[int64][]Claim
	fresh  []*node // closed since the last joining
}

// close loads records and all that values which may join connect them to. The records
// that hold a value with them are loaded too: who they are decides on the value.
func (l *neighbourhood) close(ctx context.Context, ids []int64, seed bool) error {
	for len(ids) > 0 {
		if err := l.records(ctx, ids); err != nil {
			return err
		}
		var frontier []*node
		for _, id := range ids {
			n := l.nodes[id]
			if !n.closed {
				n.closed = true
				l.fresh = append(l.fresh, n)
				frontier = append(frontier, n)
				l.seeds[n] = l.seeds[n] || seed
			}
		}
		if seed {
			l.seedMates(frontier)
		}
		seed = false
		var strong []carried
		for _, n := range frontier {
			strong = append(strong, n.strong...)
		}
		if err := l.holdersOf(ctx, strong); err != nil {
			return err
		}
		ids = l.next(frontier)
	}
	return nil
}

// next are the records not yet closed that a frontier is joined to, or was before the
// seeds changed.
func (l *neighbourhood) next(frontier []*node) []int64 {
	var ids []int64
	add := func(n *node) {
		if !n.closed && !slices.Contains(ids, n.ID) {
			ids = append(ids, n.ID)
		}
	}
	for _, n := range frontier {
		for _, c := range n.strong {
			if len(c.value.holders) < 2 {
				continue
			}
			for _, part := range l.mayJoin(c.value, c.Tier) {
				if slices.Contains(part, n) {
					for _, h := range part {
						add(h)
					}
				}
			}
			joins := l.freshlyDemoted(n, c)
			for _, h := range c.value.holders {
				if joins || c.Type == inventory.IDMAC && (n.bareSighting() || l.seeds[n]) && h.bareSighting() {
					add(h)
				}
			}
		}
		for _, p := range l.pinList {
			if other, ok := p.other(n.ID); ok && (l.nodes[other] == nil || !l.nodes[other].closed) && !slices.Contains(ids, other) {
				ids = append(ids, other)
			}
		}
	}
	return ids
}

// freshlyDemoted says that a value may have joined its holders until a seed changed.
func (l *neighbourhood) freshlyDemoted(n *node, c carried) bool {
	if !l.seeds[n] {
		return false
	}
	var others []*node
	swapped := false
	for _, h := range c.value.holders {
		if l.seeds[h] {
			for _, o := range c.value.holders {
				swapped = swapped || o != h && h.agent != "" && h.agent == o.agent
			}
			continue
		}
		others = append(others, h)
	}
	return swapped || longSilence(c.value, others) || joinsSome(l.judgeAmong(c.value, c.Tier, others, false))
}

// records loads those that are not yet known.
func (l *neighbourhood) records(ctx context.Context, ids []int64) error {
	var missing []int64
	for _, id := range ids {
		if l.nodes[id] == nil && !slices.Contains(missing, id) {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	got, err := l.load.Records(ctx, missing)
	if err != nil {
		return fmt.Errorf("load %d records: %w", len(missing), err)
	}
	for i := range got {
		l.add(&got[i])
	}
	for _, id := range missing {
		if l.nodes[id] == nil {
			return inventory.Errorf(inventory.CodeNotFound, "record %d does not exist", id)
		}
	}
	return l.records(ctx, l.mates())
}

// limit is more holders than a value can join, however many of them are seeds.
func (l *neighbourhood) limit() int { return l.rules.holders() + len(l.seeds) + 1 }

// holdersOf loads who holds values, with their records.
func (l *neighbourhood) holdersOf(ctx context.Context, list []carried) error {
	var keys []Key
	var values []*held
	var days []*held
	for _, c := range list {
		h := c.value
		if h.in != nil && !h.known {
			h.known = true
			days = append(days, h)
			h = h.in
		}
		if !h.known {
			h.known = true
			keys, values = append(keys, h.Key), append(values, h)
		}
	}
	defer func() {
		for _, h := range days {
			h.ofWeek()
		}
	}()
	if len(keys) == 0 {
		return nil
	}
	limit := l.limit()
	found, err := l.load.Holders(ctx, keys, limit)
	if err != nil {
		return fmt.Errorf("load holders of %d values: %w", len(keys), err)
	}
	var ids []int64
	for i, h := range values {
		if len(found[i]) >= limit {
			h.many = true // and was before the seeds changed
			continue
		}
		ids = append(ids, found[i]...)
	}
	if err := l.records(ctx, ids); err != nil {
		return err
	}
	for i, h := range values {
		if h.many {
			continue
		}
		h.holders = make([]*node, len(found[i]))
		for j, id := range found[i] {
			h.holders[j] = l.nodes[id]
		}
		h.many = len(found[i]) > l.rules.holders()
	}
	return nil
}

// dependants loads what may be attached to the assets found so far otherwise than before: who bears a
// name of theirs, and the sightings of their addresses.
func (l *neighbourhood) dependants(ctx context.Context, d *decision) error {
	names, sightings, err := l.asked(ctx, l.stirred(d))
	if err != nil {
		return err
	}
	if err := l.holdersOf(ctx, names); err != nil {
		return err
	}
	return l.close(ctx, append(notClosed(names), sightings...), false)
}

// notClosed are the holders of values, where these are not too many.
func notClosed(list []carried) []int64 {
	var ids []int64
	for _, c := range list {
		if c.value.many {
			continue
		}
		for _, h := range c.value.holders {
			if !h.closed && !slices.Contains(ids, h.ID) {
				ids = append(ids, h.ID)
			}
		}
	}
	return ids
}

// around are the records closed since the last time, and those that they can have an
// effect on: who shares an identifying value or a pin with one of them, and so on.
func (l *neighbourhood) around() []*node {
	out := l.fresh
	l.fresh = nil
	at := make(map[*node]bool, len(out))
	for _, n := range out {
		at[n] = true
	}
	add := func(n *node) {
		if n != nil && n.closed && !at[n] {
			at[n] = true
			out = append(out, n)
		}
	}
	for i := 0; i < len(out); i++ {
		for _, c := range out[i].strong {
			if !c.value.many {
				for _, h := range c.value.holders {
					add(h)
				}
			}
		}
		for _, p := range l.pinList {
			if other, ok := p.other(out[i].ID); ok {
				add(l.nodes[other])
			}
		}
	}
	return out
}

// unexplored are the records without an identity whose candidates are not all loaded.
func (d *decision) unexplored(nodes []*node) []*node {
	var out []*node
	for _, c := range componentsOf(nodes) {
		if d.anchored(c) {
			continue
		}
		for _, n := range c.nodes {
			if !n.weakDone {
				out = append(out, n)
			}
		}
	}
	return out
}

// explore loads all that records without an identity might be attached to or chained with.
func (l *neighbourhood) explore(ctx context.Context, nodes []*node) error {
	var weak []carried
	for _, n := range nodes {
		n.weakDone = true
		weak = append(append(weak, l.weakOf(n)...), l.daysOf(n)...)
	}
	if err := l.holdersOf(ctx, weak); err != nil {
		return err
	}
	return l.close(ctx, notClosed(weak), false)
}
