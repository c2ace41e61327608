package hardware_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestPeripherals(t *testing.T) {
	const usb, bolt = "sys/bus/usb/devices/", "sys/bus/thunderbolt/devices/"
	files := map[string]string{
		"usr/share/hwdata/usb.ids":   "0781  SanDisk Corp.\n\t5581  Ultra\n\t\t00  x\nC 09  Hub\n",
		usb + "usb1/idVendor":        "1d6b\n",
		usb + "1-0:1.0/x":            "",
		bolt + "domain0/uevent":      "DEVTYPE=thunderbolt_domain\n",
		bolt + "0-0/uevent":          "DEVTYPE=thunderbolt_device\n",
		bolt + "0-0/device_name":     "This laptop\n",
		bolt + "0-3/uevent":          "DEVTYPE=thunderbolt_device\n",
		bolt + "0-3/vendor_name":     "CalDigit, Inc.\n",
		bolt + "0-3/device_name":     "TS4 Dock\n",
		bolt + "0-3/vendor":          "0x3d\n",
		bolt + "0-3/device":          "0x26\n",
		bolt + "0-3/nvm_version":     "44.1\n",
		bolt + "0-1/uevent":          "DEVTYPE=thunderbolt_xdomain\n",
		bolt + "0-1/device_name":     "another laptop\n",
		bolt + "0-0:1.1/nvm_version": "3.0\n",
	}
	device := func(port, vendor, product, class string, texts map[string]string, interfaces ...string) {
		files[usb+port+"/idVendor"], files[usb+port+"/idProduct"], files[usb+port+"/bDeviceClass"] = vendor+"\n", product+"\n", class+"\n"
		for name, text := range texts {
			files[usb+port+"/"+name] = text + "\n"
		}
		for i, x := range interfaces {
			at := usb + port + fmt.Sprintf(":1.%d/", i)
			files[at+"bInterfaceClass"], files[at+"bInterfaceSubClass"], files[at+"bInterfaceProtocol"] = x[:2], x[2:4], x[4:6]
		}
	}
	device("1-1", "0781", "5581", "00", map[string]string{"serial": "4C530001", "bcdDevice": "0100"}, "080650")
	device("1-2", "2109", "2817", "09", map[string]string{"manufacturer": "VIA Labs, Inc.", "product": "USB2.0 Hub"}, "090000")
	device("1-2.4", "046d", "0893", "ef", map[string]string{"manufacturer": "Logitech", "product": "StreamCam", "serial": "5D1A"}, "0e0100", "0e0200", "010100", "030000")
	device("1-3", "ffff", "0001", "00", nil, "ff0000")
	want := inventory.Peripherals{
		{Bus: "usb", Address: "1-1", Class: "storage", VendorID: "0781", ProductID: "5581", Vendor: "SanDisk Corp.", Model: "Ultra", Serial: "4C530001", Version: "1.00"},
		{Bus: "usb", Address: "1-2", Class: "hub", VendorID: "2109", ProductID: "2817", Vendor: "VIA Labs, Inc.", Model: "USB2.0 Hub"},
		{Bus: "usb", Address: "1-2.4", Class: "camera", VendorID: "046d", ProductID: "0893", Vendor: "Logitech", Model: "StreamCam", Serial: "5D1A"},
		{Bus: "usb", Address: "1-3", Class: "other", VendorID: "ffff", ProductID: "0001"},
		{Bus: "thunderbolt", Address: "0-3", Class: "dock", VendorID: "003d", ProductID: "0026", Vendor: "CalDigit, Inc.", Model: "TS4 Dock", Version: "44.1"},
	}
	if diff := cmp.Diff(want, collect(t, plant(t, files), "usb")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	_, err := look(t, plant(t, map[string]string{"etc/x": ""}), "usb")
	if status, reason := source.Status(err); status != inventory.StatusUnsupported {
		t.Errorf("without any bus: %s %q", status, reason)
	}
}

func TestUSBClass(t *testing.T) {
	tests := []struct {
		want, class, vendor, model string
		interfaces                 []string
	}{
		{"dock", "00", "17ef", "ThinkPad USB-C Dock", []string{"02/06/00 ", "01/01/00 "}},
		{"dock", "ef", "17e9", "USB3 Gigabit", []string{"ff/00/00 ", "02/0d/00 "}},
		{"dock", "09", "0bda", "Dock Hub", nil},
		{"storage", "00", "152d", "USB 3.0 HDD Dock", []string{"08/06/62 "}},
		{"other", "00", "17e9", "USB-HDMI", []string{"ff/00/00 "}},
		{"phone", "00", "18d1", "Pixel 7", []string{"06/01/01 MTP"}},
		{"phone", "00", "18d1", "Pixel 7", []string{"08/06/50 ", "ff/42/01 ADB Interface"}},
		{"phone", "00", "05ac", "iPhone", []string{"06/01/01 PTP"}},
		{"camera", "00", "04a9", "EOS R5", []string{"06/01/01 "}},
		{"printer", "00", "03f0", "LaserJet", []string{"08/06/50 ", "07/01/02 "}},
		{"smartcard", "ef", "1050", "YubiKey OTP+FIDO+CCID", []string{"03/01/01 ", "03/00/00 ", "0b/00/00 "}},
		{"audio", "00", "0b0e", "Jabra Link", []string{"01/01/00 ", "03/00/00 "}},
		{"network", "00", "0b95", "AX88179", []string{"02/06/00 ", "0a/00/00 "}},
		{"network", "00", "0bda", "RNDIS", []string{"e0/01/03 "}},
		{"input", "00", "046d", "USB Receiver", []string{"03/01/01 ", "03/01/02 "}},
		{"other", "e0", "8087", "", []string{"e0/01/01 "}},
		{"other", "00", "067b", "USB-Serial Docker", []string{"ff/00/00 "}},
	}
	for _, tt := range tests {
		if got := hardware.USBClass(tt.class, tt.vendor, tt.model, tt.interfaces); got != tt.want {
			t.Errorf("%s %v: got %q, want %q", tt.model, tt.interfaces, got, tt.want)
		}
	}
}
