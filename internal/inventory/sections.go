package inventory

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"sort"
	"strconv"
	"time"
)

// Body is the content of a section. A body is a set of facts, each with a key that
// is stable from report to report: an attribute's name in a section about one thing
// (os, device), an item's natural key in a list (a MAC and name, a disk's serial).
// Keys and JSON values are what the store keeps and compares, so history works the
// same for all sections.
type Body interface {
	Section() SectionName
	// Len is the number of items.
	Len() int
	// Facts are the body's facts sorted by key; keys are unique.
	Facts() []Fact
	// check calls visit with every text of the body and stops at its first error.
	check(visit func(field, text string) error) error
}

// Fact is one fact of a section: Value is JSON.
type Fact struct {
	Key   string
	Value string
}

// Class is what sort of thing an asset is, as an administrator would say.
type Class string

// The classes that muster's own sources report. Others pass through unchanged.
const (
	ClassServer      Class = "server"
	ClassDesktop     Class = "desktop"
	ClassLaptop      Class = "laptop"
	ClassTablet      Class = "tablet"
	ClassPhone       Class = "phone"
	ClassVM          Class = "virtual machine"
	ClassContainer   Class = "container"
	ClassRouter      Class = "router"
	ClassSwitch      Class = "switch"
	ClassFirewall    Class = "firewall"
	ClassAccessPoint Class = "access point"
	ClassPrinter     Class = "printer"
	ClassStorage     Class = "storage"
	ClassUPS         Class = "ups"
	ClassCamera      Class = "camera"
	ClassPhoneVoIP   Class = "voip phone"
	ClassBMC         Class = "management controller"
	ClassVirtualIP   Class = "virtual address"
)

// Role separates things that share identifiers yet are not one asset: a container
// and its host, a management controller and its chassis, a virtual address and its holder.
type Role string

// The roles. Empty means unknown and conflicts with nothing.
const (
	RoleHost           Role = "host"
	RoleContainer      Role = "container"
	RoleBMC            Role = "bmc"
	RoleVirtualAddress Role = "virtual_address"
)

// Device says what the thing is and which identifiers it carries.
type Device struct {
	Name         string       `json:"name,omitempty"`   // host name without domain
	Domain       string       `json:"domain,omitempty"` // DNS or directory domain
	Class        Class        `json:"class,omitempty"`
	Role         Role         `json:"role,omitempty"`
	Vendor       string       `json:"vendor,omitempty"`
	Model        string       `json:"model,omitempty"`
	Serial       string       `json:"serial,omitempty"` // as the source shows it, placeholder or not
	AssetTag     string       `json:"asset_tag,omitempty"`
	Description  string       `json:"description,omitempty"` // SNMP sysDescr
	Location     string       `json:"location,omitempty"`
	Contact      string       `json:"contact,omitempty"`
	User         string       `json:"user,omitempty"`  // assigned or last user
	State        string       `json:"state,omitempty"` // provider's state: running, stopped, terminated
	Virtual      string       `json:"virtual,omitempty"`
	CloudAccount string       `json:"cloud_account,omitempty"`
	CloudRegion  string       `json:"cloud_region,omitempty"`
	Identifiers  []Identifier `json:"identifiers,omitempty"`
}

// IdentifierType names a kind of identifier.
type IdentifierType string

// The identifier types. MAC addresses come with interfaces, disk serials with disks
// and host names with the device; they need no entry of their own.
const (
	IDCloudInstance  IdentifierType = "cloud_instance"   // provider's instance or VM id; Scope is the provider
	IDContainer      IdentifierType = "container"        // container id
	IDVMInstance     IdentifierType = "vm_instance_uuid" // hypervisor's instance uuid
	IDDirectory      IdentifierType = "directory"        // directory object id
	IDMDM            IdentifierType = "mdm"              // device id of a device management
	IDSerial         IdentifierType = "serial"           // Scope is the maker, Part the role of what bears it
	IDSMBIOS         IdentifierType = "smbios_uuid"
	IDAgent          IdentifierType = "agent"
	IDSNMPEngine     IdentifierType = "snmp_engine_id" // hex, RFC 3411
	IDMachine        IdentifierType = "machine_id"     // /etc/machine-id, MachineGuid, IOPlatformUUID
	IDSSHHostKey     IdentifierType = "ssh_host_key"   // "SHA256:..." fingerprint
	IDMAC            IdentifierType = "mac"            // seen from outside: the address a thing answers from
	IDAssetTag       IdentifierType = "asset_tag"
	IDCloudInterface IdentifierType = "cloud_interface"
)

