package agent

import (
	"bufio"
	"bytes"
	"path"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// maxHold bounds how long power or network can hold a report back.
const maxHold = 24 * time.Hour

// Thrift says whether the agent waits while its reports cost the machine's user something.
// The zero value waits, for a day at most.
type Thrift struct {
	OnBattery, OnMetered string // wait (or ""), report
}

func (t Thrift) validate() error {
	for name, value := range map[string]string{"on_battery": t.OnBattery, "on_metered": t.OnMetered} {
		if value != "" && value != "wait" && value != "report" {
			return inventory.Errorf(inventory.CodeInvalid, "%s %q: there are wait and report", name, value)
		}
	}
	return nil
}

// Conditions are what the machine runs on. Unknown counts as mains and as free of charge.
type Conditions struct {
	Battery bool `json:"on_battery"`
	Metered bool `json:"on_metered_network"`
}

// hold is why a report waits under these conditions; "" when it does not. A first report
// never does, nor one that is a day late.
func (t Thrift) hold(c Conditions, accepted, now time.Time) string {
	since := now.Sub(accepted)
	switch {
	case accepted.IsZero(), since < 0, since >= maxHold:
		return ""
	case c.Battery && t.OnBattery != "report":
		return "on battery"
	case c.Metered && t.OnMetered != "report":
		return "on a metered network"
	}
	return ""
}

const (
	maxSupplies = 64
	maxProfile  = 64 << 10
	maxProfiles = 256
	sysPower    = "/sys/class/power_supply"
	runNM       = "/run/NetworkManager/devices"
)

// batteryIn says whether the power supplies of a tree show a machine that discharges its
// battery. A mouse has one too, and says that its scope is a device.
// https://docs.kernel.org/power/power_supply_class.html
func batteryIn(t *source.Tree) bool {
	discharging := false
	for _, name := range t.Names(sysPower, maxSupplies) {
		of := func(attribute string) string { return t.Text(path.Join(sysPower, name, attribute)) }
		if of("scope") == "Device" {
			continue
		}
		switch of("type") {
		case "Mains", "USB", "Wireless":
			if of("online") == "1" {
				return false
			}
		case "Battery", "UPS":
			discharging = discharging || of("status") == "Discharging"
		}
	}
	return discharging
}

// meteredIn says whether NetworkManager's profile of a connection that leads out is marked as
// metered: its state files name the profiles in use, and a profile says "metered=1".
// https://networkmanager.dev/docs/api/latest/nm-settings-keyfile.html
func meteredIn(t *source.Tree) bool {
	used := map[string]bool{}
	for _, name := range t.Names(runNM, maxSupplies) {
		if text, err := t.ReadFile(path.Join(runNM, name), maxProfile); err == nil {
			used[keyIn(text, "device", "connection-uuid")] = true
		}
	}
	delete(used, "")
	if len(used) == 0 {
		return false
	}
	for _, dir := range []string{"/etc/NetworkManager/system-connections", "/run/NetworkManager/system-connections"} {
		for _, name := range t.Names(dir, maxProfiles) {
			text, err := t.ReadFile(path.Join(dir, name), maxProfile)
			if err != nil || !used[keyIn(text, "connection", "uuid")] {
				continue
			}
			switch keyIn(text, "connection", "metered") {
			case "1", "yes", "true":
				return true
			}
		}
	}
	return false
}

// keyIn is a value in a key file: [group], then lines of key=value.
func keyIn(text []byte, group, key string) string {
	in := false
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			in = line == "["+group+"]"
			continue
		}
		if name, value, ok := strings.Cut(line, "="); ok && in && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
