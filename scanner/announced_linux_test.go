package scanner_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/announce"
)

// talkers is a link with a host that speaks: each test starts on it what it needs.
var talkers = testkit.Network{
	Hosts: []string{"scanner", "lan", "speaker", "bystander"},
	Setup: `
		lan: ip link add br0 type bridge forward_delay 0 mcast_snooping 0 group_fwd_mask 0x4000
		lan: sysctl -qw net.ipv6.conf.all.disable_ipv6=1
		lan: ip link set br0 up
		lan: ip link add p1 type veth peer name eth0 address 02:00:00:00:00:01 netns {scanner}
		lan: ip link add p2 type veth peer name eth0 address 00:14:22:00:00:10 netns {speaker}
		lan: ip link add p3 type veth peer name eth0 address 00:25:90:00:00:50 netns {bystander}
		lan: ip link set p1 master br0 up
		lan: ip link set p2 master br0 up
		lan: ip link set p3 master br0 up
		scanner: ip link set eth0 up
		scanner: ip addr add 10.92.1.250/24 dev eth0
		speaker: ip link set eth0 up
		speaker: ip addr add 10.92.1.10/24 dev eth0
		bystander: ip link set eth0 up
		bystander: ip addr add 10.92.1.50/24 dev eth0
	`,
}

// Hosts of talkers by index.
const speaker = 2

// inHost runs a command inside another namespace of the test's network until the test ends.
func inHost(t *testing.T, index int, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ip", append([]string{"netns", "exec", testkit.Namespace(t, index)}, args...)...)
	cmd.Env = append(os.Environ(), responderEnv+"=1")
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%v said:\n%s", args, log.String())
		}
	})
}

const responderEnv = "MUSTER_TEST_RESPONDER"

// TestResponder is no test but the other side of those below, when they start it.
func TestResponder(t *testing.T) {
	if os.Getenv(responderEnv) == "" {
		return
	}
	respond(t, 1900, func(q string) []string {
		if !strings.HasPrefix(q, "M-SEARCH * HTTP/1.1\r\n") || !strings.Contains(q, `MAN: "ssdp:discover"`) {
			return nil
		}
		return []string{
			ssdpAnswer("http://10.92.1.10:8099/device.xml"),
			ssdpAnswer("http://10.92.1.50:8098/stolen.xml"), // another host: must not be called
			ssdpAnswer("http://10.92.1.10:8099/redirect"),
		}
	})
	respond(t, 3702, func(q string) []string {
		if !strings.Contains(q, "/Probe</a:Action>") {
			return nil
		}
		return []string{
			`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><d:ProbeMatches xmlns:d="x"><d:ProbeMatch><d:Types>wprt:PrintDeviceType wsdp:Device</d:Types></d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>`,
			`<!DOCTYPE Envelope [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Envelope><Body><Hello><Types>x:NetworkVideoTransmitter</Types></Hello></Body></Envelope>`,
		}
	})
	respond(t, 137, func(q string) []string {
		if len(q) != 50 {
			return nil
		}
		row := func(name string, suffix, flags byte) string {
			return fmt.Sprintf("%-15s", name) + string([]byte{suffix, flags, 0})
		}
		return []string{q[:2] + "\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00" + q[12:46] + "\x00\x21\x00\x01\x00\x00\x00\x00\x00\x2b\x02" +
			row("PRN7", 0x00, 0x04) + row("OFFICE", 0x00, 0x84) + "\x00\x14\x22\x00\x00\x10"}
	})
	respond(t, 5355, func(q string) []string {
		var m dns.Msg
		if m.Unpack([]byte(q)) != nil || len(m.Question) != 1 || m.Question[0].Name != "10.1.92.10.in-addr.arpa." {
			return nil
		}
		m.Response = true
		m.Answer = []dns.RR{&dns.PTR{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypePTR, Class: dns.ClassINET, Ttl: 30}, Ptr: "desk9."}}
		right, err := m.Pack()
		m.Id++
		m.Answer[0].(*dns.PTR).Ptr = "spoofed."
		wrong, werr := m.Pack()
		if err != nil || werr != nil {
			return nil
		}
		return []string{string(wrong), string(right)}
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/device.xml", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<?xml version="1.0"?><root><device><deviceType>urn:schemas-upnp-org:device:Printer:1</deviceType>`+
			`<manufacturer>Example</manufacturer><modelName>Laser 9`+"\u202e"+`</modelName><serialNumber>VNB3R12345</serialNumber></device></root>`)
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://10.92.1.50:8098/redirected", http.StatusFound)
	})
	srv := &http.Server{Addr: "10.92.1.10:8099", Handler: mux, ReadHeaderTimeout: time.Second}
	t.Fatal(srv.ListenAndServe())
}

