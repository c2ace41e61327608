package ingest

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// item is one observation on its way through a group.
type item struct {
	obs  inventory.Observation
	raw  []byte // what to quarantine instead of obs
	why  string
	done chan<- int // receives idx once ack is set
	idx  int
	ack  Ack
	err  error

	contact *Contact // instead of an observation
	copied  bool     // it shows a copied key

	// What can be said of the observation without the inventory, prepared outside of the
	// transaction, of which there may be one at a time.
	said     time.Time // its own time, where that is plausible
	bodies   map[inventory.SectionName]inventory.Body
	unsent   []inventory.SectionName // identify the thing, left out as unchanged
	hashes   [][]byte                // of the sections
	evidence reconcile.Evidence      // of bodies
	read     bool                    // evidence is filled
	panicked any                     // what preparing it came to, nil when it was well
}

// prepare fills in what does not depend on the inventory.
func (it *item) prepare(now time.Time) {
	o := &it.obs
	it.said = plausible(corrected(o, now), now)
	it.bodies = make(map[inventory.SectionName]inventory.Body, len(o.Sections))
	it.hashes = make([][]byte, len(o.Sections))
	identifies := false
	for i := range o.Sections {
		s := &o.Sections[i]
		it.hashes[i] = s.Hash
		switch {
		case s.Body != nil:
			it.bodies[s.Name] = s.Body
			identifies = identifies || slices.Contains(identifying, s.Name)
			if len(s.Hash) == 0 {
				it.hashes[i] = hashOf(s.Body)
			}
		case len(s.Hash) > 0 && slices.Contains(identifying, s.Name):
			it.unsent = append(it.unsent, s.Name)
		}
	}
	if it.bodies[inventory.SectionDevice] == nil {
		it.unsent = nil // the record is found without
	}
	if identifies {
		it.evidence, it.read = reconcile.Read(o.Source, it.said, it.bodies), true
	}
}

// whole says that the observation has all of a section, so that what is kept of it
// counts no more.
func (it *item) whole(name inventory.SectionName) bool {
	for i := range it.obs.Sections {
		if s := &it.obs.Sections[i]; s.Name == name {
			return s.Body != nil && s.Status == inventory.StatusOK
		}
	}
	return false
}

// wholes are those of some sections that the observation has whole.
func (it *item) wholes(names []inventory.SectionName) map[inventory.SectionName]inventory.Body {
	out := make(map[inventory.SectionName]inventory.Body, len(names))
	for _, name := range names {
		if it.whole(name) {
			out[name] = it.bodies[name]
		}
	}
	return out
}

// plausible is a source's time for claims that are only good around it.
func plausible(said, now time.Time) time.Time {
	if said.After(now.Add(90*day)) || said.Before(now.Add(-90*day)) {
		return now.UTC()
	}
	return said.UTC()
}

// hashOf identifies the body of a source that sends no hash, so that an unchanged list
// costs nothing. No source sends hashes that begin like it.
func hashOf(body inventory.Body) []byte {
	h := sha256.New()
	var buf []byte
	for _, f := range body.Facts() {
		buf = buf[:0]
		for _, text := range []string{f.Key, f.Value} {
			buf = binary.AppendUvarint(buf, uint64(len(text)))
			buf = append(buf, text...)
		}
		h.Write(buf)
	}
	return append([]byte("muster:"), h.Sum(buf[:0])[:16]...)
}
