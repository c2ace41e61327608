package reconcile

import (
	"context"
	"maps"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
)

// Unsettled are those of the changed records that Resolve has to decide about. changed
// leads from each to the claims that it had before, nil for a new record. Of the others,
// the ones in alone share nothing with any record and are assets of their own; those in
// neither keep their asset, and so does everybody else for all that they changed.
//
// Most reports tell that a thing is still there: the same claims, a day older, and where
// it was seen today. A decision sees days only where it compares them:
//
//   - whether two agents, or two whole lists of network cards that share a value, were
//     about at once (atOnce), which makes a difference to few (timeMatters);
//   - how far apart in time two holders of a name, a host key, a card or a disk are (eras), and
//     whether one bore a name when the other did, or after him (bearers, succession);
//   - on which days scanners saw one card at two sites (twoPlaces), two things of one name
//     that have no identity (sideBySide), one card with more addresses than are its own
//     (answersForOthers);
//   - whether a source or an agent spoke of a thing after it was gone (releasedOn).
//
// Where none of these comparisons comes out differently, and a new address means nothing to
// things of which only an address is known, every decision is the one that it was.
//
// A person's word gives records the marks of others: where one is about, all is decided.
func (r Rules) Unsettled(ctx context.Context, load Surroundings, changed map[int64][]Claim) (unsettled, alone []int64, err error) {
	s := &settler{rules: r, load: load, limit: r.holders() + len(changed) + 1,
		briefs: make(map[int64]*brief, 2*len(changed)), values: make(map[Key]*common, 8*len(changed)), assets: make(map[int64]*company, len(changed))}
	records, err := s.gather(ctx, slices.Sorted(maps.Keys(changed)), changed)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range records {
		switch {
		case b.alone():
			alone = append(alone, b.ID)
		case !s.settled(b):
			unsettled = append(unsettled, b.ID)
		}
	}
	return unsettled, alone, nil
}

// alone says that a new record shares no value with another one.
func (b *brief) alone() bool {
	if !b.fresh || len(b.Pins) > 0 {
		return false
	}
	for _, v := range b.values {
		if v != nil && (len(v.ids) > 1 || len(v.ids) == 1 && v.ids[0] != b.ID) {
			return false
		}
	}
	return true
}

// settled says that what changed of a record changes no decision.
func (s *settler) settled(now *brief) bool {
	first, last := span(now.was)
	if len(now.was) == 0 || now.of == nil || len(now.Pins) > 0 || now.addressOnly || now.gone || now.nobody || now.first != first {
		return false
	}
	stayed := false // somewhere on another day
	for i := range now.Claims {
		c, was := &now.Claims[i], &Claim{}
		if i < len(now.was) {
			if was = &now.was[i]; c.Key != was.Key || c.Tier != was.Tier || c.Type != TypeAddress && c.First != was.First {
				return false
			}
		} else if c.Type != TypeAddress || c.Tier != tierAddress {
			return false
		}
		v := now.values[i]
		switch {
		case c.Type == TypeAddress:
			days := c.Days &^ was.Days
			if days != 0 && (!s.addressIdle(now, v, days) || now.fills(c.Scope, days)) {
				return false
			}
			stayed = stayed || days&thereMask != 0
		case c.Type == TypeName || c.Type == inventory.IDSSHHostKey:
			if c.Last != was.Last && !v.nameKept(now, was, c) {
				return false
			}
		case c.Tier <= tierPart:
			if !v.kept(now, was, c, last) {
				return false
			}
		}
	}
	return (!stayed || s.aloof(now)) && (!now.agent || now.assetKept(last))
}

// addressIdle says that whatever of which only an address is known and that has this one on
// those days belongs to the record's asset already: then it stays there.
func (s *settler) addressIdle(now *brief, v *common, days Days) bool {
	if v.many {
		return len(v.ids) >= s.limit // too many, and were before
	}
	for _, b := range v.by {
		if b == now || !b.addressOnly || b.of == now.of {
			continue
		}
		if c := claimIn(b.Claims, v.Key); c == nil || c.Days.any()&days.any() != 0 {
			return false
		}
	}
	return true
}

// fills says that with an address of these days a sighted card has more than are its own.
func (b *brief) fills(placeAndWeek string, days Days) bool {
	return b.Kind == inventory.KindScanner && addressesOn(b.Claims, placeAndWeek, days) > maxOwn
}

// nameKept says that whoever bears a name with the record bears it before, with or after it,
// and near to it or far from it, as he did: that is what an asset is found by for what has
// nothing but the name (bearers, succession), and what divides those that have no asset
// (eras). Whom a name leads to is one asset at whatever time when all are one.
func (v *common) nameKept(now *brief, was, is *Claim) bool {
	together := !slices.ContainsFunc(v.by, func(b *brief) bool { return b.of != now.of })
	for _, b := range v.by {
		if b != now && (len(b.Pins) > 0 || !b.distanceKept(was, is, nameLife, !together)) {
			return false
		}
	}
	return true
}

