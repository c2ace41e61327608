package wire

import (
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// ToProto is the message for an observation. Its source is not part of the message: the
// collector knows that from the connection.
func ToProto(o inventory.Observation) *musterv1.Observation {
	p := &musterv1.Observation{
		NativeKey: o.NativeKey,
		Epoch:     o.Epoch,
		Seq:       o.Seq,
		SeenAt:    timeToProto(o.SeenAt),
		Complete:  o.Complete,
		Sections:  make([]*musterv1.Section, len(o.Sections)),
	}
	for i := range o.Sections {
		p.Sections[i] = sectionToProto(&o.Sections[i])
	}
	return p
}

func sectionToProto(s *inventory.Section) *musterv1.Section {
	p := &musterv1.Section{
		Name:   string(s.Name),
		Status: StatusToProto(s.Status),
		Reason: s.Reason,
		Hash:   s.Hash,
	}
	if s.Took != 0 {
		p.Took = durationpb.New(s.Took)
	}
	switch b := s.Body.(type) {
	case *inventory.Device:
		p.Body = &musterv1.Section_Device{Device: deviceToProto(b)}
	case *inventory.OS:
		p.Body = &musterv1.Section_Os{Os: OSToProto(b)}
	case *inventory.Hardware:
		p.Body = &musterv1.Section_Hardware{Hardware: HardwareToProto(b)}
	case inventory.MemoryModules:
		p.Body = &musterv1.Section_Memory{Memory: &musterv1.MemoryModules{Items: MemoryToProto(b)}}
	case inventory.Interfaces:
		p.Body = &musterv1.Section_Interfaces{Interfaces: &musterv1.Interfaces{Items: InterfacesToProto(b)}}
	case inventory.Disks:
		p.Body = &musterv1.Section_Disks{Disks: &musterv1.Disks{Items: DisksToProto(b)}}
	case inventory.Filesystems:
		p.Body = &musterv1.Section_Filesystems{Filesystems: &musterv1.Filesystems{Items: FilesystemsToProto(b)}}
	case inventory.PCIDevices:
		p.Body = &musterv1.Section_Pci{Pci: &musterv1.PCIDevices{Items: PCIToProto(b)}}
	case inventory.SoftwareList:
		p.Body = &musterv1.Section_Software{Software: &musterv1.SoftwareList{Items: protoItems(b, softwareToProto)}}
	case inventory.Users:
		p.Body = &musterv1.Section_Users{Users: &musterv1.Users{Items: UsersToProto(b)}}
	case inventory.Ports:
		p.Body = &musterv1.Section_Ports{Ports: &musterv1.Ports{Items: PortsToProto(b)}}
	case inventory.Components:
		p.Body = &musterv1.Section_Components{Components: &musterv1.Components{Items: ComponentsToProto(b)}}
	case inventory.Neighbours:
		p.Body = &musterv1.Section_Neighbours{Neighbours: &musterv1.Neighbours{Items: protoItems(b, neighbourToProto)}}
	}
	return p
}

// StatusToProto is the message's word for a status; an unknown one is unspecified.
func StatusToProto(s inventory.Status) musterv1.Status {
	switch s {
	case inventory.StatusOK:
		return musterv1.Status_STATUS_OK
	case inventory.StatusPartial:
		return musterv1.Status_STATUS_PARTIAL
	case inventory.StatusFailed:
		return musterv1.Status_STATUS_FAILED
	case inventory.StatusUnsupported:
		return musterv1.Status_STATUS_UNSUPPORTED
	}
	return musterv1.Status_STATUS_UNSPECIFIED
}

func deviceToProto(d *inventory.Device) *musterv1.Device {
	return &musterv1.Device{
		Name:         d.Name,
		Domain:       d.Domain,
		Class:        string(d.Class),
		Role:         string(d.Role),
		Vendor:       d.Vendor,
		Model:        d.Model,
		Serial:       d.Serial,
		AssetTag:     d.AssetTag,
		Description:  d.Description,
		Location:     d.Location,
		Contact:      d.Contact,
		User:         d.User,
		State:        d.State,
		Virtual:      d.Virtual,
		CloudAccount: d.CloudAccount,
		CloudRegion:  d.CloudRegion,
		Identifiers:  protoItems(d.Identifiers, identifierToProto),
	}
}

func identifierToProto(p *musterv1.Identifier, id *inventory.Identifier) {
	p.Type = string(id.Type)
	p.Value = id.Value
	p.Scope = id.Scope
	p.Part = id.Part
	p.Quality = string(id.Quality)
}

// OSToProto is the message for an operating system.
func OSToProto(o *inventory.OS) *musterv1.OS {
	return &musterv1.OS{
		Family:   o.Family,
		Name:     o.Name,
		Version:  o.Version,
		Build:    o.Build,
		Kernel:   o.Kernel,
		Arch:     o.Arch,
		Edition:  o.Edition,
		BootTime: timeToProto(o.BootTime),
		Timezone: o.Timezone,
	}
}

// HardwareToProto is the message for a hardware section.
func HardwareToProto(h *inventory.Hardware) *musterv1.Hardware {
	return &musterv1.Hardware{
		SystemVendor:  h.SystemVendor,
		SystemModel:   h.SystemModel,
		SystemVersion: h.SystemVersion,
		SystemFamily:  h.SystemFamily,
		SystemSku:     h.SystemSKU,
		BoardVendor:   h.BoardVendor,
		BoardModel:    h.BoardModel,
		BoardSerial:   h.BoardSerial,
		ChassisType:   h.ChassisType,
		ChassisSerial: h.ChassisSerial,
		BiosVendor:    h.BIOSVendor,
		BiosVersion:   h.BIOSVersion,
		BiosDate:      h.BIOSDate,
		CpuModel:      h.CPUModel,
		CpuVendor:     h.CPUVendor,
		CpuSockets:    int32of(h.CPUSockets),
		CpuCores:      int32of(h.CPUCores),
		CpuThreads:    int32of(h.CPUThreads),
		CpuMaxMhz:     int32of(h.CPUMaxMHz),
		MemoryBytes:   h.MemoryBytes,
		SwapBytes:     h.SwapBytes,
	}
}

// MemoryToProto is the messages for memory modules.
func MemoryToProto(l []inventory.MemoryModule) []*musterv1.MemoryModule {
	return protoItems(l, func(p *musterv1.MemoryModule, m *inventory.MemoryModule) {
		p.Slot = m.Slot
		p.Bytes = m.Bytes
		p.Type = m.Type
		p.SpeedMts = int32of(m.SpeedMTs)
		p.Vendor = m.Vendor
		p.Serial = m.Serial
		p.PartNumber = m.PartNumber
	})
}

// InterfacesToProto is the messages for network interfaces.
func InterfacesToProto(l []inventory.Interface) []*musterv1.Interface {
	return protoItems(l, func(p *musterv1.Interface, i *inventory.Interface) {
		p.Name = i.Name
		p.Mac = i.MAC
		p.PermanentMac = i.PermanentMAC
		p.Type = string(i.Type)
		p.Index = int32of(i.Index)
		p.Mtu = int32of(i.MTU)
		p.SpeedMbps = i.SpeedMbps
		p.Up = i.Up
		p.Driver = i.Driver
		p.Description = i.Description
		for _, a := range i.Addresses {
			if a.IsValid() { // the zero prefix has no text form
				p.Addresses = append(p.Addresses, a.String())
			}
		}
	})
}

// DisksToProto is the messages for disks.
func DisksToProto(l []inventory.Disk) []*musterv1.Disk {
	return protoItems(l, func(p *musterv1.Disk, d *inventory.Disk) {
		p.Name = d.Name
		p.Model = d.Model
		p.Vendor = d.Vendor
		p.Serial = d.Serial
		p.Wwn = d.WWN
		p.Firmware = d.Firmware
		p.Bus = d.Bus
		p.Bytes = d.Bytes
		p.Rotational = d.Rotational
		p.Removable = d.Removable
	})
}

// FilesystemsToProto is the messages for file systems.
func FilesystemsToProto(l []inventory.Filesystem) []*musterv1.Filesystem {
	return protoItems(l, func(p *musterv1.Filesystem, f *inventory.Filesystem) {
		p.Device = f.Device
		p.Mountpoint = f.Mountpoint
		p.Type = f.Type
		p.Uuid = f.UUID
		p.Label = f.Label
		p.Bytes = f.Bytes
		p.UsedBytes = f.UsedBytes
	})
}

// PCIToProto is the messages for PCI functions.
func PCIToProto(l []inventory.PCIDevice) []*musterv1.PCIDevice {
	return protoItems(l, func(p *musterv1.PCIDevice, d *inventory.PCIDevice) {
		p.Address = d.Address
		p.Class = d.Class
		p.VendorId = d.VendorID
		p.DeviceId = d.DeviceID
		p.VendorName = d.VendorName
		p.DeviceName = d.DeviceName
		p.Driver = d.Driver
	})
}

func softwareToProto(p *musterv1.Software, s *inventory.Software) {
	p.Source = s.Source
	p.Name = s.Name
	p.Version = s.Version
	p.Arch = s.Arch
	p.Publisher = s.Publisher
	p.Installed = s.Installed
	p.Bytes = s.Bytes
	p.Path = s.Path
	p.Purl = s.PURL
}

// UsersToProto is the messages for local accounts.
func UsersToProto(l []inventory.User) []*musterv1.User {
	return protoItems(l, func(p *musterv1.User, u *inventory.User) {
		p.Name = u.Name
		p.Id = u.ID
		p.FullName = u.FullName
		p.Shell = u.Shell
		p.Home = u.Home
	})
}

// PortsToProto is the messages for ports.
func PortsToProto(l []inventory.Port) []*musterv1.Port {
	return protoItems(l, func(p *musterv1.Port, o *inventory.Port) {
		p.Protocol = o.Protocol
		p.Number = int32of(o.Number)
		p.Address = o.Address
		p.Service = o.Service
		p.Process = o.Process
		p.Banner = o.Banner
	})
}

// ComponentsToProto is the messages for physical parts.
func ComponentsToProto(l []inventory.Component) []*musterv1.Component {
	return protoItems(l, func(p *musterv1.Component, c *inventory.Component) {
		p.Index = int32of(c.Index)
		p.Class = c.Class
		p.Name = c.Name
		p.Model = c.Model
		p.Serial = c.Serial
		p.Vendor = c.Vendor
		p.Firmware = c.Firmware
		p.Software = c.Software
		p.Hardware = c.Hardware
		p.Parent = int32of(c.Parent)
	})
}

func neighbourToProto(p *musterv1.Neighbour, n *inventory.Neighbour) {
	p.Protocol = n.Protocol
	p.LocalPort = n.LocalPort
	p.ChassisId = n.ChassisID
	p.RemotePort = n.RemotePort
	p.RemoteName = n.RemoteName
	p.Address = n.Address
	p.Mac = n.MAC
}

// protoItems fills one message for each item; all of them share one allocation.
func protoItems[T, P any](list []T, fill func(*P, *T)) []*P {
	if len(list) == 0 {
		return nil
	}
	slab := make([]P, len(list))
	out := make([]*P, len(list))
	for i := range list {
		fill(&slab[i], &list[i])
		out[i] = &slab[i]
	}
	return out
}

func timeToProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// int32of clamps: a count beyond 31 bits is nonsense that must not wrap to another number.
func int32of(n int) int32 {
	return int32(min(max(n, math.MinInt32), math.MaxInt32))
}
