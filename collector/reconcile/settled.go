package reconcile

import (
	"cmp"
	"context"
	"slices"

	"github.com/muster-itam/muster/internal/inventory"
)

// Surroundings is a Loader that also knows what was decided before.
type Surroundings interface {
	Loader
	// Assets leads from records to their assets, 0 for records that have none yet.
	Assets(ctx context.Context, records []int64) (map[int64]int64, error)
	// Members are the records of assets.
	Members(ctx context.Context, assets []int64) (map[int64][]int64, error)
}

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
	s := &settler{rules: r, load: load, before: make(map[int64][]Claim, len(changed)), briefs: map[int64]*brief{}, holders: map[Key][]int64{}, aloofs: map[int64]bool{},
		limit: r.holders() + len(changed) + 1}
	ids := make([]int64, 0, len(changed))
	for id, claims := range changed {
		ids = append(ids, id)
		s.before[id] = r.admit(&Record{Claims: claims}).Claims
	}
	slices.Sort(ids)
	if err := s.gather(ctx, ids); err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		switch {
		case s.alone(id):
			alone = append(alone, id)
		case !s.settled(id):
			unsettled = append(unsettled, id)
		}
	}
	return unsettled, alone, nil
}

// settler compares changed records with those that share something with them.
type settler struct {
	rules   Rules
	load    Surroundings
	before  map[int64][]Claim
	briefs  map[int64]*brief
	holders map[Key][]int64
	assets  map[int64]int64
	members map[int64][]int64
	aloofs  map[int64]bool // of assets
	limit   int
}

// brief is what settling needs to know of a record.
type brief struct {
	Record
	first, last Day
	cards       int  // network cards
	agent       bool // has an agent's id
	view        bool // its list of network cards may be the whole list
	addressOnly bool
	gone        bool   // was said to be gone for good
	nobody      bool   // comes and goes with a name or an address
	anchored    bool   // its asset is sure to have an identity
	place       string // where it had addresses
	wanders     bool   // in several places
	full        *node  // for what is seldom asked
}

func (b *brief) node() *node {
	if b.full == nil {
		b.full = newNode(&b.Record)
	}
	return b.full
}

func newBrief(r Record) *brief {
	b := &brief{Record: r, addressOnly: r.Kind == inventory.KindScanner}
	b.first, b.last = span(r.Claims)
	polled := false // its one card may be the whole list
	for i := range r.Claims {
		c := &r.Claims[i]
		switch {
		case c.Type == inventory.IDMAC && c.Tier == tierMAC:
			b.cards++
		case c.Type == inventory.IDAgent:
			b.agent = true
		case c.Type == inventory.IDSerial, c.Type == inventory.IDSNMPEngine:
			polled = true
		case c.Type == TypeGone:
			b.gone = true
		case c.Type == TypeAddress:
			place, _ := placeAndWeek(c.Scope)
			b.wanders = b.wanders || b.place != "" && b.place != place
			b.place = place
		}
		b.addressOnly = b.addressOnly && c.Tier >= tierName
	}
	b.nobody = r.Kind == inventory.KindScanner && !r.Identified()
	b.view = b.cards > 0 && (r.Kind != inventory.KindScanner || b.cards > 1 || polled)
	return b
}

// elsewhere says that one of two may have been seen at a site at which the other was not.
func (b *brief) elsewhere(other *brief) bool {
	return b.wanders || other.wanders || b.place != other.place
}

// span is the first and the last day of claims.
func span(claims []Claim) (first, last Day) {
	for i := range claims {
		if c := &claims[i]; first == 0 || c.First < first {
			first = c.First
		}
		if c := &claims[i]; c.Last > last {
			last = c.Last
		}
	}
	return first, last
}

// gather loads the changed records, who shares a value with them, and for agents those
// whom their assets share a value with.
func (s *settler) gather(ctx context.Context, ids []int64) error {
	if err := s.records(ctx, ids); err != nil {
		return err
	}
	var keys []Key
	var agents []int64
	for _, id := range ids {
		before := s.before[id]
		for i, c := range s.briefs[id].Claims {
			// An address of another week than those that changed is as it was.
			if c.Tier != tierRole && (c.Type != TypeAddress || i >= len(before) || c != before[i]) {
				keys = append(keys, c.Key)
			}
		}
		if before != nil && s.briefs[id].agent {
			agents = append(agents, id)
		}
	}
	if err := s.held(ctx, keys); err != nil {
		return err
	}
	if err := s.belong(ctx, s.holding(keys)); err != nil {
		return err
	}
	if err := s.company(ctx, ids); err != nil {
		return err
	}
	var assets []int64
	for _, id := range agents {
		assets = append(assets, s.assets[id])
	}
	near, err := s.around(ctx, assets)
	if err != nil {
		return err
	}
	keys = keys[:0]
	for _, id := range near {
		keys = appendStrong(keys, s.briefs[id])
	}
	if err := s.held(ctx, keys); err != nil {
		return err
	}
	far := s.holding(keys)
	if err := s.belong(ctx, far); err != nil {
		return err
	}
	assets = assets[:0]
	for _, id := range far {
		assets = append(assets, s.assets[id])
	}
	_, err = s.around(ctx, assets)
	return err
}

