package collector_test

import (
	"fmt"
	"net/netip"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// hostile is text that must stay text wherever it is shown (A13, A15, A16).
const hostile = `"><script>alert(1)</script>'; drop table asset; --` + "\x1b[31m\u202e\u009b=1\r\nx"

// estate is a small company that reported: a laptop and a virtual machine with agents,
// the latter also seen by a scanner, a switch, and a machine whose every text is hostile.
type estate struct {
	laptop, web, evil, scanner source
	seq                        map[string]int64
}

func newEstate(r *rig) *estate {
	r.t.Helper()
	e := &estate{laptop: r.enrol(inventory.KindAgent, "berlin"), web: r.enrol(inventory.KindAgent, "berlin"),
		evil: r.enrol(inventory.KindAgent, "berlin"), scanner: r.enrol(inventory.KindScanner, "berlin"), seq: map[string]int64{}}
	e.send(r, e.laptop, "", lap1(), debian("12"), &inventory.Hardware{CPUModel: "Intel(R) Core(TM) Ultra 7 155U", CPUSockets: 1, CPUCores: 12, CPUThreads: 14,
		SystemVendor: "LENOVO", SystemModel: "21ML", BIOSVendor: "LENOVO", BIOSVersion: "N47ET25W", BIOSDate: "2026-01-20", MemoryBytes: 33_328_000_000},
		nics("wlp0s20f3", "a4:bb:6d:01:02:03", "10.77.1.21/24"),
		inventory.Disks{{Name: "nvme0n1", Model: "SAMSUNG MZVL21T0HDLU", Serial: "S6XNNE0T123456", Bus: "nvme", Bytes: 1_024_209_543_168}},
		inventory.MemoryModules{{Slot: "DIMM A", Bytes: 16 << 30, Type: "DDR5", SpeedMTs: 5600, Vendor: "Micron", Serial: "E8A1"}, {Slot: "DIMM B", Bytes: 16 << 30, Type: "DDR5"}},
		inventory.Users{{Name: "ann", ID: "1000", FullName: "Ann Example", Home: "/home/ann", Shell: "/bin/bash"}},
		packages("openssl 3.0.11-1~deb12u2", "bash 5.2.15-2+b7", "firefox-esr 128.3.1esr-1~deb12u1"))
	e.send(r, e.web, "", web1(), debian("12"), &inventory.Hardware{CPUModel: "AMD EPYC 7313", CPUCores: 4, CPUThreads: 4, MemoryBytes: 8_326_000_000},
		nics("ens18", "bc:24:11:0a:0b:0c", "10.77.1.5/24", "2001:db8:77::5/64"),
		inventory.Disks{{Name: "sda", Model: "QEMU HARDDISK", Bytes: 34_359_738_368, Bus: "scsi"}},
		packages("openssl 3.0.15-1~deb12u1", "nginx 1.22.1-9"))
	e.send(r, e.scanner, "bc:24:11:0a:0b:0c", &inventory.Device{Name: "web1", Identifiers: []inventory.Identifier{
		{Type: inventory.IDMAC, Value: "bc:24:11:0a:0b:0c", Quality: inventory.QualitySeen}}},
		nics("", "bc:24:11:0a:0b:0c", "10.77.1.5/24"), inventory.Ports{{Protocol: "tcp", Number: 443, Service: "https", Banner: "nginx"}})
	e.send(r, e.scanner, "44:31:92:00:00:01", &inventory.Device{Name: "sw1", Class: inventory.ClassSwitch, Vendor: "Hewlett Packard Enterprise", Model: "2930F-24G",
		Serial: "SG92JYR0AB", Description: "Aruba JL259A", Location: "rack 3", Identifiers: []inventory.Identifier{
			{Type: inventory.IDSerial, Value: "SG92JYR0AB", Scope: "Hewlett Packard Enterprise", Part: inventory.PartSystem}}},
		append(nics("1", "44:31:92:00:00:01", "10.77.1.2/24"), inventory.Interface{Name: "7", VLAN: 10, Tagged: "20-29", Disabled: true, Aggregate: "Trk1", PoE: "delivering", PoEClass: 4, Duplex: "half"}),
		inventory.VLANs{{ID: 10, Name: "office"}}, inventory.Redundancies{{Protocol: "vrrp", Group: 7, Addresses: []string{"10.77.1.1"}, State: "backup", Priority: 90}},
		inventory.WirelessNetworks{{SSID: "guests", VLAN: 30, Security: "wpa3"}}, inventory.Supplies{{Name: "fuser kit", Kind: "fuser", LevelPercent: 85}},
		inventory.Meters{{Of: "outlet 3", Name: "power", Unit: "mW", Value: 71000}}, inventory.Components{{Index: 1, Class: "chassis", Model: "JL259A", Serial: "SG92JYR0AB"}},
		inventory.Neighbours{{Protocol: "lldp", LocalPort: "7", ChassisID: "bc:24:11:0a:0b:0c", RemotePort: "ens18", RemoteName: "web1"}})
	e.send(r, e.evil, "", &inventory.Device{Name: hostile, Domain: hostile, Vendor: hostile, Model: hostile, Serial: hostile, User: hostile, Description: hostile,
		Identifiers: []inventory.Identifier{{Type: inventory.IDMachine, Value: "00000000000000000000000000000bad"}}},
		&inventory.OS{Name: hostile, Version: hostile, Kernel: hostile}, &inventory.Hardware{CPUModel: hostile, SystemVendor: hostile},
		inventory.Interfaces{{Name: hostile, MAC: "02:00:00:00:00:01", Description: hostile}}, inventory.Disks{{Name: hostile, Model: hostile, Serial: hostile}},
		inventory.Users{{Name: hostile}}, inventory.Filesystems{{Device: hostile, Mountpoint: hostile}}, inventory.PCIDevices{{Address: hostile, DeviceName: hostile}},
		&inventory.Security{TPMVersion: hostile, SecureBoot: hostile, DiskEncryption: hostile, MandatoryAccess: hostile}, inventory.GPUs{{Name: hostile, Driver: hostile}},
		inventory.Monitors{{Vendor: hostile, Model: hostile, Serial: hostile, Port: hostile}}, inventory.Batteries{{Name: hostile, Model: hostile, Serial: hostile}},
		inventory.Printers{{Name: hostile, URI: hostile, Location: hostile}}, inventory.Peripherals{{Class: hostile, Model: hostile, Serial: hostile}},
		inventory.Volumes{{Type: hostile, Name: hostile, Members: []string{hostile}}}, inventory.Containers{{ID: hostile, Name: hostile, Image: hostile, State: hostile}},
		inventory.Usages{{Source: hostile, Name: hostile, Path: hostile}}, inventory.Readings{{Source: hostile, Reads: inventory.SectionDisks, Reason: hostile}},
		inventory.VLANs{{ID: 1, Name: hostile}}, inventory.Redundancies{{Protocol: hostile, Interface: hostile, Addresses: []string{hostile}, MAC: hostile, State: hostile}},
		inventory.WirelessNetworks{{SSID: hostile, Security: hostile}}, inventory.Supplies{{Name: hostile, Kind: hostile, Colour: hostile, Serial: hostile}},
		inventory.Meters{{Of: hostile, Name: hostile, Unit: hostile}}, inventory.Components{{Index: 1, Name: hostile}}, inventory.Neighbours{{Protocol: hostile, LocalPort: hostile, RemoteName: hostile, RemotePort: hostile}},
		inventory.Ports{{Protocol: "tcp", Number: 1, Banner: hostile}}, inventory.SoftwareList{{Source: "deb", Name: "=1+1" + hostile, Version: hostile, Publisher: hostile}})
	return e
}

func lap1() *inventory.Device {
	return &inventory.Device{Name: "lap1", Domain: "corp.example", Class: inventory.ClassLaptop, Vendor: "LENOVO", Model: "ThinkPad X13 Gen 5", Serial: "PF4ABC12", User: "ann",
		Identifiers: []inventory.Identifier{{Type: inventory.IDSerial, Value: "PF4ABC12", Scope: "LENOVO", Part: inventory.PartSystem},
			{Type: inventory.IDMachine, Value: "3f1c0a5de2b74a1f9d0c6b8a77e01234"}}}
}

func web1() *inventory.Device {
	return &inventory.Device{Name: "web1", Domain: "corp.example", Class: inventory.ClassVM, Virtual: "kvm", Vendor: "QEMU", Model: "Standard PC (Q35 + ICH9, 2009)",
		Identifiers: []inventory.Identifier{{Type: inventory.IDMachine, Value: "9b2ee81e7c1f4f63b2a1d0c9e8f76543"}}}
}

func debian(version string) *inventory.OS {
	return &inventory.OS{Family: "linux", Name: "Debian GNU/Linux", Version: version, Kernel: "6.1.0-27-amd64", Arch: "amd64"}
}

func nics(name, mac string, addresses ...string) inventory.Interfaces {
	i := inventory.Interface{Name: name, MAC: mac, Type: inventory.IfEthernet, Up: true}
	for _, a := range addresses {
		i.Addresses = append(i.Addresses, netip.MustParsePrefix(a))
	}
	return inventory.Interfaces{i}
}

func packages(list ...string) inventory.SoftwareList {
	var out inventory.SoftwareList
	for _, p := range list {
		s := inventory.Software{Source: "deb", Arch: "amd64", Publisher: "Debian"}
		_, _ = fmt.Sscan(p, &s.Name, &s.Version)
		out = append(out, s)
	}
	return out
}

// send reports sections in full; the good agents say that they could not see their neighbours.
func (e *estate) send(r *rig, s source, key string, bodies ...inventory.Body) {
	r.t.Helper()
	e.seq[s.id]++
	o := inventory.Observation{NativeKey: key, Epoch: 1, Seq: e.seq[s.id], SeenAt: r.clock.Now(), Complete: true}
	for _, b := range bodies {
		o.Sections = append(o.Sections, inventory.Section{Name: b.Section(), Status: inventory.StatusOK, Hash: fmt.Append(nil, len(fmt.Sprint(b)), e.seq[s.id]), Body: b})
	}
	if s.id != e.evil.id && key == "" {
		o.Sections = append(o.Sections, inventory.Section{Name: inventory.SectionNeighbours, Status: inventory.StatusFailed, Reason: "lldpd.socket: permission denied"})
	}
	res, err := r.report(s, &musterv1.ReportRequest{Observations: []*musterv1.Observation{wire.ToProto(o)}, Version: "1.2.3"})
	if err != nil {
		r.t.Fatal(err)
	}
	if got := res.GetAcknowledgements()[0]; got.GetOutcome() != musterv1.Outcome_OUTCOME_ACCEPTED {
		r.t.Fatalf("report of %q: %s %s", key, got.GetOutcome(), got.GetReason())
	}
}

// named is the one asset that a filter finds.
func (r *rig) named(filter string) *musterv1.Asset {
	r.t.Helper()
	res, err := r.people().ListAssets(r.t.Context(), &musterv1.ListAssetsRequest{Filter: filter})
	if err != nil {
		r.t.Fatal(err)
	}
	if len(res.GetAssets()) != 1 {
		r.t.Fatalf("%s finds %d assets", filter, len(res.GetAssets()))
	}
	return res.GetAssets()[0]
}
