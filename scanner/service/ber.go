package service

// der is an element of ASN.1 in DER (X.690) with a tag of one byte.
func der(tag byte, content []byte) []byte {
	n := len(content)
	out := []byte{tag}
	switch {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n)) //nolint:gosec // messages are short
	}
	return append(out, content...)
}

// element takes one element of BER with a tag of one byte and a definite length.
func (c *cursor) element() (tag byte, content []byte) {
	tag = c.byte()
	n := int(c.byte())
	if n >= 0x80 {
		if n == 0x80 || n > 0x84 {
			c.bad, c.b = true, nil
			return 0, nil
		}
		n = int(c.uint(n & 0x7f)) //nolint:gosec // take refuses what is too large
	}
	return tag, c.take(n)
}

// inside is the content of an element that must have this tag.
func (c *cursor) inside(want byte) *cursor {
	tag, content := c.element()
	if tag != want {
		c.bad, c.b = true, nil
		return &cursor{bad: true}
	}
	return &cursor{b: content}
}
