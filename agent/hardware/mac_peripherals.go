package hardware

import (
	"fmt"
	"strings"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
)

// macUSBPort is the address of a port by locationID: the bus in the first byte, then one
// digit for each hub's port on the way. 0x1d120000 is bus 29, port 1, there port 2: 29-1.2.
func macUSBPort(location int64) string {
	location &= 0xffffffff // the sign may be drawn out
	if location == 0 {
		return ""
	}
	var ports []string
	for shift := 20; shift >= 0; shift -= 4 {
		port := location >> shift & 0xf
		if port == 0 {
			break
		}
		ports = append(ports, fmt.Sprint(port))
	}
	if len(ports) == 0 {
		return fmt.Sprint(location >> 24) // a bus itself
	}
	return fmt.Sprintf("%d-%s", location>>24, strings.Join(ports, "."))
}

// registryUSB are the devices of classes IOUSBHostDevice and, before OS X 10.11,
// IOUSBDevice. Interfaces say what a device is that does not say itself.
func registryUSB(registry []*regNode) inventory.Peripherals {
	nodes := allNodes(registry)
	interfaces := map[int64][]string{}
	for _, n := range nodes {
		if p := n.props; p["bInterfaceClass"] != nil {
			at := p.Int("locationID")
			interfaces[at] = append(interfaces[at], fmt.Sprintf("%02x/%02x/%02x %s", p.Int("bInterfaceClass")&0xff, p.Int("bInterfaceSubClass")&0xff,
				p.Int("bInterfaceProtocol")&0xff, first(p.Text("USB Interface Name"), p.Text("kUSBString"))))
		}
	}
	list := inventory.Peripherals{}
	for _, n := range nodes {
		p := n.props
		if p["idVendor"] == nil || p["bDeviceClass"] == nil || p["bInterfaceClass"] != nil || p.Int("locationID")&0xffffff == 0 {
			continue // a bus is a hub to itself
		}
		d := inventory.Peripheral{
			Bus: "usb", Address: macUSBPort(p.Int("locationID")), VendorID: macHex(p.Int("idVendor")), ProductID: macHex(p.Int("idProduct")),
			Vendor: first(p.Text("USB Vendor Name"), p.Text("kUSBVendorString")), Version: bcd(macHex(p.Int("bcdDevice"))),
			Model:  first(p.Text("USB Product Name"), p.Text("kUSBProductString"), n.name),
			Serial: macUSBSerial(first(p.Text("USB Serial Number"), p.Text("kUSBSerialNumberString"))),
		}
		at := p.Int("locationID")
		d.Class = usbClass(macHex(p.Int("bDeviceClass"))[2:], d.VendorID, d.Model, interfaces[at])
		if len(interfaces[at]) == 0 && d.Class == "other" {
			d.Class = first(macNameClass(d.Model), "other")
		}
		list = append(list, *clean(&d))
	}
	return list
}

func macHex(n int64) string { return fmt.Sprintf("%04x", n&0xffff) }

// macUSBSerial drops fillers.
func macUSBSerial(s string) string {
	if strings.Trim(s, "0 ") == "" {
		return ""
	}
	return s
}

// macNameClass goes by the words in a device's name, where nothing else tells.
func macNameClass(name string) string {
	name = strings.ToLower(name)
	for _, w := range []struct{ word, class string }{
		{"dock", "dock"}, {"hub", "hub"}, {"keyboard", "input"}, {"mouse", "input"}, {"trackpad", "input"}, {"receiver", "input"}, {"card reader", "storage"},
		{"isight", "camera"}, {"camera", "camera"}, {"webcam", "camera"}, {"iphone", "phone"}, {"ipad", "phone"},
		{"flash", "storage"}, {"disk", "storage"}, {"storage", "storage"}, {"drive", "storage"}, {"headset", "audio"},
		{"headphones", "audio"}, {"airpods", "audio"}, {"speaker", "audio"}, {"audio", "audio"}, {"lan", "network"},
		{"ethernet", "network"}, {"printer", "printer"}, {"gamepad", "input"}, {"smart card", "smartcard"}, {"phone", "phone"},
	} {
		if strings.Contains(name, w.word) {
			return w.class
		}
	}
	return ""
}

