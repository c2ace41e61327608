package hardware

import (
	"encoding/hex"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// peripherals are what is plugged in by USB or paired by Bluetooth. A USB device with
// several functions has a device for each, marked MI_; they tell what it is for.
func peripherals(devices []pnpDevice) inventory.Peripherals {
	functions := map[string][]string{}
	for _, d := range devices {
		if at := strings.Index(d.kind, "&MI_"); d.bus == "USB" && at > 0 {
			functions[d.kind[:at]] = append(functions[d.kind[:at]], d.usbFunction())
		}
	}
	list := inventory.Peripherals{}
	for _, d := range devices {
		switch {
		case d.bus == "USB" && !strings.Contains(d.kind, "&MI_"):
			if p, ok := d.usb(functions[d.kind]); ok {
				list = append(list, p)
			}
		case (d.bus == "BTHENUM" || d.bus == "BTHLE") && strings.HasPrefix(d.kind, "DEV_"):
			list = append(list, d.bluetooth())
		}
	}
	return list
}

// usb reads an id such as USB\VID_046D&PID_08C9\6BE882AB. The last part is the serial number;
// where the device has none, Windows makes up one with ampersands from where it is plugged in.
func (d pnpDevice) usb(functions []string) (inventory.Peripheral, bool) {
	p := inventory.Peripheral{
		Bus: "usb", VendorID: hexField(d.kind, "VID_", 4), ProductID: hexField(d.kind, "PID_", 4), Vendor: d.maker(),
		Model: first(d.name, description(d.values, "devicedesc")), // phones have a name of their owner's as friendlyname
	}
	if p.VendorID == "" || p.VendorID == "0000" || p.ProductID == "" { // a root hub, or what did not answer
		return p, false
	}
	if strings.Contains(d.instance, "&") {
		p.Address = source.Text(d.instance)
	} else {
		p.Serial = source.Text(d.instance)
	}
	own := d.usbFunction()
	p.Class = usbClass(own[:min(len(own), 2)], p.VendorID, p.Model, append(functions, own))
	for _, id := range d.ids() {
		p.Version = first(p.Version, bcd(hexField(id, "&REV_", 4)))
	}
	return p, true
}

// usbFunction is what the device or function does, in the form that usbClass wants: "08/06/50" of
// USB\Class_08&SubClass_06&Prot_50. Windows Portable Devices speak the protocol of phones and cameras.
func (d pnpDevice) usbFunction() string {
	name := ""
	if d.values.Text("class") == "WPD" {
		name = " MTP"
	}
	for _, id := range d.ids() {
		if class := first(hexField(id, `\CLASS_`, 2), hexField(id, `\DEVCLASS_`, 2)); class != "" {
			return class + "/" + hexField(id, "&SUBCLASS_", 2) + "/" + hexField(id, "&PROT_", 2) + name
		}
	}
	return name
}

// bluetooth reads the address in BTHENUM\DEV_001122334455\8&2E9958BA&0&BLUETOOTHDEVICE_001122334455.
func (d pnpDevice) bluetooth() inventory.Peripheral {
	p := inventory.Peripheral{Bus: "bluetooth", Class: "other"}
	if address, err := hex.DecodeString(strings.TrimPrefix(d.kind, "DEV_")); err == nil {
		p.Serial = macText(address)
	}
	return p
}
