package wire

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

const (
	// spoolLimit caps what waits on disk, and so does one part in spoolShare of the free space.
	// The newest report is kept in any case.
	spoolLimit = 64 << 20
	spoolShare = 20
	// recordItems and recordBytes bound one record, before compression, and so what one
	// observation may add to a request.
	recordItems = 64
	recordBytes = 8 << 20
	// batchBytes bounds the records that go together into one request, compressed; the
	// collector's limit of 32 MiB is on what they become.
	batchBytes = 1 << 20
)

// OutboxConfig says where an outbox keeps what waits, and for whom.
type OutboxConfig struct {
	StateDir string
	// Source is the identity's id. What another identity left in the folder is dropped.
	Source string
	Now    func() time.Time
	Log    *slog.Logger
	// Limit caps the spool in bytes; 0 means 64 MiB, or a twentieth of the free space where that is less.
	Limit int64
}

// Outbox delivers observations to the collector so that each arrives, and none counts twice,
// whatever crashes in between. It numbers them, leaves out the bodies that the collector has,
// keeps them on disk until they are acknowledged, and sends in full what the collector lost.
//
// What it believes the collector to have may be wrong at any time (a crash, a restored
// collector): the collector then asks for the section, so it never has to be exact.
//
// Add and Flush are safe for concurrent use.
type Outbox struct {
	dir    string
	source string
	now    func() time.Time
	log    *slog.Logger
	limit  int64
	lock   *os.File

	sending sync.Mutex // held by Flush
	backoff Backoff    // of Deliver, under sending
	resume  time.Time  // no contact before, under sending

	mu      sync.Mutex
	counter counter
	seq     int64 // last one given out
	known   knowledge
	pending []*record // oldest first
	bytes   int64
	latest  map[string]inventory.Observation // the newest in full, by native key, while something waits
	stales  int                              // in a row
}

// record is one file of the spool. It has its observations in memory only when the disk would not take it.
type record struct {
	path         string
	first, last  int64
	size         int64
	observations []inventory.Observation
	sent         bool // tried before, perhaps by an earlier process
}

// OpenOutbox takes the spool of a state folder for this process; a conflict error says that
// another one has it. Damaged records are set aside and everything is then sent in full once.
func OpenOutbox(cfg OutboxConfig) (*Outbox, error) {
	dir := filepath.Join(cfg.StateDir, spoolDir)
	if err := privateDir(dir); err != nil {
		return nil, err
	}
	lock, err := LockDir(dir)
	if err != nil {
		return nil, err
	}
	b := &Outbox{
		dir: dir, source: cfg.Source, now: cfg.Now, log: cfg.Log, limit: cfg.Limit, lock: lock,
		known: knowledge{}, latest: map[string]inventory.Observation{},
	}
	if b.limit == 0 {
		b.limit = spoolLimit
		if free, err := FreeBytes(dir); err == nil {
			b.limit = min(b.limit, free/spoolShare)
		}
	}
	if err := b.load(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return b, nil
}

// Close gives the spool back. What waits stays there.
func (b *Outbox) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.counter
	next.Limit = b.seq // no need to leap over the numbers that were reserved
	return errors.Join(b.saveCounter(next), b.saveKnown(), b.lock.Close())
}

// Pending is how many observations wait.
func (b *Outbox) Pending() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, r := range b.pending {
		n += int(r.last - r.first + 1)
	}
	return n
}

// Add puts observations into the spool; the next Flush sends them. It numbers them, cleans
// their texts and hashes the sections that have no hash; it owns their bodies from then on. One that is out
// of bounds is left out and named in the error; the others are in.
func (b *Outbox) Add(observations ...inventory.Observation) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.add(observations)
}

func (b *Outbox) add(observations []inventory.Observation) error {
	if err := b.reserve(len(observations)); err != nil {
		return err
	}
	var errs []error
	var group []inventory.Observation
	size := 0
	for _, o := range observations {
		delta, err := b.number(o)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		n := proto.Size(ToProto(delta))
		if len(group) == recordItems || (len(group) > 0 && size+n > recordBytes) {
			b.write(group)
			group, size = nil, 0
		}
		group, size = append(group, delta), size+n
	}
	if len(group) > 0 {
		b.write(group)
	}
	b.shrink()
	return errors.Join(errs...)
}

// number gives an observation its place and reduces it to what the collector does not have.
func (b *Outbox) number(o inventory.Observation) (inventory.Observation, error) {
	o.Epoch, o.Seq = b.counter.Epoch, b.seq+1
	for i := range o.Sections {
		s := &o.Sections[i]
		s.Reason = cleanText(s.Reason)
		if s.Body != nil {
			Clean(s.Body)
			if len(s.Hash) == 0 {
				s.Hash = HashSection(s.Body)
			}
		}
	}
	if !utf8.ValidString(o.NativeKey) {
		return o, invalid("observation of %q: its key is not valid UTF-8", o.NativeKey)
	}
	if err := o.Validate(); err != nil {
		return o, fmt.Errorf("observation of %q: %w", o.NativeKey, err)
	}
	b.seq++
	o.Digest = Digest(&o)
	b.latest[o.NativeKey] = o
	delta := o
	delta.Sections = nil
	if !b.known.hasAll(&o) {
		delta.Sections = append([]inventory.Section(nil), o.Sections...)
	}
	for i := range delta.Sections {
		s := &delta.Sections[i]
		if s.Body != nil && b.known.has(o.NativeKey, s) {
			s.Body = nil
		}
	}
	b.known.note(delta, b.now())
	return delta, nil
}

