package snmp

import (
	"context"
	"net/netip"
	"slices"
)

// row is the values of a table's columns at one index, in the order in which the columns were
// asked for; what the device does not have is the zero value.
type row struct {
	index oid
	cells []value
}

// table walks columns of one table, in order of the index. A table whose first column has no
// rows is absent and costs one request, or none where the reader knows of the gap; of the other
// columns any may be missing. With an error there are the rows that were read before it.
func (r *reader) table(ctx context.Context, columns ...oid) ([]row, error) {
	at := map[string]int{}
	var rows []row
	cols := make([]column, len(columns))
	for n, root := range columns {
		cols[n] = column{root, func(index oid, v value) {
			key := index.String()
			i, ok := at[key]
			if !ok {
				i = len(rows)
				at[key] = i
				rows = append(rows, row{slices.Clone(index), make([]value, len(columns))})
			}
			rows[i].cells[n] = v
		}}
	}
	err := r.columns(ctx, cols...)
	slices.SortFunc(rows, func(a, b row) int { return a.index.compare(b.index) })
	return rows, err
}

// last is the end of the index where it is a number that names something: an ifIndex, a port.
func (r row) last() int {
	if n := len(r.index); n > 0 && r.index[n-1] <= 1<<31-1 {
		return int(r.index[n-1])
	}
	return 0
}

// first is the same at its beginning.
func (r row) first() int {
	if len(r.index) > 0 && r.index[0] <= 1<<31-1 {
		return int(r.index[0])
	}
	return 0
}

func (r row) text(n int) string {
	s, _ := r.cells[n].text()
	return s
}

// number is a count or enumeration, 0 for none.
func (r row) number(n int) int {
	k, _ := r.cells[n].small()
	return k
}

// address is an IpAddress, an InetAddress or what agents send in place of them: an address that
// one host can have.
func (v value) address() (netip.Addr, bool) {
	a := v.addr
	if v.kind == kindBytes {
		var ok bool
		if a, ok = netip.AddrFromSlice(v.bytes); !ok {
			a, _ = netip.ParseAddr(cleanText(v.bytes))
		}
	}
	a = a.Unmap().WithZone("")
	return a, a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback()
}

// bits are the positions of ones in an OCTET STRING in which the first bit of the first octet is
// first: PortList of RFC 4363, the VLAN lists of Cisco's MIBs and BITS of RFC 2578.
func (v value) bits(first int) []int {
	var out []int
	if v.kind != kindBytes {
		return nil
	}
	for i, b := range v.bytes {
		for bit := range 8 {
			if b&(0x80>>bit) != 0 {
				out = append(out, first+i*8+bit)
			}
		}
	}
	return out
}
