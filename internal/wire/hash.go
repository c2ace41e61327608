package wire

import (
	"crypto/sha256"
	"encoding/binary"

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
	h := sha256.New()
	var buf []byte
	write := func(texts ...string) {
		buf = buf[:0]
		for _, t := range texts {
			buf = binary.AppendUvarint(buf, uint64(len(t)))
			buf = append(buf, t...)
		}
		h.Write(buf)
	}
	write(string(body.Section()))
	for _, f := range body.Facts() {
		write(f.Key, f.Value)
	}
	return h.Sum(nil)[:hashBytes]
}
