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

// applier applies the observations of one group inside its transaction. What it reads is
// read for all of them at once, what it writes is written at the end. Deciding about
// the records whose claims changed and assembling assets come last: several observations
// of a group may concern one asset, and who shares the database with other collectors
// locks what it decides upon in one go.
type applier struct {
	tx       *store.Tx
	received time.Time
	seeds    map[int64]int64 // records to be decided, with the observation that changed them
	dirty    map[int64]bool  // assets to assemble anew
}

func newApplier(tx *store.Tx, received time.Time) *applier {
	return &applier{tx: tx, received: received, seeds: map[int64]int64{}, dirty: map[int64]bool{}}
}

// take takes observations in and decides about them.
func (a *applier) take(ctx context.Context, list []*item) error {
	if err := a.gather(ctx, list); err != nil {
		return err
	}
	for _, it := range list {
		var err error
		if it.ack, err = a.apply(ctx, it); err != nil {
			return err
		}
	}
	if err := a.tx.Flush(ctx); err != nil {
		return err
	}
	return a.decide(ctx)
}

// finish assembles what was changed.
func (a *applier) finish(ctx context.Context) error {
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

// gather reads for a group of observations what taking them in needs to know.
func (a *applier) gather(ctx context.Context, list []*item) error {
	sources := make([]inventory.Source, len(list))
	var latest []store.RecordKey
	exact := make([]store.RecordKey, 0, len(list))
	for i, it := range list {
		sources[i] = it.obs.Source
		key := keyOf(&it.obs)
		if it.bodies[inventory.SectionDevice] == nil || len(it.unsent) > 0 {
			latest = append(latest, key)
		} else {
			key.Incarnation = it.evidence.Incarnation
			exact = append(exact, key)
		}
	}
	if err := a.tx.GatherSources(ctx, sources, a.received); err != nil {
		return err
	}
	if err := a.tx.GatherNewest(ctx, latest); err != nil {
		return err
	}
	if err := a.tx.GatherRecords(ctx, exact); err != nil {
		return err
	}
	return a.gatherFacts(ctx, list)
}

// gatherFacts reads the facts of the sections that will be compared, and of those that
// stand for what was not sent.
func (a *applier) gatherFacts(ctx context.Context, list []*item) error {
	var refs []store.SectionRef
	var linked []int64
	var software []inventory.SoftwareList
	for _, it := range list {
		key := keyOf(&it.obs)
		var rec store.Record
		var ok bool
		var err error
		if it.bodies[inventory.SectionDevice] == nil || len(it.unsent) > 0 {
			rec, ok, err = a.tx.LatestRecord(ctx, key)
		} else {
			key.Incarnation = it.evidence.Incarnation
			rec, ok, err = a.tx.FindRecord(ctx, key)
		}
		if err != nil {
			return err
		}
		var have map[inventory.SectionName]*store.Section
		if ok {
			have = a.tx.Sections(rec.ID)
		}
		if body, ok := it.bodies[inventory.SectionSoftware].(inventory.SoftwareList); ok && !it.same(have, inventory.SectionSoftware) {
			software = append(software, body)
		}
		if !ok {
			continue
		}
		changed := false
		for i := range it.obs.Sections {
			s := &it.obs.Sections[i]
			if s.Body != nil && s.Name != inventory.SectionSoftware && !same(have[s.Name], s, it.hashes[i]) {
				refs = append(refs, store.SectionRef{Record: rec.ID, Name: s.Name})
				if s.Name == inventory.SectionNeighbours {
					linked = append(linked, rec.ID)
				}
				changed = changed || slices.Contains(identifying, s.Name)
			}
		}
		if changed || rec.ClaimsDay != dayOf(it.said) || rec.Site != it.obs.Source.Site {
			for _, name := range a.stored(it, rec.ID, identifying) {
				refs = append(refs, store.SectionRef{Record: rec.ID, Name: name})
			}
		}
	}
	if err := a.tx.GatherTitles(ctx, software); err != nil {
		return err
	}
	if err := a.tx.GatherLinks(ctx, linked); err != nil {
		return err
	}
	return a.tx.GatherFacts(ctx, refs)
}

// identifying are the sections from which claims are derived.
var identifying = []inventory.SectionName{
	inventory.SectionDevice, inventory.SectionHardware, inventory.SectionInterfaces,
	inventory.SectionDisks, inventory.SectionComponents, inventory.SectionOS,
}

// summary are the sections that show in a line of the asset list.
var summary = append([]inventory.SectionName{inventory.SectionMemory}, identifying...)

const day = 24 * time.Hour

// apply takes one observation into the inventory.
func (a *applier) apply(ctx context.Context, it *item) (Ack, error) {
	if it.panicked != nil {
		panic(it.panicked)
	}
	o := &it.obs
	src, err := a.tx.Source(ctx, o.Source, a.received)
	if err != nil {
		return Ack{}, err
	}
	if o.Epoch < src.Epoch || o.Epoch == src.Epoch && o.Seq <= src.Seq {
		return a.old(ctx, src, o)
	}
	seen := a.seen(src, corrected(o, a.received))
	rec, isNew, err := a.record(ctx, src, it, seen)
	if err != nil {
		return Ack{}, err
	}
	obs, err := a.tx.AddObservation(ctx, store.Observation{From: o.Source, Source: src.ID, Record: rec.ID, Epoch: o.Epoch, Seq: o.Seq,
		Seen: seen, Said: o.SeenAt, Sent: o.SentAt, Receive: a.received})
	if err != nil {
		return Ack{}, err
	}
	if isNew {
		rec.FirstObs = obs
	}
	changed, news, needed, err := a.sections(ctx, rec.ID, obs, it)
	if err != nil {
		return Ack{}, err
	}
	switch {
	case len(o.Sections) == 0 && len(o.Digest) > 0 && !bytes.Equal(o.Digest, rec.Digest):
		needed = inventory.Sections()
	case len(needed) > 0:
		rec.Digest = nil // what was asked for may come as something else
	case len(o.Sections) > 0:
		rec.Digest = o.Digest
	case len(o.Digest) > 0: // all is as it was
		a.looked(rec.ID, obs, inventory.SectionNeighbours)
	}
	moved := rec.Site != o.Source.Site // private addresses mean something else there
	rec.Source, rec.Site = src.ID, o.Source.Site
	rec.LastSeen = later(rec.LastSeen, seen)
	decide, err := a.claims(ctx, &rec, it, isNew || moved || anyOf(changed, identifying))
	if err != nil {
		return Ack{}, err
	}
	a.tx.TouchRecord(rec)
	if decide {
		a.seeds[rec.ID] = obs
	}
	switch {
	case isNew:
		a.tx.SetChanges("*")
	case len(news) > 0:
		a.tx.SetChanges(strings.Join(news, ","))
	}
	if anyOf(changed, summary) {
		if len(a.stored(it, rec.ID, summary)) == 0 {
			a.tx.Told(rec.ID, it.wholes(summary))
		}
		if rec.Asset != 0 { // a new record's asset comes with the decision
			a.dirty[rec.Asset] = true
		}
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

// corrected is the observation's time by our clock, where its source says when it sent it: how
// long that was after it was seen is right by any clock that runs.
func corrected(o *inventory.Observation, received time.Time) time.Time {
	if o.SentAt.IsZero() {
		return o.SeenAt
	}
	return received.Add(-max(0, o.SentAt.Sub(o.SeenAt)))
}

// seen is the observation's time clamped for ordering facts. A source's clock may be off
// by years: the counters order its reports, not the clock.
func (a *applier) seen(src store.SourceRow, said time.Time) time.Time {
	latest := a.received.Add(5 * time.Minute)
	earliest := src.LastSeen
	if earliest.IsZero() {
		earliest = a.received.Add(-90 * day)
	}
	seen := said
	if seen.Before(earliest) {
		seen = earliest
	}
	if seen.After(latest) {
		seen = a.received
	}
	return seen.UTC()
}

// keyOf is the key of the record that an observation is about, without its incarnation.
func keyOf(o *inventory.Observation) store.RecordKey {
	key := store.RecordKey{Kind: o.Source.Kind, Key: o.NativeKey}
	switch o.Source.Kind {
	case inventory.KindAgent:
		key.Key = o.Source.ID
	case inventory.KindScanner:
		key.Scope = o.Source.Site // any scanner of the site continues the record
	default:
		key.Scope = o.Source.ID
	}
	return key
}

// record finds or creates the record that an observation is about.
func (a *applier) record(ctx context.Context, src store.SourceRow, it *item, seen time.Time) (store.Record, bool, error) {
	key := keyOf(&it.obs)
	if it.bodies[inventory.SectionDevice] == nil {
		// The device is as it was, and so is the record.
		if rec, ok, err := a.tx.LatestRecord(ctx, key); err != nil || ok {
			return rec, false, err
		}
	}
	evidence := it.evidence
	if !it.read {
		evidence = reconcile.Read(it.obs.Source, it.said, it.bodies)
	}
	if len(it.unsent) > 0 { // what identifies a machine may stand in what was left out as unchanged
		last, ok, err := a.tx.LatestRecord(ctx, key)
		if err != nil {
			return store.Record{}, false, err
		}
		if ok {
			bodies, err := a.tx.Bodies(ctx, last.ID, it.unsent)
			if err != nil {
				return store.Record{}, false, err
			}
			maps.Copy(bodies, it.bodies)
			evidence = reconcile.Read(it.obs.Source, it.said, bodies)
		}
	}
	key.Incarnation = evidence.Incarnation
	rec, ok, err := a.tx.FindRecord(ctx, key)
	if err != nil || ok {
		return rec, false, err
	}
	rec, err = a.tx.AddRecord(ctx, store.Record{Source: src.ID, Key: key, Site: it.obs.Source.Site, FirstSeen: seen, LastSeen: seen})
	return rec, true, err
}

// sections takes an observation's sections into a record. It returns the sections whose
// facts changed, those of them that are news (not a first listing), and those whose
// body is needed.
func (a *applier) sections(ctx context.Context, record, obs int64, it *item) (changed []inventory.SectionName, news []string, needed []inventory.SectionName, err error) {
	have := a.tx.Sections(record)
	for i := range it.obs.Sections {
		s := &it.obs.Sections[i]
		was, known := have[s.Name]
		if !known {
			was = &store.Section{}
		}
		next := store.Section{Status: s.Status, Reason: s.Reason, Hash: was.Hash, BodyObs: was.BodyObs, Obs: obs, Look: was.Look, Took: s.Took}
		looked := s.Status == inventory.StatusOK || s.Status == inventory.StatusPartial
		switch {
		case !looked: // could not look: what was known stands
			if known && was.Status == s.Status && was.Reason == s.Reason {
				continue
			}
		case known && same(was, s, it.hashes[i]):
			a.looked(record, obs, s.Name)
			continue
		case s.Body == nil:
			needed = append(needed, s.Name)
			continue
		default:
			differs, err := a.put(ctx, record, obs, was.Look, s)
			if err != nil {
				return nil, nil, nil, err
			}
			next.Hash = it.hashes[i]
			if was.BodyObs == 0 {
				next.BodyObs = obs
			}
			if differs {
				changed = append(changed, s.Name)
				if was.BodyObs != 0 && !s.Name.Measured() {
					news = append(news, string(s.Name))
				}
			}
		}
		a.tx.PutSection(record, s.Name, next)
		a.looked(record, obs, s.Name)
	}
	return changed, news, needed, nil
}

// looked notes when all neighbours were last looked at: what is in a table was there then.
func (a *applier) looked(record, obs int64, name inventory.SectionName) {
	s := a.tx.Sections(record)[name]
	if name != inventory.SectionNeighbours || s == nil || s.Status != inventory.StatusOK || s.BodyObs == 0 {
		return
	}
	next := *s
	next.Look = obs
	a.tx.PutSection(record, name, next)
}

// same says that a section is as it was when it was last taken in.
func same(was *store.Section, s *inventory.Section, hash []byte) bool {
	return was != nil && len(hash) > 0 && bytes.Equal(hash, was.Hash) && was.Status == s.Status
}

// same says that an item's section is as the record has it.
func (it *item) same(have map[inventory.SectionName]*store.Section, name inventory.SectionName) bool {
	for i := range it.obs.Sections {
		if s := &it.obs.Sections[i]; s.Name == name {
			return same(have[name], s, it.hashes[i])
		}
	}
	return false
}

// put writes a section's body and says whether it differs from what was there. last is the
// last look at all of it.
func (a *applier) put(ctx context.Context, record, obs, last int64, s *inventory.Section) (bool, error) {
	keep := s.Status == inventory.StatusPartial
	switch body := s.Body.(type) {
	case inventory.SoftwareList:
		return a.tx.PutSoftware(ctx, record, obs, body, keep)
	case inventory.Neighbours:
		if err := a.tx.PutLinks(ctx, record, obs, body, last, keep); err != nil {
			return false, err
		}
		spoken := slices.DeleteFunc(slices.Clone(body), func(n inventory.Neighbour) bool { return store.Sighted(&n) })
		return a.tx.PutFacts(ctx, record, obs, s.Name, spoken.Facts(), keep)
	}
	return a.tx.PutFacts(ctx, record, obs, s.Name, s.Body.Facts(), keep)
}

func dayOf(t time.Time) int64 { return t.UnixMilli() / day.Milliseconds() }

// claims derives the record's claims anew where something they depend on changed, and
// says whether it has to be decided again.
func (a *applier) claims(ctx context.Context, rec *store.Record, it *item, changed bool) (bool, error) {
	today := dayOf(it.said)
	if !changed && rec.ClaimsDay == today {
		return false, nil
	}
	evidence := it.evidence
	if names := a.stored(it, rec.ID, identifying); len(names) > 0 || !it.read {
		bodies, err := a.tx.Bodies(ctx, rec.ID, names)
		if err != nil {
			return false, err
		}
		for name, body := range it.bodies {
			if !slices.Contains(names, name) {
				bodies[name] = body
			}
		}
		evidence = reconcile.Read(it.obs.Source, it.said, bodies)
	}
	decide := a.tx.PutClaims(rec.ID, evidence.Claims) || rec.Asset == 0
	rec.Role, rec.ClaimsDay = evidence.Role, today
	return decide, nil
}

// stored are those of some sections that count as a record has them, because the
// observation does not have them whole.
func (a *applier) stored(it *item, record int64, names []inventory.SectionName) []inventory.SectionName {
	var out []inventory.SectionName
	for name, s := range a.tx.Sections(record) {
		if s.BodyObs != 0 && slices.Contains(names, name) && !it.whole(name) {
			out = append(out, name)
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
