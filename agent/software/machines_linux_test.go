package software_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const (
	uuid1 = "11111111-2222-3333-4444-5555555555ab"
	uuid2 = "22222222-2222-3333-4444-5555555555ab"
	uuid3 = "33333333-2222-3333-4444-5555555555ab"

	libvirtDomain = `<!--
WARNING: THIS IS AN AUTO-GENERATED FILE.
-->
<domain type='kvm'>
  <name>web</name>
  <uuid>11111111-2222-3333-4444-5555555555AB</uuid>
  <title>shop</title>
  <devices><interface type='network'><name>eth0</name></interface><disk><name>vda</name><uuid>0</uuid></disk></devices>
</domain>`
	libvirtStatus = `<domstatus state='paused' reason='user' pid='4711'>
  <monitor path='/run/m'/><domain type='kvm' id='7'><name>web</name><uuid>` + uuid1 + `</uuid></domain></domstatus>`
	libvirtTransient = `<domstatus state='running'><domain type='qemu' id='8'><name>once</name><uuid>` + uuid2 + `</uuid></domain></domstatus>`
	libvirtLXC       = `<domain type='lxc'><name>box</name><uuid>` + uuid3 + `</uuid></domain>`
	libvirtNetwork   = `<network><name>default</name><uuid>` + uuid3 + `</uuid></network>`

	proxmoxVM = "#the shop%3A name%3A wrong\nboot: order=scsi0\nname: shop\nsmbios1: manufacturer=QQ==,uuid=" + uuid1 + ",base64=1\nparent: old\n" +
		"vmgenid: " + uuid3 + "\n\n[old]\nname: before\nsmbios1: uuid=" + uuid2 + "\n"
	proxmoxContainer = "arch: amd64\nhostname: dns\nostype: debian\n"
	openVZ           = "# RAM\nPHYSPAGES=\"0:1G\"\nOSTEMPLATE=\".debian-12-x86_64\"\nHOSTNAME=\"mail.example\"\n"

	xenDomain  = "# name = 'old'\nname = \"mail\" # the mail\nuuid = '" + uuid2 + "'\nmemory = 512\nname = 'later'\n"
	vmwareList = ".encoding = \"UTF-8\"\nvmlist1.config = \"/home/ann/vmware/d/d.vmx\"\nvmlist1.DisplayName = \"x\"\nvmlist2.config = \"/etc/d.vmx\"\n" +
		"vmlist3.config = \"folder1\"\nvmlist4.config = \"\"\n"
	vmwareVMX = ".encoding = \"UTF-8\"\ndisplayName = \"Debian\"\nuuid.location = \"11 11\"\nuuid.bios = \"56 4d b4 6c 05 e5 20 dc-c6 49 0a c1 e0 73 17 75\"\n"

	vboxRegistry = `<?xml version="1.0"?>
<VirtualBox xmlns="http://www.virtualbox.org/" version="1.12-linux"><Global><MachineRegistry>
<MachineEntry uuid="{` + uuid1 + `}" src="/home/ann/VirtualBox VMs/win/win.vbox"/>
<MachineEntry uuid="{` + uuid2 + `}" src="/etc/secret.vbox"/>
<MachineEntry uuid="{` + uuid3 + `}" src="/home/ann/../bob/x.vbox"/>
<MachineEntry uuid="none" src="x"/>
</MachineRegistry></Global></VirtualBox>`
	vboxSettings = `<?xml version="1.0"?>
<VirtualBox xmlns="http://www.virtualbox.org/" version="1.16-linux"><Machine uuid="{` + uuid1 + `}" name="Windows 11" OSType="Windows11_64" stateFile="s.sav">
<Snapshot uuid="{` + uuid3 + `}" name="then"><Hardware uuid="{` + uuid3 + `}"/></Snapshot><Hardware version="2" uuid="{44444444-2222-3333-4444-5555555555AB}"/></Machine></VirtualBox>`
)

