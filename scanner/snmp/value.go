package snmp

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gosnmp/gosnmp"

	"github.com/muster-itam/muster/scanner/ether"
)

// oid is an object identifier.
type oid []uint32

// maxSubIDs is the length limit of RFC 2578 §3.5.
const maxSubIDs = 128

// parseOID reads dotted numbers, with or without a leading dot.
func parseOID(text string) (oid, bool) {
	text = strings.TrimPrefix(text, ".")
	if text == "" {
		return nil, false
	}
	out := make(oid, 0, 16)
	for len(text) > 0 {
		part, rest, _ := strings.Cut(text, ".")
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || len(out) == maxSubIDs {
			return nil, false
		}
		out = append(out, uint32(n))
		text = rest
	}
	return out, true
}

// mustOID is for OIDs that stand in this package.
func mustOID(text string) oid {
	o, _ := parseOID(text)
	return o
}

func (o oid) String() string {
	var b strings.Builder
	for i, n := range o {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatUint(uint64(n), 10))
	}
	return b.String()
}

// under is the part of o after root; ok is false when o is not below root.
func (o oid) under(root oid) (index oid, ok bool) {
	if len(o) <= len(root) || !slices.Equal(o[:len(root)], root) {
		return nil, false
	}
	return o[len(root):], true
}

func (o oid) compare(other oid) int { return slices.Compare(o, other) }

// child is the name of what is below o.
func (o oid) child(numbers ...uint32) oid { return append(slices.Clone(o), numbers...) }

// children are names below o, each by its number.
func (o oid) children(numbers ...uint32) []oid {
	out := make([]oid, len(numbers))
	for i, n := range numbers {
		out[i] = o.child(n)
	}
	return out
}

// kind is the type of a value as far as anybody here cares.
type kind int

const (
	kindNone   kind = iota // no such object, instance or end of view
	kindNumber             // Integer32, Counter32, Gauge32, TimeTicks, Counter64
	kindBytes              // OCTET STRING
	kindOID
	kindAddress // IpAddress
	kindOther   // Opaque and what nobody should send
)

// value is one decoded value. Its accessors answer only for the right type: a device that
// sends another one has not answered.
type value struct {
	kind   kind
	number int64
	bytes  []byte
	oid    oid
	addr   netip.Addr
	end    bool // of what the agent has; kindNone
}

// maxValue bounds one string; longer ones are no answer to anything asked here.
const maxValue = 4096

func decodeValue(pdu gosnmp.SnmpPDU) value {
	switch pdu.Type {
	case gosnmp.Integer, gosnmp.Counter32, gosnmp.Gauge32, gosnmp.TimeTicks, gosnmp.Counter64, gosnmp.Uinteger32:
		if n := gosnmp.ToBigInt(pdu.Value); n.IsInt64() {
			return value{kind: kindNumber, number: n.Int64()}
		}
	case gosnmp.OctetString:
		if b, ok := pdu.Value.([]byte); ok && len(b) <= maxValue {
			return value{kind: kindBytes, bytes: b}
		}
	case gosnmp.ObjectIdentifier:
		if s, ok := pdu.Value.(string); ok {
			if o, ok := parseOID(s); ok {
				return value{kind: kindOID, oid: o}
			}
		}
	case gosnmp.IPAddress:
		if s, ok := pdu.Value.(string); ok {
			if a, err := netip.ParseAddr(s); err == nil {
				return value{kind: kindAddress, addr: a.Unmap()}
			}
		}
	case gosnmp.NoSuchObject, gosnmp.NoSuchInstance, gosnmp.EndOfMibView, gosnmp.Null:
		return value{end: pdu.Type == gosnmp.EndOfMibView}
	default:
	}
	return value{kind: kindOther}
}

func (v value) int() (int64, bool) { return v.number, v.kind == kindNumber }

// small is a number that fits an index, enumeration or count.
func (v value) small() (int, bool) {
	if v.kind != kindNumber || v.number < 0 || v.number > 1<<31-1 {
		return 0, false
	}
	return int(v.number), true
}

// text is an OCTET STRING as one line of printable text.
func (v value) text() (string, bool) {
	if v.kind != kindBytes {
		return "", false
	}
	return cleanText(v.bytes), true
}

// maxText is the length of a text that is kept, in bytes; DisplayString has 255.
const maxText = 1024

// cleanText makes text of what a device sent: devices end strings with NULs, break lines
// in sysDescr, and write Latin-1 in place of UTF-8.
func cleanText(b []byte) string {
	for i, c := range b {
		if c == 0 {
			b = b[:i]
			break
		}
	}
	var s string
	if utf8.Valid(b) {
		s = string(b)
	} else {
		r := make([]rune, len(b))
		for i, c := range b {
			r[i] = rune(c)
		}
		s = string(r)
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1 // control characters and marks that turn text around
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// mac is a hardware address: six bytes, or the text that some agents send for them.
func (v value) mac() (ether.MAC, bool) {
	if v.kind != kindBytes {
		return ether.MAC{}, false
	}
	if len(v.bytes) == 6 {
		return ether.MAC(v.bytes), true
	}
	if len(v.bytes) < 11 || len(v.bytes) > 17 {
		return ether.MAC{}, false
	}
	return parseMACText(string(v.bytes))
}

// parseMACText also takes one-digit octets (0:1a:2:b:c:d).
func parseMACText(s string) (ether.MAC, bool) {
	if m, err := net.ParseMAC(s); err == nil && len(m) == 6 {
		return ether.MAC(m), true
	}
	parts := strings.Split(s, ":")
	if len(parts) != 6 {
		return ether.MAC{}, false
	}
	var m ether.MAC
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 16, 8)
		if err != nil {
			return ether.MAC{}, false
		}
		m[i] = byte(n)
	}
	return m, true
}

// bytesOf turns sub-identifiers into bytes; ok is false when one is no byte.
func (o oid) bytesOf() ([]byte, bool) {
	out := make([]byte, len(o))
	for i, n := range o {
		if n > 255 {
			return nil, false
		}
		out[i] = byte(n)
	}
	return out, true
}

// addrOf reads an InetAddressType and a length-prefixed InetAddress (RFC 4001) at the
// start of an index and answers with what follows them.
func (o oid) addrOf() (a netip.Addr, rest oid, ok bool) {
	if len(o) < 2 {
		return a, nil, false
	}
	kind, n := o[0], int(o[1])
	if n > 20 || len(o) < 2+n {
		return a, nil, false
	}
	b, ok := o[2 : 2+n].bytesOf()
	rest = o[2+n:]
	switch {
	case !ok:
	case kind == 1 && n == 4, kind == 2 && n == 16:
		a, ok = netip.AddrFromSlice(b)
	case kind == 3 && n == 8, kind == 4 && n == 20: // with a zone index after it
		a, ok = netip.AddrFromSlice(b[:n-4])
	default:
		ok = false
	}
	return a, rest, ok
}
