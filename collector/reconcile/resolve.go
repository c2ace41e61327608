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
func Resolve(ctx context.Context, load Loader, seeds []int64, pins []Pin) (Result, error) {
	return Rules{}.Resolve(ctx, load, seeds, pins)
}

func (r Rules) resolve(ctx context.Context, load Loader, seeds []int64, pins []Pin) (Result, error) {
	l := &neighbourhood{graph: newGraph(r, pins), load: load, seeds: map[*node]bool{}, known: map[Key]bool{}}
	if err := l.close(ctx, seeds, true); err != nil {
		return Result{}, err
	}
	if err := l.dependants(ctx); err != nil {
		return Result{}, err
	}
	for {
		d := l.joined()
		loose := l.unexplored(d)
		if len(loose) == 0 {
			d.attach()
			return d.result(), nil
		}
		if err := l.explore(ctx, loose); err != nil {
			return Result{}, err
		}
	}
}

// neighbourhood is a graph that grows by what a loader knows.
type neighbourhood struct {
	*graph
	load  Loader
	seeds map[*node]bool
	known map[Key]bool // holders loaded, or too many
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
				frontier = append(frontier, n)
				l.seeds[n] = l.seeds[n] || seed
			}
		}
		if seed {
			l.seedMates(frontier)
		}
		seed = false
		if err := l.holdersOf(ctx, frontier, func(c *Claim) bool { return c.Tier <= tierPart }); err != nil {
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
		for i := range n.Claims {
			c := &n.Claims[i]
			if c.Tier > tierPart || len(l.holders[c.Key]) < 2 {
				continue
			}
			for _, part := range l.mayJoin(c.Key, c.Tier) {
				if slices.Contains(part, n) {
					for _, h := range part {
						add(h)
					}
				}
			}
			joins := l.freshlyDemoted(n, c)
			for _, h := range l.holders[c.Key] {
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
func (l *neighbourhood) freshlyDemoted(n *node, c *Claim) bool {
	if !l.seeds[n] {
		return false
	}
	var others []*node
	swapped := false
	for _, h := range l.holders[c.Key] {
		if l.seeds[h] {
			for _, o := range l.holders[c.Key] {
				swapped = swapped || o != h && h.agent != "" && h.agent == o.agent
			}
			continue
		}
		others = append(others, h)
	}
	return swapped || longSilence(c.Key, others) || joinsSome(l.judgeAmong(c.Key, c.Tier, others, false))
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

// holdersOf loads who holds the wanted values of nodes, with their records.
func (l *neighbourhood) holdersOf(ctx context.Context, nodes []*node, want func(*Claim) bool) error {
	var keys []Key
	for _, n := range nodes {
		for i := range n.Claims {
			if c := &n.Claims[i]; want(c) && c.Tier != tierRole && !l.known[c.Key] {
				l.known[c.Key] = true
				keys = append(keys, c.Key)
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	limit := l.rules.holders() + len(l.seeds) + 1
	held, err := l.load.Holders(ctx, keys, limit)
	if err != nil {
		return fmt.Errorf("load holders of %d values: %w", len(keys), err)
	}
	var ids []int64
	for _, k := range keys {
		if len(held[k]) >= limit {
			l.many[k] = true // and was before the seeds changed
			continue
		}
		ids = append(ids, held[k]...)
	}
	if err := l.records(ctx, ids); err != nil {
		return err
	}
	for _, k := range keys {
		if l.many[k] {
			continue
		}
		for _, id := range held[k] {
			l.holders[k] = append(l.holders[k], l.nodes[id])
		}
		l.many[k] = len(held[k]) > l.rules.holders()
	}
	return nil
}

func weakKey(c *Claim) bool {
	return c.Type == TypeName || c.Type == TypeAddress || c.Type == inventory.IDSSHHostKey
}

// dependants loads what may be attached to the assets loaded so far: who bears a name of
// theirs, and the sightings of their addresses.
func (l *neighbourhood) dependants(ctx context.Context) error {
	core := l.closedNodes()
	if err := l.holdersOf(ctx, core, weakKey); err != nil {
		return err
	}
	return l.close(ctx, l.holdersToClose(core, func(c *Claim, h *node) bool {
		return c.Type != TypeAddress || addressesOnly(&component{nodes: []*node{h}})
	}), false)
}

func (l *neighbourhood) closedNodes() []*node {
	var out []*node
	for _, n := range l.nodes {
		if n.closed {
			out = append(out, n)
		}
	}
	return out
}

func (l *neighbourhood) holdersToClose(nodes []*node, admit func(*Claim, *node) bool) []int64 {
	var ids []int64
	for _, n := range nodes {
		for i := range n.Claims {
			c := &n.Claims[i]
			if !weakKey(c) || l.many[c.Key] {
				continue
			}
			for _, h := range l.holders[c.Key] {
				if !h.closed && admit(c, h) && !slices.Contains(ids, h.ID) {
					ids = append(ids, h.ID)
				}
			}
		}
	}
	return ids
}

// unexplored are the records without an identity whose candidates are not all loaded.
func (l *neighbourhood) unexplored(d *decision) []*node {
	var out []*node
	for _, c := range d.all() {
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
	for _, n := range nodes {
		n.weakDone = true
	}
	if err := l.holdersOf(ctx, nodes, weakKey); err != nil {
		return err
	}
	return l.close(ctx, l.holdersToClose(nodes, func(*Claim, *node) bool { return true }), false)
}
