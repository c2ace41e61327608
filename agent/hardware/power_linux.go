package hardware

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"strconv"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const powerDir = "sys/class/power_supply"

// readBatteries reads the batteries and uninterruptible supplies that the kernel knows
// (Documentation/ABI/testing/sysfs-class-power), but not those in mice and headsets.
func readBatteries(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	entries, err := tree.ReadDir(powerDir, maxEntries)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("the kernel shows no power supplies: /%s does not exist", powerDir)
	}
	if err != nil {
		return nil, err
	}
	list := inventory.Batteries{}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := powerDir + "/" + e.Name() + "/"
		kind, absent := tree.Text(at+"type"), tree.Text(at+"present") == "0"
		if kind != "Battery" && kind != "UPS" || absent || tree.Text(at+"scope") == "Device" {
			continue
		}
		list = append(list, readBattery(e.Name(), func(attribute string) string { return tree.Text(at + attribute) }))
	}
	return list, nil
}

func readBattery(name string, text func(attribute string) string) inventory.Battery {
	b := inventory.Battery{
		Name: source.Text(name), Vendor: text("manufacturer"), Model: text("model_name"), Serial: text("serial_number"),
		Chemistry: known(text("technology")), Manufactured: madeOn(text("manufacture_year"), text("manufacture_month"), text("manufacture_day")),
	}
	number := func(attribute string) int64 {
		n, err := strconv.ParseInt(text(attribute), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt32*1000 {
			return 0
		}
		return n
	}
	b.Cycles = int(min(number("cycle_count"), math.MaxInt32))
	// Energy is in µWh. Others tell charge in µAh, which the design voltage in µV makes energy.
	design, full, toMWh := number("energy_full_design"), number("energy_full"), 1e-3
	if design == 0 {
		design, full = number("charge_full_design"), number("charge_full")
		toMWh = float64(number("voltage_min_design")) * 1e-9
	}
	b.DesignMWh, b.FullMWh, b.HealthPercent = capacity(float64(design)*toMWh, float64(design), float64(full))
	return b
}

// capacity rounds what a battery can hold to a hundredth of what it was made for, because
// its own measure of it changes from day to day.
func capacity(designMWh, design, full float64) (mWh, fullMWh int64, health int) {
	mWh = int64(math.Round(designMWh))
	if design <= 0 || full <= 0 {
		return mWh, 0, 0
	}
	health = int(math.Round(min(full/design, 1) * 100))
	return mWh, int64(math.Round(designMWh * float64(health) / 100)), health
}

// known is s unless it says that it is not known.
func known(s string) string {
	if s == "Unknown" {
		return ""
	}
	return s
}

// madeOn is a date as far as it is told.
func madeOn(year, month, day string) string {
	out := ""
	for i, part := range []string{year, month, day} {
		n, err := strconv.Atoi(part)
		if err != nil || n <= 0 || i == 0 && (n < 1990 || n > 2100) || i == 1 && n > 12 || i == 2 && n > 31 {
			break
		}
		if i > 0 {
			out += "-"
			if n < 10 {
				out += "0"
			}
		}
		out += strconv.Itoa(n)
	}
	return out
}