func ssdpAnswer(location string) string {
	return "HTTP/1.1 200 OK\r\nLOCATION: " + location + "\r\nST: upnp:rootdevice\r\nSERVER: Example/1 UPnP/1.0\r\nUSN: uuid:x\r\n\r\n"
}

// respond answers questions to a port, in the group that goes with it; it listens when it returns.
func respond(t *testing.T, port int, answers func(question string) []string) {
	var conn *net.UDPConn
	var err error
	if port == 137 {
		conn, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
	} else {
		ifi, ierr := net.InterfaceByName("eth0")
		if ierr != nil {
			t.Fatal(ierr)
		}
		group := net.IPv4(239, 255, 255, 250)
		if port == 5355 {
			group = net.IPv4(224, 0, 0, 252)
		}
		conn, err = net.ListenMulticastUDP("udp4", ifi, &net.UDPAddr{IP: group, Port: port})
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			for _, a := range answers(string(buf[:n])) {
				_, _ = conn.WriteToUDP([]byte(a), from)
			}
		}
	}()
}

func startResponder(t *testing.T) {
	t.Helper()
	inHostTest(t, speaker, "TestResponder")
	awaitPort(t, "10.92.1.10:8099")
}

// inHostTest runs what stands as a test of this file for another host.
func inHostTest(t *testing.T, index int, name string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	inHost(t, index, self, "-test.run=^"+name+"$", "-test.timeout=2m")
}

// awaitPort waits until somebody listens.
func awaitPort(t *testing.T, at string) {
	t.Helper()
	for range 200 {
		if c, err := net.DialTimeout("tcp", at, 100*time.Millisecond); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nobody listens at %s", at)
}

// outgoing records frames that leave an interface; pick makes a text of those that matter.
func outgoing(t *testing.T, name string, pick func(frame []byte) string) (stop func() []string) {
	t.Helper()
	conn, err := ethernet(name)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if f := buf[:n]; n >= 38 && bytes.Equal(f[6:12], own(conn)) {
				if text := pick(f); text != "" {
					seen[text] = true
				}
			}
		}
	}()
	return func() []string {
		_ = conn.Close()
		<-done
		return slices.Sorted(maps.Keys(seen))
	}
}

// connections are the addresses and ports that TCP segments go to.
func connections(t *testing.T, name string) (stop func() []string) {
	return outgoing(t, name, func(f []byte) string {
		if f[12] != 8 || f[13] != 0 || f[23] != unix.IPPROTO_TCP {
			return ""
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(f[30:34])), binary.BigEndian.Uint16(f[36:])).String()
	})
}

func deviceAt(t *testing.T, res *scanner.Result, address string) *scanner.Device {
	t.Helper()
	for _, d := range res.Devices {
		if slices.Contains(d.Addresses, netip.MustParseAddr(address)) {
			return d
		}
	}
	t.Fatalf("%s was not found: %v", address, found(res))
	return nil
}

func TestSearch(t *testing.T) {
	testkit.InNetwork(t, talkers, func(t *testing.T) {
		startResponder(t)
		for name, targets := range map[string][]string{"whole link": {"10.92.1.0/24"}, "one by one": {"10.92.1.8-12"}} {
			called := connections(t, "eth0")
			res := scan(t, scanner.Config{}, scanner.Job{Targets: targets})
			d := deviceAt(t, res, "10.92.1.10")
			want, names := []string{"arp", "ndp", "netbios", "ssdp", "ws-discovery"}, []string{"prn7"}
			if name == "whole link" {
				want, names = slices.Insert(want, 1, "llmnr"), []string{"desk9", "prn7"}
			}
			if d := cmp.Diff(names, d.Names); d != "" {
				t.Errorf("%s: names %s", name, d)
			}
			if !slices.Equal(d.Sources, want) {
				t.Errorf("%s: sources %v, want %v", name, d.Sources, want)
			}
			id := d.Identity
			if id.Vendor != "Example" || id.Type != inventory.ClassPrinter || id.Model != "Laser 9" || id.Serial != "VNB3R12345" || d.HostName != names[0] {
				t.Errorf("%s: %+v, name %q", name, id, d.HostName)
			}
			if len(res.Notes) > 0 {
				t.Errorf("%s: notes %q", name, res.Notes)
			}
			for _, a := range called() {
				if a != "10.92.1.10:8099" {
					t.Errorf("%s: %s was called", name, a)
				}
			}
		}
		quiet := connections(t, "eth0")
		res := scan(t, scanner.Config{NoSearch: true}, scanner.Job{Targets: []string{"10.92.1.0/24"}})
		if d := deviceAt(t, res, "10.92.1.10"); d.HostName != "" || len(d.Announced.Via) > 0 || len(quiet()) > 0 {
			t.Errorf("with --no-search: %+v", d.Announced)
		}
	})
}

