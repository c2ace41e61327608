package identify

import (
	"regexp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

// sorts are words of a sysDescr that say what sort of device it is. The first that matches
// counts, so the special stand before the general.
var sorts = []struct {
	words *regexp.Regexp
	class inventory.Class
}{
	{words(`laser ?jet|laser ?printer|printers?|printing system|print server|mfp|multifunction|office ?jet|design ?jet|jetdirect|plotter`), inventory.ClassPrinter},
	{words(`kvm|console server|terminal server|serial (?:device )?server`), inventory.ClassConsole},
	{words(`ups|uninterruptible.*|smart-ups|ups ?(?:controller|card|local)|powerware`), inventory.ClassUPS},
	{words(`[er]?pdus?|power distributi?on unit|power distributed unit|(?:auto|static) transfer switch|switched (?:rack )?cdu|smart cdu|power strip|power switch`), inventory.ClassPDU},
	{words(`rectifier|dc power|power system|solar (?:charge )?controller|inverter|genset|generator controller|power quality`), inventory.ClassPower},
	{words(`temperature|humidity|environmental?|thermograph|sensor(?:s| box| gateway)?|thermo-?hygrometer|room alert|chiller|cooling|hvac|air ?conditioner|free ?cooling.*|climate`), inventory.ClassSensor},
	{words(`(?:ip |network )?cameras?|nvr|dvr`), inventory.ClassCamera},
	{words(`load ?balancer|application delivery controller|adc|application switch|serveriron`), inventory.ClassLoadBalancer},
	{words(`access ?point|wireless ap|wi-?fi ap|wireless lan controller|wireless controller|wlan controller|base ?station|subscriber (?:unit|station)|smartzone|smartcell`), inventory.ClassAccessPoint},
	{words(`microwave|wireless (?:ethernet )?bridge|radio (?:link|modem|unit)|ptp|ptmp|epmp|point-to-point|mini-link|airfiber`), inventory.ClassRadio},
	{words(`firewalls?|utm|ngfw|security (?:gateway|appliance)|vpn gateway|secure web gateway`), inventory.ClassFirewall},
	{words(`nas|storage|raid(?: subsystem)?|disk array|tape library|diskstation|terastation`), inventory.ClassStorage},
	{words(`time ?server|ntp server|grandmaster|gps clock|syncserver|securesync`), inventory.ClassClock},
	{words(`remote access controller|ilo|idrac|bmc|ipmi|management controller|management module`), inventory.ClassBMC},
	{words(`ip ?phone|voip phone|ip telephone`), inventory.ClassPhoneVoIP},
	{words(`olt|dslam|gpon|epon|pon|ethernet-pon|dwdm|cwdm|optical|multiplexer|packetwave|edfa|mux`), inventory.ClassMultiplexer},
	{words(`switch(?:es|ing)?|[a-z]*switch|gigabit ethernet|layer ?[23]|stackable|exos|extremexos|nx-os`), inventory.ClassSwitch},
	{words(`routers?|router/switch|routing|gateway|modem|dsl|adsl|vdsl|lte|wan|sd-?wan|internet|cable modem|docsis|edgeos|routeros`), inventory.ClassRouter},
}

func words(alternatives string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|[^a-z0-9])(?:` + alternatives + `)(?:[^a-z0-9]|$)`)
}

// worded is the sort that a sysDescr names.
func worded(descr string) inventory.Class {
	for _, s := range sorts {
		if s.words.MatchString(descr) {
			return s.class
		}
	}
	return ""
}

// typeWiFi is IANAifType ieee80211.
const typeWiFi = 71

// hasWiFi tells a device with radios of its own.
func hasWiFi(f *snmp.Facts) bool {
	for _, i := range f.Interfaces {
		if i.Type == typeWiFi {
			return true
		}
	}
	return false
}
