package snmp

import (
	"context"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"
)

// What tests of the inner workings need.

// Variable is one answer of a fake session: Value is a gosnmp value of type Type.
type Variable struct {
	Name  string
	Type  gosnmp.Asn1BER
	Value any
}

// FakeSession answers without a network.
type FakeSession struct {
	Get  func(names []string) []Variable
	Next func(name string, n int) ([]Variable, error)
}

func (s *FakeSession) get(_ context.Context, names []oid) ([]variable, error) {
	text := make([]string, len(names))
	for i, n := range names {
		text[i] = n.String()
	}
	return convert(s.Get(text)), nil
}

// next asks Next for each column by itself and puts the answers side by side.
func (s *FakeSession) next(_ context.Context, names []oid, rows int) ([]variable, error) {
	columns := make([][]variable, len(names))
	for i, name := range names {
		vars, err := s.Next(name.String(), rows)
		if err != nil {
			return nil, err
		}
		columns[i] = convert(vars)
	}
	if len(names) == 1 {
		return columns[0], nil
	}
	var out []variable
	for row := range rows {
		for i, c := range columns {
			if row < len(c) {
				out = append(out, c[row])
			} else {
				out = append(out, variable{name: names[i]})
			}
		}
	}
	return out, nil
}

func convert(vars []Variable) []variable {
	out := make([]variable, 0, len(vars))
	for _, v := range vars {
		value := decodeValue(gosnmp.SnmpPDU{Type: v.Type, Value: v.Value})
		out = append(out, variable{name: mustOID(v.Name), value: value, size: len(v.Name) + len(value.bytes)})
	}
	return out
}

// WalkFake walks root and answers with the names and texts or numbers of the rows.
func WalkFake(ctx context.Context, s *FakeSession, root string, limits Limits) (rows []string, variables int, err error) {
	r := newReader(s, limits.orDefault())
	err = r.walk(ctx, mustOID(root), func(index oid, _ value) { rows = append(rows, index.String()) })
	return rows, r.variables, err
}

// Tables are the descriptions.
func (t *Tables) Tables() []Table { return t.tables }

// onceTables keeps fuzzing from reading them anew for each input.
var onceTables = sync.OnceValues(BuiltinTables)

// ReadFake reads a whole device.
func ReadFake(ctx context.Context, s *FakeSession, limits Limits) (*Facts, error) {
	tables, err := onceTables()
	if err != nil {
		return nil, err
	}
	return read(ctx, newReader(s, limits.orDefault()), wishes{tables: tables, now: time.Now})
}

// DecodeText runs bytes of a device through every accessor of a value.
func DecodeText(b []byte) (text, mac string, isMAC bool) {
	v := decodeValue(gosnmp.SnmpPDU{Type: gosnmp.OctetString, Value: b})
	text, _ = v.text()
	m, isMAC := v.mac()
	return text, m.String(), isMAC
}

// ParseOID is parseOID and back.
func ParseOID(text string) (string, bool) {
	o, ok := parseOID(text)
	return o.String(), ok
}

// AddrOf reads an address off an index.
func AddrOf(index string) (addr, rest string, ok bool) {
	o, _ := parseOID(index)
	a, r, ok := o.addrOf()
	if !ok {
		return "", "", false
	}
	return a.String(), r.String(), true
}

// ForVLAN is forVLAN.
func ForVLAN(c *Credential, vlan int) (*Credential, bool) { return c.forVLAN(vlan) }

var (
	MaskBits      = maskBits
	ErrVariables  = errVariables
	ErrBytes      = errBytes
	ErrOrder      = errOrder
	ErrTime       = errTime
	RemotePortFor = func(subtype int, raw []byte, desc string) string { return remotePort(lldpID{subtype, raw}, desc) }
)

// Header reads whose answer a message is.
func Header(b []byte) (number int64, answer, ok bool) {
	h, ok := parseHeader(b)
	return h.number, h.answer, ok
}