// Parts that bear serial numbers.
const (
	PartSystem  = "system"
	PartBoard   = "board"
	PartChassis = "chassis" // an enclosure's, which several machines may be in
	PartStack   = "stack_member"
	PartBMC     = "bmc"
)

// Quality says how an identifier was learned.
type Quality string

// Qualities, from strong to weak. Empty means reported.
const (
	QualityAttested Quality = "attested" // a provider or directory vouches for it
	QualityBurnedIn Quality = "burned_in"
	QualityReported Quality = "reported" // the thing says so itself
	QualitySeen     Quality = "seen"     // another thing says so: an ARP table, reverse DNS
)

// Identifier is one identifier as the source read it, not normalised.
type Identifier struct {
	Type    IdentifierType `json:"type"`
	Value   string         `json:"value"`
	Scope   string         `json:"scope,omitempty"` // maker, provider, account
	Part    string         `json:"part,omitempty"`  // what bears a serial
	Quality Quality        `json:"quality,omitempty"`
}

// OS is the operating system or firmware.
type OS struct {
	Family   string    `json:"family,omitempty"` // linux, windows, darwin, ios-xe ...
	Name     string    `json:"name,omitempty"`   // "Debian GNU/Linux"
	Version  string    `json:"version,omitempty"`
	Build    string    `json:"build,omitempty"`
	Kernel   string    `json:"kernel,omitempty"`
	Arch     string    `json:"arch,omitempty"`
	Edition  string    `json:"edition,omitempty"`
	BootTime time.Time `json:"boot_time,omitzero"` // rounded to the minute so that it does not flap
	Timezone string    `json:"timezone,omitempty"`
}

// Hardware is what does not fit a list of its own. Sizes are bytes.
type Hardware struct {
	SystemVendor  string `json:"system_vendor,omitempty"`
	SystemModel   string `json:"system_model,omitempty"`
	SystemVersion string `json:"system_version,omitempty"`
	SystemFamily  string `json:"system_family,omitempty"`
	SystemSKU     string `json:"system_sku,omitempty"`
	BoardVendor   string `json:"board_vendor,omitempty"`
	BoardModel    string `json:"board_model,omitempty"`
	BoardSerial   string `json:"board_serial,omitempty"`
	ChassisType   string `json:"chassis_type,omitempty"`
	ChassisSerial string `json:"chassis_serial,omitempty"`
	BIOSVendor    string `json:"bios_vendor,omitempty"`
	BIOSVersion   string `json:"bios_version,omitempty"`
	BIOSDate      string `json:"bios_date,omitempty"` // YYYY-MM-DD
	CPUModel      string `json:"cpu_model,omitempty"`
	CPUVendor     string `json:"cpu_vendor,omitempty"`
	CPUSockets    int    `json:"cpu_sockets,omitempty"`
	CPUCores      int    `json:"cpu_cores,omitempty"`
	CPUThreads    int    `json:"cpu_threads,omitempty"`
	CPUMaxMHz     int    `json:"cpu_max_mhz,omitempty"`
	MemoryBytes   int64  `json:"memory_bytes,omitempty"` // what the OS can use
	SwapBytes     int64  `json:"swap_bytes,omitempty"`
}

