package testkit

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// mutantsEnv is how many mutants each decoder gets; without it a few thousand.
const mutantsEnv = "MUSTER_MUTANTS"

// mostMemory is what a decoder may take, whatever comes.
const mostMemory = 256 << 20

// Mutants hands decode damaged copies of seeds: bits and bytes changed, lengths at their
// limits, cut off, grown, and mixed with each other. A panic fails the test, and so does a heap
// that ever grew by more than 256 MiB. The same mutants come in every run.
func Mutants(t *testing.T, seeds [][]byte, decode func([]byte)) {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(mutantsEnv))
	if err != nil {
		n = 3_000
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's numbers, the same every time
	began := time.Now()
	buf := make([]byte, 0, 1<<16)
	for range n {
		buf = mutate(r, append(buf[:0], seeds[r.IntN(len(seeds))]...), seeds)
		decode(buf)
	}
	t.Logf("%d mutants, %.0f a second", n, float64(n)/time.Since(began).Seconds())
	// What the heap had from the system never shrinks: it is the most that there was.
	if runtime.ReadMemStats(&after); after.HeapSys > before.HeapSys+mostMemory {
		t.Errorf("the heap grew to %d MiB during %d mutants", after.HeapSys>>20, n)
	}
}

// mutate makes one to eight changes.
func mutate(r *rand.Rand, b []byte, seeds [][]byte) []byte {
	extremes := []uint32{0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0xffffffff}
	for range 1 + r.IntN(8) {
		if len(b) < 4 {
			return append(b, seeds[r.IntN(len(seeds))]...)
		}
		at := r.IntN(len(b) - 3)
		switch r.IntN(8) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b[at] = byte(r.Uint32())
		case 2:
			b[at] = byte(extremes[r.IntN(5)])
		case 3:
			binary.BigEndian.PutUint16(b[at:], uint16(extremes[r.IntN(8)]))
		case 4:
			binary.BigEndian.PutUint32(b[at:], extremes[r.IntN(len(extremes))])
		case 5:
			b = b[:at]
		case 6:
			b = append(b, bytes.Repeat(b[at:at+1], 1+r.IntN(64))...)
		default:
			other := seeds[r.IntN(len(seeds))]
			b = append(b[:at], other[r.IntN(len(other)+1):]...)
		}
		b = b[:min(len(b), 1<<15)]
	}
	return b
}
