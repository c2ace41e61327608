package snmp

import (
	"cmp"
	"context"
	"slices"
)

// Columns of entPhysicalTable (RFC 6933).
var (
	entPhysicalDescr       = mustOID("1.3.6.1.2.1.47.1.1.1.1.2")
	entPhysicalVendorType  = mustOID("1.3.6.1.2.1.47.1.1.1.1.3")
	entPhysicalContainedIn = mustOID("1.3.6.1.2.1.47.1.1.1.1.4")
	entPhysicalClass       = mustOID("1.3.6.1.2.1.47.1.1.1.1.5")
	entPhysicalName        = mustOID("1.3.6.1.2.1.47.1.1.1.1.7")
	entPhysicalHardwareRev = mustOID("1.3.6.1.2.1.47.1.1.1.1.8")
	entPhysicalFirmwareRev = mustOID("1.3.6.1.2.1.47.1.1.1.1.9")
	entPhysicalSoftwareRev = mustOID("1.3.6.1.2.1.47.1.1.1.1.10")
	entPhysicalSerialNum   = mustOID("1.3.6.1.2.1.47.1.1.1.1.11")
	entPhysicalMfgName     = mustOID("1.3.6.1.2.1.47.1.1.1.1.12")
	entPhysicalModelName   = mustOID("1.3.6.1.2.1.47.1.1.1.1.13")
)

func (f *Facts) readComponents(ctx context.Context, r *reader) error {
	rows := map[uint32]*Component{}
	at := func(index oid) *Component {
		if len(index) != 1 || index[0] > 1<<31-1 {
			r.dropped++
			return nil
		}
		return rows[index[0]]
	}
	text := func(root oid, field func(*Component) *string) column {
		return column{root, func(index oid, v value) {
			if c := at(index); c != nil {
				*field(c), _ = v.text()
			}
		}}
	}
	row := func(index oid, class int) {
		if len(index) == 1 && index[0] <= 1<<31-1 {
			rows[index[0]] = &Component{Index: int(index[0]), Class: class}
		}
	}
	err := r.walk(ctx, entPhysicalClass, func(index oid, v value) {
		if n, ok := v.small(); ok {
			row(index, n)
		}
	})
	if err == nil && len(rows) == 0 { // some agents have serial numbers and little else
		err = r.walk(ctx, entPhysicalSerialNum, func(index oid, _ value) { row(index, 0) })
	}
	if err != nil || len(rows) == 0 {
		return err
	}
	err = r.all(ctx,
		text(entPhysicalSerialNum, func(c *Component) *string { return &c.Serial }),
		column{entPhysicalContainedIn, func(index oid, v value) {
			if c := at(index); c != nil {
				c.Parent, _ = v.small()
			}
		}},
		text(entPhysicalModelName, func(c *Component) *string { return &c.Model }),
		text(entPhysicalMfgName, func(c *Component) *string { return &c.Maker }),
		text(entPhysicalDescr, func(c *Component) *string { return &c.Description }),
		text(entPhysicalName, func(c *Component) *string { return &c.Name }),
		text(entPhysicalSoftwareRev, func(c *Component) *string { return &c.Software }),
		text(entPhysicalFirmwareRev, func(c *Component) *string { return &c.Firmware }),
		text(entPhysicalHardwareRev, func(c *Component) *string { return &c.Hardware }),
		column{entPhysicalVendorType, func(index oid, v value) {
			if c := at(index); c != nil && v.kind == kindOID {
				c.VendorType = v.oid.String()
			}
		}},
	)
	for _, c := range rows {
		f.Components = append(f.Components, *c)
	}
	slices.SortFunc(f.Components, func(a, b Component) int { return cmp.Compare(a.Index, b.Index) })
	return err
}