// write keeps a record in memory when the disk does not take it: reports go on while a disk is full.
func (b *Outbox) write(group []inventory.Observation) {
	r := &record{first: group[0].Seq, last: group[len(group)-1].Seq}
	path := filepath.Join(b.dir, fmt.Sprintf("%016d%s", r.first, recordSuffix))
	data, err := encodeObservations(group)
	if err == nil {
		err = WriteFile(path, data, 0o600)
	}
	if err != nil {
		b.log.Warn("spool cannot be written, keeping the report in memory", "error", err)
		r.observations = group
	} else {
		r.path = path
	}
	r.size = int64(len(data))
	b.bytes += r.size
	b.pending = append(b.pending, r)
}

// shrink drops the oldest records until the spool fits; what was in them is sent in full next time.
func (b *Outbox) shrink() {
	for b.bytes > b.limit && len(b.pending) > 1 {
		r := b.pending[0]
		b.log.Warn("spool is full, dropping the oldest report", "seq", r.first, "limit_bytes", b.limit)
		b.remove(r)
		b.known = knowledge{}
	}
}

// remove takes a record out of the spool.
func (b *Outbox) remove(r *record) {
	if !b.unlist(r) || r.path == "" {
		return
	}
	if err := removeFile(r.path); err != nil {
		b.log.Warn("cannot remove a record", "error", err) // sent again after a restart: a duplicate
	}
}

func (b *Outbox) unlist(r *record) (listed bool) {
	for i, other := range b.pending {
		if other == r {
			b.pending = append(b.pending[:i:i], b.pending[i+1:]...)
			b.bytes -= r.size
			return true
		}
	}
	return false
}

// read is the observations of a record.
func (r *record) read() ([]inventory.Observation, error) {
	if r.path == "" {
		return r.observations, nil
	}
	data, err := readBounded(r.path)
	if err != nil {
		return nil, err
	}
	return decodeObservations(data)
}

func encodeObservations(list []inventory.Observation) ([]byte, error) {
	req := &musterv1.ReportRequest{Observations: make([]*musterv1.Observation, len(list))}
	for i, o := range list {
		req.Observations[i] = ToProto(o)
	}
	content, err := proto.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("encode report: %w", err)
	}
	return encodeRecord(content)
}

func decodeObservations(data []byte) ([]inventory.Observation, error) {
	content, err := decodeRecord(data)
	if err != nil {
		return nil, err
	}
	var req musterv1.ReportRequest
	if err := proto.Unmarshal(content, &req); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if len(req.GetObservations()) == 0 || len(req.GetObservations()) > recordItems {
		return nil, fmt.Errorf("%w: %d observations", errDamaged, len(req.GetObservations()))
	}
	list := make([]inventory.Observation, len(req.GetObservations()))
	for i, p := range req.GetObservations() {
		if list[i], err = FromProto(p); err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	return list, nil
}

// knowledge is what the collector has, or will have once all that waits has arrived.
type knowledge map[string]*keyKnowledge

type keyKnowledge struct {
	// Sections has the hash of each body, after one byte that tells a partial look from a
	// whole one: the same facts mean something else after that.
	Sections map[inventory.SectionName][]byte `json:"s"`
	Digest   []byte                           `json:"d,omitempty"` // of all sections together
	At       int64                            `json:"t"`           // Unix seconds
}

// hasAll says that nothing in the observation is news.
func (k knowledge) hasAll(o *inventory.Observation) bool {
	entry := k[o.NativeKey]
	return entry != nil && bytes.Equal(entry.Digest, o.Digest)
}

func (k knowledge) has(key string, s *inventory.Section) bool {
	entry := k[key]
	return entry != nil && bytes.Equal(entry.Sections[s.Name], fingerprint(s))
}

func (k knowledge) note(o inventory.Observation, now time.Time) {
	entry := k[o.NativeKey]
	if entry == nil {
		entry = &keyKnowledge{Sections: map[inventory.SectionName][]byte{}}
		k[o.NativeKey] = entry
	}
	entry.At, entry.Digest = now.Unix(), o.Digest
	for i := range o.Sections {
		if s := &o.Sections[i]; len(s.Hash) > 0 {
			entry.Sections[s.Name] = fingerprint(s)
		}
	}
}

func (k knowledge) forget(key string, names ...inventory.SectionName) {
	if entry := k[key]; entry != nil && len(names) > 0 {
		entry.Digest = nil
		for _, name := range names {
			delete(entry.Sections, name)
		}
	}
}

func fingerprint(s *inventory.Section) []byte {
	mark := byte('=')
	if s.Status == inventory.StatusPartial {
		mark = '<'
	}
	return append([]byte{mark}, s.Hash...)
}
