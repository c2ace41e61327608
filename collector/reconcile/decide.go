package reconcile

import (
	"cmp"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
)

// maxHolders is how many records may carry a value that means one thing, where the rules say no other number.
const maxHolders = 64

// Decide is the decision over records that are everything there is.
func Decide(records []Record, pins []Pin) Result { return Rules{}.Decide(records, pins) }

func (r Rules) decide(records []Record, pins []Pin) *decision {
	g := newGraph(r, pins)
	for i := range records {
		g.add(&records[i])
	}
	g.pinList = slices.DeleteFunc(g.pinList, func(p Pin) bool { return g.nodes[p.A] == nil || g.nodes[p.B] == nil })
	g.mates()
	for _, n := range g.nodes {
		n.closed, n.weakDone = true, true
		for _, c := range n.Claims {
			if c.Tier != tierRole {
				g.holders[c.Key] = append(g.holders[c.Key], n)
				g.many[c.Key] = len(g.holders[c.Key]) > g.rules.holders()
			}
		}
	}
	d := g.joined()
	d.attach()
	return d
}

// graph is the records known while deciding and who holds which value.
type graph struct {
	rules   Rules
	pins    pinned
	pinList []Pin
	nodes   map[int64]*node
	holders map[Key][]*node
	many    map[Key]bool  // values that more records carry than one thing has
	verdict map[Key][]era // of the values judged so far, oldest first
}

func newGraph(r Rules, pins []Pin) *graph {
	return &graph{rules: r, pins: indexPins(pins), pinList: slices.Clone(pins), nodes: map[int64]*node{}, holders: map[Key][]*node{},
		many: map[Key]bool{}, verdict: map[Key][]era{}}
}

func (g *graph) add(r *Record) {
	n := newNode(g.rules.admit(r))
	g.nodes[r.ID] = n
	g.learn(r.Pins)
}

// judge divides a value's holders by time and demotes it where they, and nothing that is
// learned of other records, speak against it.
func (g *graph) judge(k Key, tier int) []era {
	out, ok := g.verdict[k]
	if !ok {
		slices.SortFunc(g.holders[k], func(a, b *node) int { return cmp.Compare(a.ID, b.ID) })
		out = g.judgeAmong(k, tier, g.holders[k], g.many[k])
		g.verdict[k] = out
	}
	return out
}

func (g *graph) judgeAmong(k Key, tier int, holders []*node, many bool) []era {
	if g.rules.distrusts(k) {
		return []era{{holders, &Demotion{Key: k, Tier: tier, Reason: "the rules say that it cannot be trusted"}}}
	}
	if many {
		return []era{{holders, &Demotion{Key: k, Tier: tier, Reason: "more records carry it than one thing has"}}}
	}
	var out []era
	for _, nodes := range eras(k, holders) {
		e := era{holders: nodes}
		if len(nodes) > 1 {
			if a, b, reason := newJudge(nodes, g.pins).holders(k, nodes); reason != "" {
				e.demotion = &Demotion{Key: k, Tier: tier, Reason: reason, A: a.ID, B: b.ID}
			}
		}
		out = append(out, e)
	}
	return out
}

// joinsSome says that a value is not demoted at all times.
func joinsSome(list []era) bool {
	return slices.ContainsFunc(list, func(e era) bool { return e.demotion == nil })
}

// component is records that are one asset.
type component struct {
	nodes  []*node
	anchor int64
}

// decision is the state of one run over a graph.
type decision struct {
	*graph
	of        map[*node]*component
	demotions map[inTime]*Demotion
	joins     []Join
	handovers []Handover
}

// inTime is one era of a value.
type inTime struct {
	Key
	era int
}

// joined is the decision by values that identify, before anything is attached.
func (g *graph) joined() *decision {
	d := &decision{graph: g, of: map[*node]*component{}, demotions: map[inTime]*Demotion{}}
	for id, n := range g.nodes {
		if n.closed {
			d.of[n] = &component{nodes: []*node{n}, anchor: id}
		}
	}
	d.pinTogether()
	d.joinByValues()
	d.joinSightings()
	return d
}

func (d *decision) pinTogether() {
	for _, p := range d.pinList {
		a, b := d.nodes[p.A], d.nodes[p.B]
		if !p.Same || a == nil || b == nil || !a.closed || !b.closed {
			continue
		}
		d.joins = append(d.joins, Join{Key: Key{Type: "pin"}, Tier: -1, Rule: "a person said that they are one", Records: []int64{p.A, p.B}})
		d.unite(a, b)
	}
}

// value is a claim value that may join, with what orders it among others.
type value struct {
	Key
	era     int // of those that its holders fall into
	tier    int
	kinds   int // how many kinds of sources agree on it
	holders []*node
	judged  *Demotion // by its holders alone
}

// joinByValues joins records tier by tier, within a tier first by what most kinds of
// sources agree on.
func (d *decision) joinByValues() {
	for _, v := range d.values() {
		if v.judged != nil {
			d.demotions[inTime{v.Key, v.era}] = v.judged
			if toldApart(v.judged) {
				d.joinParts(v)
			}
			continue
		}
		if dem := d.apart(v); dem != nil {
			d.demotions[inTime{v.Key, v.era}] = dem
			continue
		}
		d.join(v.Key, v.tier, "", v.holders)
	}
}

