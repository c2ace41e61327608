package hardware

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const (
	usbDir         = "sys/bus/usb/devices"
	thunderboltDir = "sys/bus/thunderbolt/devices"
)

// readPeripherals lists what is plugged in. Devices paired by Bluetooth are not read.
func readPeripherals(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	usb, err := readUSB(ctx, tree)
	thunderbolt, none := readThunderbolt(tree)
	switch {
	case errors.Is(err, fs.ErrNotExist) && errors.Is(none, fs.ErrNotExist):
		return nil, source.Unsupported("this machine has neither USB nor Thunderbolt")
	case err != nil && usb == nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case none != nil && !errors.Is(none, fs.ErrNotExist):
		return usb, source.Partial("Thunderbolt: %v", none)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	return append(usb, thunderbolt...), err
}

// readUSB lists USB devices (Documentation/ABI/testing/sysfs-bus-usb). The names in the
// directory are usb1 for a controller, 1-4.2 for the device at port 2 of the hub at
// port 4, and 1-4.2:1.0 for its interfaces.
func readUSB(ctx context.Context, tree *source.Tree) (inventory.Peripherals, error) {
	entries, err := tree.ReadDir(usbDir, maxEntries)
	if err != nil {
		return nil, err
	}
	interfaces := map[string][]string{}
	var devices []string
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		device, _, isInterface := strings.Cut(e.Name(), ":")
		at := usbDir + "/" + e.Name() + "/"
		switch {
		case isInterface:
			interfaces[device] = append(interfaces[device], tree.Text(at+"bInterfaceClass")+"/"+
				tree.Text(at+"bInterfaceSubClass")+"/"+tree.Text(at+"bInterfaceProtocol")+" "+tree.Text(at+"interface"))
		case !strings.HasPrefix(device, "usb"): // the controller is a PCI device
			devices = append(devices, device)
		}
	}
	list := make(inventory.Peripherals, 0, len(devices))
	for _, name := range devices {
		text := func(attribute string) string { return tree.Text(usbDir + "/" + name + "/" + attribute) }
		list = append(list, inventory.Peripheral{
			Bus: "usb", Address: source.Text(name), VendorID: text("idVendor"), ProductID: text("idProduct"),
			Vendor: text("manufacturer"), Model: text("product"), Serial: text("serial"), Version: bcd(text("bcdDevice")),
			Class: text("bDeviceClass"), // for the moment
		})
	}
	err = nameUSB(tree, list)
	for i := range list {
		p := &list[i]
		p.Class = usbClass(p.Class, p.VendorID, p.Model, interfaces[p.Address])
	}
	return list, err
}

// nameUSB fills in the names that devices do not say, where a list of names is installed.
func nameUSB(tree *source.Tree, list inventory.Peripherals) error {
	names := pciNames{map[string]string{}, map[string]string{}, nil}
	for _, p := range list {
		if p.Vendor == "" {
			names.vendors[p.VendorID] = ""
		}
		if p.Model == "" {
			names.devices[p.VendorID+" "+p.ProductID] = ""
		}
	}
	if len(names.vendors)+len(names.devices) == 0 {
		return nil
	}
	err := names.load(tree, "usb.ids")
	for i := range list {
		p := &list[i]
		p.Vendor = first(p.Vendor, names.vendors[p.VendorID])
		p.Model = first(p.Model, names.devices[p.VendorID+" "+p.ProductID])
	}
	return err
}

// readThunderbolt lists what is plugged in by Thunderbolt or USB4
// (Documentation/ABI/testing/sysfs-bus-thunderbolt): names are domain and route, and
// route 0 is the machine's own controller.
func readThunderbolt(tree *source.Tree) (inventory.Peripherals, error) {
	entries, err := tree.ReadDir(thunderboltDir, maxEntries)
	if err != nil {
		return nil, err
	}
	list := inventory.Peripherals{}
	for _, e := range entries {
		at := thunderboltDir + "/" + e.Name() + "/"
		_, route, ok := strings.Cut(e.Name(), "-")
		if !ok || route == "0" || assignments(contents(tree, at+"uevent"))["DEVTYPE"] != "thunderbolt_device" {
			continue // a domain, the controller, a service, a retimer, another computer
		}
		p := inventory.Peripheral{
			Bus: "thunderbolt", Address: source.Text(e.Name()), Class: "other",
			VendorID: fourDigits(tree.Text(at + "vendor")), ProductID: fourDigits(tree.Text(at + "device")),
			Vendor: tree.Text(at + "vendor_name"), Model: tree.Text(at + "device_name"), Version: tree.Text(at + "nvm_version"),
		}
		if isDock(p.Model) {
			p.Class = "dock"
		}
		list = append(list, p)
	}
	return list, nil
}

// fourDigits makes 0x8a of what is 008a elsewhere.
func fourDigits(s string) string {
	s = strings.TrimPrefix(s, "0x")
	if len(s) == 0 || len(s) > 4 {
		return ""
	}
	return strings.Repeat("0", 4-len(s)) + s
}