// kept says that the others who hold a value are about at once with the record where they
// were before, or that this means nothing to them, and near it in time, and were seen at two
// sites day after day if they are now; last is the record's last day then.
func (v *common) kept(now *brief, was, is *Claim, last Day) bool {
	life := lifeOf(v.Type)
	for _, b := range v.by {
		switch {
		case b == now:
		case len(b.Pins) > 0, life > 0 && !b.distanceKept(was, is, life, false), now.view && b.view && b.meets(now, last):
			return false
		case v.Type == inventory.IDMAC && v.Scope == "" && now.elsewhere(b) && now.sightedWith(b):
			if dayAfterDay(now.was, b.was) != dayAfterDay(now.Claims, b.Claims) {
				return false
			}
		}
	}
	return true
}

// sightedWith says that scanners saw one network card of each of two (twoPlaces).
func (b *brief) sightedWith(other *brief) bool {
	return b.Kind == inventory.KindScanner && other.Kind == inventory.KindScanner && b.cards == 1 && other.cards == 1
}

// distanceKept is that of its claim on a value from another's.
func (b *brief) distanceKept(was, is *Claim, life Day, order bool) bool {
	then, now := claimIn(b.was, was.Key), claimIn(b.Claims, was.Key)
	return then != nil && now != nil && distanceKept(was, is, then, now, life, order)
}

// assetKept is kept for all agents of the assets that share a value with an agent's:
// whether two agents were about at once can keep their assets apart.
func (b *brief) assetKept(last Day) bool {
	for _, m := range b.of.members {
		if len(m.Pins) > 0 || m.gone {
			return false
		}
		for i, v := range m.values {
			if v == nil || m.Claims[i].Tier > tierPart {
				continue
			}
			for _, h := range v.by {
				if h.joinsAgent(b, last) || h.of != nil && h.of.lookedAt != b && slices.ContainsFunc(h.of.members, func(m *brief) bool { return m.joinsAgent(b, last) }) {
					return false
				}
				if h.of != nil {
					h.of.lookedAt = b
				}
			}
		}
	}
	return true
}

func (b *brief) joinsAgent(agent *brief, last Day) bool {
	return b != agent && (len(b.Pins) > 0 || b.agent && b.meets(agent, last))
}

// meets says that it was not about at once with another before the change and is now, and
// that this makes a difference; last is the other's last day then.
func (b *brief) meets(other *brief, last Day) bool {
	first, until := b.first, b.last
	if b.changed {
		first, until = span(b.was)
	}
	was := other.first < until && first < last
	is := other.first < b.last && b.first < other.last
	return was != is && timeMatters(other.node(), b.node())
}

// aloof says that on which days a record was where is not compared with others' days: only
// what belongs to no asset with an identity is told from its like so, and only where
// somebody else bears a name with it (sideBySide).
func (s *settler) aloof(now *brief) bool {
	if a := now.of; !now.anchored && !a.asked {
		a.asked, a.aloof = true, s.anchoredTogether(a.members) || !namesShared(a.members)
	}
	return now.anchored || now.of.aloof
}

// surelyAnchored says that a record's asset has an agent, or a value that only this record
// has: nothing can speak against that.
func (s *settler) surelyAnchored(now *brief) bool {
	if now.Kind == inventory.KindAgent {
		return true
	}
	for i, v := range now.values {
		switch c := &now.Claims[i]; {
		case v == nil, c.Tier > tierPart:
		case len(v.ids) == 1 && s.anchors(c):
			return true
		case slices.ContainsFunc(v.by, func(b *brief) bool { return b.Kind == inventory.KindAgent && b.of == now.of }):
			return true
		}
	}
	return false
}

func (s *settler) anchors(c *Claim) bool { return anchors(c) && !s.rules.distrusts(c.Key) }

// anchoredTogether says that the records of an asset are sure to have an identity: an
// agent's, or a value that nobody else has, while nothing in any two of them is a reason
// against it.
func (s *settler) anchoredTogether(members []*brief) bool {
	if slices.ContainsFunc(members, func(b *brief) bool { return b.Kind == inventory.KindAgent }) {
		return true
	}
	var j judge // without what makes two serial numbers one: it finds all that there is
	for i, a := range members {
		for _, b := range members[:i] {
			if len(a.Pins) > 0 || len(b.Pins) > 0 || j.conflict(a.node(), b.node()) != "" {
				return false
			}
		}
	}
	for _, m := range members {
		for i, v := range m.values {
			if v != nil && s.anchors(&m.Claims[i]) && v.joinsAll(members) {
				return true
			}
		}
	}
	return false
}

// joinsAll says that only these hold a value, and that it joins those of them who do.
func (v *common) joinsAll(members []*brief) bool {
	var held []*brief
	for _, m := range members {
		if slices.Contains(v.ids, m.ID) {
			held = append(held, m)
		}
	}
	if v.many || len(held) < len(v.ids) {
		return false
	}
	life := lifeOf(v.Type)
	var j judge
	for i, a := range held {
		mine := claimIn(a.Claims, v.Key)
		for _, b := range held[:i] {
			theirs := claimIn(b.Claims, v.Key)
			if mine == nil || theirs == nil || j.despite(v.Key, a.node(), b.node()) != "" || life > 0 && max(theirs.First-mine.Last, mine.First-theirs.Last) > life {
				return false
			}
		}
	}
	return len(held) > 0
}

// namesShared says that a name of theirs is borne by more than one record.
func namesShared(members []*brief) bool {
	for _, m := range members {
		for i, v := range m.values {
			if v != nil && m.Claims[i].Type == TypeName && len(v.ids) > 1 {
				return true
			}
		}
	}
	return false
}
