package hardware

import (
	"net"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/internal/inventory"
)

// Rules about a Windows registry that the tests feed directly.
var (
	WindowsOSOf   = windowsOS
	SecureBoot    = secureBoot
	LastUser      = lastUser
	StorageSerial = storageSerial
	BitLocker     = bitLocker
	TPMProperties = tpmProperties
	PCIAddress    = pciAddress
	ProtocolData  = protocolData
	DeviceOfCert  = deviceOfCertificate
)

// Version of a kernel.
func Version(major, minor, build uint32) windowsVersion { return windowsVersion{major, minor, build} }

// allDevices takes every device that ever was for present.
func allDevices(r registry.Reader) []pnpDevice {
	var all []presentDevice
	below := func(key string) []string { names, _ := r.Subkeys(key); return names }
	root := enumKey[:len(enumKey)-1]
	for _, bus := range below(root) {
		for _, kind := range below(enumKey + bus) {
			for _, instance := range below(enumKey + bus + `\` + kind) {
				all = append(all, presentDevice{id: bus + `\` + kind + `\` + instance})
			}
		}
	}
	return pnpDevices(r, all)
}

func PresentPCI(r registry.Reader) inventory.PCIDevices          { return pciDevices(allDevices(r)) }
func PresentMonitors(r registry.Reader) inventory.Monitors       { return monitors(r, allDevices(r)) }
func PresentPeripherals(r registry.Reader) inventory.Peripherals { return peripherals(allDevices(r)) }

// PresentGPUs lists the adapters of present devices, or all that ever were.
func PresentGPUs(r registry.Reader, present bool) inventory.GPUs {
	if !present {
		return gpus(r, nil)
	}
	return gpus(r, allDevices(r))
}

// PresentPrinters lists queues.
func PresentPrinters(r registry.Reader) (inventory.Printers, error) {
	return printers(r, allDevices(r))
}

// USBPrinterAt is what is plugged in at a printer port.
func USBPrinterAt(r registry.Reader, port string) (maker, model, serial string) {
	p := usbPorts(r, allDevices(r))[port]
	return p.maker, p.model, p.serial
}

// ByIDs makes lists of devices of which only the ids are known.
func ByIDs(r registry.Reader, ids ...string) (inventory.PCIDevices, inventory.Peripherals) {
	var present []presentDevice
	for _, id := range ids {
		present = append(present, presentDevice{id: id, name: "reported"})
	}
	devices := pnpDevices(r, present)
	return pciDevices(devices), peripherals(devices)
}

// RegistryCPU is the processor in Windows' words.
func RegistryCPU(r registry.Reader) (model, vendor string, mhz int) {
	c, mhz := registryCPU(r)
	return c.model, c.vendor, mhz
}

// StorageDisk is a disk by its driver's answers.
func StorageDisk(name string, device, ids, seek, geometry, predict, identify, health []byte) (inventory.Disk, bool) {
	return storageAnswers{name, device, ids, seek, geometry, predict, identify, health}.disk()
}

// BatteryOf is a battery by its driver's answers.
func BatteryOf(info []byte, name, maker, serial string) (inventory.Battery, bool) {
	return batteryAnswers{info: info, name: name, maker: maker, serial: serial}.battery()
}

// Directory is a device with what a registry and a join say of its directory.
func Directory(r registry.Reader, status uint32, name string) inventory.Device {
	var d inventory.Device
	setDirectory(&d, r, joined{status, name})
	return d
}

// Adapter is an adapter as the network stack shows it.
type Adapter struct {
	GUID, Name, Description string
	MAC, Permanent          net.HardwareAddr
	Type, Medium            uint32
	Up, Hardware            bool
	BitsPerSecond           uint64
	Addresses               []adapterAddress
}

// Interface makes an interface of it.
func (a Adapter) Interface(r registry.Reader) inventory.Interface {
	return adapter{
		guid: a.GUID, name: a.Name, description: a.Description, mac: a.MAC, permanent: a.Permanent, ifType: a.Type, medium: a.Medium,
		up: a.Up, hardware: a.Hardware, bitsPerSecond: a.BitsPerSecond, addresses: a.Addresses,
	}.networkInterface(r)
}

// KindOf is what an adapter with that device behind it is.
func KindOf(description, instance string, ifType, medium uint32) inventory.InterfaceType {
	bus := instance
	for i := range instance {
		if instance[i] == '\\' {
			bus = instance[:i]
			break
		}
	}
	return adapter{description: description, ifType: ifType, medium: medium}.kind(bus, instance)
}

// AccountUser is a user by an account.
func AccountUser(r registry.Reader, name, fullName, sid string, flags uint32, admins ...string) (inventory.User, bool) {
	set := map[string]bool{}
	for _, a := range admins {
		set[a] = true
	}
	return account{name, fullName, sid, flags}.user(r, set)
}
