package agent

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-itam/muster/agent/source"
)

func treeOf(t *testing.T, files ...map[string]string) *source.Tree {
	t.Helper()
	root := t.TempDir()
	for _, set := range files {
		for name, text := range set {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tree, err := source.OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

func supply(name string, attributes ...string) map[string]string {
	files := map[string]string{}
	for i := 0; i < len(attributes); i += 2 {
		files[filepath.Join(sysPower, name, attributes[i])] = attributes[i+1] + "\n"
	}
	return files
}

func TestBattery(t *testing.T) {
	discharging := supply("BAT0", "type", "Battery", "status", "Discharging")
	for name, tt := range map[string]struct {
		files []map[string]string
		want  bool
	}{
		"a server":               {nil, false},
		"on mains":               {[]map[string]string{discharging, supply("AC", "type", "Mains", "online", "1")}, false},
		"unplugged":              {[]map[string]string{discharging, supply("AC", "type", "Mains", "online", "0")}, true},
		"charged over USB":       {[]map[string]string{discharging, supply("ucsi0", "type", "USB", "online", "1")}, false},
		"a mouse's battery":      {[]map[string]string{supply("hid0", "type", "Battery", "status", "Discharging", "scope", "Device")}, false},
		"a battery that is full": {[]map[string]string{supply("BAT0", "type", "Battery", "status", "Full")}, false},
		"a UPS that has to work": {[]map[string]string{supply("ups", "type", "UPS", "status", "Discharging")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := batteryIn(treeOf(t, tt.files...)); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestMetered(t *testing.T) {
	device := map[string]string{runNM + "/3": "[device]\nmanaged=true\nconnection-uuid=u-1\n"}
	profile := func(text string) map[string]string {
		return map[string]string{"/etc/NetworkManager/system-connections/phone.nmconnection": text}
	}
	for name, tt := range map[string]struct {
		files []map[string]string
		want  bool
	}{
		"no NetworkManager":  {nil, false},
		"said to be metered": {[]map[string]string{device, profile("[connection]\nid=phone\nuuid=u-1\nmetered=1\n")}, true},
		"said not to be":     {[]map[string]string{device, profile("[connection]\nuuid=u-1\nmetered=2\n")}, false},
		"nothing said":       {[]map[string]string{device, profile("[connection]\nuuid=u-1\n")}, false},
		"not in use":         {[]map[string]string{device, profile("[connection]\nuuid=u-2\nmetered=1\n")}, false},
		"in another group":   {[]map[string]string{device, profile("[connection]\nuuid=u-1\n[wifi]\nmetered=1\n")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := meteredIn(treeOf(t, tt.files...)); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestRunWaitsOnBattery(t *testing.T) {
	for name, tt := range map[string]struct {
		conditions Conditions
		thrift     Thrift
		low, high  int
	}{
		"on mains":                     {Conditions{}, Thrift{}, 17, 20},
		"on battery":                   {Conditions{Battery: true}, Thrift{}, 3, 4},
		"on a metered network":         {Conditions{Metered: true}, Thrift{}, 3, 4},
		"on battery, and nobody minds": {Conditions{Battery: true}, Thrift{OnBattery: "report"}, 17, 20},
		"on both, one is minded":       {Conditions{Battery: true, Metered: true}, Thrift{OnBattery: "report"}, 3, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{id: "4b1d", until: time.Now().Add(30 * 24 * time.Hour), conditions: func() Conditions { return tt.conditions }}
				start := time.Now()
				runFor(t, s, Config{Interval: 4 * time.Hour, Thrift: tt.thrift}, 72*time.Hour, nil)
				if n := len(s.reports); n < tt.low || n > tt.high {
					t.Errorf("%d reports in three days, want %d to %d", n, tt.low, tt.high)
				}
				if s.reports[0] != start {
					t.Error("a fresh machine did not show up at once")
				}
			})
		})
	}
}

// Back on mains, what waited goes out within minutes.
func TestRunReportsWhenPluggedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var plugged atomic.Bool
		s := &scripted{id: "4b1d", until: time.Now().Add(30 * 24 * time.Hour), conditions: func() Conditions { return Conditions{Battery: !plugged.Load()} }}
		start := time.Now()
		runFor(t, s, Config{}, 10*time.Hour, func() { plugged.Store(true) }) // half way
		if len(s.reports) < 2 || s.reports[1].Sub(start) > 5*time.Hour+2*time.Minute {
			t.Errorf("reports at %v", s.reports)
		}
	})
}

func FuzzKeyFile(f *testing.F) {
	f.Add([]byte("[device]\nconnection-uuid = u\n"), "device", "connection-uuid")
	f.Fuzz(func(t *testing.T, text []byte, group, key string) {
		if value := keyIn(text, group, key); value != strings.TrimSpace(value) || len(value) > len(text) {
			t.Errorf("value %q", value)
		}
	})
}
