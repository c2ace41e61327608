package hardware

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/plist"
)

// apple is how the maker calls itself in the firmware of its machines.
const apple = "Apple Inc."

// macOverview is what the "Hardware Overview" of all versions says; keys of XML first.
type macOverview struct{ e *profiler.Entry }

func overview(r profiler.Report) macOverview {
	if list := r.Type("SPHardwareDataType").Entries; len(list) > 0 {
		return macOverview{list[0]}
	}
	return macOverview{&profiler.Entry{}}
}

func (o macOverview) model() string {
	return o.e.Get("machine_model", "model identifier", "machine model")
}

func (o macOverview) family() string {
	return o.e.Get("machine_name", "model name", "machine name")
}

func (o macOverview) serial() string {
	return o.e.Get("serial_number", "serial number (system)", "serial number")
}

func (o macOverview) uuid() string { return o.e.Get("platform_uuid", "hardware uuid") }

// firmware is the version of what starts the system: Boot ROM, EFI or iBoot.
func (o macOverview) firmware() string {
	return o.e.Get("boot_rom_version", "system firmware version", "boot rom version")
}

// fill takes what the report tells of the machine; memory and processors only where the
// kernel has not said already.
func (o macOverview) fill(h *inventory.Hardware) {
	h.SystemVendor = apple
	h.SystemModel = first(h.SystemModel, o.model())
	h.SystemFamily = o.family()
	h.SystemSKU = first(h.SystemSKU, o.e.Get("model_number", "model number"))
	h.BIOSVendor, h.BIOSVersion = apple, o.firmware()
	h.CPUModel = first(h.CPUModel, o.e.Get("chip_type", "chip", "cpu_type", "processor name", "cpu type"))
	h.CPUVendor = first(h.CPUVendor, macCPUVendor(h.CPUModel))
	if h.CPUCores == 0 {
		h.CPUSockets, h.CPUCores = o.processors()
	}
	h.CPUMaxMHz = first0(h.CPUMaxMHz, macMHz(o.e.Get("current_processor_speed", "processor speed", "cpu speed")))
	if h.MemoryBytes == 0 {
		h.MemoryBytes = profiler.Bytes(o.e.Get("physical_memory", "memory"), 1024)
	}
}

// processors are packages and cores. "proc 10:8:2" and "10 (8 performance and 2
// efficiency)" count cores of both kinds; before there was a line about cores, each
// processor was one.
func (o macOverview) processors() (sockets, cores int) {
	count := o.e.Get("number_processors", "number of processors", "number of cpus")
	total := o.e.Get("total number of cores")
	if all, ok := strings.CutPrefix(count, "proc "); ok || o.e.Get("chip_type", "chip") != "" {
		return 1, int(profiler.Number(first(all, total)))
	}
	if o.e.Get("packages") != "" { // XML: number_processors are the cores
		return int(profiler.Number(o.e.Get("packages"))), int(profiler.Number(count))
	}
	sockets = int(profiler.Number(count))
	return sockets, max(sockets, int(profiler.Number(total)))
}

func macCPUVendor(model string) string {
	if strings.Contains(model, "PowerPC") {
		return "IBM"
	}
	if v := cpuVendor(model); v != model {
		return v
	}
	return ""
}

func macMHz(text string) int {
	number, unit, _ := strings.Cut(text, " ")
	f, err := strconv.ParseFloat(strings.Replace(number, ",", ".", 1), 64)
	if err != nil || f < 0 || f > 1e6 {
		return 0
	}
	switch unit {
	case "GHz":
		return int(f*1000 + 0.5)
	case "MHz":
		return int(f + 0.5)
	}
	return 0
}

// macExpert is what the registry says of the machine itself.
type macExpert struct{ model, serial, uuid, board, vendor, regulatory string }

// expert reads the entry of class IOPlatformExpertDevice. Its names are data, and a
// model's is followed by names that fit less closely.
func expert(roots []*regNode) macExpert {
	for _, n := range allNodes(roots) {
		if n.class != "IOPlatformExpertDevice" {
			continue
		}
		p := n.props
		return macExpert{
			model: p.Text("model"), serial: p.Text("IOPlatformSerialNumber"), uuid: p.Text("IOPlatformUUID"),
			board: first(p.Text("board-id"), p.Text("target-type")), vendor: p.Text("manufacturer"), regulatory: p.Text("regulatory-model-number"),
		}
	}
	return macExpert{}
}

// marketing is the name that the firmware of Apple silicon has for its machine:
// "MacBook Pro (14-inch, 2021)".
func marketing(roots []*regNode) string {
	for _, n := range allNodes(roots) {
		if name := n.props.Text("product-name"); name != "" && n.name == "product" {
			return name
		}
	}
	return ""
}

// macAttributes finds a model's name in SIMachineAttributes.plist, where Intel's machines
// have theirs: model -> _LOCALIZABLE_ -> marketingModel.
func macAttributes(b []byte, model string) (string, error) {
	d, err := plist.ParseDict(b)
	if err != nil {
		return "", err
	}
	return d.Dict(model).Dict("_LOCALIZABLE_").Text("marketingModel"), nil
}

// macClass tells by the model's name. Identifiers since 2022 are "Mac14,2" for all
// machines, so that the family or the marketing name has to say it.
func macClass(virtual, model, family string) inventory.Class {
	switch {
	case virtual != "":
		return inventory.ClassVM
	case strings.HasPrefix(model, "MacBook"), strings.HasPrefix(family, "MacBook"),
		strings.HasPrefix(model, "PowerBook"), strings.HasPrefix(family, "iBook"):
		return inventory.ClassLaptop
	case strings.HasPrefix(model, "Xserve"), strings.HasPrefix(model, "RackMac"):
		return inventory.ClassServer
	case model == "" && family == "":
		return ""
	}
	return inventory.ClassDesktop
}