// MemoryModule is one memory slot with a module in it (SMBIOS type 17).
type MemoryModule struct {
	Slot       string `json:"slot,omitempty"`
	Bytes      int64  `json:"bytes,omitempty"`
	Type       string `json:"type,omitempty"` // DDR4 ...
	SpeedMTs   int    `json:"speed_mts,omitempty"`
	Vendor     string `json:"vendor,omitempty"`
	Serial     string `json:"serial,omitempty"`
	PartNumber string `json:"part_number,omitempty"`
}

// InterfaceType is what an interface is made of.
type InterfaceType string

// The interface types.
const (
	IfEthernet  InterfaceType = "ethernet"
	IfWiFi      InterfaceType = "wifi"
	IfUSB       InterfaceType = "usb"
	IfBridge    InterfaceType = "bridge"
	IfBond      InterfaceType = "bond"
	IfVLAN      InterfaceType = "vlan"
	IfVPN       InterfaceType = "vpn"
	IfVirtual   InterfaceType = "virtual"
	IfLoopback  InterfaceType = "loopback"
	IfBluetooth InterfaceType = "bluetooth"
)

// Interface is one network interface.
type Interface struct {
	Name         string         `json:"name,omitempty"`
	MAC          string         `json:"mac,omitempty"`           // in use now, colon-separated
	PermanentMAC string         `json:"permanent_mac,omitempty"` // burned in, where the OS tells
	Type         InterfaceType  `json:"type,omitempty"`
	Index        int            `json:"index,omitempty"` // ifIndex
	MTU          int            `json:"mtu,omitempty"`
	SpeedMbps    int64          `json:"speed_mbps,omitempty"`
	Up           bool           `json:"up"`
	Driver       string         `json:"driver,omitempty"`
	Description  string         `json:"description,omitempty"`
	Addresses    []netip.Prefix `json:"addresses,omitempty"` // a bare address has its full length as bits
}

// Disk is one physical or virtual disk.
type Disk struct {
	Name       string `json:"name,omitempty"`
	Model      string `json:"model,omitempty"`
	Vendor     string `json:"vendor,omitempty"`
	Serial     string `json:"serial,omitempty"`
	WWN        string `json:"wwn,omitempty"`
	Firmware   string `json:"firmware,omitempty"`
	Bus        string `json:"bus,omitempty"` // nvme, sata, sas, usb, virtio, mmc
	Bytes      int64  `json:"bytes,omitempty"`
	Rotational bool   `json:"rotational,omitempty"`
	Removable  bool   `json:"removable,omitempty"`
}

// Filesystem is a partition or other volume, mounted or not. Used space is rounded by
// the source so that it does not change with every report.
type Filesystem struct {
	Device     string `json:"device,omitempty"`
	Mountpoint string `json:"mountpoint,omitempty"`
	Type       string `json:"type,omitempty"`
	UUID       string `json:"uuid,omitempty"`
	Label      string `json:"label,omitempty"`
	Bytes      int64  `json:"bytes,omitempty"`
	UsedBytes  int64  `json:"used_bytes,omitempty"`
}

// PCIDevice is one function on the PCI bus. Ids are four hexadecimal digits.
type PCIDevice struct {
	Address    string `json:"address,omitempty"` // 0000:00:1f.2
	Class      string `json:"class,omitempty"`
	VendorID   string `json:"vendor_id,omitempty"`
	DeviceID   string `json:"device_id,omitempty"`
	VendorName string `json:"vendor_name,omitempty"`
	DeviceName string `json:"device_name,omitempty"`
	Driver     string `json:"driver,omitempty"`
}

// Software is one installed program or package.
type Software struct {
	Source    string `json:"source"` // deb, rpm, apk, registry, app, pip ...
	Name      string `json:"name"`
	Version   string `json:"version,omitempty"`
	Arch      string `json:"arch,omitempty"`
	Publisher string `json:"publisher,omitempty"`
	// Installed is the day of installation, YYYY-MM-DD, where the system knows it.
	Installed string `json:"installed,omitempty"`
	Bytes     int64  `json:"bytes,omitempty"`
	Path      string `json:"path,omitempty"`
	PURL      string `json:"purl,omitempty"`
}

