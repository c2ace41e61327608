package store

import (
	"context"
	"slices"
	"strings"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// known is what a write transaction knows of the database without asking: rows it read,
// with what it changed in them. Where one connection does all writing, what one
// transaction knew is good for the next: everything that writes source, record, section,
// claim or pin_pair goes through it or calls Tx.forget, a transaction that fails drops all of it, and
// so does a commit by another program (see fresh). Where transactions run side by side it
// ends with the transaction, or sooner.
//
// An entry is whole or absent. What was not looked up for long goes, so that memory has a
// bound, however large the estate.
type known struct {
	sources aged[sourceKey, *SourceRow]
	records aged[int64, *recordState]
	byKey   aged[RecordKey, int64] // 0 when there is no such record
	newest  aged[RecordKey, int64] // by the key without incarnation: the one reported on last, 0 without one
	holders aged[reconcile.Key, holderList]
	members aged[int64, []int64] // records of an asset, oldest first
	texts   aged[string, string] // of claims, each kept once: an address has a claim for each day
	version int64                // of the file, as the engine counts the commits of others
}

type sourceKey struct {
	kind inventory.SourceKind
	name string
}

// recordState is a record with what was read of it so far.
type recordState struct {
	Record
	claims   []reconcile.Claim
	pins     []reconcile.Pin
	claimed  bool                               // claims and pins are filled
	sections map[inventory.SectionName]*Section // nil when not read
	share    *share                             // nil when not worked out

	mine    bool // read for this transaction to change, and locked where others might
	created bool // its row is not written yet
	touched bool // among pending.records
	passed  bool // to another source, which is not written yet
}

// holderList are the ids of the records that carry a value, in order; the first of them when cut.
type holderList struct {
	ids []int64
	cut bool
}

// add adds a record, and reports whether it belongs there.
func (h *holderList) add(record int64) bool {
	i, found := slices.BinarySearch(h.ids, record)
	if found || h.cut && i == len(h.ids) { // others may come between
		return false
	}
	h.ids = slices.Insert(slices.Clip(h.ids), i, record) // who asked before keeps theirs
	return true
}

// Bounds of the younger half of what is known, counted when a transaction begins.
const (
	maxKnownRecords = 60_000
	maxKnownValues  = 400_000
	maxKnownTexts   = 200_000
)

// age lets go of what was not used lately.
func (k *known) age() {
	if len(k.records.young) > maxKnownRecords {
		k.records.turn()
	}
	if len(k.holders.young) > maxKnownValues {
		k.holders.turn()
	}
	for _, m := range []*aged[RecordKey, int64]{&k.byKey, &k.newest} {
		if len(m.young) > maxKnownRecords {
			m.turn()
		}
	}
	if len(k.texts.young) > maxKnownTexts {
		k.texts.turn()
	}
	if len(k.sources.young) > maxKnownRecords {
		k.sources.turn()
	}
	if len(k.members.young) > maxKnownRecords {
		k.members.turn()
	}
}

// aged is a map of two generations: what is used moves to the young one, and turn drops
// the old one.
type aged[K comparable, V any] struct{ young, old map[K]V }

func (a *aged[K, V]) get(k K) (V, bool) {
	v, ok := a.young[k]
	if ok {
		return v, true
	}
	if v, ok = a.old[k]; ok {
		delete(a.old, k)
		a.put(k, v)
	}
	return v, ok
}

func (a *aged[K, V]) put(k K, v V) {
	if a.young == nil {
		a.young = map[K]V{}
	}
	a.young[k] = v
}

func (a *aged[K, V]) turn() { a.old, a.young = a.young, nil }

// fresh begins a transaction's knowledge: the store's, when no other program has written
// to the file since this one's last commit.
func (t *Tx) fresh(ctx context.Context) error {
	if t.d.concurrent {
		t.known = &known{}
		return nil
	}
	var version int64
	if err := t.row(ctx, `pragma data_version`).Scan(&version); err != nil {
		return err
	}
	if t.s.known == nil || t.s.known.version != version {
		t.s.known = &known{version: version}
	}
	t.known = t.s.known
	t.known.age()
	return nil
}

// forget drops what is known, because rows were written that it does not follow.
func (t *Tx) forget() {
	if !t.d.concurrent {
		t.s.known = nil
	}
	t.known = &known{}
}

// claimed notes that a record carries a value that it did not carry before. It reports whether all who
// carry it are known, so that nobody will ask the database.
func (k *known) claimed(key reconcile.Key, record int64) bool {
	h, ok := k.holders.get(key)
	if !ok {
		return false
	}
	if h.add(record) {
		k.holders.put(key, h)
	}
	return !h.cut
}

// once makes claims share the texts that are known.
func (k *known) once(claims []reconcile.Claim) {
	for i := range claims {
		c := &claims[i]
		c.Type, c.Scope, c.Value = reconcile.Type(k.text(string(c.Type))), k.text(c.Scope), k.text(c.Value)
	}
}

func (k *known) text(s string) string {
	if one, ok := k.texts.get(s); ok {
		return one
	}
	s = strings.Clone(s)
	k.texts.put(s, s)
	return s
}

// reported notes that a record may now be the one of its key that was reported on last.
func (k *known) reported(r *recordState) {
	key := r.Key
	key.Incarnation = ""
	id, ok := k.newest.get(key)
	if !ok {
		return
	}
	if id != 0 && id != r.ID {
		was, ok := k.records.get(id)
		if !ok {
			delete(k.newest.young, key)
			return
		}
		if c := was.LastSeen.Compare(r.LastSeen); c > 0 || c == 0 && id > r.ID {
			return
		}
	}
	k.newest.put(key, r.ID)
}

// moved notes that a record went from one asset to another.
func (k *known) moved(r *recordState, asset int64) {
	if list, ok := k.members.get(r.Asset); ok && r.Asset != 0 {
		if i, found := slices.BinarySearch(list, r.ID); found {
			k.members.put(r.Asset, slices.Delete(slices.Clone(list), i, i+1))
		}
	}
	if list, ok := k.members.get(asset); !ok && asset == r.ID && r.Asset == 0 {
		k.members.put(asset, []int64{r.ID}) // an asset begins with its oldest record
	} else if ok {
		if i, found := slices.BinarySearch(list, r.ID); !found {
			k.members.put(asset, slices.Insert(slices.Clip(list), i, r.ID))
		}
	}
	r.Asset = asset
}
