package snmp

import (
	"context"
	"errors"
	"math"
	"slices"
)

// enterprises is where makers have their own objects, by enterprise number (RFC 2578).
var enterprises = mustOID("1.3.6.1.4.1")

// Limits on what is read of the makers' own objects: enough to find what names a device,
// which stands at the beginning, and not its counters.
const (
	maxEnterprises   = 16
	maxPrivate       = 400 // variables of one enterprise
	maxPrivateInAll  = 1000
	maxPrivateColumn = 3 // rows of one table column
	maxPrivateText   = 128
)

// Private is a text among a maker's own objects.
type Private struct {
	Name       string // object identifier, dotted
	Enterprise int
	Text       string
}

// agents are enterprises whose objects speak for the SNMP agent or for a technique, not
// for a maker.
var agents = []uint32{
	99,    // SNMP Research
	2021,  // UC Davis: load, memory and disks of net-snmp
	8072,  // net-snmp
	12325, // Fokus: FreeBSD's bsnmpd
}

// readEnterprises lists the makers whose own objects the device has, by stepping over all
// that each has.
func (f *Facts) readEnterprises(ctx context.Context, r *reader) {
	name := enterprises
	for len(f.System.Enterprises) < maxEnterprises {
		vars, err := r.session.next(ctx, []oid{name}, 1)
		r.unlisted = err != nil
		if err != nil || len(vars) == 0 || vars[0].value.kind == kindNone || r.count(vars[0]) != nil {
			return
		}
		index, inside := vars[0].name.under(enterprises)
		if !inside || vars[0].name.compare(name) <= 0 {
			return
		}
		f.System.Enterprises = append(f.System.Enterprises, int(index[0]))
		name = append(slices.Clone(enterprises), index[0], math.MaxInt32)
	}
}

// errUnlisted means that the list of makers broke off.
var errUnlisted = errors.New("makers' objects: the device stopped answering")

// readPrivate reads the first texts of each maker.
func (f *Facts) readPrivate(ctx context.Context, r *reader) error {
	if r.unlisted {
		return errUnlisted
	}
	read := 0
	for _, n := range f.System.Enterprises {
		if slices.Contains(agents, uint32(n)) || read >= maxPrivateInAll {
			continue
		}
		k, err := f.readEnterprise(ctx, r, uint32(n))
		read += k
		if err != nil {
			return err
		}
	}
	return nil
}

// privateAhead is how many further columns are asked for together: the first rows of each.
const privateAhead = 7

// readEnterprise reads some of one maker's objects, of table columns the first rows.
func (f *Facts) readEnterprise(ctx context.Context, r *reader, number uint32) (n int, err error) {
	root := append(slices.Clone(enterprises), number)
	last, rows := root, 0
	starts := []oid{root}
	for n < maxPrivate {
		vars, asked, err := r.ask(ctx, starts...)
		if err != nil {
			return n, err
		}
		before := last
		for k := 0; k < asked && starts[k].compare(last) <= 0; k++ { // else there may be something between them
			for i := k; i < len(vars); i += asked {
				v := vars[i]
				if _, inside := v.name.under(root); !inside || v.value.kind == kindNone {
					return n, nil
				}
				if v.name.compare(last) <= 0 {
					continue
				}
				if err := r.count(v); err != nil {
					return n, err
				}
				n++
				parent := v.name[:len(v.name)-1]
				if rows++; !slices.Equal(parent, last[:len(last)-1]) {
					rows = 1
				}
				last = v.name
				if rows > maxPrivateColumn {
					last, rows = append(slices.Clone(parent), math.MaxInt32), 0
					break // over the rest of the column
				}
				if s, ok := v.value.text(); ok && len(s) > 1 && len(s) <= maxPrivateText {
					f.Private = append(f.Private, Private{Name: v.name.String(), Enterprise: int(number), Text: s})
				}
			}
		}
		if last.compare(before) == 0 {
			return n, nil
		}
		starts = ahead(last)
	}
	return n, nil
}

// ahead is last, and where it is the end of a table's column, the ends of those after it.
func ahead(last oid) []oid {
	out := []oid{last}
	end := len(last) - 1
	if last[end] != math.MaxInt32 {
		return out
	}
	for i := range uint32(privateAhead) {
		next := slices.Clone(last)
		if next[end-1] > math.MaxInt32-privateAhead {
			break
		}
		next[end-1] += i + 1
		out = append(out, next)
	}
	return out
}
