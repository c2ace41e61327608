package hardware_test

import (
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/internal/inventory"
)

// valid fails when the collector would refuse what a parser returned.
func valid(t *testing.T, body inventory.Body) {
	t.Helper()
	o := inventory.Observation{Epoch: 1, Seq: 1, Sections: []inventory.Section{{
		Name: body.Section(), Status: inventory.StatusOK, Body: body,
	}}}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}

// FuzzTexts feeds one text to all parsers of text files.
func FuzzTexts(f *testing.F) {
	f.Add("NAME=\"a\\\"b\"\nID='x'\n")
	f.Add("processor : 0\nphysical id : 1\ncore id : 2\nCPU implementer : 0x41\nCPU part : 0xd03\n")
	f.Add("27 1 254:0 / /a\\040b rw - ext4 /dev/vda rw\n")
	f.Add("root:x:0:0:Ann,1:/root:/bin/sh\nUID_MIN 5\n")
	f.Add("8086  Intel\n\t2723  AX200\nC 02  Network\n\t00  Ethernet\n")
	f.Add("E:ID_SERIAL=x\\x20y\nMemTotal: 5 kB\nbtime 7\n")
	f.Add(`{"v1":{"cloud_name":"aws","instance_id":"i-1\u0000"}}`)
	f.Add(hostKey)
	f.Fuzz(func(t *testing.T, s string) {
		if users, err := hardware.ParsePasswd(strings.NewReader(s), hardware.ParseLogin(s), hardware.ParseAdmins(s)); err == nil {
			valid(t, users)
		}
		valid(t, hardware.LinuxOS(hardware.ParseOSRelease(s), "", ""))
		name, domain := hardware.HostName(s, s)
		valid(t, &inventory.Device{Name: name, Domain: domain})
		if cpu, err := hardware.ParseCPUInfo(strings.NewReader(s)); err == nil {
			c := cpu.Shown()
			valid(t, &inventory.Hardware{CPUModel: c.Model, CPUVendor: c.Vendor, SystemModel: c.Board, BoardSerial: c.Serial})
		}
		if mounts, err := hardware.ParseMounts(strings.NewReader(s)); err == nil {
			for _, m := range hardware.Volumes(mounts) {
				_ = hardware.BehindNetwork(m, mounts)
			}
		}
		names := hardware.NewPCINames([]string{"8086"}, []string{"8086 2723"}, []string{"02", "0200"})
		if names.Read(s) == nil {
			for _, m := range names.All() {
				for _, v := range m {
					valid(t, &inventory.Device{Name: v})
				}
			}
		}
		_ = names.Class(s)
		if c, err := hardware.ParseCloudInit([]byte(s)); err == nil {
			valid(t, &inventory.Device{Name: c.InstanceID, CloudRegion: c.Region})
		}
		for _, v := range hardware.ParseUdev(s) {
			valid(t, &inventory.Device{Name: v})
		}
		total, swap := hardware.ParseMeminfo(s)
		if total < 0 || swap < 0 {
			t.Errorf("negative size in %q", s)
		}
		if key, err := hardware.SSHFingerprint(s); err == nil && len(key) != 50 {
			t.Errorf("fingerprint %q", key)
		}
		_, _ = hardware.DetectContainer(s, s, s, s, s, true, false)
		_, _, _ = hardware.BootTime(s), hardware.VPDSerial([]byte(s)), hardware.Unescape(s)
	})
}

func FuzzNetlink(f *testing.F) {
	for _, question := range []int{unix.RTM_GETLINK, unix.RTM_GETADDR} {
		b, err := syscall.NetlinkRIB(question, unix.AF_UNSPEC)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = hardware.ParseLinks(b)
		_, _ = hardware.ParseAddresses(b)
	})
}
