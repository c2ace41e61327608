package wire

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

const (
	recordSuffix  = ".rec"
	damagedSuffix = ".damaged"
	counterFile   = "counter"
	knownFile     = "known"
	// reserveStep is how many numbers one write of the counter covers.
	reserveStep = 1024
	// keepDamaged is how many damaged records are kept for whoever wants to look.
	keepDamaged = 8
	// knownFor is how long a key that is no longer reported stays known.
	knownFor  = 60 * 24 * time.Hour
	nonceSize = 16
)

// counter is what must never go back. A number is given out only below the limit on disk.
type counter struct {
	Source string `json:"source"`
	Epoch  int64  `json:"epoch"`
	Limit  int64  `json:"limit"`
	// Nonce is that of a contact whose answer has not come, Previous that of the last one
	// that was answered. A contact that is tried again keeps its nonce.
	Nonce    []byte `json:"nonce,omitempty"`
	Previous []byte `json:"previous,omitempty"`
}

// load reads the spool. Only an unreadable disk is an error: content that is damaged is set
// aside, and then nothing counts as known.
func (b *Outbox) load() error {
	if err := removeTemps(b.dir); err != nil {
		return err
	}
	ok, err := b.loadJSON(counterFile, &b.counter)
	if err != nil {
		return err
	}
	if !ok || b.counter.Source != b.source || b.counter.Epoch <= 0 || b.counter.Limit < 0 {
		return b.begin(time.Time{}, 0)
	}
	b.seq = b.counter.Limit
	ok, err = b.loadJSON(knownFile, &b.known)
	if err != nil {
		return err
	}
	whole, err := b.loadRecords()
	if err != nil {
		return err
	}
	if !ok || !whole {
		b.known = knowledge{}
	}
	return nil
}

// loadRecords also notes what is on its way; it answers false when something was damaged.
func (b *Outbox) loadRecords() (whole bool, err error) {
	names, err := b.recordNames()
	if err != nil {
		return false, err
	}
	whole = true
	for _, name := range names {
		r := &record{path: filepath.Join(b.dir, name), sent: true}
		info, err := os.Lstat(r.path)
		if err != nil {
			return false, fmt.Errorf("read spool: %w", err)
		}
		list, err := r.read()
		if err == nil && (list[0].Epoch != b.counter.Epoch || list[len(list)-1].Seq > b.counter.Limit) {
			err = fmt.Errorf("%w: from another counter", errDamaged)
		}
		if errors.Is(err, errDamaged) {
			whole = false
			if err := b.setAside(name, err); err != nil {
				return false, err
			}
			continue
		}
		if err != nil {
			return false, err
		}
		for _, o := range list {
			b.known.note(o, b.now())
		}
		r.first, r.last, r.size = list[0].Seq, list[len(list)-1].Seq, info.Size()
		b.bytes += r.size
		b.pending = append(b.pending, r)
	}
	return whole, nil
}

// recordNames are the records by age.
func (b *Outbox) recordNames() ([]string, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), recordSuffix) {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, c string) int {
		return cmp.Or(cmp.Compare(recordNumber(a), recordNumber(c)), cmp.Compare(a, c))
	})
	return names, nil
}