// User is a local account that a person can sign in with.
type User struct {
	Name     string `json:"name"`
	ID       string `json:"id,omitempty"`
	FullName string `json:"full_name,omitempty"`
	Shell    string `json:"shell,omitempty"`
	Home     string `json:"home,omitempty"`
}

// Port is a listening or answering service.
type Port struct {
	Protocol string `json:"protocol"` // tcp, udp
	Number   int    `json:"number"`
	Address  string `json:"address,omitempty"`
	Service  string `json:"service,omitempty"`
	Process  string `json:"process,omitempty"`
	Banner   string `json:"banner,omitempty"`
}

// Component is a physical part by ENTITY-MIB (RFC 6933): chassis, module, power supply.
type Component struct {
	Index    int    `json:"index"`
	Class    string `json:"class,omitempty"`
	Name     string `json:"name,omitempty"`
	Model    string `json:"model,omitempty"`
	Serial   string `json:"serial,omitempty"`
	Vendor   string `json:"vendor,omitempty"`
	Firmware string `json:"firmware,omitempty"`
	Software string `json:"software,omitempty"`
	Hardware string `json:"hardware,omitempty"`
	Parent   int    `json:"parent,omitempty"`
}

// Neighbour is the far end of a link as the near end tells it.
type Neighbour struct {
	// Protocol says how it is known: lldp, cdp, bridge (a forwarding table), arp.
	Protocol   string `json:"protocol"`
	LocalPort  string `json:"local_port,omitempty"`
	ChassisID  string `json:"chassis_id,omitempty"` // MAC where it is one
	RemotePort string `json:"remote_port,omitempty"`
	RemoteName string `json:"remote_name,omitempty"`
	Address    string `json:"address,omitempty"`
	MAC        string `json:"mac,omitempty"`
}

// Lists that are sections of their own.
type (
	MemoryModules []MemoryModule
	Interfaces    []Interface
	Disks         []Disk
	Filesystems   []Filesystem
	PCIDevices    []PCIDevice
	SoftwareList  []Software
	Users         []User
	Ports         []Port
	Components    []Component
	Neighbours    []Neighbour
)

func (*Device) Section() SectionName       { return SectionDevice }
func (*OS) Section() SectionName           { return SectionOS }
func (*Hardware) Section() SectionName     { return SectionHardware }
func (MemoryModules) Section() SectionName { return SectionMemory }
func (Interfaces) Section() SectionName    { return SectionInterfaces }
func (Disks) Section() SectionName         { return SectionDisks }
func (Filesystems) Section() SectionName   { return SectionFilesystems }
func (PCIDevices) Section() SectionName    { return SectionPCI }
func (SoftwareList) Section() SectionName  { return SectionSoftware }
func (Users) Section() SectionName         { return SectionUsers }
func (Ports) Section() SectionName         { return SectionPorts }
func (Components) Section() SectionName    { return SectionComponents }
func (Neighbours) Section() SectionName    { return SectionNeighbours }

func (d *Device) Len() int       { return max(1, len(d.Identifiers)) }
func (*OS) Len() int             { return 1 }
func (*Hardware) Len() int       { return 1 }
func (l MemoryModules) Len() int { return len(l) }
func (l Interfaces) Len() int    { return len(l) }
func (l Disks) Len() int         { return len(l) }
func (l Filesystems) Len() int   { return len(l) }
func (l PCIDevices) Len() int    { return len(l) }
func (l SoftwareList) Len() int  { return len(l) }
func (l Users) Len() int         { return len(l) }
func (l Ports) Len() int         { return len(l) }
func (l Components) Len() int    { return len(l) }
func (l Neighbours) Len() int    { return len(l) }

func (d *Device) Facts() []Fact   { return attributes(d) }
func (o *OS) Facts() []Fact       { return attributes(o) }
func (h *Hardware) Facts() []Fact { return attributes(h) }

