package inventory

import (
	"net/netip"
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
	ClassMedia       Class = "media player"
	ClassVirtualIP   Class = "virtual address"

	ClassPDU          Class = "pdu"
	ClassPower        Class = "power supply" // rectifiers, inverters, generators
	ClassSensor       Class = "sensor"       // what watches or makes a room's climate
	ClassLoadBalancer Class = "load balancer"
	ClassRadio        Class = "wireless bridge"
	ClassMultiplexer  Class = "multiplexer" // optical and access transmission: WDM, OLT, DSLAM
	ClassClock        Class = "time server"
	ClassConsole      Class = "console server"
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
	Name         string `json:"name,omitempty"`   // host name without domain
	Domain       string `json:"domain,omitempty"` // DNS or directory domain
	Class        Class  `json:"class,omitempty"`
	Role         Role   `json:"role,omitempty"`
	Vendor       string `json:"vendor,omitempty"`
	Model        string `json:"model,omitempty"`
	Serial       string `json:"serial,omitempty"` // as the source shows it, placeholder or not
	AssetTag     string `json:"asset_tag,omitempty"`
	Description  string `json:"description,omitempty"` // SNMP sysDescr
	Location     string `json:"location,omitempty"`
	Contact      string `json:"contact,omitempty"`
	User         string `json:"user,omitempty"`  // assigned or last user
	State        string `json:"state,omitempty"` // provider's state: running, stopped, terminated
	Virtual      string `json:"virtual,omitempty"`
	CloudAccount string `json:"cloud_account,omitempty"`
	CloudRegion  string `json:"cloud_region,omitempty"`
	// Directory is what manages its accounts: active_directory, entra_id, hybrid, freeipa,
	// open_directory, workgroup. DirectoryName is the realm, tenant or workgroup.
	Directory     string       `json:"directory,omitempty"`
	DirectoryName string       `json:"directory_name,omitempty"`
	Identifiers   []Identifier `json:"identifiers,omitempty"`
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
	// Installed is the day of installation, YYYY-MM-DD.
	Installed string `json:"installed,omitempty"`
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
	IfEthernet     InterfaceType = "ethernet"
	IfWiFi         InterfaceType = "wifi"
	IfUSB          InterfaceType = "usb"
	IfBridge       InterfaceType = "bridge"
	IfBond         InterfaceType = "bond"
	IfVLAN         InterfaceType = "vlan"
	IfVPN          InterfaceType = "vpn"
	IfVirtual      InterfaceType = "virtual"
	IfLoopback     InterfaceType = "loopback"
	IfBluetooth    InterfaceType = "bluetooth"
	IfFibreChannel InterfaceType = "fibre_channel"
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
	Gateways     []string       `json:"gateways,omitempty"`  // of default routes
	DNS          []string       `json:"dns,omitempty"`       // resolvers' addresses
	SSID         string         `json:"ssid,omitempty"`      // of the wireless network it is in
	Disabled     bool           `json:"disabled,omitempty"`  // switched off by the administrator
	VLAN         int            `json:"vlan,omitempty"`      // of untagged frames
	Tagged       string         `json:"tagged,omitempty"`    // VLANs of tagged frames: 10,20-29
	Aggregate    string         `json:"aggregate,omitempty"` // name of the bundle that it is a member of
	Duplex       string         `json:"duplex,omitempty"`    // full, half
	PoE          string         `json:"poe,omitempty"`       // delivering, searching, disabled, fault
	PoEClass     int            `json:"poe_class,omitempty"` // of the powered device (IEEE 802.3)
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
	Health     string `json:"health,omitempty"` // the disk's own word: ok, failing
	// WearPercent is how much of its rated writes a flash disk has used, as it says itself.
	WearPercent int `json:"wear_percent,omitempty"`
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
	// Encryption is what its blocks pass through: luks1, luks2, bitlocker, filevault, plain (dm-crypt), zfs.
	Encryption string `json:"encryption,omitempty"`
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
	// Kind is what sort of thing it is; empty for a program or package.
	Kind    SoftwareKind `json:"kind,omitempty"`
	Edition string       `json:"edition,omitempty"` // Express, Enterprise ...
	User    string       `json:"user,omitempty"`    // whose it is, when it is not the machine's
}

