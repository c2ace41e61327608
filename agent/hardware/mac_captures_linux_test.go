package hardware_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
)

// notParsed are captures of Macs that no parser here is for.
var notParsed = map[string]string{
	"macos/SysProfile":                "applications: agent/software reads them",
	"macos/antivirus":                 "products' own tools, one for each maker; there is no section for their state",
	"macos/firewall":                  "lists of processes and services: there is no section for the state of the firewall",
	"macos/sysctl":                    "the agent asks the kernel itself, by name, and reads no text",
	"macos/system_profiler/datatypes": "the names of data types; the agent knows which it asks for",
	"macos/system_profiler/SPDisc":    "drives for discs have no section",
	".SPApplicationsDataType":         "applications: agent/software reads them",
	"SPApplicationsDataType_-xml":     "applications: agent/software reads them",
	"SPApplicationsDataType.example":  "applications: agent/software reads them",
	"SPCardReaderDataType2.xml":       "a card reader without a card",
}

// TestMacCaptures puts each capture through each parser that fits its kind of text, and
// compares in short what is found with what a person reads there.
func TestMacCaptures(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(captures+"macos", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimPrefix(path, captures)
		for part := range notParsed {
			if strings.Contains(name, part) {
				return nil
			}
		}
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(strings.TrimSpace(macWant[name]), macFound(t, name)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range macWant {
		if !seen[name] {
			t.Errorf("%s: expected, but there is no such capture", name)
		}
	}
}

// macFound says in short what the parsers find in a capture.
func macFound(t *testing.T, name string) string {
	t.Helper()
	text := capture(t, name)
	var found shortList
	switch {
	case strings.Contains(name, "networksetup"):
		list := inventory.Interfaces{}
		for _, p := range hardware.ParsePorts([]byte(text)) {
			list = append(list, inventory.Interface{Name: hardware.PortName(p)})
		}
		hardware.JoinPorts(list, hardware.ParsePorts([]byte(text)))
		found.interfaces(list)
	case strings.HasPrefix(name, "macos/ifconfig/"):
		list, err := hardware.ParseIfconfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		found.interfaces(list)
	case strings.HasPrefix(name, "macos/ioreg/"):
		nodes, err := hardware.ParseRegistry([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if e := hardware.Expert(nodes); e[0] != "" {
			found.add("machine", e[:]...)
		}
		found.monitors(hardware.MacMonitors(nil, nodes))
		found.peripherals(hardware.RegistryUSB(nodes))
	default:
		found.report(t, text)
	}
	return strings.Join(found, "\n")
}

type shortList []string

func (l *shortList) add(what string, fields ...string) {
	*l = append(*l, what+": "+strings.Join(slices.DeleteFunc(fields, func(s string) bool { return s == "" }), ", "))
}

func (l *shortList) report(t *testing.T, text string) {
	t.Helper()
	r, err := profiler.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if serial, uuid, h := hardware.MacOverview(r); serial != "" {
		l.add("machine", h.SystemModel, h.SystemFamily, serial, uuid, h.BIOSVersion)
		l.add("processor", h.CPUModel, h.CPUVendor, fmt.Sprintf("%d processors, %d cores, %d MHz", h.CPUSockets, h.CPUCores, h.CPUMaxMHz), megabytes(h.MemoryBytes))
	}
	if os := hardware.MacSoftware(r); os.Version != "" {
		l.add("system", os.Name, os.Version, os.Build, os.Kernel)
	}
	for _, m := range hardware.MacModules(r) {
		l.add("module", m.Slot, megabytes(m.Bytes), m.Type, fmt.Sprint(m.SpeedMTs), m.Vendor, m.Serial, m.PartNumber)
	}
	for _, d := range hardware.MacDisks(r, nil) {
		l.add("disk", d.Name, d.Bus, d.Vendor, d.Model, d.Serial, d.Firmware, megabytes(d.Bytes), d.Health)
	}
	for _, g := range hardware.MacGPUs(r) {
		l.add("graphics", g.Name, g.Vendor, megabytes(g.Bytes))
	}
	l.monitors(hardware.MacMonitors(r, nil))
	for _, b := range hardware.MacBatteries(nil, r) {
		l.add("battery", b.Vendor, b.Model, b.Serial, fmt.Sprintf("%d mWh, %d cycles", b.FullMWh, b.Cycles))
	}
	for _, p := range hardware.MacPrinters(r) {
		l.add("printer", p.Name, p.Model, p.URI)
	}
	l.interfaces(hardware.JoinServices(nil, r))
	for _, p := range hardware.ReportPCI(r) {
		l.add("pci", p.VendorID+":"+p.DeviceID, p.Class, p.DeviceName)
	}
	l.peripherals(append(append(hardware.ReportUSB(r), hardware.MacThunderbolt(r)...), hardware.MacBluetooth(r)...))
}

func (l *shortList) monitors(list inventory.Monitors) {
	for _, m := range list {
		l.add("monitor", m.Vendor, m.Model, m.Serial, m.Manufactured, m.Resolution, m.Port)
	}
}

func (l *shortList) peripherals(list inventory.Peripherals) {
	for _, p := range list {
		l.add(p.Bus, p.Address, p.Class, p.VendorID+":"+p.ProductID, p.Vendor, p.Model, p.Serial, p.Version)
	}
}

func (l *shortList) interfaces(list inventory.Interfaces) {
	for _, n := range list {
		fields := []string{n.Name, string(n.Type), n.MAC, n.Description}
		if n.PermanentMAC != "" {
			fields = append(fields, "burned in "+n.PermanentMAC)
		}
		if n.SpeedMbps != 0 {
			fields = append(fields, fmt.Sprint(n.SpeedMbps)+" Mbit/s")
		}
		for _, a := range n.Addresses {
			fields = append(fields, a.String())
		}
		if len(n.Gateways) > 0 {
			fields = append(fields, "by "+strings.Join(n.Gateways, " "))
		}
		if n.Up {
			fields = append(fields, "up")
		}
		l.add("interface", fields...)
	}
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", n/1000/1000) }
