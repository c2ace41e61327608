package inventory

import "strconv"

// List is a section that is a list: each item is a fact under its natural key.
type List[T item] []T

type item interface {
	section() SectionName
	// key tells the item from its neighbours, from report to report.
	key() string
}

// The lists that are sections of their own.
type (
	MemoryModules    = List[MemoryModule]
	Interfaces       = List[Interface]
	Disks            = List[Disk]
	Filesystems      = List[Filesystem]
	Volumes          = List[Volume]
	PCIDevices       = List[PCIDevice]
	GPUs             = List[GPU]
	Monitors         = List[Monitor]
	Batteries        = List[Battery]
	Printers         = List[Printer]
	Peripherals      = List[Peripheral]
	SoftwareList     = List[Software]
	Usages           = List[Usage]
	Users            = List[User]
	Ports            = List[Port]
	Containers       = List[Container]
	Components       = List[Component]
	Neighbours       = List[Neighbour]
	Readings         = List[Reading]
	VLANs            = List[VLAN]
	Redundancies     = List[Redundancy]
	WirelessNetworks = List[WirelessNetwork]
	Supplies         = List[Supply]
	Meters           = List[Meter]
)

func (l List[T]) Section() SectionName {
	var none T
	return none.section()
}

func (l List[T]) Len() int      { return len(l) }
func (l List[T]) Facts() []Fact { return items(l, T.key) }

func (l List[T]) check(visit func(field, text string) error) error {
	if software, ok := any(l).(SoftwareList); ok {
		return checkSoftware(software, visit)
	}
	return checkFacts(l, visit)
}

func (d *Device) Section() SectionName                         { return SectionDevice }
func (d *Device) Len() int                                     { return max(1, len(d.Identifiers)) }
func (d *Device) Facts() []Fact                                { return attributes(d) }
func (*OS) Section() SectionName                               { return SectionOS }
func (*OS) Len() int                                           { return 1 }
func (o *OS) Facts() []Fact                                    { return attributes(o) }
func (o *OS) check(visit func(field, text string) error) error { return checkFacts(o, visit) }

func (*Hardware) Section() SectionName                               { return SectionHardware }
func (*Hardware) Len() int                                           { return 1 }
func (h *Hardware) Facts() []Fact                                    { return attributes(h) }
func (h *Hardware) check(visit func(field, text string) error) error { return checkFacts(h, visit) }

func (*Security) Section() SectionName                               { return SectionSecurity }
func (*Security) Len() int                                           { return 1 }
func (s *Security) Facts() []Fact                                    { return attributes(s) }
func (s *Security) check(visit func(field, text string) error) error { return checkFacts(s, visit) }

func (d *Device) check(visit func(field, text string) error) error {
	if len(d.Identifiers) > MaxIdentifiers {
		return Errorf(CodeInvalid, "device: %d identifiers, at most %d allowed", len(d.Identifiers), MaxIdentifiers)
	}
	return checkFacts(d, visit)
}

func (MemoryModule) section() SectionName    { return SectionMemory }
func (Interface) section() SectionName       { return SectionInterfaces }
func (Disk) section() SectionName            { return SectionDisks }
func (Filesystem) section() SectionName      { return SectionFilesystems }
func (Volume) section() SectionName          { return SectionVolumes }
func (PCIDevice) section() SectionName       { return SectionPCI }
func (GPU) section() SectionName             { return SectionGPUs }
func (Monitor) section() SectionName         { return SectionMonitors }
func (Battery) section() SectionName         { return SectionBatteries }
func (Printer) section() SectionName         { return SectionPrinters }
func (Peripheral) section() SectionName      { return SectionPeripherals }
func (Software) section() SectionName        { return SectionSoftware }
func (Usage) section() SectionName           { return SectionUsage }
func (User) section() SectionName            { return SectionUsers }
func (Port) section() SectionName            { return SectionPorts }
func (Container) section() SectionName       { return SectionContainers }
func (Component) section() SectionName       { return SectionComponents }
func (Neighbour) section() SectionName       { return SectionNeighbours }
func (Reading) section() SectionName         { return SectionReadings }
func (VLAN) section() SectionName            { return SectionVLANs }
func (Redundancy) section() SectionName      { return SectionRedundancy }
func (WirelessNetwork) section() SectionName { return SectionWireless }
func (Supply) section() SectionName          { return SectionSupplies }
func (Meter) section() SectionName           { return SectionMeters }

func (m MemoryModule) key() string    { return m.Slot + "|" + m.Serial }
func (i Interface) key() string       { return i.Name + "|" + i.MAC }
func (f Filesystem) key() string      { return f.Device + "|" + f.Mountpoint }
func (v Volume) key() string          { return v.Type + "|" + v.Name }
func (p PCIDevice) key() string       { return p.Address }
func (g GPU) key() string             { return firstOf(g.Address, g.Name) }
func (m Monitor) key() string         { return m.Vendor + "|" + m.Model + "|" + firstOf(m.Serial, m.Port) }
func (b Battery) key() string         { return b.Name + "|" + b.Serial }
func (p Printer) key() string         { return p.Name }
func (d Disk) key() string            { return firstOf(d.Serial, d.Name) }
func (u User) key() string            { return u.Name }
func (p Port) key() string            { return p.Protocol + "/" + strconv.Itoa(p.Number) + "|" + p.Address }
func (c Container) key() string       { return c.Runtime + "|" + c.ID }
func (c Component) key() string       { return strconv.Itoa(c.Index) }
func (u Usage) key() string           { return u.Source + "|" + u.Name + "|" + u.Path }
func (r Reading) key() string         { return string(r.Reads) + "|" + r.Source }
func (v VLAN) key() string            { return strconv.Itoa(v.ID) }
func (w WirelessNetwork) key() string { return w.SSID }
func (s Supply) key() string          { return s.Kind + "|" + s.Name }
func (m Meter) key() string           { return m.Of + "|" + m.Name }

func (r Redundancy) key() string {
	return r.Protocol + "|" + r.Interface + "|" + strconv.Itoa(r.Group)
}

// The port of something that can be told by its serial number does not make it another thing.
func (p Peripheral) key() string {
	return p.Bus + "|" + p.VendorID + ":" + p.ProductID + "|" + firstOf(p.Serial, p.Address)
}

// Keys of software are for display and hashes; the store keeps software in tables of its own.
func (s Software) key() string {
	return s.Source + "|" + s.Name + "|" + s.Version + "|" + s.Arch + "|" + s.User
}

func (n Neighbour) key() string {
	return n.Protocol + "|" + n.LocalPort + "|" + n.ChassisID + n.MAC + "|" + n.RemotePort
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