// company loads whom records belong to an asset with that may have no identity, and who
// shares their names and what might be one.
func (s *settler) company(ctx context.Context, ids []int64) error {
	var assets []int64
	for _, id := range ids {
		b := s.briefs[id]
		if b.anchored = s.surelyAnchored(b); !b.anchored && !b.nobody && b.place != "" && s.before[id] != nil {
			assets = append(assets, s.assets[id])
		}
	}
	with, err := s.around(ctx, assets)
	if err != nil {
		return err
	}
	var keys []Key
	for _, id := range with {
		for i := range s.briefs[id].Claims {
			if c := &s.briefs[id].Claims[i]; c.Type == TypeName || anchors(c) {
				keys = append(keys, c.Key)
			}
		}
	}
	return s.held(ctx, keys)
}

func appendStrong(keys []Key, b *brief) []Key {
	for i := range b.Claims {
		if b.Claims[i].Tier <= tierPart {
			keys = append(keys, b.Claims[i].Key)
		}
	}
	return keys
}

// records loads records that are not known yet.
func (s *settler) records(ctx context.Context, ids []int64) error {
	var missing []int64
	for _, id := range ids {
		if s.briefs[id] == nil {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	list, err := s.load.Records(ctx, missing)
	if err != nil {
		return err
	}
	for _, r := range list {
		s.briefs[r.ID] = newBrief(*s.rules.admit(&r))
	}
	for _, id := range missing {
		if s.briefs[id] == nil {
			return inventory.Errorf(inventory.CodeNotFound, "record %d does not exist", id)
		}
	}
	return nil
}

// held loads who holds values.
func (s *settler) held(ctx context.Context, keys []Key) error {
	var missing []Key
	for _, k := range keys {
		if _, ok := s.holders[k]; !ok {
			s.holders[k] = nil
			missing = append(missing, k)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := s.load.Holders(ctx, missing, s.limit)
	for i, ids := range found {
		s.holders[missing[i]] = ids
	}
	return err
}

// holding are the holders of values that not too many carry.
func (s *settler) holding(keys []Key) []int64 {
	var ids []int64
	seen := map[int64]bool{}
	for _, k := range keys {
		if len(s.holders[k]) > s.rules.holders() {
			continue
		}
		for _, id := range s.holders[k] {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// belong loads records with their assets.
func (s *settler) belong(ctx context.Context, ids []int64) error {
	if err := s.records(ctx, ids); err != nil {
		return err
	}
	var missing []int64
	for _, id := range ids {
		if _, ok := s.assets[id]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := s.load.Assets(ctx, missing)
	if s.assets == nil {
		s.assets = map[int64]int64{}
	}
	for id, asset := range found {
		s.assets[id] = asset
	}
	return err
}

// around loads and returns the records of assets.
func (s *settler) around(ctx context.Context, assets []int64) ([]int64, error) {
	var missing []int64
	for _, a := range assets {
		if _, ok := s.members[a]; !ok && a != 0 && !slices.Contains(missing, a) {
			missing = append(missing, a)
		}
	}
	if len(missing) > 0 {
		found, err := s.load.Members(ctx, missing)
		if err != nil {
			return nil, err
		}
		if s.members == nil {
			s.members = map[int64][]int64{}
		}
		for _, a := range missing {
			s.members[a] = found[a]
		}
	}
	var ids []int64
	for _, a := range assets {
		ids = append(ids, s.members[a]...)
	}
	return ids, s.records(ctx, ids)
}

// alone says that a new record shares no value with another one.
func (s *settler) alone(id int64) bool {
	if s.before[id] != nil || len(s.briefs[id].Pins) > 0 {
		return false
	}
	for _, c := range s.briefs[id].Claims {
		if h := s.holders[c.Key]; c.Tier != tierRole && (len(h) > 1 || len(h) == 1 && h[0] != id) {
			return false
		}
	}
	return true
}

// settled says that what changed of a record changes no decision.
func (s *settler) settled(id int64) bool {
	before, now := s.before[id], s.briefs[id]
	first, last := span(before)
	if len(before) == 0 || s.assets[id] == 0 || len(now.Pins) > 0 || now.addressOnly || now.gone || now.nobody || now.first != first {
		return false
	}
	stayed := false // somewhere on another day
	for i := range now.Claims {
		c, was := &now.Claims[i], &Claim{}
		if i < len(before) {
			if was = &before[i]; c.Key != was.Key || c.Tier != was.Tier || c.Type != TypeAddress && c.First != was.First {
				return false
			}
		} else if c.Type != TypeAddress || c.Tier != tierAddress {
			return false
		}
		switch {
		case c.Type == TypeAddress:
			days := c.Days &^ was.Days
			if days != 0 && (!s.addressIdle(id, c.Key, days) || now.fills(c.Scope, days)) {
				return false
			}
			stayed = stayed || days&thereMask != 0
		case c.Type == TypeName || c.Type == inventory.IDSSHHostKey:
			if c.Last != was.Last && !s.nameKept(now, was, c) {
				return false
			}
		case c.Tier <= tierPart:
			if !s.valueKept(now, was, c, last) {
				return false
			}
		}
	}
	return (!stayed || s.aloof(now)) && (!now.agent || s.assetKept(now, last))
}

// aloof says that on which days a record was where is not compared with others' days: only
// what belongs to no asset with an identity is told from its like so, and only where
// somebody else bears a name with it (sideBySide).
func (s *settler) aloof(now *brief) bool {
	if now.anchored {
		return true
	}
	asset := s.assets[now.ID]
	known, ok := s.aloofs[asset]
	if !ok {
		known = s.anchoredTogether(s.members[asset]) || !s.namesShared(s.members[asset])
		s.aloofs[asset] = known
	}
	return known
}

// surelyAnchored says that a record's asset has an agent, or a value that only this record
// has: nothing can speak against that.
func (s *settler) surelyAnchored(now *brief) bool {
	if now.Kind == inventory.KindAgent {
		return true
	}
	for i := range now.Claims {
		if now.Claims[i].Tier > tierPart {
			continue
		}
		held := s.holders[now.Claims[i].Key]
		if len(held) == 1 && s.anchors(&now.Claims[i]) {
			return true
		}
		if len(held) <= s.rules.holders() && slices.ContainsFunc(held, func(h int64) bool {
			return s.briefs[h].Kind == inventory.KindAgent && s.assets[h] == s.assets[now.ID]
		}) {
			return true
		}
	}
	return false
}

func (s *settler) anchors(c *Claim) bool { return anchors(c) && !s.rules.distrusts(c.Key) }

// anchoredTogether says that the records of an asset are sure to have an identity: an
// agent's, or a value that nobody else has, while nothing in any two of them is a reason
// against it.
func (s *settler) anchoredTogether(members []int64) bool {
	for _, m := range members {
		if s.briefs[m].Kind == inventory.KindAgent {
			return true
		}
	}
	var j judge // without what makes two serial numbers one: it finds all that there is
	for i, a := range members {
		for _, b := range members[:i] {
			if len(s.briefs[a].Pins) > 0 || len(s.briefs[b].Pins) > 0 || j.conflict(s.briefs[a].node(), s.briefs[b].node()) != "" {
				return false
			}
		}
	}
	for _, m := range members {
		for i := range s.briefs[m].Claims {
			if c := &s.briefs[m].Claims[i]; s.anchors(c) && s.joinsAll(c.Key, members) {
				return true
			}
		}
	}
	return false
}

// joinsAll says that only these hold a value, that it joins those of them who do.
func (s *settler) joinsAll(k Key, members []int64) bool {
	var j judge
	held := s.holders[k]
	if len(held) == 0 || len(held) > s.rules.holders() {
		return false
	}
	for i, h := range held {
		if !slices.Contains(members, h) {
			return false
		}
		mine := claimIn(s.is(h), k)
		for _, o := range held[:i] {
			theirs := claimIn(s.is(o), k)
			if mine == nil || theirs == nil || j.despite(k, s.briefs[h].node(), s.briefs[o].node()) != "" {
				return false
			}
			if life := lifeOf(k.Type); life > 0 && max(theirs.First-mine.Last, mine.First-theirs.Last) > life {
				return false
			}
		}
	}
	return true
}

// namesShared says that a name of theirs is borne by more than one record.
func (s *settler) namesShared(members []int64) bool {
	for _, m := range members {
		for i := range s.briefs[m].Claims {
			if c := &s.briefs[m].Claims[i]; c.Type == TypeName && len(s.holders[c.Key]) > 1 {
				return true
			}
		}
	}
	return false
}

// addressIdle says that whatever of which only an address is known and that has this one on
// those days belongs to the record's asset already: then it stays there.
func (s *settler) addressIdle(id int64, k Key, days Days) bool {
	held := s.holders[k]
	if len(held) > s.rules.holders() {
		return len(held) >= s.limit // too many, and were before
	}
	for _, h := range held {
		if h == id || !s.briefs[h].addressOnly || s.assets[h] == s.assets[id] {
			continue
		}
		if c := claimIn(s.is(h), k); c == nil || c.Days.any()&days.any() != 0 {
			return false
		}
	}
	return true
}

// nameKept says that whoever bears a name with the record bears it before, with or after it,
// and near to it or far from it, as he did: that is what an asset is found by for what has
// nothing but the name (bearers, succession), and what divides those that have no asset
// (eras). Whom a name leads to is one asset at whatever time when all are one.
func (s *settler) nameKept(now *brief, was, is *Claim) bool {
	held := s.holders[was.Key]
	if len(held) > s.rules.holders() {
		return true
	}
	together := !slices.ContainsFunc(held, func(h int64) bool { return s.assets[h] != s.assets[now.ID] })
	for _, h := range held {
		if h != now.ID && (len(s.briefs[h].Pins) > 0 || !s.distanceKept(was, is, h, nameLife, !together)) {
			return false
		}
	}
	return true
}

// distanceKept says that another's claim on a value lies within a time of a record's if it
// did, and as well in order that it overlaps with it, touches it or is apart from it. Where a
// clock may be wrong nothing is said.
func (s *settler) distanceKept(was, is *Claim, other int64, life Day, order bool) bool {
	then, now := claimIn(s.was(other), was.Key), claimIn(s.is(other), was.Key)
	if then == nil || now == nil {
		return false
	}
	for _, gap := range [][2]Day{{then.First - was.Last, now.First - is.Last}, {was.First - then.Last, is.First - now.Last}} {
		before, after := gap[0], gap[1]
		if max(before, after) > clockOff || before > life != (after > life) || order && cmp.Compare(before, 0) != cmp.Compare(after, 0) {
			return false
		}
	}
	return true
}

// was is what a record claimed before this change.
func (s *settler) was(id int64) []Claim {
	if before, changed := s.before[id]; changed {
		return before
	}
	return s.is(id)
}

// is is what it claims now.
func (s *settler) is(id int64) []Claim { return s.briefs[id].Claims }

// fills says that with an address of these days a sighted card has more than are its own.
func (b *brief) fills(placeAndWeek string, days Days) bool {
	return b.Kind == inventory.KindScanner && addressesOn(b.Claims, placeAndWeek, days) > maxOwn
}

// valueKept says that the others who hold a value are about at once with the record where
// they were before, and near it in time, and were seen at two sites day after day if they
// are now; last is its last day then.
func (s *settler) valueKept(now *brief, was, is *Claim, last Day) bool {
	held, life := s.holders[was.Key], lifeOf(was.Type)
	if len(held) > s.rules.holders() {
		return true
	}
	for _, h := range held {
		if h == now.ID {
			continue
		}
		other := s.briefs[h]
		if len(other.Pins) > 0 {
			return false
		}
		if life > 0 && !s.distanceKept(was, is, h, life, false) {
			return false
		}
		if was.Type == inventory.IDMAC && was.Scope == "" && now.elsewhere(other) && s.twoPlaces(now, other, s.was) != s.twoPlaces(now, other, s.is) {
			return false
		}
		if now.view && other.view && s.meets(now, other, last) {
			return false
		}
	}
	return true
}

// twoPlaces is twoPlaces of what two claimed then, or claim now.
func (s *settler) twoPlaces(a, b *brief, claims func(int64) []Claim) bool {
	return a.Kind == inventory.KindScanner && b.Kind == inventory.KindScanner && a.cards == 1 && b.cards == 1 && dayAfterDay(claims(a.ID), claims(b.ID))
}

// assetKept is valueKept for all agents of the assets that share a value with an agent's:
// whether two agents were about at once can keep their assets apart.
func (s *settler) assetKept(now *brief, last Day) bool {
	var keys []Key
	for _, id := range s.members[s.assets[now.ID]] {
		if len(s.briefs[id].Pins) > 0 || s.briefs[id].gone {
			return false
		}
		keys = appendStrong(keys, s.briefs[id])
	}
	for _, id := range s.holding(keys) {
		if s.joinsAgent(now, id, last) {
			return false
		}
		for _, m := range s.members[s.assets[id]] {
			if s.joinsAgent(now, m, last) {
				return false
			}
		}
	}
	return true
}

func (s *settler) joinsAgent(now *brief, id int64, last Day) bool {
	other := s.briefs[id]
	return id != now.ID && (len(other.Pins) > 0 || other.agent && s.meets(now, other, last))
}

// meets says that two were not about at once before the change and are now, and that this
// makes a difference.
func (s *settler) meets(now, other *brief, last Day) bool {
	first, until := other.first, other.last
	if before, changed := s.before[other.ID]; changed {
		first, until = span(before)
	}
	was := now.first < until && first < last
	is := now.first < other.last && other.first < now.last
	return was != is && timeMatters(now.node(), other.node())
}
