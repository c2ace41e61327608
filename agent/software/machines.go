package software

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// machineID is a UUID as the machine inside shows it in its firmware: in lower case,
// without braces; "" when it is none.
func machineID(s string) string {
	s = strings.ToLower(strings.Trim(strings.TrimSpace(s), "{}"))
	if len(s) == 32 {
		s = s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
	}
	if len(s) != 36 {
		return ""
	}
	for i, c := range s {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return ""
			}
		} else if !strings.ContainsRune("0123456789abcdef", c) {
			return ""
		}
	}
	return s
}

// ParseLibvirt reads a domain as libvirt keeps it (https://libvirt.org/formatdomain.html):
// the definition, or the status of one that runs, where the definition is inside. There is
// no ID when the document describes something else.
func ParseLibvirt(b []byte) (inventory.Container, error) {
	c := inventory.Container{Runtime: "libvirt", Kind: inventory.ContainerVM}
	within := func(path []string) bool { // of the domain itself, not of what hangs on it
		return len(path) > 1 && path[len(path)-2] == "domain" && (len(path) == 2 || len(path) == 3 && path[0] == "domstatus")
	}
	err := visitXML(bytes.NewReader(b), func(path []string, attributes []xml.Attr) error {
		switch last := path[len(path)-1]; {
		case last == "domstatus" && len(path) == 1:
			c.State = source.Text(attribute(attributes, "state"))
		case last == "domain" && len(path) <= 2 && attribute(attributes, "type") == "lxc":
			c.Kind = ""
		}
		return nil
	}, func(path []string, s string) error {
		switch last := path[len(path)-1]; {
		case last == "name" && within(path):
			c.Name = source.Text(s)
		case last == "uuid" && within(path):
			c.ID = machineID(s)
		}
		return nil
	})
	return c, err
}

// ParseProxmox reads the configuration of a virtual machine or container of Proxmox VE
// (https://pve.proxmox.com/pve-docs/qm.conf.5.html, pct.conf.5.html): lines "key: value",
// then sections about snapshots, which are the past.
func ParseProxmox(number string, vm bool, b []byte) inventory.Container {
	c := inventory.Container{ID: source.Text(number), Runtime: "proxmox"}
	if vm {
		c.Kind = inventory.ContainerVM
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "[") {
			break
		}
		key, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); {
		case key == "name" || key == "hostname":
			c.Name = source.Text(value)
		case key == "template" && value == "1":
			c.State = "template"
		case key == "smbios1" && vm:
			for option := range strings.SplitSeq(value, ",") {
				if uuid, ok := strings.CutPrefix(option, "uuid="); ok {
					c.ID = cmp.Or(machineID(uuid), c.ID)
				}
			}
		}
	}
	return c
}

// ParseOpenVZ reads the configuration of a container of OpenVZ, lines KEY="value"
// (https://wiki.openvz.org/Man/vps.conf.5).
func ParseOpenVZ(number string, b []byte) inventory.Container {
	c := inventory.Container{ID: source.Text(number), Runtime: "openvz"}
	host := ""
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch value = source.Text(strings.Trim(value, `"'`)); key {
		case "NAME":
			c.Name = value
		case "HOSTNAME":
			host = value
		case "OSTEMPLATE":
			c.Image = strings.TrimPrefix(value, ".")
		}
	}
	c.Name = cmp.Or(c.Name, host)
	return c
}

// vboxEntry is a machine in the registry of VirtualBox.
type vboxEntry struct{ id, file string }

// parseVirtualBoxRegistry reads VirtualBox.xml, the list of one person's machines
// (https://www.virtualbox.org/manual/topics/TechnicalBackground.html). A list has what came
// before an error.
func parseVirtualBoxRegistry(b []byte) (list []vboxEntry, err error) {
	err = visitXML(bytes.NewReader(b), func(path []string, attributes []xml.Attr) error {
		if path[len(path)-1] == "MachineEntry" && len(list) < maxEntries {
			if id := machineID(attribute(attributes, "uuid")); id != "" {
				list = append(list, vboxEntry{id, attribute(attributes, "src")})
			}
		}
		return nil
	}, nil)
	return list, err
}

// machine is what the registry alone tells: machines are called as their files.
func (e vboxEntry) machine() inventory.Container {
	return inventory.Container{
		ID: e.id, Name: source.Text(strings.TrimSuffix(path.Base(e.file), ".vbox")), Runtime: "virtualbox", Kind: inventory.ContainerVM,
	}
}

// parseVirtualBox adds what a machine's own settings say. The guest sees the machine's
// UUID unless its hardware has another one.
func (e vboxEntry) parseVirtualBox(b []byte) (inventory.Container, error) {
	c := e.machine()
	err := visitXML(bytes.NewReader(b), func(path []string, attributes []xml.Attr) error {
		switch last := path[len(path)-1]; {
		case last == "Machine" && len(path) == 2:
			c.Name = cmp.Or(source.Text(attribute(attributes, "name")), c.Name)
			if attribute(attributes, "stateFile") != "" {
				c.State = "saved"
			}
		case last == "Hardware" && len(path) == 3: // those of snapshots are deeper
			c.ID = cmp.Or(machineID(attribute(attributes, "uuid")), c.ID)
		}
		return nil
	}, nil)
	return c, err
}

// assignments reads lines of a name, an equals sign and a text in quotes, which VMware and
// Xen write. Of a name that comes twice the first counts.
func assignments(b []byte) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); !ok || strings.HasPrefix(key, "#") || len(out) == maxEntries {
			continue
		}
		value = strings.TrimSpace(value)
		if quote := strings.IndexAny(value, `"'`); quote == 0 {
			value, _, _ = strings.Cut(value[1:], value[:1])
		}
		if _, double := out[key]; !double {
			out[key] = value
		}
	}
	return out
}

// ParseXen reads a domain of Xen's xl (https://xenbits.xen.org/docs/unstable/man/xl.cfg.5.html).
// Without a UUID the domain gets another one whenever it is made, and its name is what stays.
func ParseXen(b []byte) inventory.Container {
	set := assignments(b)
	name := source.Text(set["name"])
	return inventory.Container{ID: cmp.Or(machineID(set["uuid"]), name), Name: name, Runtime: "xen", Kind: inventory.ContainerVM}
}

// ParseVMware reads a machine's .vmx file. The UUID is written as sixteen bytes, which the
// guest's firmware has in this order.
func ParseVMware(b []byte) inventory.Container {
	set := assignments(b)
	id := machineID(strings.NewReplacer(" ", "", "-", "").Replace(set["uuid.bios"]))
	return inventory.Container{ID: id, Name: source.Text(set["displayName"]), Runtime: "vmware", Kind: inventory.ContainerVM}
}

// vmwareFiles are the .vmx files in the list of one person's machines, inventory.vmls.
func vmwareFiles(b []byte) []string {
	var list []string
	set := assignments(b)
	for _, key := range sortedKeys(set) {
		if strings.HasPrefix(key, "vmlist") && strings.HasSuffix(key, ".config") && strings.HasSuffix(set[key], ".vmx") {
			list = append(list, set[key])
		}
	}
	return list
}
