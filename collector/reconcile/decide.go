package reconcile

import (
	"cmp"
	"maps"
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
		for _, list := range [][]carried{n.strong, g.weakOf(n), g.weeksOf(n), g.daysOf(n)} {
			for _, c := range list {
				c.value.holders = append(c.value.holders, n)
				c.value.many = len(c.value.holders) > g.rules.holders()
			}
		}
	}
	for _, w := range g.weeks {
		for _, d := range w.days {
			if d != nil {
				d.many = w.many
			}
		}
	}
	d := newDecision(g)
	d.joinAnew(slices.Collect(maps.Values(g.nodes)))
	d.attach()
	return d
}

// graph is the records known while deciding and who holds which value.
type graph struct {
	rules   Rules
	pins    pinned
	pinList []Pin
	nodes   map[int64]*node
	byKey   map[Key]*held // weeks of addresses are apart
	weeks   map[Key]*held
	rounds  int // how often joinAnew ran
}

// held is a claim value with what is known of those who carry it. There is one of each,
// so that it is looked up once for a claim, however often it is asked about.
type held struct {
	Key
	holders []*node
	known   bool  // holders are loaded, or too many
	many    bool  // more records carry it than one thing has
	judged  bool  // eras is filled
	eras    []era // oldest first

	round int
	tier  int32 // the strongest in which the records of that round claim it

	in   *held             // of an address on a day: the week, and the day's place in it
	day  int               // likewise
	days [daysOfWeek]*held // of an address in a week, those that were asked for
}

// carried is a record's claim with its value.
type carried struct {
	*Claim
	value *held
}

func newGraph(r Rules, pins []Pin) *graph {
	return &graph{rules: r, pins: indexPins(pins), pinList: slices.Clone(pins), nodes: map[int64]*node{}, byKey: map[Key]*held{}, weeks: map[Key]*held{}}
}

func (g *graph) add(r *Record) {
	n := newNode(g.rules.admit(r))
	for i := range n.Claims {
		if c := &n.Claims[i]; c.Tier <= tierPart {
			n.strong = append(n.strong, carried{c, g.value(c.Key)})
		}
	}
	g.nodes[r.ID] = n
	g.learn(r.Pins)
}

func (g *graph) value(k Key) *held {
	h := g.byKey[k]
	if h == nil {
		h = &held{Key: k}
		g.byKey[k] = h
	}
	return h
}

// weakOf are a node's names and host keys.
func (g *graph) weakOf(n *node) []carried {
	if n.weak == nil {
		n.weak = []carried{}
		for i := range n.Claims {
			if c := &n.Claims[i]; c.Tier > tierPart && c.Tier < tierRole && c.Type != TypeAddress {
				n.weak = append(n.weak, carried{c, g.value(c.Key)})
			}
		}
	}
	return n.weak
}

// weeksOf are a node's addresses by weeks. Most nodes are never asked for them.
func (g *graph) weeksOf(n *node) []carried {
	if n.weeks == nil {
		n.weeks = []carried{}
		for i := range n.Claims {
			if c := &n.Claims[i]; c.Type == TypeAddress {
				w := g.weeks[c.Key]
				if w == nil {
					w = &held{Key: c.Key}
					g.weeks[c.Key] = w
				}
				n.weeks = append(n.weeks, carried{c, w})
			}
		}
	}
	return n.weeks
}

// daysOf are a node's addresses by days.
func (g *graph) daysOf(n *node) []carried {
	if n.days != nil {
		return n.days
	}
	n.days = []carried{}
	for _, week := range g.weeksOf(n) {
		for i := range week.value.days {
			there, near := week.Days>>i&1 != 0, week.Days>>(i+daysOfWeek)&1 != 0
			if !there && !near {
				continue
			}
			v := g.onDay(week.value, i)
			c := &Claim{Key: v.Key, Tier: tierNearby, First: week.First, Last: week.Last}
			if there {
				_, first := placeAndWeek(week.Scope)
				c.Tier, c.First, c.Last = tierAddress, first+Day(i), first+Day(i)
			}
			n.days = append(n.days, carried{c, v})
		}
	}
	return n.days
}

// onDay is an address on a day of a week.
func (g *graph) onDay(week *held, i int) *held {
	if week.days[i] == nil {
		place, first := placeAndWeek(week.Scope)
		week.days[i] = &held{Key: Key{Type: TypeAddress, Scope: onDay(place, first+Day(i)), Value: week.Value}, in: week, day: i}
		g.byKey[week.days[i].Key] = week.days[i]
	}
	return week.days[i]
}

