package announce_test

import (
	"bytes"
	"encoding/hex"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner/announce"
	"github.com/muster-itam/muster/scanner/ether"
)

func tlv(kind int, value string) []byte {
	return append([]byte{byte(kind<<1 | len(value)>>8), byte(len(value))}, value...)
}

// lldpFrame is what a switch sends.
func lldpFrame() []byte {
	return ethernet("01:80:c2:00:00:0e", 0x88cc, bytes.Join([][]byte{
		tlv(1, "\x04\x00\x1a\xa1\x00\x00\x02"), tlv(2, "\x05GigabitEthernet0/7"), tlv(3, "\x00\x78"), tlv(4, "to the printer"), tlv(5, "sw1.example.org"),
		tlv(6, "Example OS 1.2"), tlv(7, "\x00\x14\x00\x04"), tlv(8, "\x05\x01\x0a\x00\x00\x02\x02\x00\x00\x00\x01\x00"), tlv(0, ""),
	}, nil))
}

func cdpTLV(kind byte, value string) string {
	return "\x00" + string(kind) + "\x00" + string(byte(len(value)+4)) + value
}

func cdpFrame() []byte {
	body := "\xaa\xaa\x03\x00\x00\x0c\x20\x00" + "\x02\xb4\x00\x00" + cdpTLV(1, "sw2.example.org") +
		cdpTLV(2, "\x00\x00\x00\x01\x01\x01\xcc\x00\x04\x0a\x00\x00\x03") + cdpTLV(3, "FastEthernet0/3") + cdpTLV(4, "\x00\x00\x00\x08") +
		cdpTLV(5, "Cisco IOS Software, Version 15.2(2)E9") + cdpTLV(6, "cisco WS-C2960X-48FPD-L")
	return ethernet("01:00:0c:cc:cc:cc", uint16(len(body)), []byte(body))
}

// dhcpFrame is a request with options 12, 55, 60 and 61.
func dhcpFrame(t testing.TB, relayed bool) []byte {
	b := make([]byte, 240)
	b[0], b[1], b[2] = 1, 1, 6
	copy(b[28:], []byte{0x00, 0x14, 0x22, 0, 0, 9})
	if relayed {
		copy(b[24:], []byte{10, 0, 0, 1})
	}
	copy(b[236:], []byte{0x63, 0x82, 0x53, 0x63})
	b = append(b, 53, 1, 3)
	b = append(b, append([]byte{12, 5}, "desk7"...)...)
	b = append(b, 55, 4, 1, 3, 6, 15)
	b = append(b, append([]byte{60, 8}, "MSFT 5.0"...)...)
	b = append(b, 61, 7, 1, 0x00, 0x14, 0x22, 0, 0, 9, 255)
	return frame(t, "0.0.0.0", "255.255.255.255", 68, 67, b)
}

func raw(t testing.TB, text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var arpReply = "ffffffffffff 001422000009 0806 0001 0800 06 04 0002 001422000009 0a000009 000000000000 0a000001"

// samples are one frame of each kind that is listened to.
func samples(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"mdns":  frame(t, "10.0.0.9", "224.0.0.251", 5353, 5353, response(t, "prn1.local. 120 IN A 10.0.0.9")),
		"mdns6": frame(t, "fe80::9", "ff02::fb", 5353, 5353, response(t, "prn1.local. 120 IN AAAA fe80::9")),
		"llmnr": frame(t, "10.0.0.9", "10.0.0.1", 5355, 4444, response(t, "9.0.0.10.in-addr.arpa. 30 IN PTR desk7.")),
		"ssdp":  frame(t, "10.0.0.9", "239.255.255.250", 1900, 1900, []byte(notify)),
		"wsd":   frame(t, "10.0.0.9", "239.255.255.250", 3702, 3702, []byte(hello)),
		"nbns":  frame(t, "10.0.0.9", "10.0.0.255", 137, 137, registration("DESK7", 0, false)),
		"dhcp":  dhcpFrame(t, false),
		"lldp":  lldpFrame(), "cdp": cdpFrame(), "arp": raw(t, arpReply),
	}
}

