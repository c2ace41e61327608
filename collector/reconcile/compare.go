package reconcile

import (
	"cmp"
	"fmt"
	"slices"
)

// Shared is a value that records of two assets both carry.
type Shared struct {
	Key  Key
	Tier int32
	// Reason is why it joins nothing; empty when nothing is against the value itself.
	Reason string
	A, B   int64 // holders, one on each side
}

// Veto is a reason why two records cannot be one thing.
type Veto struct {
	A, B   int64
	Reason string
}

// Comparison is what speaks for and against two sets of records being one asset.
type Comparison struct {
	Shared []Shared
	Vetoes []Veto
}

// Compare says what speaks for and against two sets of records being one asset, in the
// light of a decision about all of them.
func (r Rules) Compare(res Result, as, bs []Record) Comparison {
	g := newGraph(r, nil)
	side := func(list []Record) []*node {
		out := make([]*node, len(list))
		for i := range list {
			g.add(&list[i])
			out[i] = g.nodes[list[i].ID]
		}
		return out
	}
	left, right := side(as), side(bs)
	g.pinList = slices.DeleteFunc(g.pinList, func(p Pin) bool { return g.nodes[p.A] == nil || g.nodes[p.B] == nil })
	g.mates()
	var out Comparison
	demoted := map[Key]string{}
	for _, d := range res.Demotions {
		demoted[d.Key] = d.Reason
	}
	seen := map[Key]bool{}
	theirs := map[Key]*node{}
	for _, b := range right {
		for _, c := range g.all(b) {
			if theirs[c.Key] == nil {
				theirs[c.Key] = b
			}
		}
	}
	for _, a := range left {
		for _, c := range g.all(a) {
			if b := theirs[c.Key]; b != nil && !seen[c.Key] {
				seen[c.Key] = true
				out.Shared = append(out.Shared, Shared{Key: c.Key, Tier: c.Tier, Reason: demoted[c.Key], A: a.ID, B: b.ID})
			}
		}
	}
	slices.SortFunc(out.Shared, func(x, y Shared) int { return cmp.Or(cmp.Compare(x.Tier, y.Tier), compareKeys(x.Key, y.Key)) })
	j := newJudge(slices.Concat(left, right), g.pins)
	for _, a := range left {
		for _, b := range right {
			if reason := j.conflict(a, b); reason != "" && !slices.ContainsFunc(out.Vetoes, func(v Veto) bool { return v.Reason == reason }) {
				out.Vetoes = append(out.Vetoes, Veto{a.ID, b.ID, reason})
			}
		}
	}
	return out
}

// all are a node's claims that two things may share, addresses by days.
func (g *graph) all(n *node) []carried { return slices.Concat(n.strong, g.weakOf(n), g.daysOf(n)) }

// Text is a comparison in words. a and b name the two sides, name renders a record.
func (c Comparison) Text(a, b string, name func(int64) string) []string {
	out := []string{fmt.Sprintf("%s and %s are two assets.", a, b)}
	for _, v := range c.Vetoes {
		out = append(out, fmt.Sprintf("%s and %s cannot be one: %s.", name(v.A), name(v.B), v.Reason))
	}
	weak := 0
	told := map[said]bool{}
	for _, s := range c.Shared {
		v := said{s.Key.Type, s.Key.Value}
		if s.Tier < tierAddress && told[v] {
			continue
		}
		told[v] = true
		switch {
		case s.Tier >= tierAddress:
			weak++
		case s.Reason != "":
			out = append(out, fmt.Sprintf("They share the %s, which joins nothing: %s.", describe(s.Key), s.Reason))
		case s.Tier > tierPart:
			out = append(out, fmt.Sprintf("They share the %s, which alone joins no two assets that have an identity of their own.", describe(s.Key)))
		default:
			out = append(out, fmt.Sprintf("They share the %s.", describe(s.Key)))
		}
	}
	if weak > 0 {
		out = append(out, fmt.Sprintf("They had the same address at the same place and day %s.", times(weak)))
	}
	if len(c.Shared) == 0 {
		out = append(out, "Nothing that identifies a machine is common to them.")
	}
	if len(c.Vetoes) == 0 {
		out = append(out, "Nothing is known that keeps them apart: say with muster pin if they are one.")
	}
	return sentences(out)
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// Path is how records of one asset hang together from one to another: the joins on the
// shortest way. nil when they do not.
func Path(res Result, from, to int64) []Join {
	type step struct {
		prev int64
		join int
	}
	reached := map[int64]step{from: {join: -1}}
	for queue := []int64{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == to {
			var out []Join
			for at != from {
				s := reached[at]
				j := res.Joins[s.join]
				j.Records = []int64{s.prev, at}
				out, at = append(out, j), s.prev
			}
			slices.Reverse(out)
			return out
		}
		for i, j := range res.Joins {
			if !slices.Contains(j.Records, at) {
				continue
			}
			for _, next := range j.Records {
				if _, known := reached[next]; !known {
					reached[next] = step{at, i}
					queue = append(queue, next)
				}
			}
		}
	}
	return nil
}

// Tell is joins in words.
func Tell(joins []Join, name func(int64) string) []string {
	out := make([]string, len(joins))
	for i, j := range joins {
		out[i] = sentence(j, func(int64) bool { return true }, name)
	}
	return sentences(out)
}