// SoftwareKind tells programs from what comes in their company.
type SoftwareKind string

// The kinds of software. Nothing is left out for its kind; who counts programs asks for those without one.
const (
	KindUpdate          SoftwareKind = "update" // hotfix, security update
	KindSystemComponent SoftwareKind = "system_component"
	KindDriver          SoftwareKind = "driver"
	KindFeature         SoftwareKind = "feature"   // optional part of the operating system
	KindExtension       SoftwareKind = "extension" // of a browser or editor
	KindLibrary         SoftwareKind = "library"   // of a language's package manager
	KindContainerImage  SoftwareKind = "container_image"
	KindKey             SoftwareKind = "key" // a signing key in a package database
)

// User is a local account that a person can sign in with.
type User struct {
	Name     string `json:"name"`
	ID       string `json:"id,omitempty"`
	FullName string `json:"full_name,omitempty"`
	Shell    string `json:"shell,omitempty"`
	Home     string `json:"home,omitempty"`
	Admin    bool   `json:"admin,omitempty"`
	Disabled bool   `json:"disabled,omitempty"`
	// LastLogin is a day, YYYY-MM-DD; sent only where the host's configuration asks for it.
	LastLogin string `json:"last_login,omitempty"`
}

// Port is a listening or answering service.
type Port struct {
	Protocol string `json:"protocol"` // tcp, udp
	Number   int    `json:"number"`
	Address  string `json:"address,omitempty"`
	Service  string `json:"service,omitempty"`
	Process  string `json:"process,omitempty"`
	Banner   string `json:"banner,omitempty"`
	Product  string `json:"product,omitempty"` // what answers
	Version  string `json:"version,omitempty"`
	// The certificate that it shows: SHA-256 in hexadecimal, names, issuer, last day (YYYY-MM-DD).
	Certificate       string   `json:"certificate,omitempty"`
	CertificateNames  []string `json:"certificate_names,omitempty"`
	CertificateIssuer string   `json:"certificate_issuer,omitempty"`
	CertificateUntil  string   `json:"certificate_until,omitempty"`
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
	// Protocol says how it is known: lldp, cdp, bridge (a forwarding table), arp, wireless (a
	// client of the access point or network that LocalPort names).
	Protocol   string `json:"protocol"`
	LocalPort  string `json:"local_port,omitempty"`
	ChassisID  string `json:"chassis_id,omitempty"` // MAC where it is one
	RemotePort string `json:"remote_port,omitempty"`
	RemoteName string `json:"remote_name,omitempty"`
	Address    string `json:"address,omitempty"`
	MAC        string `json:"mac,omitempty"`
	VLAN       int    `json:"vlan,omitempty"` // in which a forwarding table has it
	// Platform is what it is, in its own words; Capabilities are bridge, router, access_point,
	// phone, station and others of LLDP (IEEE 802.1AB) and CDP.
	Platform     string   `json:"platform,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
	Serial       string   `json:"serial,omitempty"` // of phones and the like, as is Version, by LLDP-MED
	Version      string   `json:"version,omitempty"`
}

// VLAN is a virtual network that a switch knows.
type VLAN struct {
	ID   int    `json:"id"`
	Name string `json:"name,omitempty"`
}

// Redundancy is a router's part in a group that shares addresses.
type Redundancy struct {
	Protocol  string   `json:"protocol"` // vrrp, hsrp, glbp, carp
	Group     int      `json:"group"`
	Interface string   `json:"interface,omitempty"` // its name
	Addresses []string `json:"addresses,omitempty"` // the shared ones
	MAC       string   `json:"mac,omitempty"`
	State     string   `json:"state,omitempty"` // master, backup; for HSRP active, standby, listen ...
	Priority  int      `json:"priority,omitempty"`
}

// WirelessNetwork is a network that an access point or controller offers.
type WirelessNetwork struct {
	SSID     string `json:"ssid"`
	VLAN     int    `json:"vlan,omitempty"`
	Security string `json:"security,omitempty"` // open, wpa2, wpa3 ...
	Disabled bool   `json:"disabled,omitempty"`
}

// Supply is what a printer uses up.
type Supply struct {
	Name   string `json:"name"`
	Kind   string `json:"kind,omitempty"` // toner, ink, drum, fuser, waste, paper ...
	Colour string `json:"colour,omitempty"`
	// LevelPercent is rounded by the source; -1 when the device does not know.
	LevelPercent int    `json:"level_percent"`
	Serial       string `json:"serial,omitempty"`
}

// Meter is what a device counts or measures: pages, load, voltage. Its value is kept, but
// that it changes is no news.
type Meter struct {
	Of    string `json:"of,omitempty"` // part of the device: outlet 3
	Name  string `json:"name"`
	Unit  string `json:"unit,omitempty"` // pages, %, mV, W, min ...
	Value int64  `json:"value"`
}

// GPU is a graphics processor.
type GPU struct {
	Name          string `json:"name,omitempty"`
	Vendor        string `json:"vendor,omitempty"`
	Bytes         int64  `json:"bytes,omitempty"` // of its own memory
	Driver        string `json:"driver,omitempty"`
	DriverVersion string `json:"driver_version,omitempty"`
	Address       string `json:"address,omitempty"` // on the PCI bus
}

// Monitor is a display that tells of itself by EDID.
type Monitor struct {
	Vendor       string `json:"vendor,omitempty"`
	Model        string `json:"model,omitempty"`
	Serial       string `json:"serial,omitempty"`
	Manufactured string `json:"manufactured,omitempty"` // YYYY-Www (ISO 8601), or YYYY
	WidthMM      int    `json:"width_mm,omitempty"`
	HeightMM     int    `json:"height_mm,omitempty"`
	Resolution   string `json:"resolution,omitempty"` // preferred mode: 2560x1440
	Port         string `json:"port,omitempty"`       // DP-1, HDMI-A-2 ...
}

// Battery is a battery or uninterruptible supply inside or beside the machine. Charge is not
// reported, and capacity is rounded by the source, so that it does not change with every report.
type Battery struct {
	Name          string `json:"name,omitempty"`
	Vendor        string `json:"vendor,omitempty"`
	Model         string `json:"model,omitempty"`
	Serial        string `json:"serial,omitempty"`
	Chemistry     string `json:"chemistry,omitempty"` // Li-ion ...
	Manufactured  string `json:"manufactured,omitempty"`
	DesignMWh     int64  `json:"design_mwh,omitempty"`
	FullMWh       int64  `json:"full_mwh,omitempty"`
	HealthPercent int    `json:"health_percent,omitempty"`
	Cycles        int    `json:"cycles,omitempty"`
}

// Printer is a print queue. URI never holds a password.
type Printer struct {
	Name     string `json:"name"`
	Vendor   string `json:"vendor,omitempty"`
	Model    string `json:"model,omitempty"`
	Serial   string `json:"serial,omitempty"`
	Driver   string `json:"driver,omitempty"`
	URI      string `json:"uri,omitempty"` // or the name of a port
	Location string `json:"location,omitempty"`
	Default  bool   `json:"default,omitempty"`
	Shared   bool   `json:"shared,omitempty"`
	Network  bool   `json:"network,omitempty"`
}

// Peripheral is what is plugged in: by USB, Thunderbolt or Bluetooth. Ids are four hexadecimal digits.
type Peripheral struct {
	Bus       string `json:"bus,omitempty"`     // usb, thunderbolt, bluetooth
	Address   string `json:"address,omitempty"` // 1-4.2: the port, not a number that changes when it is plugged in again
	Class     string `json:"class,omitempty"`   // dock, hub, storage, camera, input, printer, audio, network, smartcard, phone, other
	VendorID  string `json:"vendor_id,omitempty"`
	ProductID string `json:"product_id,omitempty"`
	Vendor    string `json:"vendor,omitempty"`
	Model     string `json:"model,omitempty"`
	Serial    string `json:"serial,omitempty"`
	Version   string `json:"version,omitempty"` // of its firmware
}

// Volume is storage that is put together from other storage: RAID, volume managers.
type Volume struct {
	Type      string   `json:"type"` // lvm_pv, lvm_vg, lvm_lv, md, zpool, btrfs, bcache, storage_pool, apfs_container, dm_crypt, multipath, dmraid
	Name      string   `json:"name"`
	UUID      string   `json:"uuid,omitempty"`
	Level     string   `json:"level,omitempty"` // raid1, mirror, thin ...
	State     string   `json:"state,omitempty"` // active, degraded ...
	Bytes     int64    `json:"bytes,omitempty"`
	FreeBytes int64    `json:"free_bytes,omitempty"`
	Members   []string `json:"members,omitempty"`
}

// Security is how the machine protects itself.
type Security struct {
	TPMVersion      string `json:"tpm_version,omitempty"` // 1.2, 2.0; none when there is none
	TPMVendor       string `json:"tpm_vendor,omitempty"`
	TPMFirmware     string `json:"tpm_firmware,omitempty"`
	FirmwareMode    string `json:"firmware_mode,omitempty"`    // uefi, bios
	SecureBoot      string `json:"secure_boot,omitempty"`      // enabled, disabled, setup, unsupported; on Apple silicon full, reduced, permissive
	DiskEncryption  string `json:"disk_encryption,omitempty"`  // of the system's own volume: luks1, luks2, bitlocker, bitlocker:suspended, filevault, zfs, none
	MandatoryAccess string `json:"mandatory_access,omitempty"` // selinux:enforcing, apparmor:enabled, sip:enabled ...
	Firewall        string `json:"firewall,omitempty"`         // what filters packets: ufw:enabled, firewalld:disabled ...
}

// ContainerVM is the kind of a virtual machine; containers have none.
const ContainerVM = "virtual_machine"

// Container is a container that a runtime on this machine knows, or a virtual machine that
// its hypervisor does.
type Container struct {
	ID      string `json:"id"` // a virtual machine's UUID, by which its own report is found
	Name    string `json:"name,omitempty"`
	Image   string `json:"image,omitempty"`    // as it was asked for: registry/name:tag
	ImageID string `json:"image_id,omitempty"` // sha256:...
	Runtime string `json:"runtime,omitempty"`  // docker, containerd, podman, cri-o, lxc; libvirt, proxmox, virtualbox
	State   string `json:"state,omitempty"`    // running, exited, paused ...
	Created string `json:"created,omitempty"`  // YYYY-MM-DD
	Pod     string `json:"pod,omitempty"`      // namespace/name
	Kind    string `json:"kind,omitempty"`     // ContainerVM
}

// Usage is evidence that a program was used; sent only where the host's configuration asks for it.
type Usage struct {
	Source   string `json:"source"` // prefetch, spotlight, atime ...
	Name     string `json:"name"`
	Path     string `json:"path,omitempty"`
	LastUsed string `json:"last_used,omitempty"` // YYYY-MM-DD
}

// Reading is how one of an agent's sources fared and what it cost. An agent repeats the
// costs it reported last until they have changed much.
type Reading struct {
	Reads  SectionName `json:"reads"` // the section it feeds
	Source string      `json:"source"`
	Status Status      `json:"status"`
	Reason string      `json:"reason,omitempty"`
	Items  int         `json:"items,omitempty"`
	TookMS int64       `json:"took_ms,omitempty"`
	CPUMS  int64       `json:"cpu_ms,omitempty"`
	Bytes  int64       `json:"bytes,omitempty"` // of what it found, as sent
}
