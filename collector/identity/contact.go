package identity

import (
	"bytes"

	"github.com/muster-itam/muster/internal/inventory"
)

// maxNonce bounds a contact's nonce, in bytes.
const maxNonce = 64

// Contact is a source's mark of one report: random bytes, and those of the contact that
// it last got an answer to. Two machines with the same key cannot keep one chain.
type Contact struct {
	Nonce, Previous []byte
	Version         string // of the program that reports
	// Certificate is the serial of the one it came with when it was not used before: that
	// ends the source's older ones.
	Certificate string
}

// Check refuses marks out of bounds.
func (c *Contact) Check() error {
	if len(c.Nonce) > maxNonce || len(c.Previous) > maxNonce {
		return inventory.Errorf(inventory.CodeInvalid, "nonce: at most %d bytes allowed", maxNonce)
	}
	c.Version = clean(c.Version, 64)
	return nil
}

// Chain is what the collector remembers of a source's contacts: the nonce of the last
// one and of the one the last one followed.
type Chain struct {
	Last, Before []byte
}

// Next is the chain after c, and whether c shows a copied key. A contact that names the
// one before the last did not get the last one's answer: that is no sign of a copy. The
// second machine's first contact looks just like it, and then the first machine's next
// one no longer fits.
func (ch Chain) Next(c Contact) (next Chain, copied bool) {
	switch {
	case len(c.Nonce) == 0:
		return ch, false // a program that keeps no chain
	case len(ch.Last) == 0, bytes.Equal(c.Previous, ch.Last):
		return Chain{Last: c.Nonce, Before: c.Previous}, false
	case bytes.Equal(c.Previous, ch.Before):
		return Chain{Last: c.Nonce, Before: ch.Before}, false
	}
	return Chain{Last: c.Nonce, Before: c.Previous}, true
}
