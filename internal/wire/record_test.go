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
func TestOutboxSurvivesDamage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		dir := filepath.Join(t.TempDir(), "state")
		open := func() *Outbox {
			b, err := OpenOutbox(OutboxConfig{StateDir: dir, Source: "a", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		b := open()
		for i := range 3 {
			if err := b.Add(sample(5 + i)...); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		damaged := damage(t, filepath.Join(dir, spoolDir), random)
		b = open()
		state, err := ReadSpool(dir)
		if err != nil || state.Damaged != 1 {
			t.Errorf("round %d, %s damaged: spool %+v, %v", round, damaged, state, err)
		}
		if err := b.Add(sample(7)...); err != nil {
			t.Fatal(err)
		}
		list, err := b.pending[len(b.pending)-1].read()
		if err != nil || list[0].Sections[0].Body == nil {
			t.Errorf("round %d, %s damaged: not sent in full: %+v, %v", round, damaged, list, err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
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
