package reconcile

import (
	"context"
	"slices"
	"strings"

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

// settler compares changed records with those that share something with them. Records,
// values and assets are there once and lead to each other, so that each is looked up once.
type settler struct {
	rules  Rules
	load   Surroundings
	limit  int
	briefs map[int64]*brief
	values map[Key]*common
	assets map[int64]*company
}

// brief is what settling needs to know of a record.
type brief struct {
	Record
	was         []Claim // what it claimed before the change
	changed     bool
	fresh       bool // is a new record
	of          *company
	placed      bool      // of is known
	values      []*common // of its claims, nil where nobody asked
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

// common is a value with the records that carry it.
type common struct {
	Key
	known bool // ids are
	many  bool // more than one thing has
	ids   []int64
	by    []*brief // unless they are many
}

// company is an asset with its records.
type company struct {
	id           int64
	known        bool // members are
	members      []*brief
	asked, aloof bool
	lookedAt     *brief // the last agent that was compared with them
}

func (b *brief) node() *node {
	if b.full == nil {
		b.full = newNode(&b.Record)
	}
	return b.full
}

func (b *brief) fill() {
	b.addressOnly = b.Record.addressOnly()
	b.nobody = b.Kind == inventory.KindScanner && !b.Identified()
	polled := false // its one card may be the whole list
	for i := range b.Claims {
		c := &b.Claims[i]
		if b.first == 0 || c.First < b.first {
			b.first = c.First
		}
		b.last = max(b.last, c.Last)
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
			place := c.Scope[:max(0, strings.LastIndexByte(c.Scope, '@'))]
			b.wanders = b.wanders || b.place != "" && b.place != place
			b.place = place
		}
	}
	b.view = b.cards > 0 && (b.Kind != inventory.KindScanner || b.cards > 1 || polled)
}

// elsewhere says that one of two may have been seen at a site at which the other was not.
func (b *brief) elsewhere(other *brief) bool {
	return b.wanders || other.wanders || b.place != other.place
}

// span is the first and the last day of claims.
func span(claims []Claim) (first, last Day) {
	for i := range claims {
		c := &claims[i]
		if first == 0 || c.First < first {
			first = c.First
		}
		last = max(last, c.Last)
	}
	return first, last
}

// gather loads the changed records, who shares a value with them, and for agents those
// whom their assets share a value with.
func (s *settler) gather(ctx context.Context, ids []int64, before map[int64][]Claim) ([]*brief, error) {
	changed, err := s.records(ctx, ids)
	if err != nil {
		return nil, err
	}
	var values []*common
	for _, b := range changed {
		b.changed, b.fresh = true, before[b.ID] == nil
		b.was = s.rules.admit(&Record{Claims: before[b.ID]}).Claims
		for i := range b.Claims {
			// An address of another week than those that changed is as it was.
			if c := &b.Claims[i]; c.Tier != tierRole && (c.Type != TypeAddress || i >= len(b.was) || *c != b.was[i]) {
				values = append(values, s.value(b, i))
			}
		}
	}
	if err := s.held(ctx, values); err != nil {
		return nil, err
	}
	if err := s.belong(ctx, values); err != nil {
		return nil, err
	}
	if err := s.doubtful(ctx, changed); err != nil {
		return nil, err
	}
	return changed, s.agents(ctx, changed)
}

// doubtful loads whom records belong to an asset with that may have no identity, and who
// shares their names and what might be one.
func (s *settler) doubtful(ctx context.Context, changed []*brief) error {
	var assets []*company
	for _, b := range changed {
		if b.anchored = s.surelyAnchored(b); !b.anchored && !b.nobody && !b.fresh && b.place != "" {
			assets = append(assets, b.of)
		}
	}
	_, err := s.shared(ctx, assets, func(c *Claim) bool { return c.Type == TypeName || anchors(c) })
	return err
}

// agents loads whom the assets of agents share a value with, and the assets of these.
func (s *settler) agents(ctx context.Context, changed []*brief) error {
	var assets []*company
	for _, b := range changed {
		if b.agent && !b.fresh {
			assets = append(assets, b.of)
		}
	}
	values, err := s.shared(ctx, assets, func(c *Claim) bool { return c.Tier <= tierPart })
	if err != nil {
		return err
	}
	if err := s.belong(ctx, values); err != nil {
		return err
	}
	assets = assets[:0]
	for _, v := range values {
		for _, b := range v.by {
			assets = append(assets, b.of)
		}
	}
	return s.around(ctx, assets)
}

// shared loads the records of assets, and the ids of who carries those of their values that are wanted.
func (s *settler) shared(ctx context.Context, assets []*company, wanted func(*Claim) bool) (values []*common, err error) {
	if err := s.around(ctx, assets); err != nil {
		return nil, err
	}
	for _, a := range assets {
		for _, m := range a.all() {
			for i := range m.Claims {
				if wanted(&m.Claims[i]) {
					values = append(values, s.value(m, i))
				}
			}
		}
	}
	return values, s.held(ctx, values)
}

// all are an asset's records.
func (a *company) all() []*brief {
	if a == nil {
		return nil
	}
	return a.members
}

// value is that of a record's claim.
func (s *settler) value(b *brief, i int) *common {
	if b.values == nil {
		b.values = make([]*common, len(b.Claims))
	}
	if b.values[i] == nil {
		v := s.values[b.Claims[i].Key]
		if v == nil {
			v = &common{Key: b.Claims[i].Key}
			s.values[v.Key] = v
		}
		b.values[i] = v
	}
	return b.values[i]
}

// records loads records that are not known yet, and returns all.
func (s *settler) records(ctx context.Context, ids []int64) ([]*brief, error) {
	var missing []int64
	for _, id := range ids {
		if _, known := s.briefs[id]; !known {
			s.briefs[id] = nil
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		list, err := s.load.Records(ctx, missing)
		if err != nil {
			return nil, err
		}
		fresh := make([]brief, len(list))
		for i := range list {
			b := &fresh[i]
			b.Record = *s.rules.admit(&list[i])
			b.was = b.Claims
			b.fill()
			s.briefs[b.ID] = b
		}
	}
	out := make([]*brief, len(ids))
	for i, id := range ids {
		if out[i] = s.briefs[id]; out[i] == nil {
			return nil, inventory.Errorf(inventory.CodeNotFound, "record %d does not exist", id)
		}
	}
	return out, nil
}

// held loads the ids of who holds values.
func (s *settler) held(ctx context.Context, values []*common) error {
	var missing []*common
	var keys []Key
	for _, v := range values {
		if !v.known {
			v.known = true
			missing, keys = append(missing, v), append(keys, v.Key)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := s.load.Holders(ctx, keys, s.limit)
	for i, ids := range found {
		missing[i].ids, missing[i].many = ids, len(ids) > s.rules.holders()
	}
	return err
}

// belong loads the holders of values that not too many carry, with their assets.
func (s *settler) belong(ctx context.Context, values []*common) error {
	var ids []int64
	var missing []*common
	for _, v := range values {
		if !v.many && v.by == nil && len(v.ids) > 0 {
			missing, ids = append(missing, v), append(ids, v.ids...)
		}
	}
	all, err := s.records(ctx, ids)
	if err != nil {
		return err
	}
	for _, v := range missing {
		v.by, all = all[:len(v.ids):len(v.ids)], all[len(v.ids):]
	}
	ids = ids[:0]
	for _, v := range missing {
		for _, b := range v.by {
			if !b.placed {
				b.placed = true
				ids = append(ids, b.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := s.load.Assets(ctx, ids)
	for id, asset := range found {
		s.briefs[id].of = s.asset(asset)
	}
	return err
}

// asset is nil for those that have none.
func (s *settler) asset(id int64) *company {
	a := s.assets[id]
	if a == nil && id != 0 {
		a = &company{id: id}
		s.assets[id] = a
	}
	return a
}

// around loads the records of assets.
func (s *settler) around(ctx context.Context, assets []*company) error {
	var missing []*company
	var ids []int64
	for _, a := range assets {
		if a != nil && !a.known {
			a.known = true
			missing, ids = append(missing, a), append(ids, a.id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	found, err := s.load.Members(ctx, ids)
	if err != nil {
		return err
	}
	ids = ids[:0]
	for _, a := range missing {
		ids = append(ids, found[a.id]...)
	}
	all, err := s.records(ctx, ids)
	if err != nil {
		return err
	}
	for _, a := range missing {
		n := len(found[a.id])
		a.members, all = all[:n:n], all[n:]
	}
	return nil
}
