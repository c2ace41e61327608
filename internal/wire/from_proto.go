package wire

import (
	"net/netip"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// FromProto is the observation of a message, without its source: the caller knows that
// from the connection. Errors are invalid errors that name the field. Bounds beyond the
// number of items are for [inventory.Observation.Validate].
//
// A section this version does not know (a newer source sent it) is left out, so it is
// neither stored nor asked for; a newer collector will ask for it by its hash.
func FromProto(p *musterv1.Observation) (inventory.Observation, error) {
	if len(p.GetSections()) > inventory.MaxSections {
		return inventory.Observation{}, invalid("sections: %d given, at most %d allowed", len(p.GetSections()), inventory.MaxSections)
	}
	seen, err := timeFromProto("seen_at", p.GetSeenAt())
	if err != nil {
		return inventory.Observation{}, err
	}
	o := inventory.Observation{
		NativeKey: p.GetNativeKey(),
		Epoch:     p.GetEpoch(),
		Seq:       p.GetSeq(),
		SeenAt:    seen,
		Complete:  p.GetComplete(),
	}
	for i, ps := range p.GetSections() {
		s, known, err := sectionFromProto(ps)
		if err != nil {
			return inventory.Observation{}, invalid("sections[%d] %.32q: %w", i, ps.GetName(), err)
		}
		if known {
			o.Sections = append(o.Sections, s)
		}
	}
	return o, nil
}

func sectionFromProto(p *musterv1.Section) (s inventory.Section, known bool, err error) {
	status, err := StatusFromProto(p.GetStatus())
	if err != nil {
		return s, false, err
	}
	if p.GetTook() != nil && !p.GetTook().IsValid() {
		return s, false, invalid("took: not a valid duration")
	}
	body, err := bodyFromProto(p)
	if err != nil {
		return s, false, err
	}
	name := inventory.SectionName(p.GetName())
	switch {
	case name == "":
		return s, false, invalid("name: empty")
	case body != nil && body.Section() != name:
		return s, false, invalid("body: is a %s body", body.Section())
	case !knownSection(name):
		return s, false, nil
	}
	return inventory.Section{
		Name:   name,
		Status: status,
		Reason: p.GetReason(),
		Hash:   p.GetHash(),
		Body:   body,
		Took:   p.GetTook().AsDuration(),
	}, true, nil
}

func knownSection(name inventory.SectionName) bool {
	switch name {
	case inventory.SectionDevice, inventory.SectionOS, inventory.SectionHardware, inventory.SectionMemory,
		inventory.SectionInterfaces, inventory.SectionDisks, inventory.SectionFilesystems, inventory.SectionPCI,
		inventory.SectionSoftware, inventory.SectionUsers, inventory.SectionPorts, inventory.SectionComponents,
		inventory.SectionNeighbours:
		return true
	}
	return false
}

// StatusFromProto is the status a message names; unspecified and unknown ones are invalid.
func StatusFromProto(s musterv1.Status) (inventory.Status, error) {
	switch s {
	case musterv1.Status_STATUS_OK:
		return inventory.StatusOK, nil
	case musterv1.Status_STATUS_PARTIAL:
		return inventory.StatusPartial, nil
	case musterv1.Status_STATUS_FAILED:
		return inventory.StatusFailed, nil
	case musterv1.Status_STATUS_UNSUPPORTED:
		return inventory.StatusUnsupported, nil
	case musterv1.Status_STATUS_UNSPECIFIED:
		return "", invalid("status: missing")
	}
	return "", invalid("status: unknown value %d", s)
}

// bodyFromProto is nil when the section has no body.
func bodyFromProto(p *musterv1.Section) (inventory.Body, error) {
	switch b := p.GetBody().(type) {
	case *musterv1.Section_Device:
		return deviceFromProto(b.Device)
	case *musterv1.Section_Os:
		return osFromProto(b.Os)
	case *musterv1.Section_Hardware:
		return hardwareFromProto(b.Hardware), nil
	case *musterv1.Section_Memory:
		return bodyItems[inventory.MemoryModules](b.Memory.GetItems(), memoryFromProto)
	case *musterv1.Section_Interfaces:
		return bodyItems[inventory.Interfaces](b.Interfaces.GetItems(), interfaceFromProto)
	case *musterv1.Section_Disks:
		return bodyItems[inventory.Disks](b.Disks.GetItems(), diskFromProto)
	case *musterv1.Section_Filesystems:
		return bodyItems[inventory.Filesystems](b.Filesystems.GetItems(), filesystemFromProto)
	case *musterv1.Section_Pci:
		return bodyItems[inventory.PCIDevices](b.Pci.GetItems(), pciFromProto)
	case *musterv1.Section_Software:
		return bodyItems[inventory.SoftwareList](b.Software.GetItems(), softwareFromProto)
	case *musterv1.Section_Users:
		return bodyItems[inventory.Users](b.Users.GetItems(), userFromProto)
	case *musterv1.Section_Ports:
		return bodyItems[inventory.Ports](b.Ports.GetItems(), portFromProto)
	case *musterv1.Section_Components:
		return bodyItems[inventory.Components](b.Components.GetItems(), componentFromProto)
	case *musterv1.Section_Neighbours:
		return bodyItems[inventory.Neighbours](b.Neighbours.GetItems(), neighbourFromProto)
	}
	return nil, nil
}

// bodyItems fills one item for each message. An empty list is a body: "there are none".
func bodyItems[L interface {
	inventory.Body
	~[]T
}, T, P any](list []*P, fill func(*T, *P) error) (inventory.Body, error) {
	if len(list) > inventory.MaxItems {
		return nil, invalid("%d items, at most %d allowed", len(list), inventory.MaxItems)
	}
	out := make(L, len(list))
	for i, p := range list {
		if err := fill(&out[i], p); err != nil {
			return nil, invalid("items[%d].%w", i, err)
		}
	}
	return out, nil
}

func deviceFromProto(p *musterv1.Device) (inventory.Body, error) {
	if n := len(p.GetIdentifiers()); n > inventory.MaxIdentifiers {
		return nil, invalid("identifiers: %d given, at most %d allowed", n, inventory.MaxIdentifiers)
	}
	d := &inventory.Device{
		Name:         p.GetName(),
		Domain:       p.GetDomain(),
		Class:        inventory.Class(p.GetClass()),
		Role:         inventory.Role(p.GetRole()),
		Vendor:       p.GetVendor(),
		Model:        p.GetModel(),
		Serial:       p.GetSerial(),
		AssetTag:     p.GetAssetTag(),
		Description:  p.GetDescription(),
		Location:     p.GetLocation(),
		Contact:      p.GetContact(),
		User:         p.GetUser(),
		State:        p.GetState(),
		Virtual:      p.GetVirtual(),
		CloudAccount: p.GetCloudAccount(),
		CloudRegion:  p.GetCloudRegion(),
	}
	for _, id := range p.GetIdentifiers() {
		d.Identifiers = append(d.Identifiers, inventory.Identifier{
			Type:    inventory.IdentifierType(id.GetType()),
			Value:   id.GetValue(),
			Scope:   id.GetScope(),
			Part:    id.GetPart(),
			Quality: inventory.Quality(id.GetQuality()),
		})
	}
	return d, nil
}

func osFromProto(p *musterv1.OS) (inventory.Body, error) {
	boot, err := timeFromProto("boot_time", p.GetBootTime())
	if err != nil {
		return nil, err
	}
	return &inventory.OS{
		Family:   p.GetFamily(),
		Name:     p.GetName(),
		Version:  p.GetVersion(),
		Build:    p.GetBuild(),
		Kernel:   p.GetKernel(),
		Arch:     p.GetArch(),
		Edition:  p.GetEdition(),
		BootTime: boot,
		Timezone: p.GetTimezone(),
	}, nil
}

func hardwareFromProto(p *musterv1.Hardware) *inventory.Hardware {
	return &inventory.Hardware{
		SystemVendor:  p.GetSystemVendor(),
		SystemModel:   p.GetSystemModel(),
		SystemVersion: p.GetSystemVersion(),
		SystemFamily:  p.GetSystemFamily(),
		SystemSKU:     p.GetSystemSku(),
		BoardVendor:   p.GetBoardVendor(),
		BoardModel:    p.GetBoardModel(),
		BoardSerial:   p.GetBoardSerial(),
		ChassisType:   p.GetChassisType(),
		ChassisSerial: p.GetChassisSerial(),
		BIOSVendor:    p.GetBiosVendor(),
		BIOSVersion:   p.GetBiosVersion(),
		BIOSDate:      p.GetBiosDate(),
		CPUModel:      p.GetCpuModel(),
		CPUVendor:     p.GetCpuVendor(),
		CPUSockets:    int(p.GetCpuSockets()),
		CPUCores:      int(p.GetCpuCores()),
		CPUThreads:    int(p.GetCpuThreads()),
		CPUMaxMHz:     int(p.GetCpuMaxMhz()),
		MemoryBytes:   p.GetMemoryBytes(),
		SwapBytes:     p.GetSwapBytes(),
	}
}

func memoryFromProto(m *inventory.MemoryModule, p *musterv1.MemoryModule) error {
	m.Slot = p.GetSlot()
	m.Bytes = p.GetBytes()
	m.Type = p.GetType()
	m.SpeedMTs = int(p.GetSpeedMts())
	m.Vendor = p.GetVendor()
	m.Serial = p.GetSerial()
	m.PartNumber = p.GetPartNumber()
	return nil
}

func interfaceFromProto(i *inventory.Interface, p *musterv1.Interface) error {
	i.Name = p.GetName()
	i.MAC = p.GetMac()
	i.PermanentMAC = p.GetPermanentMac()
	i.Type = inventory.InterfaceType(p.GetType())
	i.Index = int(p.GetIndex())
	i.MTU = int(p.GetMtu())
	i.SpeedMbps = p.GetSpeedMbps()
	i.Up = p.GetUp()
	i.Driver = p.GetDriver()
	i.Description = p.GetDescription()
	if n := len(p.GetAddresses()); n > inventory.MaxItems {
		return invalid("addresses: %d given, at most %d allowed", n, inventory.MaxItems)
	}
	for _, text := range p.GetAddresses() {
		a, err := prefixOf(text)
		if err != nil {
			return err
		}
		i.Addresses = append(i.Addresses, a)
	}
	return nil
}

// prefixOf also takes an address without length, as a source in another language might write it.
func prefixOf(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix, nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, invalid("addresses: %.64q is not an address with prefix length", text)
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

func diskFromProto(d *inventory.Disk, p *musterv1.Disk) error {
	d.Name = p.GetName()
	d.Model = p.GetModel()
	d.Vendor = p.GetVendor()
	d.Serial = p.GetSerial()
	d.WWN = p.GetWwn()
	d.Firmware = p.GetFirmware()
	d.Bus = p.GetBus()
	d.Bytes = p.GetBytes()
	d.Rotational = p.GetRotational()
	d.Removable = p.GetRemovable()
	return nil
}

func filesystemFromProto(f *inventory.Filesystem, p *musterv1.Filesystem) error {
	f.Device = p.GetDevice()
	f.Mountpoint = p.GetMountpoint()
	f.Type = p.GetType()
	f.UUID = p.GetUuid()
	f.Label = p.GetLabel()
	f.Bytes = p.GetBytes()
	f.UsedBytes = p.GetUsedBytes()
	return nil
}

func pciFromProto(d *inventory.PCIDevice, p *musterv1.PCIDevice) error {
	d.Address = p.GetAddress()
	d.Class = p.GetClass()
	d.VendorID = p.GetVendorId()
	d.DeviceID = p.GetDeviceId()
	d.VendorName = p.GetVendorName()
	d.DeviceName = p.GetDeviceName()
	d.Driver = p.GetDriver()
	return nil
}

func softwareFromProto(s *inventory.Software, p *musterv1.Software) error {
	s.Source = p.GetSource()
	s.Name = p.GetName()
	s.Version = p.GetVersion()
	s.Arch = p.GetArch()
	s.Publisher = p.GetPublisher()
	s.Installed = p.GetInstalled()
	s.Bytes = p.GetBytes()
	s.Path = p.GetPath()
	s.PURL = p.GetPurl()
	return nil
}

func userFromProto(u *inventory.User, p *musterv1.User) error {
	u.Name = p.GetName()
	u.ID = p.GetId()
	u.FullName = p.GetFullName()
	u.Shell = p.GetShell()
	u.Home = p.GetHome()
	return nil
}

func portFromProto(o *inventory.Port, p *musterv1.Port) error {
	o.Protocol = p.GetProtocol()
	o.Number = int(p.GetNumber())
	o.Address = p.GetAddress()
	o.Service = p.GetService()
	o.Process = p.GetProcess()
	o.Banner = p.GetBanner()
	return nil
}

func componentFromProto(c *inventory.Component, p *musterv1.Component) error {
	c.Index = int(p.GetIndex())
	c.Class = p.GetClass()
	c.Name = p.GetName()
	c.Model = p.GetModel()
	c.Serial = p.GetSerial()
	c.Vendor = p.GetVendor()
	c.Firmware = p.GetFirmware()
	c.Software = p.GetSoftware()
	c.Hardware = p.GetHardware()
	c.Parent = int(p.GetParent())
	return nil
}

func neighbourFromProto(n *inventory.Neighbour, p *musterv1.Neighbour) error {
	n.Protocol = p.GetProtocol()
	n.LocalPort = p.GetLocalPort()
	n.ChassisID = p.GetChassisId()
	n.RemotePort = p.GetRemotePort()
	n.RemoteName = p.GetRemoteName()
	n.Address = p.GetAddress()
	n.MAC = p.GetMac()
	return nil
}

func timeFromProto(field string, ts *timestamppb.Timestamp) (time.Time, error) {
	if ts == nil {
		return time.Time{}, nil
	}
	if !ts.IsValid() {
		return time.Time{}, invalid("%s: not a valid time", field)
	}
	return ts.AsTime(), nil
}

func invalid(format string, args ...any) error {
	return inventory.Errorf(inventory.CodeInvalid, format, args...)
}