type heard struct {
	ear  announce.Ear
	seen []string
	book announce.Notebook
}

func hear(frames ...[]byte) *heard {
	h := &heard{}
	link := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fe80::/10")}
	h.ear = announce.Ear{
		Own: []ether.MAC{{2, 0, 0, 0, 0, 1}}, Book: &h.book,
		OnLink: func(a netip.Addr) bool { return link[0].Contains(a) || link[1].Contains(a) },
		Seen: func(a netip.Addr, m ether.MAC, via string) {
			h.seen = append(h.seen, a.String()+" "+m.String()+" "+via)
		},
	}
	for _, f := range frames {
		h.ear.Hear(f)
	}
	return h
}

func TestHear(t *testing.T) {
	const mac = " 00:14:22:00:00:09 "
	for name, want := range map[string]struct {
		seen string
		said []string
	}{
		"mdns":  {"10.0.0.9" + mac + "mdns", []string{"name prn1"}},
		"mdns6": {"fe80::9" + mac + "mdns", []string{"name prn1"}},
		"llmnr": {"10.0.0.9" + mac + "llmnr", []string{"name desk7"}},
		"ssdp":  {"10.0.0.9" + mac + "ssdp", []string{"ssdp.server = Roku/9 UPnP/1.0", "ssdp.type = urn:schemas-upnp-org:device:MediaRenderer:1"}},
		"wsd":   {"10.0.0.9" + mac + "ws-discovery", []string{"onvif.hardware = P3245-LV", "onvif.name = AXIS P3245", "wsd.type = Device", "wsd.type = NetworkVideoTransmitter"}},
		"nbns":  {"10.0.0.9" + mac + "netbios", []string{"name desk7", "nbns.suffix = workstation"}},
		"dhcp":  {"", []string{"name desk7", "dhcp.client_id = 01001422000009", "dhcp.parameters = 1,3,6,15", "dhcp.vendor_class = MSFT 5.0"}},
		"lldp":  {"", []string{"name sw1", "lldp.capability = bridge", "lldp.description = Example OS 1.2"}},
		"cdp":   {"", []string{"name sw2", "cdp.capability = bridge", "cdp.platform = cisco WS-C2960X-48FPD-L", "cdp.version = Cisco IOS Software, Version 15.2(2)E9"}},
		"arp":   {"10.0.0.9" + mac + "arp", nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := hear(samples(t)[name])
			if got := strings.Join(h.seen, "; "); got != want.seen {
				t.Errorf("seen %q, want %q", got, want.seen)
			}
			var got []string
			for _, s := range h.book.Speeches() {
				got = append(got, said(s)...)
			}
			if d := cmp.Diff(want.said, got); d != "" {
				t.Error(d)
			}
		})
	}
	own := samples(t)["mdns"]
	copy(own[6:], []byte{2, 0, 0, 0, 0, 1})
	if h := hear(own, dhcpFrame(t, true), frame(t, "10.9.9.9", "224.0.0.251", 5353, 5353, response(t, "far.local. 120 IN A 10.9.9.9"))); len(h.seen) > 0 || len(h.book.Speeches()) > 0 {
		t.Errorf("own, relayed and routed frames: heard %v %v", h.seen, h.book.Speeches())
	}
}

func TestNeighbours(t *testing.T) {
	for name, want := range map[string]announce.Neighbour{
		"lldp": {Protocol: "lldp", ChassisID: "00:1a:a1:00:00:02", Port: "GigabitEthernet0/7", Name: "sw1.example.org", Address: addr("10.0.0.2")},
		"cdp":  {Protocol: "cdp", ChassisID: "sw2.example.org", Port: "FastEthernet0/3", Name: "sw2.example.org", Address: addr("10.0.0.3")},
	} {
		for _, s := range hear(samples(t)[name]).book.Speeches() {
			if s.Neighbour == nil || *s.Neighbour != want {
				t.Errorf("%s: %+v, want %+v", name, s.Neighbour, want)
			}
		}
	}
}

