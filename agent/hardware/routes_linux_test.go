package hardware_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/internal/inventory"
)

// route4 is a line of /proc/net/route on this machine's own byte order.
func route4(name, destination, gateway, mask string, flags int) string {
	number := func(s string) uint32 {
		var b [4]byte
		_, _ = fmt.Sscanf(s, "%d.%d.%d.%d", &b[0], &b[1], &b[2], &b[3])
		return binary.NativeEndian.Uint32(b[:])
	}
	return fmt.Sprintf("%s\t%08X\t%08X\t%04X\t0\t0\t100\t%08X\t0\t0\t0   \n", name, number(destination), number(gateway), flags, number(mask))
}

func route6(destination, length, gateway, flags, name string) string {
	return fmt.Sprintf("%s %s %032d 00 %s 00000400 00000002 00000000 %s     %s\n", destination, length, 0, gateway, flags, name)
}

func routes() (v4, v6 string) {
	zero, link, global := strings.Repeat("0", 32), "fe80"+strings.Repeat("0", 27)+"1", "20010db8"+strings.Repeat("0", 23)+"1"
	v4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		route4("eth0", "0.0.0.0", "192.0.2.1", "0.0.0.0", 3) + route4("eth0", "0.0.0.0", "192.0.2.1", "0.0.0.0", 3) +
		route4("wlan0", "0.0.0.0", "198.51.100.1", "0.0.0.0", 3) + route4("tun0", "0.0.0.0", "10.8.0.1", "128.0.0.0", 3) +
		route4("ppp0", "0.0.0.0", "0.0.0.0", "0.0.0.0", 1) + route4("eth0", "192.0.2.0", "0.0.0.0", "255.255.255.0", 1)
	v6 = route6(zero, "00", link, "00450003", "eth0") + route6(zero, "00", global, "00000003", "eth0") +
		route6(zero, "00", zero, "00200200", "lo") + route6("fe80"+zero[4:], "40", zero, "00000001", "eth0")
	return v4, v6
}

func TestDefaultRoutes(t *testing.T) {
	v4, v6 := routes()
	want := map[string][]string{"eth0": {"192.0.2.1", "2001:db8::1", "fe80::1"}, "wlan0": {"198.51.100.1"}}
	if diff := cmp.Diff(want, hardware.DefaultRoutes(strings.NewReader(v4), strings.NewReader(v6))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := hardware.DefaultRoutes(nil, nil); len(got) != 0 {
		t.Errorf("without tables: %v", got)
	}
}

func TestGatewaysAndResolvers(t *testing.T) {
	v4, v6 := routes()
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"plain", map[string]string{"etc/resolv.conf": "# x\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver 192.0.2.53\nnameserver x\nsearch y\n"}, []string{"192.0.2.53", "2001:db8::53"}},
		{"systemd-resolved", map[string]string{
			"etc/resolv.conf": "-> ../run/systemd/resolve/stub-resolv.conf", "run/systemd/resolve/stub-resolv.conf": "nameserver 127.0.0.53\n",
			"run/systemd/resolve/resolv.conf": "nameserver 192.0.2.54\n",
		}, []string{"192.0.2.54"}},
		{"dnsmasq of NetworkManager", map[string]string{
			"etc/resolv.conf": "nameserver 127.0.0.1\n", "run/NetworkManager/no-stub-resolv.conf": "nameserver 192.0.2.55\n",
		}, []string{"192.0.2.55"}},
		{"own resolver", map[string]string{"etc/resolv.conf": "nameserver ::1\n"}, []string{"::1"}},
		{"none", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{
				"proc/self/net/route": v4, "proc/self/net/ipv6_route": v6,
				"sys/class/net/eth0/ifindex": "2", "sys/class/net/eth0/address": "00:00:5e:00:53:01", "sys/class/net/eth0/type": "1",
				"sys/class/net/lo/ifindex": "1", "sys/class/net/lo/type": "772",
			}
			for name, text := range tt.files {
				files[name] = text
			}
			for _, n := range collect(t, plant(t, files), "netlink").(inventory.Interfaces) {
				gateways, dns := []string{"192.0.2.1", "2001:db8::1", "fe80::1"}, tt.want
				if n.Name == "lo" {
					gateways, dns = nil, nil
				}
				if diff := cmp.Diff([][]string{gateways, dns}, [][]string{n.Gateways, n.DNS}); diff != "" {
					t.Errorf("%s: -want +got:\n%s", n.Name, diff)
				}
			}
		})
	}
}

// attribute is a netlink attribute.
func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

// station is the kernel's answer about one wireless interface.
func station(index uint32, ssid string) []byte {
	body := append([]byte{7, 1, 0, 0}, attribute(3, binary.NativeEndian.AppendUint32(nil, index))...)
	body = append(body, attribute(4, []byte("wlan0\x00"))...)
	if ssid != "" {
		body = append(body, attribute(52, []byte(ssid))...)
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	b = binary.NativeEndian.AppendUint16(b, 0x1c)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_MULTI)
	return append(append(b, make([]byte, 8)...), body...)
}

func TestNetworkNames(t *testing.T) {
	got, err := hardware.ParseNetworkNames(bytes.Join([][]byte{station(3, "Caf\xc3\xa9 \xff guest"), station(4, "")}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[int]string{3: "Café \ufffd guest"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The kernel answers about the family that every kernel has, and refuses one that none has.
func TestNetlinkFamily(t *testing.T) {
	if got, err := hardware.NetlinkFamily("nlctrl"); got != unix.GENL_ID_CTRL || err != nil {
		t.Errorf("nlctrl: got %d, %v", got, err)
	}
	if got, err := hardware.NetlinkFamily("no-such-family"); err == nil {
		t.Errorf("a family that does not exist has number %d", got)
	}
}

func FuzzRoutes(f *testing.F) {
	v4, v6 := routes()
	f.Add(v4, []byte(v6))
	f.Add("nameserver 127.0.0.53\nnameserver fe80::1%eth0\n", station(3, "guest"))
	f.Fuzz(func(t *testing.T, s string, b []byte) {
		for name, gateways := range hardware.DefaultRoutes(strings.NewReader(s), bytes.NewReader(b)) {
			valid(t, inventory.Interfaces{{Name: name, Gateways: gateways}})
		}
		servers, _ := hardware.ParseResolv(s)
		names, _ := hardware.ParseNetworkNames(b)
		for _, name := range names {
			valid(t, inventory.Interfaces{{SSID: name, DNS: servers}})
		}
	})
}
