package wire

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

func sample(n int) []inventory.Observation {
	list := make(inventory.SoftwareList, n)
	for i := range list {
		list[i] = inventory.Software{Source: "deb", Name: fmt.Sprint("package-", i), Version: "1.2-3"}
	}
	return []inventory.Observation{{Epoch: 1, Seq: 1, Sections: []inventory.Section{
		{Name: inventory.SectionSoftware, Status: inventory.StatusOK, Body: list},
	}}}
}

func TestRecordShowsEveryChange(t *testing.T) {
	record, err := encodeObservations(sample(20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeObservations(record); err != nil {
		t.Fatal(err)
	}
	for i := range record {
		if _, err := decodeObservations(record[:i]); !errors.Is(err, errDamaged) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
		for bit := range 8 {
			flipped := bytes.Clone(record)
			flipped[i] ^= 1 << bit
			if _, err := decodeObservations(flipped); !errors.Is(err, errDamaged) {
				t.Errorf("bit %d of byte %d flipped: %v", bit, i, err)
			}
		}
	}
	if _, err := decodeObservations(append(record, 0)); !errors.Is(err, errDamaged) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestRecordIsBounded(t *testing.T) {
	if _, err := encodeRecord(make([]byte, maxRecord+1)); err == nil {
		t.Error("encoded more than the limit")
	}
}

// Whatever a disk does to the spool, an outbox opens, says so, and everything is sent in full.
func TestF28_DamagedSpool(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	open := func(dir string) *Outbox {
		b, err := OpenOutbox(OutboxConfig{StateDir: dir, Source: "a", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	whole := filepath.Join(t.TempDir(), "state")
	b := open(whole)
	for i := range 3 {
		if err := b.Add(sample(500 + i)...); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	var slowest time.Duration
	for round := range 1000 {
		dir := filepath.Join(t.TempDir(), "state")
		if err := errors.Join(os.CopyFS(dir, os.DirFS(whole)), os.Chmod(dir, 0o700), os.Chmod(filepath.Join(dir, spoolDir), 0o700)); err != nil {
			t.Fatal(err)
		}
		damaged := damage(t, filepath.Join(dir, spoolDir), random)
		start := time.Now()
		b := open(dir)
		slowest = max(slowest, time.Since(start))
		state, err := ReadSpool(dir)
		if err != nil || state.Damaged != 1 {
			t.Errorf("round %d, %s damaged: spool %+v, %v", round, damaged, state, err)
		}
		// What is read now would go out in full: nothing counts as known.
		if len(b.known) != 0 {
			t.Errorf("round %d, %s damaged: %d keys still count as known", round, damaged, len(b.known))
		}
		if round%20 == 0 {
			if err := b.Add(sample(7)...); err != nil {
				t.Fatal(err)
			}
			list, err := b.pending[len(b.pending)-1].read()
			if err != nil || list[0].Sections[0].Body == nil {
				t.Errorf("round %d, %s damaged: not sent in full: %+v, %v", round, damaged, list, err)
			}
		}
		if err := b.lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("the slowest start took %v", slowest)
}

// damage truncates one file of the folder or flips a bit in it.
func damage(t *testing.T, dir string, random *rand.Rand) (name string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "[0-9ck]*")) // records, counter, known
	if err != nil || len(names) != 5 {
		t.Fatalf("%v, %v", names, err)
	}
	name = names[random.IntN(len(names))]
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := random.IntN(len(data))
	if random.IntN(2) == 0 {
		data = data[:at]
	} else {
		data[at] ^= 1 << random.IntN(8)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(name)
}

func FuzzDecodeRecord(f *testing.F) {
	record, err := encodeObservations(sample(3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(record, true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, b []byte, wrap bool) {
		if wrap { // past the checksum, to the decoders behind it
			inner, err := encodeRecord(b)
			if err != nil {
				return
			}
			b = inner
		}
		list, err := decodeObservations(b)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatalf("not called damage: %v", err)
			}
			return
		}
		if _, err := encodeObservations(list); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}
