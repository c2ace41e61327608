package hardware_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/internal/inventory"
)

// socketTable makes a file of /proc/net of lines "ADDRESS STATE INODE".
func socketTable(lines ...string) string {
	var b strings.Builder
	b.WriteString("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n")
	for i, line := range lines {
		f := strings.Fields(line)
		fmt.Fprintf(&b, "%4d: %s 00000000:0000 %s 00000000:00000000 00:00000000 00000000     0        0 %s 1 00000000ca03a422 100 0 0 10 0\n", i, f[0], f[1], f[2])
	}
	return b.String()
}

const loopback6 = "00000000000000000000000001000000"

func listenersTree(t *testing.T) string {
	t.Helper()
	return plant(t, map[string]string{
		"proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
		"proc/net/tcp": socketTable("00000000:0016 0A 100", "0100007F:0277 0A 101", "0100007F:83B9 0A 102", "00000000:83BA 0A 103",
			"0500000A:1F90 0A 0", "00000000:0016 0A 106", "0500000A:0016 01 104", "0500000A:0017 0A 104"),
		"proc/net/tcp6": socketTable("00000000000000000000000000000000:0016 0A 107", loopback6+":0277 0A 101", "B80D0120000000000000000001000000:0050 0A 109",
			"0000000000000000FFFF00000500000A:0051 0A 109"),
		"proc/net/udp":   socketTable("00000000:14E9 07 200", "00000000:A000 07 201", "0500000A:0044 07 202", "0500000A:007B 01 203"),
		"proc/1/comm":    "systemd\n",
		"proc/1/fd/3":    "-> socket:[101]",
		"proc/20/comm":   "cupsd\n",
		"proc/20/fd/7":   "-> socket:[101]",
		"proc/9/comm":    "sshd\n",
		"proc/9/fd/0":    "-> /dev/null",
		"proc/9/fd/3":    "-> socket:[106]",
		"proc/9/fd/4":    "-> socket:[107]",
		"proc/9/fd/5":    "-> socket:[104]",
		"proc/77/comm":   "avahi-daemon\n",
		"proc/77/fd/12":  "-> socket:[200]",
		"proc/78/":       "",
		"proc/self/fd/1": "-> socket:[103]",
	})
}