// avahi is where the daemon is; tools/setup.sh installs it.
func avahi(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"avahi-daemon", "/usr/sbin/avahi-daemon"} {
		if daemon, err := exec.LookPath(name); err == nil {
			return daemon
		}
	}
	testkit.Missing(t, "avahi-daemon is not installed: tools/setup.sh does that")
	return ""
}

// Avahi is the responder of most Linux hosts.
func TestSearchAvahi(t *testing.T) {
	daemon := avahi(t)
	t.Run("IPv4", func(t *testing.T) { searchAvahi(t, daemon, false) })
	t.Run("IPv6", func(t *testing.T) { searchAvahi(t, daemon, true) })
}

func searchAvahi(t *testing.T, daemon string, six bool) {
	testkit.InNetwork(t, talkers, func(t *testing.T) {
		startAvahi(t, daemon, six)
		var d *scanner.Device
		for range 10 { // the daemon probes for its names before it answers
			res := scan(t, scanner.Config{}, scanner.Job{Targets: []string{"10.92.1.0/24"}})
			if d = deviceAt(t, res, "10.92.1.10"); len(d.Announced.Services) > 0 {
				break
			}
		}
		if d.HostName != "office-printer" || d.Identity.Type != inventory.ClassPrinter || d.Identity.Model != "LaserJet 600" || d.Identity.Vendor != "HP" {
			t.Errorf("name %q, identity %+v", d.HostName, d.Identity)
		}
		var got []string
		for _, s := range d.Announced.Services {
			got = append(got, fmt.Sprint(s.Protocol, s.Port, s.Name))
		}
		if d := cmp.Diff([]string{"tcp631ipp"}, got); d != "" {
			t.Error(d)
		}
		if !slices.ContainsFunc(d.Announced.Facts, func(f announce.Fact) bool { return f.Value == "Büro 2.0 (office-printer)" }) {
			t.Errorf("the instance's name is missing: %v", d.Announced.Facts)
		}
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// startAvahi runs the daemon on the speaker with a printer's service, over IPv4 or IPv6.
func startAvahi(t *testing.T, daemon string, six bool) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the daemon has a user of its own
		t.Fatal(err)
	}
	services := filepath.Join(dir, "services")
	if err := os.Mkdir(services, 0o755); err != nil { //nolint:gosec // as above
		t.Fatal(err)
	}
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // as above
			t.Fatal(err)
		}
		return file
	}
	conf := write("avahi.conf", fmt.Sprintf("[server]\nhost-name=office-printer\nuse-ipv4=%s\nuse-ipv6=%s\nenable-dbus=no\n[publish]\npublish-workstation=no\n", yesNo(!six), yesNo(six)))
	write("services/ipp.service", `<?xml version="1.0"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd"><service-group>`+
		`<name replace-wildcards="yes">Büro 2.0 (%h)</name><service><type>_ipp._tcp</type><port>631</port>`+
		`<txt-record>ty=HP LaserJet 600</txt-record><txt-record>usb_MFG=HP</txt-record><txt-record>usb_MDL=LaserJet 600</txt-record></service></service-group>`)
	script := fmt.Sprintf("mount -t tmpfs none /run && mount --bind %s /etc/avahi/services && exec %s --no-drop-root --no-chroot --no-rlimits -f %s", services, daemon, conf)
	inHost(t, speaker, "unshare", "--mount", "sh", "-c", script)
}