// reportUSB are the devices of a report, where the registry cannot be read.
func reportUSB(r profiler.Report) inventory.Peripherals {
	list := inventory.Peripherals{}
	for _, e := range append(r.Type("SPUSBDataType").All(), r.Type("SPUSBHostDataType").All()...) {
		product := e.Get("a_product_id", "product_id", "product id", "usbhostdevicekeyproductid")
		if product == "" {
			continue
		}
		vendor := e.Get("b_vendor_id", "vendor_id", "vendor id", "usbhostdevicekeyvendorid")
		if vendor == "apple_vendor_id" {
			vendor = "0x05ac"
		}
		location, _, _ := strings.Cut(e.Get("g_location_id", "location_id", "location id", "usbhostdevicekeylocationid"), " ")
		d := inventory.Peripheral{
			Bus: "usb", Address: macUSBPort(profiler.Number(location)), Model: e.Name,
			VendorID: macHex(profiler.Number(vendor)), ProductID: macHex(profiler.Number(product)),
			Vendor:  e.Get("f_manufacturer", "manufacturer", "usbhostdevicekeyvendorname"),
			Version: e.Get("c_bcd_device", "bcd_device", "version"),
			Serial:  macUSBSerial(e.Get("d_serial_num", "serial_num", "serial number", "usbhostdevicekeyserialnumber")),
		}
		d.Class = macNameClass(d.Model)
		if e.Get("bsd_name", "bsd name") != "" {
			d.Class = "storage"
		}
		d.Class = first(d.Class, "other")
		list = append(list, *clean(&d))
	}
	return list
}

// macThunderbolt are the devices on Thunderbolt. A bus is the machine's own end.
func macThunderbolt(r profiler.Report) inventory.Peripherals {
	list := inventory.Peripherals{}
	for _, bus := range r.Type("SPThunderboltDataType").Entries {
		for _, e := range bus.All()[1:] {
			model := e.Get("device_name_key", "device name")
			if model == "" {
				continue
			}
			d := inventory.Peripheral{
				Bus: "thunderbolt", Address: e.Get("route_string_key", "route string"), Model: model,
				VendorID:  macHexID(e.Get("vendor_id_key", "vendor id")),
				ProductID: macHexID(e.Get("device_id_key", "device id")),
				Vendor:    e.Get("vendor_name_key", "vendor name"), Serial: e.Get("switch_uid_key", "uid"),
				Version: e.Get("switch_version_key", "firmware version"), Class: first(macNameClass(model), "other"),
			}
			list = append(list, *clean(&d))
		}
	}
	return list
}

func macHexID(text string) string {
	if text == "" {
		return ""
	}
	return macHex(profiler.Number("0x" + strings.TrimPrefix(text, "0x")))
}

// macBluetooth are the devices that the machine knows, whether they are near or not:
// a mouse that sleeps is still its mouse. Their names hold people's names and are left
// out where the kind of device is told.
func macBluetooth(r profiler.Report) inventory.Peripherals {
	list := inventory.Peripherals{}
	for _, top := range r.Type("SPBluetoothDataType").Entries {
		for _, e := range top.All() {
			address := e.Get("device_address", "device_addr", "address")
			kind := e.Get("device_minortype", "device_minorclassofdevice_string", "minor type", "type")
			own := e.Get("controller_chipset", "bluetooth power", "device_power", "general_name")
			if address == "" || own != "" || strings.HasSuffix(strings.ToLower(e.Get("device_ispaired", "paired")), "no") || e.Kind == "controller_properties" || e.Kind == "local_device_title" ||
				strings.Contains(strings.ToLower(e.Name), "serial port") || e.Name == "Hardware Settings" {
				continue
			}
			d := inventory.Peripheral{
				Bus: "bluetooth", Model: first(kind, e.Name), Serial: strings.ToLower(strings.ReplaceAll(address, "-", ":")),
				VendorID: macHexID(e.Get("device_vendorid", "vendor id")), ProductID: macHexID(e.Get("device_productid", "product id")),
				Vendor: e.Get("device_manufacturer", "manufacturer"), Version: e.Get("device_firmwareversion", "firmware version"),
			}
			d.Class = first(macNameClass(kind), macNameClass(e.Name), "other")
			list = append(list, *clean(&d))
		}
	}
	return list
}
