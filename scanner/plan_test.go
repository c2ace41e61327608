package scanner_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/ether"
)

// host is on one link, 10.1.0.0/24 and fd01::/64.
func host() scanner.Host {
	return scanner.Host{
		Links: []scanner.Link{{
			Interface: net.Interface{Index: 2, Name: "eth0"}, MAC: ether.MAC{2, 0, 0, 0, 0, 1},
			Prefixes: []netip.Prefix{
				netip.MustParsePrefix("10.1.0.250/24"), netip.MustParsePrefix("fd01::250/64"), netip.MustParsePrefix("fe80::1/64"),
			},
		}},
		Own: prefixes("10.1.0.250/32"),
	}
}

// twoNets is on two IPv4 networks of one link.
func twoNets() scanner.Host {
	h := host()
	h.Links[0].Prefixes = append(h.Links[0].Prefixes, netip.MustParsePrefix("10.3.0.250/24"))
	return h
}

func plan(t *testing.T, h scanner.Host, job scanner.Job, allow, deny scanner.Set) (*scanner.Plan, error) {
	t.Helper()
	targets, err := scanner.ParseTargets(t.Context(), job.Targets, lookup)
	if err != nil {
		t.Fatal(err)
	}
	return scanner.NewPlan(targets, job, h, allow, deny)
}

// describe is a plan in one line.
func describe(p *scanner.Plan) string {
	text := ""
	for _, l := range p.Links {
		text += l.Link.Interface.Name + ": " + l.V4.String()
		if len(l.V6) > 0 {
			text += " " + l.V6.String()
		}
		if l.Multicast {
			text += " multicast"
		}
		if l.Whole {
			text += " whole"
		}
		text += "; "
	}
	return text + "routed: " + p.Routed.String()
}

func TestPlan(t *testing.T) {
	noRaw := host()
	noRaw.Raw = ether.ErrPermission
	for _, c := range []struct {
		name        string
		host        scanner.Host
		targets     string
		allow, deny scanner.Set
		want        string
	}{
		{"on the link", host(), "10.1.0.0/24", nil, nil, "eth0: 10.1.0.1-10.1.0.254 multicast whole; routed: "},
		{"two networks of the link", twoNets(), "10.1.0.1 10.3.0.0/30", nil, nil, "eth0: 10.1.0.1 multicast; eth0: 10.3.0.1-10.3.0.2; routed: "},
		{"elsewhere", host(), "10.2.0.0/30", nil, nil, "routed: 10.2.0.1-10.2.0.2"},
		{"both", host(), "10.1.0.254-10.1.1.1", nil, nil, "eth0: 10.1.0.254-10.1.0.255 multicast; routed: 10.1.1.0-10.1.1.1"},
		{"one IPv6 host on the link", host(), "fd01::7", nil, nil, "eth0:  fd01::7 multicast; routed: "},
		{"IPv6 prefix on the link", host(), "fd01::/64", nil, nil, "eth0:  multicast; routed: "},
		{"few IPv6 elsewhere", host(), "fd02::/126", nil, nil, "routed: fd02::-fd02::3"},
		{"denied", host(), "10.1.0.0/24", nil, prefixes("10.1.0.0/25"), "eth0: 10.1.0.128-10.1.0.254 multicast whole; routed: "},
		{"allowed", host(), "10.1.0.8", prefixes("10.0.0.0/8"), nil, "eth0: 10.1.0.8 multicast; routed: "},
		{"without rights", noRaw, "10.1.0.0/30 10.2.0.1", nil, nil, "routed: 10.1.0.1-10.1.0.2, 10.2.0.1"},
	} {
		p, err := plan(t, c.host, scanner.Job{Targets: strings.Fields(c.targets)}, c.allow, c.deny)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, l := range p.Links {
			if len(l.V4) > 0 && l.V4[0].From.As4()[1] != l.Source.As4()[1] {
				t.Errorf("%s: %s asked from %s", c.name, l.V4, l.Source)
			}
		}
		if got := describe(p); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if c.host.Raw != nil && !strings.Contains(strings.Join(p.Notes, " "), "no ARP") {
			t.Errorf("%s: notes %q do not say what cannot be done", c.name, p.Notes)
		}
	}
}

func TestA26PlanRefuses(t *testing.T) {
	for _, c := range []struct {
		name        string
		job         scanner.Job
		allow, deny scanner.Set
		code        inventory.Code
	}{
		{"all denied", scanner.Job{Targets: []string{"10.1.0.7"}}, nil, prefixes("10.0.0.0/8"), inventory.CodeForbidden},
		{"outside of what is allowed", scanner.Job{Targets: []string{"10.1.0.0/24"}}, prefixes("10.1.0.0/25"), nil, inventory.CodeForbidden},
		{"too large", scanner.Job{Targets: []string{"10.0.0.0/15"}}, nil, nil, inventory.CodeTooLarge},
		{"too large for --large", scanner.Job{Targets: []string{"10.0.0.0/7"}, Large: true}, nil, nil, inventory.CodeTooLarge},
		{"IPv6 prefix elsewhere", scanner.Job{Targets: []string{"fd02::/64"}, Large: true}, nil, nil, inventory.CodeTooLarge},
		{"rate", scanner.Job{Targets: []string{"10.1.0.7"}, Rate: 1_000_000}, nil, nil, inventory.CodeInvalid},
		{"negative rate", scanner.Job{Targets: []string{"10.1.0.7"}, Rate: -1}, nil, nil, inventory.CodeInvalid},
	} {
		if _, err := plan(t, host(), c.job, c.allow, c.deny); inventory.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want code %s", c.name, err, c.code)
		}
	}
	if p, err := plan(t, host(), scanner.Job{Targets: []string{"10.0.0.0/15"}, Large: true}, nil, nil); err != nil || p.Addresses() != 1<<17-2 {
		t.Errorf("--large: %v", err)
	}
}

func TestPlanSteps(t *testing.T) {
	h := host()
	p, err := plan(t, h, scanner.Job{Targets: []string{"10.1.0.0/24", "10.2.0.0/24"}, Rate: 100}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range p.Steps() {
		got = append(got, strings.Join([]string{s.What, s.Where, s.Time.String()}, "|"))
	}
	want := []string{
		"ARP|eth0|5.06s",
		"IPv6 multicast echo and neighbour discovery|eth0|80ms",
		"ICMP echo|routed|10.16s", // at half the rate: one subnet
		"ICMP timestamp to the silent|routed|5.08s",
		"TCP connect to the silent|routed|40.64s",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	h.ICMP = errors.New("not allowed")
	if p, err = plan(t, h, scanner.Job{Targets: []string{"10.2.0.0/24"}}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if s := p.Steps(); len(s) != 1 || len(p.Notes) != 1 {
		t.Errorf("without ICMP: steps %v, notes %v", s, p.Notes)
	}
}