func TestVirtualMachines(t *testing.T) {
	root := plant(t, map[string]string{
		"etc/passwd":                                 "ann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\n",
		"etc/libvirt/qemu/web.xml":                   libvirtDomain,
		"etc/libvirt/qemu/networks/d.xml":            libvirtNetwork,
		"etc/libvirt/lxc/box.xml":                    libvirtLXC,
		"run/libvirt/qemu/web.xml":                   libvirtStatus,
		"run/libvirt/qemu/once.xml":                  libvirtTransient,
		"etc/pve/nodes/n1/qemu-server/100.conf":      proxmoxVM,
		"etc/pve/nodes/n1/qemu-server/101.conf":      "name: base\ntemplate: 1\n",
		"etc/pve/nodes/n1/lxc/102.conf":              proxmoxContainer,
		"etc/pve/nodes/n2/qemu-server/9.conf":        proxmoxVM,
		"run/qemu-server/100.pid":                    "1",
		"sys/fs/cgroup/lxc/102/":                     "",
		"var/lib/lxc/102/config":                     "",
		"var/lib/lxc/own/config":                     "",
		"var/lib/incus/virtual-machines/vm/":         "",
		"etc/vz/conf/0.conf":                         "",
		"etc/vz/conf/201.conf":                       openVZ,
		"etc/vz/conf/ve-basic.conf-sample":           openVZ,
		"home/ann/.config/VirtualBox/VirtualBox.xml": vboxRegistry,
		"home/ann/VirtualBox VMs/win/win.vbox":       vboxSettings,
		"etc/xen/mail.cfg":                           xenDomain, "etc/xen/auto/mail.cfg": xenDomain, "etc/xen/named.cfg": "name = \"named\"\n", "etc/xen/xl.conf": xenDomain,
		"home/ann/.vmware/inventory.vmls": vmwareList, "home/ann/vmware/d/d.vmx": vmwareVMX, "etc/d.vmx": vmwareVMX,
		"home/bob/x.vbox":                     vboxSettings,
		"home/bob/.config/libvirt/qemu/b.xml": libvirtDomain,
	})
	for _, kind := range []string{"qemu-server", "lxc"} {
		if err := os.Symlink("nodes/n1/"+kind, filepath.Join(root, "etc/pve", kind)); err != nil {
			t.Fatal(err)
		}
	}
	const vm = inventory.ContainerVM
	want := map[string]inventory.Containers{
		"libvirt": {
			{ID: uuid1, Name: "web", Runtime: "libvirt", State: "paused", Kind: vm},
			{ID: uuid3, Name: "box", Runtime: "libvirt", State: "stopped"},
			{ID: uuid2, Name: "once", Runtime: "libvirt", State: "running", Kind: vm},
		},
		"proxmox": {
			{ID: uuid1, Name: "shop", Runtime: "proxmox", State: "running", Kind: vm},
			{ID: "101", Name: "base", Runtime: "proxmox", State: "template", Kind: vm},
			{ID: "102", Name: "dns", Runtime: "proxmox", State: "running"},
		},
		"lxc":    {{ID: "own", Name: "own", Runtime: "lxc", State: "stopped"}, {ID: "vm", Name: "vm", Runtime: "incus", Kind: vm}},
		"xen":    {{ID: uuid2, Name: "mail", Runtime: "xen", Kind: vm}, {ID: "named", Name: "named", Runtime: "xen", Kind: vm}},
		"openvz": {{ID: "201", Name: "mail.example", Image: "debian-12-x86_64", Runtime: "openvz"}},
		"machines-users": {
			{ID: "44444444-2222-3333-4444-5555555555ab", Name: "Windows 11", Runtime: "virtualbox", State: "saved", Kind: vm},
			{ID: uuid2, Name: "secret", Runtime: "virtualbox", Kind: vm},
			{ID: uuid3, Name: "x", Runtime: "virtualbox", Kind: vm},
			{ID: "564db46c-05e5-20dc-c649-0ac1e0731775", Name: "Debian", Runtime: "vmware", Kind: vm},
			{ID: uuid1, Name: "web", Runtime: "libvirt", Kind: vm},
		},
	}
	for name, machines := range want {
		body, err := look(t, root, name)
		if diff := cmp.Diff(inventory.Body(machines), body); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
		}
	}
}

// Damaged files take nothing from the others, and a machine without a hypervisor says so.
func TestVirtualMachinesUnseen(t *testing.T) {
	root := plant(t, map[string]string{
		"etc/libvirt/qemu/a.xml": "<domain><name>cut", "etc/libvirt/qemu/b.xml": libvirtDomain,
		"etc/libvirt/qemu/c.xml": `<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><domain><name>&e;</name></domain>`,
	})
	body, err := look(t, root, "libvirt")
	status, reason := source.Status(err)
	if status != inventory.StatusPartial || body.Len() != 1 || !strings.Contains(reason, "2 could not be read, the first of them /etc/libvirt/qemu/a.xml") {
		t.Errorf("%v, %s %q", body, status, reason)
	}
	for _, name := range []string{"libvirt", "proxmox", "openvz", "xen", "machines-users"} {
		body, err := look(t, t.TempDir(), name)
		if status, _ := source.Status(err); status != inventory.StatusUnsupported || body != nil {
			t.Errorf("%s: %v, %v", name, body, err)
		}
	}
}

func TestMachineID(t *testing.T) {
	for in, want := range map[string]string{
		"{" + strings.ToUpper(uuid1) + "}": uuid1, strings.ReplaceAll(uuid1, "-", ""): uuid1, " " + uuid1 + "\n": uuid1,
		"": "", uuid1[:35] + "g": "", uuid1[:35]: "", strings.Repeat("-", 36): "", strings.Repeat("1", 36): "", strings.Repeat("é", 18): "",
	} {
		if got := software.MachineID(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzParseMachines(f *testing.F) {
	for _, seed := range []string{libvirtDomain, libvirtStatus, libvirtLXC, proxmoxVM, proxmoxContainer, openVZ, xenDomain, vmwareList, vmwareVMX, vboxRegistry, vboxSettings} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list := append(software.ParseVirtualBox([]byte(s), []byte(vboxSettings)), software.ParseVirtualBox([]byte(vboxRegistry), []byte(s))...)
		if c, err := software.ParseLibvirt([]byte(s)); err == nil {
			list = append(list, c)
		}
		for _, vm := range []bool{true, false} {
			list = append(list, software.ParseProxmox("100", vm, []byte(s)))
		}
		_ = software.VMwareFiles([]byte(s))
		validContainers(t, append(list, software.ParseOpenVZ("7", []byte(s)), software.ParseXen([]byte(s)), software.ParseVMware([]byte(s))))
	})
}
