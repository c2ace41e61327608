package scanner_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Two that have one address at the same time are told; whoever follows another, shares an
// address as it is meant to be shared, or answers for a whole network, is not.
func TestConflicts(t *testing.T) {
	s, err := scanner.New(scanner.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const addr = "10.1.0.9"
	// say is what a station says, as "SECONDS MAC [LINK [SOURCE]]".
	say := func(texts ...string) (out []scanner.Word) {
		for _, text := range texts {
			w := append(strings.Fields(text), "eth0", "arp")
			at, err := time.ParseDuration(w[0] + "s")
			if err != nil {
				t.Fatal(err)
			}
			link, source := w[2], w[3]
			if source == "eth0" {
				source = "arp"
			}
			out = append(out, scanner.Word{At: at, Sighting: scanner.Sighting{Addr: addr, MAC: w[1], Link: link, Source: source}})
		}
		return out
	}
	var proxy []scanner.Word
	for i := range 40 {
		proxy = append(proxy, scanner.Word{Sighting: scanner.Sighting{Addr: fmt.Sprintf("10.1.0.%d", i+1), MAC: macA, Link: "eth0", Source: "arp"}})
	}
	two := []string{"address conflict: 10.1.0.9 is claimed by " + macC + " and " + macA}
	for _, c := range []struct {
		name             string
		words            []scanner.Word
		asked, listening []string
		heir             string // whose the address is in the end, when only listening
	}{
		{"one", say("0 "+macA, "0.1 "+macA, "50 "+macA), nil, nil, macA},
		{"two at once", say("0 "+macA, "0.1 "+macC), two, nil, macC},
		{"two in turns", say("0 "+macA, "5 "+macC, "12 "+macA), two, two, macA},
		{"two at once and again", say("0 "+macA, "0.1 "+macC, "0.2 "+macA), two, two, macA},
		{"taken over", say("0 "+macA, "9 "+macA, "12 "+macC, "13 "+macC, "60 "+macC), nil, nil, macC},
		{"taken over by one after the other", say("0 "+macA, "100 "+macB, "200 "+macC, "300 02:00:00:00:00:01", "400 02:00:00:00:00:02"), nil, nil, "02:00:00:00:00:02"},
		{"taken over and given back later", say("0 "+macA, "12 "+macC, "70 "+macA), nil, nil, macA},
		{"shared by VRRP", say("0 "+macA, "0.1 "+macV, "0.2 "+macA, "0.3 "+macC, "0.4 "+macV, "0.5 "+macA), nil, nil, macV},
		{"the same network on two links", say("0 "+macA, "0.1 "+macC+" eth1", "0.2 "+macA, "0.3 "+macC+" eth1"), nil, nil, macC},
		{"told by somebody else", say("0 "+macA, "0.1 "+macC+" eth0 mdns", "0.2 "+macA, "0.3 "+macC+" eth0 mdns"), nil, nil, macA},
		{"proxy ARP beside its owner", append(slices.Clone(proxy), say("0.1 "+macC, "0.2 "+macA, "0.3 "+macC)...), nil, nil, macA},
		{"two beside proxy ARP", append(slices.Clone(proxy), say("0.1 "+macC, "0.2 "+macB, "0.3 "+macC)...),
			[]string{"address conflict: 10.1.0.9 is claimed by " + macC + " and " + macB}, []string{"address conflict: 10.1.0.9 is claimed by " + macC + " and " + macB}, macC},
		{"this host's", say("0 "+macA+" eth0 own-interface", "99 "+macC), two, two, macA},
	} {
		for i := range c.words {
			c.words[i].Source = strings.ReplaceAll(c.words[i].Source, "-", " ")
		}
		for listening, want := range map[bool][]string{false: c.asked, true: c.listening} {
			devices, got := s.Heard(listening, nil, c.words)
			if d := cmp.Diff(want, got); d != "" && len(want)+len(got) > 0 {
				t.Errorf("%s, listening %v: %s", c.name, listening, d)
			}
			for _, d := range devices {
				if listening && slices.Contains(d.Addresses, netip.MustParseAddr(addr)) && d.Seen.String() != c.heir {
					t.Errorf("%s: %s is said to be that of %s, not of %s", c.name, addr, d.Seen, c.heir)
				}
			}
		}
	}
	// A machine with two cards on one network answers from both.
	facts := map[string]*snmp.Facts{addr: device("nas", "8000aa09", "eth0 "+macA+" 10.1.0.9/24", "eth1 "+macC+" 10.1.0.8/24")}
	if _, got := s.Heard(false, facts, say("0 "+macA, "0.1 "+macC)); len(got) > 0 {
		t.Errorf("two cards of one machine: %v", got)
	}
	// Who makes up conflicts fills no report.
	var many []scanner.Word
	for i := range 1000 {
		for _, mac := range []string{fmt.Sprintf("02:00:00:00:%02x:%02x", i>>8, i&0xff), fmt.Sprintf("02:00:00:01:%02x:%02x", i>>8, i&0xff)} {
			many = append(many, scanner.Word{Sighting: scanner.Sighting{Addr: fmt.Sprintf("10.1.%d.%d", i>>8, i&0xff), MAC: mac, Link: "eth0", Source: "arp"}})
		}
	}
	if _, got := s.Heard(false, nil, many); len(got) != 17 || got[16] != "address conflicts: 984 more" {
		t.Errorf("%d notes", len(got))
	}
}
