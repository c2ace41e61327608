package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strconv"

	"github.com/muster-itam/muster/internal/inventory"
)

// hashBytes is enough that no two bodies of one record ever meet by chance.
const hashBytes = 16

// HashSection identifies a body: SHA-256, cut to 16 bytes, over the section's name and its
// facts in order of their keys, each text preceded by its length. The order in which a
// source lists its items therefore changes nothing. A nil body has no hash.
func HashSection(body inventory.Body) []byte {
	if body == nil {
		return nil
	}
	h := textHash{sha256.New(), nil}
	h.write(string(body.Section()))
	for _, f := range body.Facts() {
		h.write(f.Key, f.Value)
	}
	return h.Sum(nil)[:hashBytes]
}

// Digest is that of an observation's sections: nothing of what the collector keeps of them
// has changed while it is the same. It is made like the hash of a body.
func Digest(o *inventory.Observation) []byte {
	h := textHash{sha256.New(), nil}
	h.write(strconv.FormatBool(o.Complete))
	for i := range o.Sections {
		s := &o.Sections[i]
		h.write(string(s.Name), string(s.Status), s.Reason, string(s.Hash))
	}
	return h.Sum(nil)[:hashBytes]
}

// textHash hashes texts, each preceded by its length.
type textHash struct {
	hash.Hash
	buf []byte
}

func (h *textHash) write(texts ...string) {
	h.buf = h.buf[:0]
	for _, t := range texts {
		h.buf = binary.AppendUvarint(h.buf, uint64(len(t)))
		h.buf = append(h.buf, t...)
	}
	_, _ = h.Write(h.buf) // a hash never fails
}
