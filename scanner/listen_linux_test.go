package scanner_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner"
)

// TestTalker is no test but the speaker of TestListen: it puts frames on the wire until it is ended.
func TestTalker(t *testing.T) {
	if os.Getenv(responderEnv) == "" {
		return
	}
	conn, err := ethernet("eth0")
	if err != nil {
		t.Fatal(err)
	}
	for {
		for _, f := range talk() {
			if err := send(conn, f); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// talk is what a switch with LLDP and CDP, a telephone without an address, a desktop, and a
// host beyond the router say.
func talk() [][]byte {
	tlv := func(kind byte, value string) string { return string([]byte{kind << 1, byte(len(value))}) + value }
	lldp := "\x01\x80\xc2\x00\x00\x0e\x00\x1a\xa1\x00\x00\x07\x88\xcc" + tlv(1, "\x04\x00\x1a\xa1\x00\x00\x02") + tlv(2, "\x05Gi0/7") + tlv(3, "\x00\x78") +
		tlv(5, "sw1.example.org") + tlv(6, "Example OS 1.2\x1b[2J") + tlv(7, "\x00\x04\x00\x04") + tlv(8, "\x05\x01\x0a\x5c\x01\x02\x02\x00\x00\x00\x01\x00") + tlv(0, "")
	dhcp := "\x01\x01\x06\x00" + strings.Repeat("\x00", 24) + "\x00\x04\xf2\x00\x00\x33" + strings.Repeat("\x00", 202) + "\x63\x82\x53\x63" +
		"\x35\x01\x01" + "\x0c\x05desk3" + "\x3c\x28Cisco Systems, Inc. IP Phone CP-8841\x00\x00\x00\x00" + "\x37\x03\x01\x03\x06\xff"
	arp := "\xff\xff\xff\xff\xff\xff\x00\x14\x22\x00\x00\x77\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01\x00\x14\x22\x00\x00\x77\x0a\x5c\x01\x4d\x00\x00\x00\x00\x00\x00\x0a\x5c\x01\x4d"
	mdns := "\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x05desk7\x05local\x00\x00\x01\x80\x01\x00\x00\x00\x78\x00\x04\x0a\x5c\x01\x4d"
	far := strings.ReplaceAll(mdns, "\x0a\x5c\x01\x4d", "\x0a\x63\x01\x4d")
	return [][]byte{
		[]byte(lldp), []byte(arp),
		udp("\xff\xff\xff\xff\xff\xff\x00\x04\xf2\x00\x00\x33", "\x00\x00\x00\x00\xff\xff\xff\xff", 68, 67, dhcp),
		udp("\x01\x00\x5e\x00\x00\xfb\x00\x14\x22\x00\x00\x77", "\x0a\x5c\x01\x4d\xe0\x00\x00\xfb", 5353, 5353, mdns),
		udp("\x01\x00\x5e\x00\x00\xfb\x00\x1a\xa1\x00\x00\x99", "\x0a\x63\x01\x4d\xe0\x00\x00\xfb", 5353, 5353, far),
	}
}

// udp is a frame: hardware addresses, then IPv4 with source and destination. Bridges look at
// IPv4's checksum; that of UDP is optional.
func udp(macs, addresses string, from, to int, payload string) []byte {
	be := func(n int) string { return string([]byte{byte(n >> 8), byte(n)}) }
	head := []byte("\x45\x00" + be(28+len(payload)) + "\x00\x00\x00\x00\xff\x11\x00\x00" + addresses)
	sum := 0
	for i := 0; i < len(head); i += 2 {
		sum += int(head[i])<<8 | int(head[i+1])
	}
	sum = sum&0xffff + sum>>16
	copy(head[10:], be(^(sum&0xffff + sum>>16)))
	return []byte(macs + "\x08\x00" + string(head) + be(from) + be(to) + be(8+len(payload)) + "\x00\x00" + payload)
}

func TestListen(t *testing.T) {
	testkit.InNetwork(t, talkers, func(t *testing.T) {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		sent := outgoing(t, "eth0", func(f []byte) string {
			if f[12] == 0x86 && f[13] == 0xdd { // the kernel's own neighbour discovery
				return ""
			}
			return fmt.Sprintf("%x", f)
		})
		inHost(t, speaker, self, "-test.run=^TestTalker$", "-test.timeout=2m")
		s, err := scanner.New(scanner.Config{})
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Listen(t.Context(), scanner.ListenJob{For: 4 * time.Second, Interfaces: []string{"eth0"}})
		if err != nil || !res.Complete {
			t.Fatal(err, res)
		}
		if frames := sent(); len(frames) > 0 {
			t.Errorf("sent while listening: %v", frames)
		}
		var got []string
		for _, d := range res.Devices {
			if slices.Equal(d.Sources, []string{"ndp"}) {
				continue // the kernels of the namespaces look for routers
			}
			got = append(got, fmt.Sprint(d.Seen, d.Sources, d.HostName, "/", d.Identity.Type, "/", d.Identity.Vendor, "/", d.Identity.Model))
		}
		slices.Sort(got)
		want := []string{
			"00:04:f2:00:00:33 [dhcp]desk3/voip phone/Cisco/CP-8841",
			"00:14:22:00:00:77 [arp mdns]desk7///",
			"00:1a:a1:00:00:02 [lldp]sw1/switch//",
			"02:00:00:00:00:01 [own interface]///",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		checkSubmitted(t, res)
	})
}

// checkSubmitted looks at what the collector is told: the neighbour is the scanning host's.
func checkSubmitted(t *testing.T, res *scanner.Result) {
	t.Helper()
	neighbours := map[string][]inventory.Neighbour{}
	for _, o := range scanner.Observations(res) {
		for _, s := range o.Sections {
			if s.Status == inventory.StatusOK {
				t.Errorf("%s: section %s is said to be whole", o.NativeKey, s.Name)
			}
			if n, ok := s.Body.(inventory.Neighbours); ok {
				neighbours[o.NativeKey] = n
			}
		}
	}
	want := map[string][]inventory.Neighbour{"mac:02:00:00:00:00:01": {{
		Protocol: "lldp", LocalPort: "eth0", ChassisID: "00:1a:a1:00:00:02", RemotePort: "Gi0/7", RemoteName: "sw1.example.org", Address: "10.92.1.2",
	}}}
	if d := cmp.Diff(want, neighbours, cmp.Transformer("list", func(n inventory.Neighbours) []inventory.Neighbour { return n })); d != "" {
		t.Error(d)
	}
}

func TestListenAvahi(t *testing.T) {
	daemon := avahi(t)
	testkit.InNetwork(t, talkers, func(t *testing.T) {
		startAvahi(t, daemon, false)
		s, err := scanner.New(scanner.Config{})
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Listen(t.Context(), scanner.ListenJob{For: 6 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		d := deviceAt(t, res, "10.92.1.10")
		if d.HostName != "office-printer" || d.Identity.Type != inventory.ClassPrinter || d.Seen.String() != "00:14:22:00:00:10" {
			t.Errorf("name %q, identity %+v, announced %+v", d.HostName, d.Identity, d.Announced)
		}
	})
}

func TestListenRefuses(t *testing.T) {
	s, err := scanner.New(scanner.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Listen(t.Context(), scanner.ListenJob{For: time.Second, Interfaces: []string{"nosuch0"}})
	if inventory.CodeOf(err) != inventory.CodeInvalid || !strings.Contains(err.Error(), "nosuch0") {
		t.Errorf("unknown interface: %v", err)
	}
}

// A station that makes up addresses fills what is kept of them, and the result says so.
func TestListenSaysWhatIsLeftOut(t *testing.T) {
	testkit.InNetwork(t, talkers, func(t *testing.T) {
		conn := ethernetOf(t, speaker)
		go func() {
			for n := 0; ; n = (n + 1) % (2 * maxSix) {
				if err := send(conn, advertisement(n)); errors.Is(err, net.ErrClosed) {
					return
				}
			}
		}()
		s, err := scanner.New(scanner.Config{})
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.Listen(t.Context(), scanner.ListenJob{For: 6 * time.Second, Interfaces: []string{"eth0"}})
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(res.Notes, "\n"); !strings.Contains(notes, "sightings of further addresses are left out: more than 16384 of IPv6") {
			t.Errorf("%d devices, notes %q", len(res.Devices), notes)
		}
	})
}

// advertisement is that of the neighbour fe80::n.
func advertisement(n int) []byte {
	address := "\xfe\x80" + strings.Repeat("\x00", 11) + string([]byte{byte(n >> 16), byte(n >> 8), byte(n)})
	all := "\xff\x02" + strings.Repeat("\x00", 13) + "\x01"
	body := "\x88\x00\x00\x00\x20\x00\x00\x00" + address // the checksum is not looked at
	return []byte("\x33\x33\x00\x00\x00\x01\x00\x14\x22\x00\x00\x10\x86\xdd\x60\x00\x00\x00\x00" + string([]byte{byte(len(body))}) + "\x3a\xff" + address + all + body)
}
