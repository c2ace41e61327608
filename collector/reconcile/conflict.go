package reconcile

import (
	"fmt"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// judge says which of some records cannot be one asset. What makes two serial numbers
// mean one machine (a stack that reports both, a board swap) counts only when a record
// among them shows it: the verdict depends on these records and on nothing else.
type judge struct {
	pins    pinned
	serials classes
	uuids   classes
}

func newJudge(nodes []*node, pins pinned) judge {
	j := judge{pins: pins, serials: classes{}, uuids: classes{}}
	for _, n := range nodes {
		j.serials.join(n.serials)
		j.uuids.join(n.uuids)
	}
	for i, a := range nodes {
		for _, b := range nodes[:i] {
			if goesOn(a, b) || pins.same(a.ID, b.ID) {
				j.serials.join(a.serials, b.serials)
				j.uuids.join(a.uuids, b.uuids)
			}
		}
	}
	return j
}

// conflict is the reason why two records are two assets, "" without one. Unknown never conflicts.
func (j judge) conflict(a, b *node) string {
	switch {
	case j.pins.same(a.ID, b.ID):
		return ""
	case j.pins.different(a.ID, b.ID):
		return reasonPin
	case len(a.roles) > 0 && len(b.roles) > 0 && !overlap(a.roles, b.roles):
		return fmt.Sprintf("one is a %s, the other a %s", roleWords(a.roles[0]), roleWords(b.roles[0]))
	}
	for k, v := range a.provider {
		if w := b.provider[k]; len(w) > 0 && !overlap(v, w) {
			return "different " + typeWords(k.Type) + "s"
		}
	}
	known := len(a.serials) > 0 && len(b.serials) > 0
	sameSerial := known && j.serials.meet(a.serials, b.serials)
	if known && !sameSerial {
		return "different serial numbers"
	}
	if len(a.uuids) > 0 && len(b.uuids) > 0 && !j.uuids.meet(a.uuids, b.uuids) {
		if !known {
			return "different system UUIDs"
		}
		if a.agent != "" && b.agent != "" && atOnce(a, b) {
			return "different system UUIDs at the same time"
		}
	}
	if a.agent != "" && b.agent != "" && foreignCards(a, b) {
		return "different network cards at the same time"
	}
	return ""
}

// foreignCards says that two whole lists of network cards, valid over the same days,
// belong to two machines: at most half of the shorter one is in the other. A machine that
// changes docks all the time keeps a card and its disk.
func foreignCards(a, b *node) bool { return atOnce(a, b) && strangeCards(a, b) }

// strangeCards is foreignCards of two that were about at once.
func strangeCards(a, b *node) bool {
	if !a.view || !b.view || len(a.macs) == 0 || len(b.macs) == 0 {
		return false
	}
	common, shorter := shared(a.macs, b.macs), min(len(a.macs), len(b.macs))
	if common > 0 && shared(a.disks, b.disks) > 0 {
		return false
	}
	if a.Kind == b.Kind {
		return 2*common <= shorter
	}
	return 2*common < shorter
}

// timeMatters says that two are something else to each other when they are about at once.
func timeMatters(a, b *node) bool {
	if strangeCards(a, b) || succeeds(a, b) {
		return true
	}
	return a.agent != "" && b.agent != "" && len(a.uuids) > 0 && len(b.uuids) > 0 && !overlap(a.uuids, b.uuids)
}

func noCommonCard(a, b *node) bool {
	return len(a.macs) > 0 && len(b.macs) > 0 && shared(a.macs, b.macs) == 0
}

// holders finds two holders of a value that cannot be one asset. It knows more than
// conflict: what speaks against them because of the value that they share.
func (j judge) holders(k Key, nodes []*node) (a, b *node, reason string) {
	for i, a := range nodes {
		for _, b := range nodes[:i] {
			reason := j.conflict(a, b)
			if reason == "" && !j.pins.same(a.ID, b.ID) {
				reason = j.despite(k, a, b)
			}
			if reason != "" {
				return b, a, reason
			}
		}
	}
	return nil, nil, ""
}

func (j judge) despite(k Key, a, b *node) string {
	switch {
	case foreignCards(a, b):
		return "different network cards at the same time"
	case (k.Type == TypeDisk || k.Type == inventory.IDMachine) && a.agent != "" && b.agent != "" && noCommonCard(a, b):
		return "different network cards" // a disk that moved, a system that was copied
	case k.Type == inventory.IDSerial && k.Scope == "" && len(a.makers) > 0 && len(b.makers) > 0 && !overlap(a.makers, b.makers):
		return "different makers"
	case k.Type == inventory.IDMAC && k.Scope == "" && twoPlaces(a, b):
		return "seen at two sites day after day"
	}
	return ""
}

// twoPlaces says that scanners of two sites saw the address on the same days, again and
// again. A laptop is at two sites on one day at times; a copied machine always.
func twoPlaces(a, b *node) bool {
	return a.Kind == inventory.KindScanner && b.Kind == inventory.KindScanner && len(a.macs) == 1 && len(b.macs) == 1 && dayAfterDay(a.Claims, b.Claims)
}

// dayAfterDay says that two were seen on the same days, and not at one site, again and again.
func dayAfterDay(a, b []Claim) bool {
	here, mine := presence(a)
	there, theirs := presence(b)
	together := map[Day]Days{}
	for scope, days := range here {
		_, week := placeAndWeek(scope)
		together[week] |= days & there[scope]
	}
	elsewhere := 0
	for week, days := range mine {
		elsewhere += (days & theirs[week] &^ together[week]).count()
	}
	return elsewhere >= 3 && 2*elsewhere > min(total(mine), total(theirs))
}

// presence is on which days of a week claims were at each site, and at any.
func presence(lists ...[]Claim) (at map[string]Days, on map[Day]Days) {
	at, on = map[string]Days{}, map[Day]Days{}
	for _, claims := range lists {
		for i := range claims {
			c := &claims[i]
			if c.Type == TypeAddress && strings.HasPrefix(c.Scope, "site:") {
				_, week := placeAndWeek(c.Scope)
				at[c.Scope] |= c.Days & thereMask
				on[week] |= c.Days & thereMask
			}
		}
	}
	return at, on
}

func total[K comparable](weeks map[K]Days) (n int) {
	for _, days := range weeks {
		n += days.count()
	}
	return n
}

func overlap(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

// classes are values that mean the same thing: a union-find over strings.
type classes map[string]string

func (c classes) root(v string) string {
	for {
		p, ok := c[v]
		if !ok || p == v {
			return v
		}
		v = p
	}
}

func (c classes) join(lists ...[]string) {
	first := ""
	for _, l := range lists {
		for _, v := range l {
			if r := c.root(v); first == "" {
				first = r
			} else if r != first {
				c[r] = first
			}
		}
	}
}

func (c classes) meet(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if c.root(x) == c.root(y) {
				return true
			}
		}
	}
	return false
}
