package ingest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// applier applies the observations of one group inside its transaction. Deciding about
// the records whose claims changed and assembling assets are left to the end: several
// observations of a group may concern one asset, and who shares the database with other
// collectors locks what it decides upon in one go.
type applier struct {
	tx       *store.Tx
	received time.Time
	seeds    map[int64]int64 // records to be decided, with the observation that changed them
	dirty    map[int64]bool  // assets to assemble anew
}

func newApplier(tx *store.Tx, received time.Time) *applier {
	return &applier{tx: tx, received: received, seeds: map[int64]int64{}, dirty: map[int64]bool{}}
}

// finish decides and assembles what the group changed.
func (a *applier) finish(ctx context.Context) error {
	if err := a.decide(ctx); err != nil {
		return err
	}
	return a.tx.AssembleAssets(ctx, slices.Sorted(maps.Keys(a.dirty)), a.received)
}

// decide decides anew about the records whose claims changed.
func (a *applier) decide(ctx context.Context) error {
	if len(a.seeds) == 0 {
		return nil
	}
	decided, err := a.tx.Decide(ctx, a.seeds, "")
	if err != nil {
		return err
	}
	for _, id := range decided.Touched {
		a.dirty[id] = true
	}
	clear(a.seeds)
	return nil
}

// identity are the sections from which claims are derived.
var identity = []inventory.SectionName{
	inventory.SectionDevice, inventory.SectionHardware, inventory.SectionInterfaces,
	inventory.SectionDisks, inventory.SectionComponents, inventory.SectionOS,
}

// summary are the sections that show in a line of the asset list.
var summary = append([]inventory.SectionName{inventory.SectionMemory}, identity...)

const day = 24 * time.Hour

// apply takes one observation into the inventory.
func (a *applier) apply(ctx context.Context, o *inventory.Observation) (Ack, error) {
	src, err := a.tx.Source(ctx, o.Source, a.received)
	if err != nil {
		return Ack{}, err
	}
	if o.Epoch < src.Epoch || o.Epoch == src.Epoch && o.Seq <= src.Seq {
		return a.old(ctx, src, o)
	}
	seen, said := a.times(src, o.SeenAt)
	rec, isNew, err := a.record(ctx, src, o, seen, said)
	if err != nil {
		return Ack{}, err
	}
	have, err := a.tx.Sections(ctx, rec.ID)
	if err != nil {
		return Ack{}, err
	}
	obs, err := a.tx.AddObservation(ctx, store.Observation{Source: src.ID, Record: rec.ID, Epoch: o.Epoch, Seq: o.Seq,
		Seen: seen, Said: o.SeenAt, Receive: a.received})
	if err != nil {
		return Ack{}, err
	}
	if isNew {
		rec.FirstObs = obs
	}
	changed, news, needed, err := a.sections(ctx, rec.ID, obs, o.Sections, have)
	if err != nil {
		return Ack{}, err
	}
	moved := rec.Site != o.Source.Site // private addresses mean something else there
	rec.Source, rec.Site = src.ID, o.Source.Site
	rec.LastSeen = later(rec.LastSeen, seen)
	decide, err := a.claims(ctx, &rec, o.Source, said, isNew || moved || anyOf(changed, identity))
	if err != nil {
		return Ack{}, err
	}
	if err := a.tx.TouchRecord(ctx, rec); err != nil {
		return Ack{}, err
	}
	if decide {
		a.seeds[rec.ID] = obs
	}
	switch {
	case isNew:
		err = a.tx.SetChanges(ctx, obs, "*")
	case len(news) > 0:
		err = a.tx.SetChanges(ctx, obs, strings.Join(news, ","))
	}
	if err != nil {
		return Ack{}, err
	}
	if rec.Asset != 0 && anyOf(changed, summary) { // a new record's asset comes with the decision
		a.dirty[rec.Asset] = true
	}
	return Ack{Outcome: Accepted, Needed: needed}, nil
}

// old answers an observation that is not newer than the source's last.
func (a *applier) old(ctx context.Context, src store.SourceRow, o *inventory.Observation) (Ack, error) {
	had, err := a.tx.HasObservation(ctx, src.ID, o.Epoch, o.Seq)
	if err != nil {
		return Ack{}, err
	}
	if had {
		return Ack{Outcome: Duplicate}, nil
	}
	return Ack{Outcome: Stale, Reason: "a newer report was accepted before"}, nil
}

// times are the observation's time clamped for ordering facts, and its own time where
// that is plausible, for claims that are only good around it. A source's clock may be
// off by years: the counters order its reports, not the clock.
func (a *applier) times(src store.SourceRow, said time.Time) (seen, plausible time.Time) {
	latest := a.received.Add(5 * time.Minute)
	seen = said
	earliest := src.LastSeen
	if earliest.IsZero() {
		earliest = a.received.Add(-90 * day)
	}
	if seen.Before(earliest) {
		seen = earliest
	}
	if seen.After(latest) {
		seen = a.received
	}
	plausible = said
	if said.After(a.received.Add(90*day)) || said.Before(a.received.Add(-90*day)) {
		plausible = a.received
	}
	return seen.UTC(), plausible.UTC()
}