func recordNumber(name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(name, recordSuffix), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// setAside keeps a damaged file for whoever wants to look, but not many of them.
func (b *Outbox) setAside(name string, cause error) error {
	b.log.Warn("damaged record set aside, everything will be sent in full", "file", name, "error", cause)
	path := filepath.Join(b.dir, name)
	if err := os.Rename(path, path+damagedSuffix); err != nil {
		return fmt.Errorf("set damaged record aside: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(b.dir, "*"+damagedSuffix))
	if err != nil {
		return fmt.Errorf("list damaged records: %w", err)
	}
	for len(old) > keepDamaged {
		if err := removeFile(old[0]); err != nil {
			return err
		}
		old = old[1:]
	}
	return nil
}

// begin starts a new epoch, later than the present one, and forgets what waits: the collector
// would not take it, and the next observation of each thing is sent in full.
func (b *Outbox) begin(collectorTime time.Time, jump time.Duration) error {
	epoch := max(b.now().UnixMilli(), collectorTime.UnixMilli(), b.counter.Epoch+max(1, jump.Milliseconds()), 1)
	next := counter{Source: b.source, Epoch: epoch}
	if b.counter.Source == b.source {
		next.Nonce, next.Previous = b.counter.Nonce, b.counter.Previous
	}
	if err := b.saveCounter(next); err != nil {
		return err
	}
	b.seq, b.known, b.pending, b.bytes = 0, knowledge{}, nil, 0
	names, err := b.recordNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := removeFile(filepath.Join(b.dir, name)); err != nil {
			return err
		}
	}
	return b.saveKnown()
}

// reserve makes sure that n more numbers are covered by the counter on disk.
func (b *Outbox) reserve(n int) error {
	if b.seq+int64(n) <= b.counter.Limit {
		return nil
	}
	next := b.counter
	next.Limit = b.seq + int64(n) + reserveStep
	return b.saveCounter(next)
}

func (b *Outbox) saveCounter(next counter) error {
	if err := b.saveJSON(counterFile, next); err != nil {
		return err
	}
	b.counter = next
	return nil
}

// nonces are those of the contact about to be made, on disk before it is made.
func (b *Outbox) nonces() (nonce, previous []byte, err error) {
	if len(b.counter.Nonce) == 0 {
		next := b.counter
		next.Nonce = make([]byte, nonceSize)
		if _, err := rand.Read(next.Nonce); err != nil {
			return nil, nil, fmt.Errorf("make nonce: %w", err)
		}
		if err := b.saveCounter(next); err != nil {
			// Known to this process at least; on a full disk reports go on.
			b.log.Warn("cannot write the counter", "error", err)
			b.counter = next
		}
	}
	return b.counter.Nonce, b.counter.Previous, nil
}

// answered ends a contact.
func (b *Outbox) answered() {
	next := b.counter
	next.Previous, next.Nonce = next.Nonce, nil
	if err := b.saveCounter(next); err != nil {
		b.log.Warn("cannot write the counter", "error", err)
		b.counter = next
	}
}

func (b *Outbox) saveKnown() error {
	oldest := b.now().Add(-knownFor).Unix()
	for key, entry := range b.known {
		if entry.At < oldest {
			delete(b.known, key)
		}
	}
	return b.saveJSON(knownFile, b.known)
}

func (b *Outbox) saveJSON(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	data, err := encodeRecord(text)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return WriteFile(filepath.Join(b.dir, name), data, 0o600)
}

// loadJSON answers false when there is no such file or nothing can be made of it.
func (b *Outbox) loadJSON(name string, v any) (ok bool, err error) {
	data, err := readBounded(filepath.Join(b.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil && !errors.Is(err, errDamaged) {
		return false, err
	}
	if err == nil {
		data, err = decodeRecord(data)
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return false, b.setAside(name, err)
	}
	return true, nil
}

// readBounded reads a regular file of the size of a record at most.
func readBounded(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > recordHeader+maxRecord {
		return nil, fmt.Errorf("%w: not a regular file of bounded size", errDamaged)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, recordHeader+maxRecord+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	return data, nil
}

// SpoolState is what waits in a state folder, for display.
type SpoolState struct {
	Records int   `json:"records"`
	Bytes   int64 `json:"bytes"`
	Damaged int   `json:"damaged"`
}

// InUse says whether a process has the spool of a state folder.
func InUse(stateDir string) bool {
	dir := filepath.Join(stateDir, spoolDir)
	if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
		return false // and none is made, which would be ours and not the agent's
	}
	lock, err := LockDir(dir)
	if err != nil {
		return inventory.CodeOf(err) == inventory.CodeConflict
	}
	_ = lock.Close() // nothing was written
	return false
}

// ReadSpool looks at a spool that another process may be using.
func ReadSpool(stateDir string) (SpoolState, error) {
	var s SpoolState
	entries, err := os.ReadDir(filepath.Join(stateDir, spoolDir))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read spool: %w", err)
	}
	for _, e := range entries {
		switch {
		case strings.HasSuffix(e.Name(), damagedSuffix):
			s.Damaged++
		case strings.HasSuffix(e.Name(), recordSuffix):
			s.Records++
			if info, err := e.Info(); err == nil {
				s.Bytes += info.Size()
			}
		}
	}
	return s, nil
}
