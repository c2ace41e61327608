package snmp

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/muster-itam/muster/internal/inventory"
)

// Tables of sensors: ENTITY-SENSOR-MIB (RFC 3433), and CISCO-ENTITY-SENSOR-MIB from which that was
// made, with the same columns.
var sensorEntries = []oid{mustOID("1.3.6.1.2.1.99.1.1.1"), mustOID("1.3.6.1.4.1.9.9.91.1.1.1.1")}

// sensorUnits are EntitySensorDataType values that are kept, in units in which a whole number says
// enough.
var sensorUnits = map[int]struct {
	unit  string
	scale float64
}{
	3: {"mV", 1000}, 4: {"mV", 1000}, 5: {"mA", 1000}, 6: {"mW", 1000}, 7: {"Hz", 1}, 8: {"°C", 1}, 9: {"%", 1}, 10: {"rpm", 1},
	14: {"dBm", 1}, // Cisco's only
}

// errMeters ends a list of meters that is longer than anybody looks at.
var errMeters = errors.New("more meters than allowed")

func (f *Facts) readMeters(ctx context.Context, r *reader, tables *Tables) error {
	err := f.readMarkers(ctx, r)
	if err == nil {
		err = f.described(ctx, r, tables, func(_ *Table, d *described) { f.Meters = append(f.Meters, d.meters()...) }, "meter")
	}
	for n, entry := range sensorEntries {
		if err == nil && (n == 0 || f.canHave(r, enterpriseCisco)) {
			err = f.readSensors(ctx, r, entry)
		}
	}
	if len(f.Meters) > maxMeters {
		f.Meters, err = f.Meters[:maxMeters], errMeters
	}
	slices.SortStableFunc(f.Meters, func(a, b inventory.Meter) int {
		return cmp.Or(cmp.Compare(a.Of, b.Of), cmp.Compare(a.Name, b.Name))
	})
	return err
}

// EntitySensorStatus of a value that was measured, EntitySensorDataType watts.
const (
	sensorOK    = 1
	sensorWatts = 6
)

func (f *Facts) readSensors(ctx context.Context, r *reader, entry oid) error {
	// Type, scale, precision, value, status.
	rows, err := r.table(ctx, entry.children(1, 2, 3, 4, 5)...)
	parts := map[int]*Component{}
	for i := range f.Components {
		parts[f.Components[i].Index] = &f.Components[i]
	}
	for _, row := range rows {
		unit, ok := sensorUnits[row.number(0)]
		n, measured := row.cells[3].int()
		if !ok || !measured || row.number(4) != sensorOK || math.Abs(float64(n)) >= 1e9 { // RFC 3433: ±1e9 is an overflow
			continue
		}
		precision, _ := row.cells[2].int()
		power := 3*(row.number(1)-9) - int(max(-8, min(9, precision))) // scale 9 is units, 8 thousandths
		if row.number(0) == sensorWatts && row.number(1) < 9 {
			unit.unit, unit.scale = "µW", 1e6 // light in a fibre
		}
		value, ok := rounded(float64(n) * math.Pow10(power) * unit.scale)
		if !ok || row.number(1) == 0 {
			continue
		}
		m := inventory.Meter{Name: "sensor " + strconv.Itoa(row.last()), Unit: unit.unit, Value: value}
		if c := parts[row.last()]; c != nil {
			m.Name = cmp.Or(c.Name, c.Description, m.Name)
			if p := parts[c.Parent]; p != nil {
				m.Of = cmp.Or(p.Name, p.Description)
			}
		}
		f.Meters = append(f.Meters, m)
	}
	return err
}