func (l MemoryModules) Facts() []Fact {
	return items(l, func(m MemoryModule) string { return m.Slot + "|" + m.Serial })
}

func (l Interfaces) Facts() []Fact {
	return items(l, func(i Interface) string { return i.Name + "|" + i.MAC })
}

func (l Disks) Facts() []Fact {
	return items(l, func(d Disk) string {
		if d.Serial != "" {
			return d.Serial
		}
		return d.Name
	})
}

func (l Filesystems) Facts() []Fact {
	return items(l, func(f Filesystem) string { return f.Device + "|" + f.Mountpoint })
}

func (l PCIDevices) Facts() []Fact { return items(l, func(p PCIDevice) string { return p.Address }) }

// Facts of a software list are for display; the store keeps software in tables of its own.
func (l SoftwareList) Facts() []Fact {
	return items(l, func(s Software) string { return s.Source + "|" + s.Name + "|" + s.Version + "|" + s.Arch })
}

func (l Users) Facts() []Fact { return items(l, func(u User) string { return u.Name }) }

func (l Ports) Facts() []Fact {
	return items(l, func(p Port) string { return p.Protocol + "/" + strconv.Itoa(p.Number) + "|" + p.Address })
}

func (l Components) Facts() []Fact {
	return items(l, func(c Component) string { return strconv.Itoa(c.Index) })
}

func (l Neighbours) Facts() []Fact {
	return items(l, func(n Neighbour) string {
		return n.Protocol + "|" + n.LocalPort + "|" + n.ChassisID + n.MAC + "|" + n.RemotePort
	})
}

func (d *Device) check(visit func(field, text string) error) error {
	if len(d.Identifiers) > MaxIdentifiers {
		return Errorf(CodeInvalid, "device: %d identifiers, at most %d allowed", len(d.Identifiers), MaxIdentifiers)
	}
	return checkFacts(d, visit)
}
func (o *OS) check(visit func(field, text string) error) error           { return checkFacts(o, visit) }
func (h *Hardware) check(visit func(field, text string) error) error     { return checkFacts(h, visit) }
func (l MemoryModules) check(visit func(field, text string) error) error { return checkFacts(l, visit) }
func (l Interfaces) check(visit func(field, text string) error) error    { return checkFacts(l, visit) }
func (l Disks) check(visit func(field, text string) error) error         { return checkFacts(l, visit) }
func (l Filesystems) check(visit func(field, text string) error) error   { return checkFacts(l, visit) }
func (l PCIDevices) check(visit func(field, text string) error) error    { return checkFacts(l, visit) }
func (l Users) check(visit func(field, text string) error) error         { return checkFacts(l, visit) }
func (l Ports) check(visit func(field, text string) error) error         { return checkFacts(l, visit) }
func (l Components) check(visit func(field, text string) error) error    { return checkFacts(l, visit) }
func (l Neighbours) check(visit func(field, text string) error) error    { return checkFacts(l, visit) }

// attributes turns a struct into one fact per JSON field that is not empty.
func attributes(v any) []Fact {
	b, err := json.Marshal(v)
	if err != nil {
		return nil // the section types marshal by construction
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil {
		return nil
	}
	out := make([]Fact, 0, len(m))
	for k, raw := range m {
		out = append(out, Fact{Key: k, Value: string(raw)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}

// items turns a list into one fact per item; items that share a natural key get a number after it.
func items[T any](list []T, key func(T) string) []Fact {
	out := make([]Fact, 0, len(list))
	for _, v := range list {
		b, err := json.Marshal(v)
		if err != nil {
			continue
		}
		out = append(out, Fact{Key: key(v), Value: string(b)})
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Key != out[j].Key {
			return out[i].Key < out[j].Key
		}
		return out[i].Value < out[j].Value
	})
	for i, n := 1, 1; i < len(out); i++ {
		base := out[i-n].Key
		if out[i].Key != base {
			n = 1
			continue
		}
		n++
		out[i].Key = fmt.Sprintf("%s#%d", base, n)
	}
	return out
}
