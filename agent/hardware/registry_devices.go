package hardware

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/hardware/edid"
	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// enumKey is where Windows keeps what it knows of each device that was ever there, by the
// device's instance id: how it was found, what it is, and which one of its kind
// (https://learn.microsoft.com/windows-hardware/drivers/install/device-instance-ids).
const enumKey = `HKLM\SYSTEM\CurrentControlSet\Enum\`

// pnpDevice is one device of Plug and Play that is there now.
type pnpDevice struct {
	id string
	// bus found it: PCI, USB, DISPLAY. kind is its id on the bus; both in capitals. instance
	// tells it from others, with the capitals that its serial number has.
	bus, kind, instance string
	values              registry.Values
	name                string // as the device itself says, where its bus asks
}

// presentDevice is what the system's list of present devices says.
type presentDevice struct{ id, name string }

// pnpDevices reads what the registry has of the present devices.
func pnpDevices(r registry.Reader, present []presentDevice) []pnpDevice {
	var out []pnpDevice
	for _, p := range present {
		part := strings.SplitN(p.id, `\`, 3)
		if len(part) != 3 || len(out) == maxList {
			continue
		}
		v, err := r.Values(enumKey + p.id)
		if err != nil {
			v = registry.Values{}
		}
		out = append(out, pnpDevice{
			id: p.id, bus: strings.ToUpper(part[0]), kind: strings.ToUpper(part[1]), instance: part[2], values: v, name: source.Text(p.name),
		})
	}
	return out
}

// description is a value as people see it: "@usb.inf,%key%;Text" has the text behind the semicolon.
func description(v registry.Values, name string) string {
	s := v.Text(name)
	if strings.HasPrefix(s, "@") {
		_, s, _ = strings.Cut(s, ";")
	}
	return strings.TrimSpace(s)
}

// hexField is what follows a label such as VEN_ in an id, as so many hexadecimal digits.
func hexField(id, label string, digits int) string {
	_, rest, ok := strings.Cut(strings.ToUpper(id), label)
	if !ok || len(rest) < digits {
		return ""
	}
	if _, err := strconv.ParseUint(rest[:digits], 16, 32); err != nil {
		return ""
	}
	return strings.ToLower(rest[:digits])
}

// ids are the names by which drivers find the device, from the exact to the general.
func (d pnpDevice) ids() []string {
	return append(d.values.Texts("hardwareid"), d.values.Texts("compatibleids")...)
}

// maker is the device's, but not what stands for a driver's class in the system's language:
// "@usb.inf,%generic.mfg%;(Standard USB Host Controller)".
func (d pnpDevice) maker() string {
	s := description(d.values, "mfg")
	if strings.HasPrefix(s, "(") || s == "Microsoft" || strings.Contains(d.values.Text("mfg"), "%generic.mfg%") {
		return ""
	}
	return s
}

// pciDevices are the functions on the PCI bus.
func pciDevices(devices []pnpDevice) inventory.PCIDevices {
	list := inventory.PCIDevices{}
	for _, d := range devices {
		vendor, device := hexField(d.kind, "VEN_", 4), hexField(d.kind, "DEV_", 4)
		if d.bus != "PCI" || vendor == "" || vendor == "0000" || device == "" {
			continue
		}
		class := ""
		for _, id := range d.ids() {
			if class = hexField(id, "CC_", 4); class != "" {
				break
			}
		}
		list = append(list, inventory.PCIDevice{
			Address: pciAddress(d.values.Text("locationinformation")), Class: pciNames{}.class(class), VendorID: vendor, DeviceID: device,
			VendorName: d.maker(), DeviceName: first(description(d.values, "friendlyname"), description(d.values, "devicedesc")),
			Driver: d.values.Text("service"),
		})
	}
	return list
}

// pciAddress reads "@System32\drivers\pci.sys,#65536;PCI bus %1, device %2, function %3;(0,31,3)" or,
// on old systems, "PCI bus 0, device 31, function 3" in any language. A number of a bus has its
// segment above the lowest eight bits.
func pciAddress(location string) string {
	if i := strings.LastIndexByte(location, '('); i >= 0 {
		location = location[i:]
	}
	fields := strings.FieldsFunc(location, func(r rune) bool { return r < '0' || r > '9' })
	if len(fields) != 3 {
		return ""
	}
	var n [3]uint64
	for i, f := range fields {
		var err error
		if n[i], err = strconv.ParseUint(f, 10, 24); err != nil || i > 0 && n[i] > 31 {
			return ""
		}
	}
	return fmt.Sprintf("%04x:%02x:%02x.%x", n[0]>>8, n[0]&0xff, n[1], n[2])
}

// displayClass is the class of display adapters, whose drivers leave what they know in its keys.
const displayClass = `{4d36e968-e325-11ce-bfc1-08002be10318}`

// gpus are the display adapters that are there. Without a list of present devices, as in an
// export, those that ever were.
func gpus(r registry.Reader, devices []pnpDevice) inventory.GPUs {
	const class = `HKLM\SYSTEM\CurrentControlSet\Control\Class\`
	list := inventory.GPUs{}
	if devices == nil {
		names, _ := r.Subkeys(class + displayClass)
		for _, name := range names {
			if v, err := r.Values(class + displayClass + `\` + name); err == nil && v.Text("driverdesc") != "" {
				list = append(list, gpu(v))
			}
		}
	}
	for _, d := range devices {
		key := d.values.Text("driver")
		if !strings.EqualFold(d.values.Text("classguid"), displayClass) || key == "" || d.bus == "SWD" {
			continue // SWD: one comes and goes with each remote session
		}
		v, err := r.Values(class + key)
		if err != nil {
			continue
		}
		g := gpu(v)
		g.Name = first(g.Name, description(d.values, "devicedesc"))
		g.Driver = d.values.Text("service")
		if d.bus == "PCI" {
			g.Address = pciAddress(d.values.Text("locationinformation"))
		}
		list = append(list, g)
	}
	return list
}

func gpu(v registry.Values) inventory.GPU {
	g := inventory.GPU{
		Name: v.Text("driverdesc"), DriverVersion: v.Text("driverversion"),
		Vendor: first(gpuMakers[hexField(v.Text("matchingdeviceid"), "VEN_", 4)], v.Text("providername")),
	}
	// The older value has four bytes and, of what has no memory of its own, what it may borrow.
	bytes, ok := v.Number("hardwareinformation.qwmemorysize")
	if !ok && g.Vendor != "Intel" {
		bytes, _ = v.Number("hardwareinformation.memorysize")
	}
	if bytes < 1<<50 {
		g.Bytes = int64(bytes)
	}
	return g
}

var gpuMakers = map[string]string{
	"10de": "NVIDIA", "1002": "AMD", "8086": "Intel", "1414": "Microsoft", "15ad": "VMware", "80ee": "Oracle", "1af4": "Red Hat", "1b36": "Red Hat",
	"102b": "Matrox", "1a03": "ASPEED", "5143": "Qualcomm",
}

// monitors are the displays that are there, by what they say of themselves.
func monitors(r registry.Reader, devices []pnpDevice) inventory.Monitors {
	list := inventory.Monitors{}
	for _, d := range devices {
		if d.bus != "DISPLAY" {
			continue
		}
		v, err := r.Values(enumKey + d.id + `\Device Parameters`)
		if err != nil {
			continue
		}
		m, err := edid.Parse(v["edid"].Data)
		if err != nil && m.Model == "" {
			continue // a projector or remote display that says nothing
		}
		if _, connector, ok := strings.Cut(strings.ToUpper(d.instance), "UID"); ok {
			m.Port = "UID" + connector
		}
		list = append(list, *clean(&m))
	}
	return list
}