// ofWeek fills in who has an address on a day from who has it in the week.
func (h *held) ofWeek() {
	h.many = h.in.many
	for _, n := range h.in.holders {
		if c := claimIn(n.Claims, h.in.Key); c != nil && c.Days.any()>>h.day&1 != 0 {
			h.holders = append(h.holders, n)
		}
	}
}

// judge divides a value's holders by time and demotes it where they, and nothing that is
// learned of other records, speak against it.
func (g *graph) judge(h *held, tier int32) []era {
	if !h.judged {
		slices.SortFunc(h.holders, func(a, b *node) int { return cmp.Compare(a.ID, b.ID) })
		h.eras, h.judged = g.judgeAmong(h, tier, h.holders, h.many), true
	}
	return h.eras
}

func (g *graph) judgeAmong(h *held, tier int32, holders []*node, many bool) []era {
	if g.rules.distrusts(h.Key) {
		return []era{{holders, &Demotion{Key: h.Key, Tier: tier, Reason: "the rules say that it cannot be trusted"}}}
	}
	if many {
		return []era{{holders, &Demotion{Key: h.Key, Tier: tier, Reason: "more records carry it than one thing has"}}}
	}
	var out []era
	for _, nodes := range eras(h, holders) {
		e := era{holders: nodes}
		if len(nodes) > 1 {
			if a, b, reason := newJudge(nodes, g.pins).holders(h.Key, nodes); reason != "" {
				e.demotion = &Demotion{Key: h.Key, Tier: tier, Reason: reason, A: a.ID, B: b.ID}
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
	members   []*node // of all components
	demotions map[inTime]*Demotion
	joins     []Join
	handovers []Handover
}

// inTime is one era of a value.
type inTime struct {
	*held
	era int
}

func newDecision(g *graph) *decision {
	return &decision{graph: g, demotions: map[inTime]*Demotion{}}
}

// joinAnew is the decision by values that identify, before anything is attached. Whoever
// shares a value or a pin with one of the nodes is among them: the others stay joined as
// they are.
func (d *decision) joinAnew(nodes []*node) {
	d.rounds++
	for _, n := range nodes {
		if n.of == nil {
			d.members = append(d.members, n)
		}
		n.of, n.round = &component{nodes: []*node{n}, anchor: n.ID}, d.rounds
	}
	d.joins = slices.DeleteFunc(d.joins, func(j Join) bool { return d.anew(j.Records[0]) })
	d.pinTogether()
	d.joinByValues(nodes)
	d.joinSightings()
}

// anew says that a record is joined anew in this round.
func (d *decision) anew(record int64) bool {
	n := d.nodes[record]
	return n != nil && n.round == d.rounds
}

func (d *decision) pinTogether() {
	for _, p := range d.pinList {
		if !p.Same || !d.anew(p.A) || !d.anew(p.B) {
			continue
		}
		d.joins = append(d.joins, Join{Key: Key{Type: "pin"}, Tier: -1, Rule: "a person said that they are one", Records: []int64{p.A, p.B}})
		d.unite(d.nodes[p.A], d.nodes[p.B])
	}
}

// value is a claim value that may join, with what orders it among others.
type value struct {
	*held
	era      int // of those that its holders fall into
	tier     int32
	kinds    int // how many kinds of sources agree on it
	nodes    []*node
	demotion *Demotion // by its holders alone
}

// joinByValues joins records tier by tier, within a tier first by what most kinds of
// sources agree on.
func (d *decision) joinByValues(nodes []*node) {
	for _, v := range d.values(nodes) {
		delete(d.demotions, inTime{v.held, v.era})
		if v.demotion != nil {
			d.demotions[inTime{v.held, v.era}] = v.demotion
			if toldApart(v.demotion) {
				d.joinParts(v)
			}
			continue
		}
		if dem := d.apart(v); dem != nil {
			d.demotions[inTime{v.held, v.era}] = dem
			continue
		}
		d.join(v.held, v.tier, "", v.nodes)
	}
}

// joinSightings joins what scanners saw of one network card in several places when the
// card identifies no machine: an adapter that goes from hand to hand is one thing itself.
func (d *decision) joinSightings() {
	var keys []inTime
	for k := range d.demotions {
		if k.Type == inventory.IDMAC && k.Scope == "" && !k.many && k.round == d.rounds {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b inTime) int { return cmp.Or(compareKeys(a.Key, b.Key), cmp.Compare(a.era, b.era)) })
	for _, k := range keys {
		bare := slices.DeleteFunc(slices.Clone(d.judge(k.held, tierMAC)[k.era].holders), func(n *node) bool { return !n.bareSighting() || !n.closed })
		for _, e := range d.judgeAmong(k.held, tierMAC, bare, false) {
			if len(d.components(e.holders)) > 1 && e.demotion == nil && d.apart(value{held: k.held, tier: tierMAC, nodes: e.holders}) == nil {
				d.join(k.held, tierMAC, "sightings of one network card", e.holders)
			}
		}
	}
}

func (d *decision) values(nodes []*node) []value {
	var all []*held
	for _, n := range nodes {
		for _, c := range n.strong {
			switch h := c.value; {
			case len(h.holders) < 2 && !h.many:
			case h.round != d.rounds:
				h.round, h.tier = d.rounds, c.Tier
				all = append(all, h)
			default:
				h.tier = min(h.tier, c.Tier)
			}
		}
	}
	out := make([]value, 0, len(all))
	for _, h := range all {
		for i, e := range d.judge(h, h.tier) {
			if len(e.holders) > 1 || e.demotion != nil {
				out = append(out, value{held: h, era: i, tier: h.tier, nodes: e.holders, kinds: kindsOf(e.holders), demotion: e.demotion})
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
	kinds := make([]inventory.SourceKind, 0, 8)
	for _, n := range nodes {
		if !slices.Contains(kinds, n.Kind) {
			kinds = append(kinds, n.Kind)
		}
	}
	return len(kinds)
}

// apart demotes a value whose holders' assets, as joined so far, cannot be one.
func (d *decision) apart(v value) *Demotion {
	groups := d.components(v.nodes)
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
		if c := n.of; c != nil && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func (d *decision) join(h *held, tier int32, rule string, nodes []*node) {
	j := Join{Key: h.Key, Tier: tier, Rule: rule, Records: make([]int64, len(nodes))}
	if rule == "" {
		j.Rule = "same " + typeWords(h.Type)
	}
	since := Day(0)
	for i, n := range nodes {
		j.Records[i] = n.ID
		d.unite(nodes[0], n)
		if first := n.claimOf(h).First; first > since {
			since = first // they agree from the day on which the last of them said so
		}
	}
	j.Since = since.Time()
	d.joins = append(d.joins, j)
}

func (d *decision) unite(a, b *node) {
	ca, cb := a.of, b.of
	if ca == nil || cb == nil || ca == cb {
		return
	}
	if len(ca.nodes) < len(cb.nodes) {
		ca, cb = cb, ca
	}
	for _, n := range cb.nodes {
		n.of = ca
	}
	ca.nodes = append(ca.nodes, cb.nodes...)
	ca.anchor = min(ca.anchor, cb.anchor)
}

// assetOf is the component that a record is in, nil where it was not decided about.
func (g *graph) assetOf(record int64) *component {
	if n := g.nodes[record]; n != nil {
		return n.of
	}
	return nil
}

// then are the holders of a demoted value at its time.
func (k inTime) then() []*node {
	if k.era < len(k.eras) {
		return k.eras[k.era].holders
	}
	return k.holders
}

func (d *decision) result() Result {
	res := Result{Assets: make(map[int64]int64, len(d.members)), Joins: d.joins, Handovers: d.handovers, NearMisses: d.nearMisses()}
	for _, n := range d.members {
		res.Assets[n.ID] = n.of.anchor
	}
	for k, dem := range d.demotions {
		dem := *dem // verdicts outlive a decision
		dem.Told = toldApart(&dem)
		if a, b := d.assetOf(dem.A), d.assetOf(dem.B); a != nil && a == b {
			continue // something better says that they are one
		}
		for _, n := range k.then() {
			dem.Holders = append(dem.Holders, n.ID)
		}
		res.Demotions = append(res.Demotions, dem)
	}
	slices.SortFunc(res.Demotions, func(a, b Demotion) int {
		return cmp.Or(cmp.Compare(a.Tier, b.Tier), compareKeys(a.Key, b.Key), cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B))
	})
	return res
}
