package e2e_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// scanned is a line of what the scanner prints.
type scanned struct {
	Addresses, MACs, Names, Sources []string
	Type                            string
	Ports                           []scannedPort
	Neighbours                      []struct {
		LocalPort  string `json:"local_port"`
		RemoteName string `json:"remote_name"`
		RemotePort string `json:"remote_port"`
	}
	SNMP *struct{ Name string }
}

type scannedPort struct {
	Protocol, Service string
	Number            int
	Facts             map[string]string
}

// scan sweeps both networks from the scanner's namespace.
func (l *lab) scan(args ...string) []scanned {
	command := []string{"netns", "exec", "lab-scanner", program(l.t, "muster-scanner"), "scan", "10.77.1.0/24", "10.77.2.0/24", "-o", "jsonl"}
	var devices []scanned
	for row := range strings.Lines(run(l.t, "ip", append(command, args...)...)) {
		var d scanned
		if err := json.Unmarshal([]byte(row), &d); err != nil {
			l.t.Errorf("line %q: %v", row, err)
		}
		devices = append(devices, d)
	}
	return devices
}

// known are the differences between truth and scan that cannot be helped, and why.
var known = map[string]string{
	"without: silent2: not found":         "answers nobody; only the router's ARP table has it, and that wants a credential",
	"without: sw1: type \"\", not switch": "has no port open, and says what it is by SNMP alone",
	"without: sw2: type \"\", not switch": "as sw1",
	"without: r1: type \"\", not router":  "has SSH alone, and says what it is by SNMP alone",
	"without: sw1: no name":               "has no port open",
	"without: sw2: no name":               "as sw1",
	"without: silent1: no name":           "answers ARP alone",
	"without: r1: no name":                "SSH tells no name, and there is nothing else",
	"without: ns1: no name":               "as r1, and its DNS is no service of names about itself",
	"without: lb1: no name":               "as r1",
	"without: lb2: no name":               "as r1",
	"without: db1: no name":               "as r1",
	"without: nas1: no mdns":              "mDNS stays on its link (RFC 6762 §11), and this one is behind the router",
	"with: nas1: no mdns":                 "as without",
}

// compare holds a scan against the truth and fails on differences that are not known, and on
// known ones that are gone.
func (l *lab) compare(t *testing.T, how string, devices []scanned) {
	t.Helper()
	var table strings.Builder
	var differences []string
	for _, h := range l.truth.Host {
		if h.Kind == "scanner" {
			continue
		}
		d, found := deviceOf(h, devices)
		var diff []string
		if !found {
			diff = []string{"not found"}
		} else {
			diff = l.differences(h, d, how == "with")
		}
		fmt.Fprintf(&table, "\n%-8s %-16s %-28s %-8s %-40s %s", h.Name, cmp.Or(h.IP, h.IP6), strings.Join(d.Names, " "), d.Type, portsOf(d), strings.Join(diff, "; "))
		for _, text := range diff {
			differences = append(differences, how+": "+h.Name+": "+text)
		}
	}
	t.Log("host, address, names, type, ports, differences", table.String())
	for _, text := range append(differences, l.invented(how, devices)...) {
		if known[text] == "" {
			t.Error(text)
		}
	}
	for text := range known {
		if strings.HasPrefix(text, how+":") && !slices.Contains(differences, text) {
			t.Errorf("no longer true: %s", text)
		}
	}
}

func deviceOf(h labHost, devices []scanned) (scanned, bool) {
	for _, d := range devices {
		if slices.Contains(d.Addresses, h.IP) || h.IP == "" && slices.Contains(d.Addresses, h.IP6) {
			return d, true
		}
	}
	return scanned{}, false
}

func portsOf(d scanned) string {
	var out []string
	for _, p := range d.Ports {
		out = append(out, strings.TrimSuffix(fmt.Sprintf("%d/%s", p.Number, p.Service), "/"))
	}
	return strings.Join(out, " ")
}

