package hardware

import (
	"slices"
	"strings"
)

// usbClass says what sort of thing a USB device is. An interface is its class, subclass
// and protocol, two hexadecimal digits each (https://www.usb.org/defined-class-codes), and
// its name: "06/01/01 MTP". Devices have several (a headset has keys, a camera a
// microphone); the first rule that one of them meets decides.
func usbClass(deviceClass, vendorID, model string, interfaces []string) string {
	has := func(kinds ...string) bool {
		return slices.ContainsFunc(interfaces, func(i string) bool {
			return slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(i, kind) })
		})
	}
	named := func(name string) bool {
		return slices.ContainsFunc(interfaces, func(i string) bool { return strings.HasSuffix(i, " "+name) })
	}
	network := has("02/06", "02/0c", "02/0d", "02/0e", "e0/01/03", "ef/04/01") // Ethernet, EEM, NCM, MBIM, RNDIS
	const apple, displayLink = "05ac", "17e9"                                  // DisplayLink makes the graphics of docks
	switch {
	case isDock(model) && !has("08"), vendorID == displayLink && network:
		return "dock"
	case deviceClass == "09":
		return "hub"
	case named("MTP"), has("ff/42"), vendorID == apple && strings.HasPrefix(model, "iPhone"): // ff/42 is Android's debugger
		return "phone"
	case has("07"):
		return "printer"
	case has("0e", "06"):
		return "camera"
	case has("0b"):
		return "smartcard"
	case has("01"):
		return "audio"
	case network:
		return "network"
	case has("08"):
		return "storage"
	case has("03"):
		return "input"
	}
	return "other"
}

// isDock goes by the name, which docks of all makers have.
func isDock(model string) bool {
	for word := range strings.FieldsFuncSeq(strings.ToLower(model), func(r rune) bool { return r == ' ' || r == '-' || r == '_' }) {
		if word == "dock" || word == "docking" || word == "dockingstation" {
			return true
		}
	}
	return false
}

// bcd is a version in binary-coded decimals: 0312 is 3.12.
func bcd(s string) string {
	if len(s) != 4 || strings.Trim(s, "0123456789") != "" || s == "0000" {
		return ""
	}
	major := strings.TrimLeft(s[:2], "0")
	if major == "" {
		major = "0"
	}
	return major + "." + s[2:]
}
