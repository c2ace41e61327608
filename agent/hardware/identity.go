package hardware

import (
	"strings"

	"github.com/muster-itam/muster/agent/hardware/smbios"
	"github.com/muster-itam/muster/internal/inventory"
)

// findings are the facts from which identity follows, whatever the system.
type findings struct {
	hostname  string
	hosts     string // /etc/hosts
	machineID string
	smbios    *smbios.Info // nil when there is none
	board     deviceTree
	container container
	kernel    kernelSigns
	sshKeys   []string // fingerprints
	cloud     cloudInit
	directory directory
}

// deviceTree is what machines without SMBIOS have: small ARM and RISC-V boards, POWER.
// (Devicetree Specification 2.3; NUL-terminated texts.)
type deviceTree struct {
	model, serial, compatible string
}

// cloudInit is the standardised part of cloud-init's instance-data.json.
type cloudInit struct {
	CloudName  string `json:"cloud_name"`
	InstanceID string `json:"instance_id"`
	Region     string `json:"region"`
}

// physical says that the machine is real hardware as far as can be told.
func (f *findings) physical() bool { return f.class() != inventory.ClassVM && f.container.kind == "" }

func (f *findings) class() inventory.Class {
	if f.container.kind != "" {
		return inventory.ClassContainer
	}
	if hypervisor(f.smbios) != "" {
		return inventory.ClassVM
	}
	// Firmware that names a real chassis is believed: the controlling domain of Xen and
	// Linux beside another system's hypervisor see the processor flag as well.
	if f.smbios != nil && len(f.smbios.Chassis) > 0 {
		if c := chassisClass(f.smbios.Chassis[0].Type); c != "" {
			return c
		}
	}
	if f.kernel.hypervisor() != "" {
		return inventory.ClassVM
	}
	return ""
}

// device puts the findings together.
func (f *findings) device() *inventory.Device {
	d := &inventory.Device{Class: f.class(), Role: inventory.RoleHost}
	d.Name, d.Domain = hostName(f.hostname, f.hosts)
	d.Directory, d.DirectoryName = f.directory.kind, f.directory.name
	if f.container.kind != "" {
		// The firmware that a container sees is its host's: naming it would make the two one.
		d.Role, d.Virtual = inventory.RoleContainer, f.container.kind
		if f.container.id != "" {
			d.Identifiers = append(d.Identifiers, inventory.Identifier{Type: inventory.IDContainer, Value: f.container.id})
		}
	} else {
		f.describe(d)
		d.Identifiers = append(f.hardwareIdentifiers(), f.cloudIdentifiers()...)
		d.CloudRegion = f.cloud.Region
	}
	if f.machineID != "" {
		d.Identifiers = append(d.Identifiers, inventory.Identifier{Type: inventory.IDMachine, Value: f.machineID})
	}
	for _, k := range f.sshKeys {
		d.Identifiers = append(d.Identifiers, inventory.Identifier{Type: inventory.IDSSHHostKey, Value: k})
	}
	return d
}

// describe fills in maker, model and serial number.
func (f *findings) describe(d *inventory.Device) {
	if d.Class == inventory.ClassVM {
		d.Virtual = first(hypervisor(f.smbios), f.kernel.hypervisor())
	}
	d.Model, d.Serial = f.board.model, f.board.serial
	d.Vendor, _, _ = strings.Cut(f.board.compatible, ",")
	if f.smbios == nil {
		return
	}
	s, chassis, board := f.smbios.System, f.chassis(), f.mainBoard()
	d.Vendor = first(s.Vendor, board.Vendor, d.Vendor)
	d.Model = first(s.Product, board.Product, d.Model)
	d.Serial = first(s.Serial, f.ownChassisSerial(), d.Serial)
	d.AssetTag = chassis.AssetTag
}

func (f *findings) chassis() smbios.Chassis {
	if f.smbios == nil || len(f.smbios.Chassis) == 0 {
		return smbios.Chassis{}
	}
	return f.smbios.Chassis[0]
}

func (f *findings) mainBoard() smbios.Board {
	if f.smbios == nil || len(f.smbios.Boards) == 0 {
		return smbios.Board{}
	}
	return f.smbios.Boards[0]
}

// hardwareIdentifiers are the serial numbers with their makers, and the firmware's UUID.
func (f *findings) hardwareIdentifiers() []inventory.Identifier {
	var out []inventory.Identifier
	serial := func(value, maker, part string) {
		if value != "" {
			out = append(out, inventory.Identifier{Type: inventory.IDSerial, Value: value, Scope: maker, Part: part})
		}
	}
	maker, _, _ := strings.Cut(f.board.compatible, ",")
	serial(f.board.serial, maker, inventory.PartSystem)
	if f.smbios == nil {
		return out
	}
	s := f.smbios.System
	serial(s.Serial, s.Vendor, inventory.PartSystem)
	for i, b := range f.smbios.Boards {
		if i < 16 {
			serial(b.Serial, first(b.Vendor, s.Vendor), inventory.PartBoard)
		}
	}
	if s.Serial == "" {
		serial(f.ownChassisSerial(), first(f.chassis().Vendor, s.Vendor), partChassis)
	}
	if s.UUID != "" {
		out = append(out, inventory.Identifier{Type: inventory.IDSMBIOS, Value: s.UUID})
	}
	return out
}

// partChassis marks the serial number of an enclosure.
const partChassis = "chassis"

// ownChassisSerial is the serial number of an enclosure that holds this machine alone, as
// far as its type tells. It identifies a machine only where nothing else does: servers
// with several nodes give all of them the number of their enclosure.
func (f *findings) ownChassisSerial() string {
	const multiSystem, blade, bladeEnclosure = 0x19, 0x1c, 0x1d // DSP0134 7.4.1
	switch c := f.chassis(); c.Type {
	case multiSystem, blade, bladeEnclosure:
		return ""
	default:
		return c.Serial
	}
}

// azureTag is the chassis asset tag of every virtual machine in Azure.
const azureTag = "7783-7084-3265-9085-8269-3286-77"

// cloudIdentifiers are the provider's names of the machine, as far as firmware and
// cloud-init tell them.
func (f *findings) cloudIdentifiers() []inventory.Identifier {
	var out []inventory.Identifier
	instance := func(provider, id string) {
		for _, known := range out {
			if known.Scope == provider {
				return
			}
		}
		if provider != "" && id != "" {
			out = append(out, inventory.Identifier{Type: inventory.IDCloudInstance, Value: id, Scope: provider})
		}
	}
	if i := f.smbios; i != nil {
		switch s, tag := i.System, f.mainBoard().AssetTag; {
		case s.Vendor == "Amazon EC2" && strings.HasPrefix(tag, "i-"):
			instance("aws", tag)
		case s.Vendor == "Microsoft Corporation" && f.chassis().AssetTag == azureTag && i.Major != 0:
			id := s.UUID
			if i.Major<<8|i.Minor < 0x0206 { // Azure means the order that newer versions have
				id = s.UUIDSwapped
			}
			instance("azure", id)
		case s.Vendor == "DigitalOcean":
			instance("digitalocean", s.Serial)
		case s.Vendor == "Hetzner":
			instance("hetzner", s.Serial)
		case strings.HasPrefix(s.Product, "OpenStack") && s.UUID != "":
			// Nova gives the firmware its own id of the instance.
			out = append(out, inventory.Identifier{Type: inventory.IDVMInstance, Value: s.UUID})
		}
	}
	instance(cloudProviders[f.cloud.CloudName], f.cloud.InstanceID)
	return out
}
