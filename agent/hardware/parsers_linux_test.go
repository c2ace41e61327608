package hardware_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/internal/inventory"
)

// A key pair made for this test, with the fingerprint that ssh-keygen -l printed.
const (
	hostKey            = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPjumZ+J20mMVnUw6hGYbyyXsbwSm3bNQshOx44fjsS+"
	hostKeyFingerprint = "SHA256:WWSLDH4CbPzHV55EObdnsbfi3amG72bbmhMpM/L5ku0"
)

func TestSSHFingerprint(t *testing.T) {
	got, err := hardware.SSHFingerprint(hostKey + " comment")
	if err != nil || got != hostKeyFingerprint {
		t.Errorf("got %q, %v", got, err)
	}
	wrongType := strings.Replace(hostKey, "ssh-ed25519 ", "ssh-rsa ", 1)
	for _, bad := range []string{"", "ssh-ed25519", "ssh-ed25519 !!!", wrongType, "ssh-ed25519 AAAA", "root:x:0:0", "ssh-ed25519 /////w=="} {
		if got, err := hardware.SSHFingerprint(bad); err == nil {
			t.Errorf("%q: got %q", bad, got)
		}
	}
}

func TestDetectContainer(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	other := strings.Repeat("fedcba9876543210", 4)
	hostname := "5 1 8:1 /x/containers/" + id + "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n"
	pod := "5 1 8:1 /var/lib/kubelet/pods/1234/etc-hosts /etc/hosts rw - ext4 /dev/sda1 rw\n"
	tests := []struct {
		name                                                     string
		systemd, environ, cgroup, mounts, containerEnv, kind, id string
		dockerEnv, openvz                                        bool
	}{
		{name: "host", cgroup: "0::/init.scope\n"},
		{name: "virtual machine made from an image", dockerEnv: true, cgroup: "0::/\n"},
		{name: "machine of a service", dockerEnv: true, cgroup: "4:memory:/process_api/20e96438171c0f8888c70b1556e25181\n0::/\n"},
		{name: "docker", dockerEnv: true, cgroup: "0::/\n", mounts: hostname, kind: "docker", id: id},
		{name: "docker, old cgroups", cgroup: "4:memory:/docker/" + id + "\n", kind: "docker", id: id},
		{name: "docker, systemd cgroups", cgroup: "0::/system.slice/docker-" + id + ".scope\n", kind: "docker", id: id},
		{
			name: "kubernetes", cgroup: "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + other + ".scope\n", mounts: hostname + pod,
			kind: "kubernetes", id: other,
		},
		{name: "kubernetes, own cgroups", cgroup: "0::/\n", mounts: pod, kind: "kubernetes"},
		{name: "podman", containerEnv: "engine=\"podman-4.3.1\"\nid=\"" + id + "\"\n", kind: "podman", id: id},
		{name: "podman without words", containerEnv: "\n", mounts: hostname, kind: "podman", id: id},
		{name: "lxc", environ: "container=lxc\x00TERM=linux", kind: "lxc"},
		{name: "lxc by cgroup", cgroup: "12:pids:/lxc.payload.web\n", kind: "lxc"},
		{name: "nspawn", systemd: "systemd-nspawn", kind: "systemd-nspawn"},
		{name: "openvz", openvz: true, kind: "openvz"},
		{name: "captured", environ: strings.ReplaceAll(capture(t, "linux/proc/1-environ.txt"), "\n", "\x00"), kind: "lxc-libvirt"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kind, id := hardware.DetectContainer(tt.systemd, tt.environ, tt.cgroup, tt.mounts, tt.containerEnv, tt.dockerEnv, tt.openvz)
			if kind != tt.kind || id != tt.id {
				t.Errorf("got %q %q, want %q %q", kind, id, tt.kind, tt.id)
			}
		})
	}
}

