package hardware

import (
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// batteryAnswers are what a battery's driver answers (BATTERY_QUERY_INFORMATION, poclass.h).
type batteryAnswers struct {
	info                              []byte // BATTERY_INFORMATION
	name, maker, serial, manufactured string
}

// battery reads BATTERY_INFORMATION: capabilities, technology, chemistry as four characters,
// capacities, two alarms, a bias, cycles. Capacity is rounded to a hundredth of the design's.
func (a batteryAnswers) battery() (b inventory.Battery, ok bool) {
	const systemBattery, relative, unknown = 1 << 31, 1 << 30, 0xffffffff
	if len(a.info) < 36 || u32at(a.info, 0)&systemBattery == 0 {
		return b, false
	}
	b = inventory.Battery{
		Name: a.name, Model: a.name, Vendor: a.maker, Serial: a.serial, Manufactured: a.manufactured,
		Chemistry: batteryChemistry(string(a.info[8:12])), Cycles: int(min(u32at(a.info, 32), 1<<16)),
	}
	design, full := int64(u32at(a.info, 12)), int64(u32at(a.info, 16))
	if u32at(a.info, 0)&relative != 0 || design == unknown || design == 0 { // parts of an unknown whole
		return *clean(&b), true
	}
	b.DesignMWh = design
	if full != unknown && full > 0 {
		b.HealthPercent = int(min((full*100+design/2)/design, 100))
		b.FullMWh = design * int64(b.HealthPercent) / 100
	}
	return *clean(&b), true
}

// batteryChemistry writes out the abbreviations of the Smart Battery Data Specification and of makers.
func batteryChemistry(code string) string {
	code = source.Text(strings.TrimRight(code, "\x00"))
	switch strings.ToUpper(code) {
	case "PBAC":
		return "Lead acid"
	case "LION", "LI-I", "LII":
		return "Li-ion"
	case "LIP", "LIPO", "LI-P":
		return "Li-polymer"
	case "NICD":
		return "NiCd"
	case "NIMH":
		return "NiMH"
	case "NIZN":
		return "NiZn"
	case "RAM":
		return "Alkaline"
	}
	return code
}