// macHypervisor names what runs the machine, by the names that it gives to it; present is
// the kernel's own sign. Apple's framework, UTM and Tart on it show VirtualMac.
func macHypervisor(present bool, texts ...string) string {
	for _, h := range []struct{ text, name string }{
		{"VMware", "vmware"}, {"VMW", "vmware"}, {"Parallels", "parallels"}, {"VirtualBox", "virtualbox"},
		{"innotek", "virtualbox"}, {"VirtualMac", "apple"}, {"QEMU", "kvm"}, {"Acidanthera", "kvm"},
	} {
		for _, t := range texts {
			if strings.Contains(t, h.text) {
				if h.text == "Acidanthera" && !present {
					continue // a loader that also starts real machines
				}
				return h.name
			}
		}
	}
	if present {
		return "unknown"
	}
	return ""
}

// macIdentifiers are the serial number and the machine's UUID, which stays when the
// system is installed anew. Virtual machines invent both as their settings say.
func macIdentifiers(serial, uuid string) []inventory.Identifier {
	var out []inventory.Identifier
	if serial != "" {
		out = append(out, inventory.Identifier{Type: inventory.IDSerial, Value: serial, Scope: apple, Part: inventory.PartSystem})
	}
	if uuid != "" {
		out = append(out, inventory.Identifier{Type: inventory.IDMachine, Value: uuid})
	}
	return out
}

// macNames are the names of macOS by the first part of its version.
var macNames = map[string]string{
	"11": "Big Sur", "12": "Monterey", "13": "Ventura", "14": "Sonoma", "15": "Sequoia", "26": "Tahoe",
}

// macNames10 are those of 10.x by the second part.
var macNames10 = [...]string{
	4: "Tiger", 5: "Leopard", 6: "Snow Leopard", 7: "Lion", 8: "Mountain Lion", 9: "Mavericks", 10: "Yosemite",
	11: "El Capitan", 12: "Sierra", 13: "High Sierra", 14: "Mojave", 15: "Catalina",
}

// macOSName is the product with the name of its version: "macOS Sonoma".
func macOSName(product, version string) string {
	major, rest, _ := strings.Cut(version, ".")
	name := macNames[major]
	if major == "10" {
		minor, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(minor); err == nil && n >= 0 && n < len(macNames10) {
			name = macNames10[n]
		}
	}
	return strings.TrimSpace(first(product, "macOS") + " " + name)
}

// macVersion reads SystemVersion.plist.
func macVersion(b []byte) (inventory.OS, error) {
	d, err := plist.ParseDict(b)
	if err != nil {
		return inventory.OS{}, err
	}
	version := d.Text("ProductVersion")
	os := inventory.OS{
		Family: "darwin", Name: macOSName(d.Text("ProductName"), version), Version: version, Build: d.Text("ProductBuildVersion"),
	}
	if extra := d.Text("ProductVersionExtra"); extra != "" { // a rapid security response: "(a)"
		os.Version += " " + extra
	}
	return os, nil
}

// macSoftware reads "System Software Overview": "macOS 14.4 (23E214)", "Darwin 23.4.0".
func macSoftware(r profiler.Report) inventory.OS {
	os := inventory.OS{Family: "darwin"}
	for _, e := range r.Type("SPSoftwareDataType").Entries {
		text := e.Get("os_version", "system version")
		text, build, _ := strings.Cut(text, " (")
		at := strings.LastIndexByte(text, ' ')
		os.Version, os.Build = text[at+1:], strings.TrimSuffix(build, ")")
		if os.Version == "" {
			continue
		}
		os.Name = macOSName(text[:max(at, 0)], os.Version)
		os.Kernel = strings.TrimPrefix(e.Get("kernel_version", "kernel version"), "Darwin ")
		break
	}
	return os
}

// macDirectory is the Active Directory that the machine is bound to, by the file in
// /Library/Preferences/OpenDirectory/Configurations/Active Directory that describes it,
// whose name is the domain's.
func macDirectory(name string, b []byte) (realm, domain string) {
	realm = strings.TrimSuffix(name, ".plist")
	d, err := plist.ParseDict(b)
	if err != nil {
		return realm, ""
	}
	ad := d.Dict("module options").Dict("ActiveDirectory")
	return first(ad.Text("domain"), realm), first(ad.Text("domain"), ad.Text("forest"))
}

// macEnrolment reads "profiles status -type enrollment": whether a device management
// has the machine, and whose. The device's id there is its UUID.
func macEnrolment(b []byte) (enrolled bool, server string) {
	for line := range bytes.Lines(b) {
		key, value, _ := strings.Cut(string(line), ":")
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "MDM enrollment":
			enrolled = strings.HasPrefix(value, "Yes")
		case "MDM server":
			_, host, _ := strings.Cut(value, "://")
			server, _, _ = strings.Cut(host, "/")
		}
	}
	return enrolled, server
}

// macHostName is the name that people gave the machine, from preferences.plist in
// /Library/Preferences/SystemConfiguration. The kernel's changes with the network, whose
// DHCP server may have another for it.
func macHostName(b []byte) (string, error) {
	d, err := plist.ParseDict(b)
	if err != nil {
		return "", err
	}
	system := d.Dict("System")
	return first(system.Dict("System").Text("HostName"), system.Dict("Network").Dict("HostNames").Text("LocalHostName")), nil
}

// macLastUser reads com.apple.loginwindow.plist in /Library/Preferences.
func macLastUser(b []byte) (string, error) {
	d, err := plist.ParseDict(b)
	if err != nil {
		return "", err
	}
	return d.Text("lastUserName"), nil
}