func TestListeners(t *testing.T) {
	root := listenersTree(t)
	want := inventory.Ports{
		{Protocol: "tcp", Number: 22, Address: "0.0.0.0", Process: "sshd"},
		{Protocol: "tcp", Number: 22, Address: "::", Process: "sshd"},
		{Protocol: "tcp", Number: 80, Address: "2001:db8::1"},
		{Protocol: "tcp", Number: 81, Address: "10.0.0.5"},
		{Protocol: "tcp", Number: 631, Address: "127.0.0.1", Process: "systemd"},
		{Protocol: "tcp", Number: 631, Address: "::1", Process: "systemd"},
		{Protocol: "tcp", Number: 8080, Address: "10.0.0.5"},
		{Protocol: "tcp", Number: 33722, Address: "0.0.0.0"},
		{Protocol: "udp", Number: 68, Address: "10.0.0.5"},
		{Protocol: "udp", Number: 5353, Address: "0.0.0.0", Process: "avahi-daemon"},
	}
	if diff := cmp.Diff(inventory.Body(want), collect(t, root, "listeners")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	asNobody(t, root, []string{"proc/9/fd"}, func() {
		body, err := look(t, root, "listeners")
		if err != nil || body.Len() != len(want) { // whole, though without some programs
			t.Errorf("without rights: %v, %v", body, err)
		}
	})
	if body, err := look(t, t.TempDir(), "listeners"); err == nil || body != nil {
		t.Errorf("without /proc: %v, %v", body, err)
	}
}

// The kernel's own word, of a socket that this process has opened.
func TestListenersLive(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // nobody comes
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	root := plant(t, map[string]string{
		"proc/net/tcp": string(table), "proc/sys/net/ipv4/ip_local_port_range": "1 1", "proc/4711/comm": string(comm),
	})
	handles, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range handles {
		if target, err := os.Readlink(h); err == nil { // the one of the listing has been closed
			link(t, target, filepath.Join(root, "proc/4711/fd", filepath.Base(h)))
		}
	}
	port := l.Addr().(*net.TCPAddr).Port
	for _, p := range collect(t, root, "listeners").(inventory.Ports) {
		if p.Number == port && p.Address == "127.0.0.1" {
			if p.Process != strings.TrimSpace(string(comm)) {
				t.Errorf("process %q, want %q", p.Process, comm)
			}
			return
		}
	}
	t.Errorf("port %d is not listed", port)
}

// Netlink and /proc/net tell the same of the sockets that this process has opened.
func TestSocketsBothWays(t *testing.T) {
	mine := map[int]bool{}
	shown := map[string]int{} // how many of them wait for others
	note := func(name string, a net.Addr, waits bool) {
		switch a := a.(type) {
		case *net.TCPAddr:
			mine[a.Port] = true
		case *net.UDPAddr:
			mine[a.Port] = true
		}
		if waits {
			shown[name]++
		}
	}
	for _, tt := range []struct{ name, network, address string }{
		{"tcp", "tcp4", "127.0.0.1:0"}, {"tcp", "tcp4", "0.0.0.0:0"}, {"tcp6", "tcp6", "[::1]:0"}, {"tcp6", "tcp", ":0"},
	} {
		l, err := net.Listen(tt.network, tt.address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		note(tt.name, l.Addr(), true)
		c, err := net.Dial(tt.network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		note(tt.name, c.LocalAddr(), false)
	}
	for _, tt := range []struct{ name, network, address string }{
		{"udp", "udp4", "127.0.0.1:0"}, {"udp", "udp4", "0.0.0.0:0"}, {"udp6", "udp6", "[::1]:0"}, {"udp6", "udp", ":0"},
	} {
		l, err := net.ListenPacket(tt.network, tt.address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		note(tt.name, l.LocalAddr(), true)
		c, err := net.Dial(tt.network, l.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		note(tt.name, c.LocalAddr(), false)
	}
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		asked, read, err := hardware.Sockets(name)
		if err != nil {
			t.Fatal(err)
		}
		others := func(p inventory.Port) bool { return !mine[p.Number] }
		asked, read = slices.DeleteFunc(asked, others), slices.DeleteFunc(read, others)
		if diff := cmp.Diff(read, asked); diff != "" || len(asked) != shown[name] {
			t.Errorf("%s: %d sockets, want %d; -/proc/net +netlink:\n%s", name, len(asked), shown[name], diff)
		}
	}
}

func FuzzSockDiag(f *testing.F) {
	message := make([]byte, unix.NLMSG_HDRLEN+72)
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	binary.NativeEndian.PutUint16(message[4:], unix.SOCK_DIAG_BY_FAMILY)
	copy(message[unix.NLMSG_HDRLEN:], []byte{unix.AF_INET, 10, 0, 0, 0, 22, 0, 0, 10, 0, 0, 5})
	f.Add("tcp", message)
	message = bytes.Clone(message)
	copy(message[unix.NLMSG_HDRLEN:], []byte{unix.AF_INET6, 7, 0, 0, 2, 119, 0, 0, 0x20, 1, 0x0d, 0xb8})
	f.Add("udp", message)
	f.Fuzz(func(t *testing.T, protocol string, answer []byte) {
		if protocol == "tcp" || protocol == "udp" {
			valid(t, hardware.ParseSockDiag(protocol, answer))
		}
	})
}

func FuzzListeners(f *testing.F) {
	f.Add("tcp", socketTable("00000000:0016 0A 100", loopback6+":0277 0A 101"), "32768 60999")
	f.Add("udp", socketTable("00000000:14E9 07 200"), "")
	f.Fuzz(func(t *testing.T, protocol, text, chosen string) {
		if protocol == "tcp" || protocol == "udp" {
			valid(t, hardware.Listening(protocol, text, chosen))
		}
	})
}

func TestFirewall(t *testing.T) {
	const wants = "etc/systemd/system/multi-user.target.wants/"
	for _, tt := range []struct {
		want  string
		files map[string]string
	}{
		{"", map[string]string{wants + "nftables.service": "-> /x"}},
		{"ufw:enabled", map[string]string{"etc/ufw/ufw.conf": "# ENABLED=no\nENABLED=\"yes\" # since\n", "etc/nftables.conf": ""}},
		{"ufw:disabled", map[string]string{"etc/ufw/ufw.conf": "ENABLED=no\n", "etc/nftables.conf": ""}},
		{"nftables:enabled", map[string]string{
			"etc/ufw/ufw.conf": "ENABLED=no\n", "etc/nftables.conf": "", "etc/systemd/system/sysinit.target.wants/nftables.service": "-> /lib/systemd/system/nftables.service",
		}},
		{"firewalld:enabled", map[string]string{"etc/firewalld/firewalld.conf": "", wants + "firewalld.service": "-> /usr/lib/systemd/system/firewalld.service"}},
		{"firewalld:disabled", map[string]string{"etc/firewalld/firewalld.conf": ""}},
		{"iptables:enabled", map[string]string{"etc/sysconfig/iptables": "", "etc/runlevels/default/iptables": "-> /etc/init.d/iptables"}},
	} {
		tt.files["proc/self/mountinfo"] = ""
		if got := collect(t, plant(t, tt.files), "security").(*inventory.Security).Firewall; got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.files, got, tt.want)
		}
	}
}