func TestHostName(t *testing.T) {
	tests := []struct{ kernel, hosts, name, domain string }{
		{"web1", "", "web1", ""},
		{"web1.example.org", "1.2.3.4 web1.other.org web1", "web1", "example.org"},
		{"web1", "127.0.1.1\tweb1.lab.test. web1", "web1", "lab.test"},
		{"web1", "10.0.0.1 web10.lab.test web10", "web1", ""},
		{"web1", "# 10.0.0.1 web1.lab.test", "web1", ""},
		{"localhost", "127.0.0.1 localhost.localdomain", "localhost", ""},
	}
	for _, tt := range tests {
		if name, domain := hardware.HostName(tt.kernel, tt.hosts); name != tt.name || domain != tt.domain {
			t.Errorf("%+v: got %q %q", tt, name, domain)
		}
	}
}

func TestInterfaceType(t *testing.T) {
	const pci = "/sys/devices/pci0000:00/0000:00:03.0/virtio2"
	type want struct {
		kind    inventory.InterfaceType
		passing bool
	}
	tests := []struct {
		name string
		nic  hardware.NIC
		want want
	}{
		{"card", hardware.NIC{Device: pci}, want{"ethernet", false}},
		{"usb card", hardware.NIC{Device: "/sys/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0"}, want{"usb", false}},
		{"loopback", hardware.NIC{Loopback: true}, want{"loopback", false}},
		{"wifi", hardware.NIC{Device: pci, Wireless: true}, want{"wifi", false}},
		{"bluetooth", hardware.NIC{Device: pci, DevType: "bluetooth"}, want{"bluetooth", false}},
		{"bridge", hardware.NIC{Kind: "bridge"}, want{"bridge", false}},
		{"bond", hardware.NIC{Kind: "bond"}, want{"bond", false}},
		{"vlan", hardware.NIC{Kind: "vlan"}, want{"vlan", false}},
		{"wireguard", hardware.NIC{Kind: "wireguard"}, want{"vpn", false}},
		{"openvpn", hardware.NIC{Kind: "tun", Tun: "0x1001"}, want{"vpn", false}},
		{"tap of a virtual machine", hardware.NIC{Kind: "tun", Tun: "0x5002"}, want{"virtual", false}},
		{"old tun", hardware.NIC{Tun: "0x1001"}, want{"vpn", false}},
		{"modem", hardware.NIC{PPP: true}, want{"vpn", false}},
		{"dummy", hardware.NIC{Kind: "dummy"}, want{"virtual", false}},
		{"inside a container", hardware.NIC{Kind: "veth", Elsewhere: true, Lan: true, MAC: "02:42:ac:11:00:02"}, want{"ethernet", false}},
		{"inside, no address yet", hardware.NIC{Kind: "veth", Elsewhere: true, MAC: "8c:16:45:10:01:20"}, want{"ethernet", false}},
		{"host's side", hardware.NIC{Kind: "veth", Elsewhere: true, Master: true, MAC: "1e:00:00:00:00:01"}, want{"virtual", true}},
		{"host's side, routed", hardware.NIC{Kind: "veth", Elsewhere: true, MAC: "ee:ee:ee:ee:ee:ee"}, want{"virtual", true}},
		{"macvlan", hardware.NIC{Kind: "macvlan"}, want{"virtual", false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			kind, passing := hardware.TypeOf(tt.nic)
			if got := (want{kind, passing}); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestVolumes(t *testing.T) {
	const info = `22 27 0:21 / /proc rw - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
42 27 254:0 /run/netns /run/netns rw shared:1 - ext4 /dev/vda rw
50 27 8:17 /sub /mnt/part rw - xfs /dev/sdb1 rw
51 27 8:17 / /mnt/whole\040disk rw - xfs /dev/sdb1 rw
60 27 0:60 / /net rw - nfs4 nas:/export rw
61 27 8:33 / /net/local rw - ext4 /dev/sdc1 rw
70 27 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro
71 27 0:70 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
72 27 0:71 / /run rw - tmpfs tmpfs rw
73 27 0:72 / /tank rw - zfs tank rw
torn
`
	mounts, err := hardware.ParseMounts(strings.NewReader(info))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range hardware.Volumes(mounts) {
		text := m.Point()
		if hardware.BehindNetwork(m, mounts) {
			text += " behind network"
		}
		got = append(got, text)
	}
	want := []string{"/", "/mnt/whole disk", "/net", "/net/local behind network", "/tank"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRoundUsed(t *testing.T) {
	for _, tt := range [][3]int64{{0, 100, 0}, {2, 100, 0}, {3, 100, 5}, {97, 100, 95}, {98, 100, 100}, {200, 100, 100}, {5, 0, 0}, {-5, 100, 0}} {
		if got := hardware.RoundUsed(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%d of %d: got %d, want %d", tt[0], tt[1], got, tt[2])
		}
	}
}

func TestDisks(t *testing.T) {
	for path, want := range map[string]string{
		"/sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1":                                          "nvme",
		"/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1":                                         "nvme",
		"/sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda":                    "sata",
		"/sys/devices/pci0000:00/0000:00:01.0/host0/port-0:0/end_device-0:0/target0:0:0/0:0:0:0/block/sda": "sas",
		"/sys/devices/pci0000:00/0000:00:05.0/virtio2/host2/target2:0:0/2:0:0:0/block/sda":                 "virtio",
		"/sys/devices/platform/host3/session1/target3:0:0/3:0:0:1/block/sdb":                               "iscsi",
		"/sys/devices/platform/soc/3f300000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0":                     "mmc",
		"/sys/devices/pci0000:00/0000:02:00.0/host0/target0:2:0/0:2:0:0/block/sda":                         "scsi",
		"/sys/devices/somewhere": "",
	} {
		if got := hardware.DiskBus(path); got != want {
			t.Errorf("bus of %s: got %q, want %q", path, got, want)
		}
	}
	for name, want := range map[string]bool{
		"sda": true, "nvme0n1": true, "mmcblk0": true, "mmcblk0boot0": false, "loop1": false, "sr0": false, "zram0": false, "md0": false,
	} {
		if got := hardware.IsDisk(name, "sys/devices/pci0000:00/x/block/"+name); got != want {
			t.Errorf("%s is a disk: %v", name, got)
		}
	}
	if hardware.IsDisk("x0", "sys/devices/virtual/block/x0") || !hardware.IsDisk("nvme0n1", "sys/devices/virtual/nvme-subsystem/x/nvme0n1") {
		t.Error("virtual devices are told apart wrongly")
	}
	for page, want := range map[string]string{
		"\x00\x80\x00\x04ABCDEF": "ABCD", "\x00\x80\xff\xffAB": "AB", "\x00\x83\x00\x04ABCD": "", "\x00\x80": "",
	} {
		if got := hardware.VPDSerial([]byte(page)); got != want {
			t.Errorf("page %q: got %q, want %q", page, got, want)
		}
	}
}

func TestMeminfo(t *testing.T) {
	total, swap := hardware.ParseMeminfo("MemTotal: 1025 kB\nSwapTotal: -5 kB\nMemTotal:\nMemFree: x kB\n")
	if total != 1<<20 || swap != 0 {
		t.Errorf("got %d, %d", total, swap)
	}
	if total, _ := hardware.ParseMeminfo("MemTotal: 9999999999999999999 kB\n"); total != 0 {
		t.Errorf("overflow gives %d of at most %d", total, int64(math.MaxInt64))
	}
}

func TestLoginDefs(t *testing.T) {
	users, err := hardware.ParsePasswd(strings.NewReader("a:x:500:1::/:/bin/sh\nb:x:700:1::/:/bin/sh\n"),
		hardware.ParseLogin("# UID_MIN 1\nUID_MIN 500\nUID_MAX 600\nUID_MIN x\n"), hardware.ParseAdmins(""))
	if err != nil || len(users) != 1 || users[0].Name != "a" {
		t.Errorf("got %+v, %v", users, err)
	}
}