// The filter runs in the kernel; here in the machine that x/net brings.
func TestFilter(t *testing.T) {
	vm, err := bpf.NewVM(announce.Filter())
	if err != nil {
		t.Fatal(err)
	}
	pass := samples(t)
	pass["answer to us"] = frame(t, "10.0.0.9", "10.0.0.1", 1900, 40000, []byte("x"))
	pass["neighbour advertisement"] = ethernet("33:33:00:00:00:01", 0x86dd, append([]byte{0x60, 0, 0, 0, 0, 0, 58, 255}, make([]byte, 40)...))
	for name, f := range pass {
		if n, err := vm.Run(f); err != nil || n == 0 {
			t.Errorf("%s: not let through (%v)", name, err)
		}
	}
	for name, f := range map[string][]byte{
		"web": frame(t, "10.0.0.9", "10.0.0.1", 443, 40000, []byte("x")), "web6": frame(t, "fe80::9", "fe80::1", 443, 40000, []byte("x")),
		"TCP": ethernet("02:00:00:00:00:01", 0x0800, append([]byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6}, make([]byte, 30)...)),
		"IPX": ethernet("ff:ff:ff:ff:ff:ff", 0x8137, make([]byte, 50)),
	} {
		if n, err := vm.Run(f); err != nil || n != 0 {
			t.Errorf("%s: let through (%v)", name, err)
		}
	}
}

// Frames by one who means harm do not come through as anything but clean text, and what is kept
// of them has an end.
func TestF20MutatedFrames(t *testing.T) {
	seeds := slices.Collect(maps.Values(samples(t)))
	slices.SortFunc(seeds, bytes.Compare) // the same every time
	h := hear()
	testkit.Mutants(t, seeds, func(b []byte) {
		h.ear.Hear(bytes.Clone(b))
		h.seen = h.seen[:0]
	})
	for _, s := range h.book.Speeches() {
		check(t, s)
	}
	t.Logf("%d speakers, %d announcements lost", len(h.book.Speeches()), h.book.Lost())
}

func FuzzHear(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s)
	}
	f.Add(ethernet("01:00:5e:00:00:fb", 0x8100, append([]byte{0, 7}, samples(f)["mdns"][12:]...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for who, s := range hear(b, b).book.Speeches() {
			check(t, s)
			if who.Addr.IsValid() == who.MAC.Unicast() {
				t.Fatalf("%x: speaker %v", b, who)
			}
		}
	})
}

// check fails on what must not come out of any parser.
func check(t *testing.T, s announce.Speech) {
	for _, l := range said(s) {
		if len(l) > 400 || strings.ContainsAny(l, "\x00\x1b\r\n") {
			t.Fatalf("came through: %q", l)
		}
	}
}

func FuzzDNS(f *testing.F) {
	f.Add(response(f, "prn1.local. 120 IN A 10.0.0.9", `a._ipp._tcp.local. 120 IN SRV 0 0 631 prn1.local.`, `a._ipp._tcp.local. 120 IN TXT "ty=x"`))
	f.Add(loop())
	f.Fuzz(func(t *testing.T, b []byte) {
		var book announce.Notebook
		book.Hear(printer, 5353, 5353, b)
		for _, s := range book.Speeches() {
			check(t, s)
		}
	})
}

func FuzzSSDP(f *testing.F) {
	f.Add([]byte(notify))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, _ := announce.ParseSSDP(b, printer)
		check(t, s)
		for _, l := range s.Locations {
			if !strings.HasPrefix(strings.ToLower(l), "http://") {
				t.Fatalf("location %q", l)
			}
		}
	})
}

func FuzzDescription(f *testing.F) {
	f.Add([]byte(description))
	f.Add([]byte(hello))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, _ := announce.ParseDescription(bytes.NewReader(b))
		check(t, s)
		w, _ := announce.ParseWSD(b)
		check(t, w)
	})
}

func FuzzNetBIOS(f *testing.F) {
	f.Add(status(row("FILES01", 0x00, false), row("OFFICE", 0x00, true)))
	f.Add(registration("DESK7", 0, false))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, _ := announce.ParseNodeStatus(b)
		check(t, s)
		s, _ = announce.ParseRegistration(b)
		check(t, s)
	})
}