// joinSightings joins what scanners saw of one network card in several places when the
// card identifies no machine: an adapter that goes from hand to hand is one thing itself.
func (d *decision) joinSightings() {
	var keys []inTime
	for k := range d.demotions {
		if k.Type == inventory.IDMAC && k.Scope == "" && !d.many[k.Key] {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b inTime) int { return cmp.Or(compareKeys(a.Key, b.Key), cmp.Compare(a.era, b.era)) })
	for _, k := range keys {
		bare := slices.DeleteFunc(slices.Clone(d.judge(k.Key, tierMAC)[k.era].holders), func(n *node) bool { return !n.bareSighting() || !n.closed })
		for _, e := range d.judgeAmong(k.Key, tierMAC, bare, false) {
			if len(d.components(e.holders)) > 1 && e.demotion == nil && d.apart(value{Key: k.Key, tier: tierMAC, holders: e.holders}) == nil {
				d.join(k.Key, tierMAC, "sightings of one network card", e.holders)
			}
		}
	}
}

func (d *decision) values() []value {
	tiers := map[Key]int{}
	for n := range d.of {
		for _, c := range n.Claims {
			if c.Tier <= tierPart && (len(d.holders[c.Key]) > 1 || d.many[c.Key]) {
				if t, ok := tiers[c.Key]; !ok || c.Tier < t {
					tiers[c.Key] = c.Tier
				}
			}
		}
	}
	out := make([]value, 0, len(tiers))
	for k, t := range tiers {
		for i, e := range d.judge(k, t) {
			if len(e.holders) > 1 || e.demotion != nil {
				out = append(out, value{Key: k, era: i, tier: t, holders: e.holders, kinds: kindsOf(e.holders), judged: e.demotion})
			}
		}
	}
	slices.SortFunc(out, func(a, b value) int {
		return cmp.Or(cmp.Compare(a.tier, b.tier), -cmp.Compare(a.kinds, b.kinds), compareKeys(a.Key, b.Key), cmp.Compare(a.era, b.era))
	})
	return out
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Value, b.Value))
}

func kindsOf(nodes []*node) int {
	kinds := map[inventory.SourceKind]bool{}
	for _, n := range nodes {
		kinds[n.Kind] = true
	}
	return len(kinds)
}

// apart demotes a value whose holders' assets, as joined so far, cannot be one.
func (d *decision) apart(v value) *Demotion {
	groups := d.components(v.holders)
	if len(groups) < 2 {
		return nil
	}
	var all []*node
	for _, g := range groups {
		all = append(all, g.nodes...)
	}
	j := newJudge(all, d.pins)
	for i, g := range groups {
		for _, h := range groups[:i] {
			if a, b, reason := j.between(h.nodes, g.nodes); reason != "" {
				return &Demotion{Key: v.Key, Tier: v.tier, Reason: reason, A: a.ID, B: b.ID}
			}
		}
	}
	return nil
}

func (j judge) between(as, bs []*node) (a, b *node, reason string) {
	for _, a := range as {
		for _, b := range bs {
			if reason := j.conflict(a, b); reason != "" {
				return a, b, reason
			}
		}
	}
	return nil, nil, ""
}

// components are the different components of nodes, in the nodes' order.
func (d *decision) components(nodes []*node) []*component {
	var out []*component
	for _, n := range nodes {
		if c := d.of[n]; c != nil && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func (d *decision) join(k Key, tier int, rule string, nodes []*node) {
	j := Join{Key: k, Tier: tier, Rule: rule, Records: make([]int64, len(nodes))}
	if rule == "" {
		j.Rule = "same " + typeWords(k.Type)
	}
	for i, n := range nodes {
		j.Records[i] = n.ID
		d.unite(nodes[0], n)
		if since := n.claimOf(k).First; since.After(j.Since) {
			j.Since = since // they agree from the day on which the last of them said so
		}
	}
	d.joins = append(d.joins, j)
}

func (d *decision) unite(a, b *node) {
	ca, cb := d.of[a], d.of[b]
	if ca == nil || cb == nil || ca == cb {
		return
	}
	if len(ca.nodes) < len(cb.nodes) {
		ca, cb = cb, ca
	}
	for _, n := range cb.nodes {
		d.of[n] = ca
	}
	ca.nodes = append(ca.nodes, cb.nodes...)
	ca.anchor = min(ca.anchor, cb.anchor)
}

// heldThen are the holders of a demoted value at its time.
func (d *decision) heldThen(k inTime) []*node {
	if list := d.verdict[k.Key]; k.era < len(list) {
		return list[k.era].holders
	}
	return d.holders[k.Key]
}

func (d *decision) result() Result {
	res := Result{Assets: make(map[int64]int64, len(d.of)), Joins: d.joins, Handovers: d.handovers, NearMisses: d.nearMisses()}
	for n, c := range d.of {
		if n.closed {
			res.Assets[n.ID] = c.anchor
		}
	}
	for k, dem := range d.demotions {
		dem := *dem // verdicts outlive a decision
		dem.Told = toldApart(&dem)
		if a, b := d.of[d.nodes[dem.A]], d.of[d.nodes[dem.B]]; a != nil && a == b {
			continue // something better says that they are one
		}
		for _, n := range d.heldThen(k) {
			dem.Holders = append(dem.Holders, n.ID)
		}
		res.Demotions = append(res.Demotions, dem)
	}
	slices.SortFunc(res.Demotions, func(a, b Demotion) int {
		return cmp.Or(cmp.Compare(a.Tier, b.Tier), compareKeys(a.Key, b.Key), cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B))
	})
	return res
}