// record finds or creates the record that an observation is about.
func (a *applier) record(ctx context.Context, src store.SourceRow, o *inventory.Observation, seen, said time.Time) (store.Record, bool, error) {
	key := store.RecordKey{Kind: o.Source.Kind, Key: o.NativeKey}
	switch o.Source.Kind {
	case inventory.KindAgent:
		key.Key = o.Source.ID
	case inventory.KindScanner:
		key.Scope = o.Source.Site // any scanner of the site continues the record
	default:
		key.Scope = o.Source.ID
	}
	bodies := map[inventory.SectionName]inventory.Body{}
	for _, s := range o.Sections {
		if s.Body != nil {
			bodies[s.Name] = s.Body
		}
	}
	if bodies[inventory.SectionDevice] == nil {
		// The device is as it was, and so is the record.
		if rec, ok, err := a.tx.LatestRecord(ctx, key); err != nil || ok {
			return rec, false, err
		}
	}
	if err := a.unsent(ctx, key, o, bodies); err != nil {
		return store.Record{}, false, err
	}
	key.Incarnation = reconcile.Read(o.Source, said, bodies).Incarnation
	rec, ok, err := a.tx.FindRecord(ctx, key)
	if err != nil || ok {
		return rec, false, err
	}
	rec, err = a.tx.AddRecord(ctx, store.Record{Source: src.ID, Key: key, Site: o.Source.Site, FirstSeen: seen, LastSeen: seen})
	return rec, true, err
}

// unsent adds the sections that a source left out as unchanged: what identifies a machine
// may stand in them.
func (a *applier) unsent(ctx context.Context, key store.RecordKey, o *inventory.Observation, bodies map[inventory.SectionName]inventory.Body) error {
	var names []inventory.SectionName
	for _, s := range o.Sections {
		if s.Body == nil && len(s.Hash) > 0 && slices.Contains(identity, s.Name) {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	last, ok, err := a.tx.LatestRecord(ctx, key)
	if err != nil || !ok {
		return err
	}
	had, err := a.tx.Bodies(ctx, last.ID, names)
	for name, body := range had {
		bodies[name] = body
	}
	return err
}

// sections takes an observation's sections into a record. It returns the sections whose
// facts changed, those of them that are news (not a first listing), and those whose
// body is needed.
func (a *applier) sections(ctx context.Context, record, obs int64, sections []inventory.Section,
	have map[inventory.SectionName]store.Section) (changed []inventory.SectionName, news []string, needed []inventory.SectionName, err error) {
	for i := range sections {
		s := &sections[i]
		was, known := have[s.Name]
		next := store.Section{Status: s.Status, Reason: s.Reason, Hash: was.Hash, BodyObs: was.BodyObs, Obs: obs, Took: s.Took}
		same := known && len(s.Hash) > 0 && bytes.Equal(s.Hash, was.Hash) && was.Status == s.Status
		looked := s.Status == inventory.StatusOK || s.Status == inventory.StatusPartial
		switch {
		case !looked: // could not look: what was known stands
			if known && was.Status == s.Status && was.Reason == s.Reason {
				continue
			}
		case same:
			continue
		case s.Body == nil:
			needed = append(needed, s.Name)
			continue
		default:
			differs, err := a.put(ctx, record, obs, s)
			if err != nil {
				return nil, nil, nil, err
			}
			next.Hash = s.Hash
			if was.BodyObs == 0 {
				next.BodyObs = obs
			}
			if differs {
				changed = append(changed, s.Name)
				if was.BodyObs != 0 {
					news = append(news, string(s.Name))
				}
			}
		}
		if err := a.tx.PutSection(ctx, record, s.Name, next); err != nil {
			return nil, nil, nil, err
		}
	}
	return changed, news, needed, nil
}

// put writes a section's body and says whether it differs from what was there.
func (a *applier) put(ctx context.Context, record, obs int64, s *inventory.Section) (bool, error) {
	keep := s.Status == inventory.StatusPartial
	switch body := s.Body.(type) {
	case inventory.SoftwareList:
		return a.tx.PutSoftware(ctx, record, obs, body, keep)
	case inventory.Neighbours:
		if err := a.tx.PutLinks(ctx, record, linksOf(body)); err != nil {
			return false, err
		}
	}
	return a.tx.PutFacts(ctx, record, obs, s.Name, s.Body.Facts(), keep)
}

// claims derives the record's claims anew where something they depend on changed, and
// says whether it has to be decided again.
func (a *applier) claims(ctx context.Context, rec *store.Record, src inventory.Source, said time.Time, changed bool) (bool, error) {
	today := said.UnixMilli() / day.Milliseconds()
	if !changed && rec.ClaimsDay == today {
		return false, nil
	}
	bodies, err := a.tx.Bodies(ctx, rec.ID, identity)
	if err != nil {
		return false, err
	}
	evidence := reconcile.Read(src, said, bodies)
	grown, err := a.tx.PutClaims(ctx, rec.ID, evidence.Claims)
	if err != nil {
		return false, err
	}
	decide := grown || rec.Asset == 0 || rec.Role != evidence.Role
	rec.Role, rec.ClaimsDay = evidence.Role, today
	return decide, nil
}

// linksOf are the links that a neighbour list tells of.
func linksOf(list inventory.Neighbours) []store.Link {
	var out []store.Link
	for _, n := range list {
		l := store.Link{Type: "connected_to", LocalPort: n.LocalPort, Via: n.Protocol, RemotePort: n.RemotePort, RemoteName: n.RemoteName}
		for _, text := range []string{n.MAC, n.ChassisID} {
			if mac := inventory.CanonicalMAC(text); mac != "" {
				l.TargetType, l.Target = "mac", mac
				break
			}
		}
		if l.Target == "" && n.RemoteName != "" {
			l.TargetType, l.Target = "name", strings.ToLower(n.RemoteName)
		}
		if l.Target != "" && n.Protocol != "arp" {
			out = append(out, l)
		}
	}
	return out
}

func anyOf(have, wanted []inventory.SectionName) bool {
	for _, h := range have {
		for _, w := range wanted {
			if h == w {
				return true
			}
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