// services of the truth that are ports, and what those that are not show up as.
var servicePorts = map[string]int{"ssh": 22, "http": 80, "https": 443, "smb": 445, "ipp": 631}

// differences are what a scan got wrong or missed of one host.
func (l *lab) differences(h labHost, d scanned, credentials bool) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if len(d.Names) == 0 {
		say("no name")
	}
	for _, name := range d.Names {
		first, _, _ := strings.Cut(name, ".")
		if strings.TrimPrefix(first, "www-") != h.Name {
			say("is called %s", name)
		}
	}
	infrastructure := []string{"switch", "router", "printer"}
	if h.Kind != "" && d.Type != h.Kind || h.Kind == "" && slices.Contains(infrastructure, d.Type) {
		say("type %q, not %s", d.Type, h.Kind)
	}
	var open []int
	for _, p := range d.Ports {
		if p.Protocol == "tcp" {
			open = append(open, p.Number)
			if want := servicePorts[p.Service]; want != 0 && want != p.Number || want == 0 && p.Service != "" {
				say("%s at port %d", p.Service, p.Number)
			}
		}
		if p.Service == "ssh" && p.Facts["ssh.host_key"] == "" {
			say("no host key")
		}
	}
	slices.Sort(open)
	want := slices.DeleteFunc(slices.Clone(h.Open), func(n int) bool { return credentials && (n == 53 || n == 139) }) // not asked there
	if !slices.Equal(open, want) {
		say("ports %v, not %v", open, want)
	}
	for _, s := range h.Services {
		port, asPort := servicePorts[s]
		there := slices.ContainsFunc(d.Ports, func(p scannedPort) bool { return p.Number == port && p.Service == s })
		switch {
		case asPort && !there, (s == "mdns" || s == "netbios") && !slices.Contains(d.Sources, s), s == "snmp" && credentials && d.SNMP == nil:
			say("no %s", s)
		}
	}
	if credentials {
		out = append(out, l.neighbours(h, d)...)
	}
	return out
}

// neighbours compares what a host hears by LLDP, in both directions.
func (l *lab) neighbours(h labHost, d scanned) []string {
	var want, got []string
	for _, link := range l.truth.LLDP {
		if link.Remote == h.Name {
			want = append(want, link.RemotePort+" "+link.Local+" "+link.LocalPort)
		}
		// A host tells its neighbours only where its agent has them.
		if link.Local == h.Name && h.SNMP != nil {
			want = append(want, link.LocalPort+" "+link.Remote+" "+link.RemotePort)
		}
	}
	for _, n := range d.Neighbours {
		name, _, _ := strings.Cut(n.RemoteName, ".")
		got = append(got, n.LocalPort+" "+name+" "+n.RemotePort)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return []string{fmt.Sprintf("neighbours %v, not %v", got, want)}
	}
	return nil
}

// invented are devices and addresses of a scan that the truth does not have.
func (l *lab) invented(how string, devices []scanned) []string {
	addresses, macs := map[string]bool{}, map[string]bool{}
	for _, h := range l.truth.Host {
		for _, a := range append([]string{h.IP, h.IP6}, h.ExtraIPs...) {
			addresses[a] = true
		}
		macs[h.MAC] = true
		if h.Second != nil {
			addresses[h.Second.IP], addresses[h.Second.IP6], macs[h.Second.MAC] = true, true, true
		}
	}
	for _, v := range l.truth.VIPs {
		addresses[v.IP], macs[v.MAC] = true, true
	}
	var out []string
	for _, d := range devices {
		for _, a := range d.Addresses {
			if ip, err := netip.ParseAddr(a); err != nil || !addresses[a] && !ip.IsLinkLocalUnicast() {
				out = append(out, how+": nobody has the address "+a)
			}
		}
		for _, m := range d.MACs {
			// The cards of a switch's ports are in nobody's list: the kernel made them up.
			if !macs[m] && d.Type != "switch" {
				out = append(out, how+": nobody has the card "+m)
			}
		}
	}
	return out
}
