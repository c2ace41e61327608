package hardware_test

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// The machine that runs the tests: whatever it is, its report is one that the collector takes.
func TestThisMachine(t *testing.T) {
	o := inventory.Observation{Epoch: 1, Seq: 1}
	for _, s := range hardware.Sources("/") {
		if s.Category == source.CategoryCloudMetadata {
			continue // asks the network
		}
		body, err := s.Read(t.Context())
		status, reason := source.Status(err)
		if status == inventory.StatusFailed {
			t.Errorf("%s: %s", s.Name, reason)
		}
		o.Sections = []inventory.Section{{Name: s.Section, Status: status, Reason: reason, Body: body}} // of which the agent makes one
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	d := collect(t, "/", "identity").(*inventory.Device)
	if name := d.Name; name != host && name+"."+d.Domain != host {
		t.Errorf("name %q, domain %q of host %q", name, d.Domain, host)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	if s := collect(t, "/", "os-release").(*inventory.OS); s.Kernel != unix.ByteSliceToString(u.Release[:]) || s.BootTime.IsZero() {
		t.Errorf("os: %+v", s)
	}
	body, err := look(t, "/", "system")
	if h, ok := body.(*inventory.Hardware); !ok || h.CPUThreads < 1 || h.CPUCores < 1 || h.MemoryBytes < 1<<20 {
		t.Errorf("system: %+v, %v", body, err)
	}
}

// The standard library is the judge of names, addresses and MACs.
func TestInterfacesAgreeWithStandardLibrary(t *testing.T) {
	type card struct {
		Name, MAC string
		MTU       int
		Loopback  bool
		Addresses []netip.Prefix
	}
	nics, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []card
	for _, n := range nics {
		c := card{Name: n.Name, MAC: n.HardwareAddr.String(), MTU: n.MTU, Loopback: n.Flags&net.FlagLoopback != 0}
		addresses, err := n.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addresses {
			c.Addresses = append(c.Addresses, netip.MustParsePrefix(a.String()))
		}
		want = append(want, c)
	}
	list, err := hardware.NetlinkInterfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range list {
		got = append(got, card{n.Name, n.MAC, n.MTU, n.Type == inventory.IfLoopback, n.Addresses})
	}
	order := func(a, b card) int { return slices.Compare([]byte(a.Name), []byte(b.Name)) }
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	prefixes := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
	if diff := cmp.Diff(want, got, prefixes); diff != "" {
		t.Errorf("-standard library +got:\n%s", diff)
	}
}

// Both ways to a burned-in address give the same.
func TestPermanentAddress(t *testing.T) {
	list, err := hardware.NetlinkInterfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range list {
		if n.PermanentMAC == "" {
			continue
		}
		if got := hardware.EthtoolPermanent(n.Name).String(); got != n.PermanentMAC {
			t.Errorf("%s: ethtool says %q, netlink %q", n.Name, got, n.PermanentMAC)
		}
	}
	if got := hardware.EthtoolPermanent("no-such-interface"); got != nil {
		t.Errorf("an interface that does not exist has the address %s", got)
	}
}

func BenchmarkSources(b *testing.B) {
	for _, s := range hardware.Sources("/") {
		b.Run(s.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Read(b.Context()); err != nil {
					if status, reason := source.Status(err); status == inventory.StatusFailed {
						b.Fatal(reason)
					}
				}
			}
		})
	}
}
