package hardware

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/plist"
)

// macBatteries are those of the registry, with the health that the report gives: the
// figure that the system shows to people, which it smooths. Without the registry's, the
// report's own.
func macBatteries(registry []*regNode, r profiler.Report) inventory.Batteries {
	list := inventory.Batteries{}
	health := 0
	for _, e := range r.Type("SPPowerDataType").All() {
		health = first0(health, int(profiler.Number(e.Get("sppower_battery_health_maximum_capacity", "maximum capacity"))))
	}
	for _, n := range allNodes(registry) {
		if n.props["DesignCapacity"] != nil && (n.props["BatteryInstalled"] == nil || n.props.Bool("BatteryInstalled")) {
			list = append(list, registryBattery(n.props, health))
		}
	}
	if len(list) > 0 {
		return list
	}
	for _, e := range r.Type("SPPowerDataType").Entries {
		if b, ok := reportBattery(e, health); ok {
			list = append(list, b)
		}
	}
	return list
}

// registryBattery reads an entry of class AppleSmartBattery, capacities in mAh. On Apple
// silicon MaxCapacity is a percentage, NominalChargeCapacity is smoothed and
// AppleRawMaxCapacity is measured anew with each charge.
func registryBattery(p plist.Dict, health int) inventory.Battery {
	b := inventory.Battery{
		Name: "InternalBattery", Vendor: p.Text("Manufacturer"), Model: p.Text("DeviceName"),
		Serial: first(p.Text("Serial"), p.Text("BatterySerialNumber")), Chemistry: "Li-ion",
		Cycles: macSmall(p.Int("CycleCount")), Manufactured: smartBatteryDate(p.Int("ManufactureDate")),
	}
	design := p.Int("DesignCapacity")
	full := p.Int("NominalChargeCapacity")
	if full == 0 {
		full = p.Int("AppleRawMaxCapacity")
	}
	if full == 0 && p.Int("MaxCapacity") > 100 {
		full = p.Int("MaxCapacity")
	}
	nominal := nominalMilliVolts(p.Int("Voltage"), len(p.Dict("BatteryData").List("CellVoltage")))
	b.DesignMWh, b.FullMWh, b.HealthPercent = macBatteryFigures(design, full, nominal, health)
	return *clean(&b)
}

// macBatteryFigures rounds: full capacity to a fiftieth of the design's, and a health that
// is computed here with it, because both go up and down a little all the time.
func macBatteryFigures(design, full, milliVolts int64, health int) (designMWh, fullMWh int64, percent int) {
	const most = 1 << 20 // mAh
	if design < 0 || design > most || full < 0 || full > most {
		return 0, 0, 0
	}
	percent = health
	if design > 0 && full > 0 {
		fiftieths := (full*50 + design/2) / design
		full = design * fiftieths / 50
		percent = first0(percent, int(min(fiftieths*2, 100)))
	}
	tens := func(mAh int64) int64 { return (mAh*milliVolts/1000 + 5) / 10 * 10 }
	return tens(design), tens(full), min(percent, 100)
}

// nominalMilliVolts is what the cells in series are rated at together: the voltage itself
// goes with the charge. 3.8 V is what Apple's cells are; how many there are is told, or
// follows from the voltage, between 3 and 4.4 V each.
func nominalMilliVolts(voltage int64, cells int) int64 {
	const cell = 3800
	switch {
	case cells > 0 && cells <= 16:
		return int64(cells) * cell
	case voltage <= 0 || voltage > 60_000:
		return 0
	case voltage < 4500:
		return cell
	case voltage < 8900:
		return 2 * cell
	case voltage < 13_300:
		return 3 * cell
	}
	return 4 * cell
}

// smartBatteryDate reads the date of the Smart Battery Data Specification 1.1, 5.1.26: day in
// five bits, month in four, years since 1980 above. Newer gauges have texts there.
func smartBatteryDate(n int64) string {
	year, month, day := 1980+n>>9, n>>5&0xf, n&0x1f
	if n <= 0 || n > 0xffff || month < 1 || month > 12 || day < 1 {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
}

// reportBattery reads "Battery Information": model, charge and health are parts of it.
func reportBattery(e *profiler.Entry, health int) (inventory.Battery, bool) {
	if e.Name != "Battery Information" && e.Name != "spbattery_information" {
		return inventory.Battery{}, false
	}
	if installed := e.Get("sppower_battery_installed", "battery installed"); strings.EqualFold(profiler.Word(installed), "no") {
		return inventory.Battery{}, false
	}
	get := func(keys ...string) string {
		for _, part := range e.All() {
			if v := part.Get(keys...); v != "" {
				return v
			}
		}
		return ""
	}
	full := profiler.Number(get("sppower_battery_max_capacity", "full charge capacity (mah)"))
	cycles, err := strconv.Atoi(get("sppower_battery_cycle_count", "cycle count"))
	if err != nil || cycles < 0 {
		cycles = 0
	}
	milliVolts := nominalMilliVolts(profiler.Number(get("sppower_current_voltage", "voltage (mv)")), 0)
	b := inventory.Battery{
		Name: "InternalBattery", Vendor: get("sppower_battery_manufacturer", "manufacturer"),
		Model: get("sppower_battery_device_name", "device name"), Serial: get("sppower_battery_serial_number", "serial number"),
		Chemistry: "Li-ion", Cycles: cycles,
	}
	_, b.FullMWh, b.HealthPercent = macBatteryFigures(0, full, milliVolts, health)
	b.FullMWh = (b.FullMWh + 500) / 1000 * 1000 // there is no design to round by
	return *clean(&b), true
}
