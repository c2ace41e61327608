package hardware_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
)

func TestBatteries(t *testing.T) {
	files := map[string]string{}
	supply := func(name string, attributes map[string]string) {
		for a, v := range attributes {
			files["sys/class/power_supply/"+name+"/"+a] = v + "\n"
		}
	}
	supply("AC", map[string]string{"type": "Mains"})
	supply("BAT0", map[string]string{
		"type": "Battery", "present": "1", "manufacturer": "SMP", "model_name": "01AV457", "serial_number": " 2468", "technology": "Li-poly",
		"cycle_count": "312", "energy_full_design": "57020000", "energy_full": "48500000", "energy_now": "1", "voltage_min_design": "11520000",
	})
	supply("BAT1", map[string]string{
		"type": "Battery", "technology": "Unknown", "cycle_count": "0", "charge_full_design": "5000000", "charge_full": "5100000",
		"voltage_min_design": "7600000", "manufacture_year": "2021", "manufacture_month": "3", "manufacture_day": "0",
	})
	supply("BAT2", map[string]string{"type": "Battery", "present": "0"})
	supply("BAT3", map[string]string{"type": "Battery", "charge_full_design": "4000000", "charge_full": "3000000", "cycle_count": "-1"})
	supply("hid-mouse", map[string]string{"type": "Battery", "scope": "Device", "model_name": "MX Master"})
	supply("ups", map[string]string{"type": "UPS", "model_name": "Back-UPS"})
	want := inventory.Batteries{
		{Name: "BAT0", Vendor: "SMP", Model: "01AV457", Serial: "2468", Chemistry: "Li-poly", Cycles: 312, DesignMWh: 57020, FullMWh: 48467, HealthPercent: 85},
		{Name: "BAT1", Manufactured: "2021-03", DesignMWh: 38000, FullMWh: 38000, HealthPercent: 100},
		{Name: "BAT3", HealthPercent: 75},
		{Name: "ups", Model: "Back-UPS"},
	}
	if diff := cmp.Diff(want, collect(t, plant(t, files), "power")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// Tomorrow the battery measures a little less.
	files["sys/class/power_supply/BAT0/energy_full"] = "48300000\n"
	if diff := cmp.Diff(want, collect(t, plant(t, files), "power")); diff != "" {
		t.Errorf("flaps: -want +got:\n%s", diff)
	}
}
