package hardware

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/internal/inventory"
)

const ntKey = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`

// windowsVersion is what the kernel says of itself.
type windowsVersion struct{ major, minor, build uint32 }

func (v windowsVersion) String() string { return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.build) }

// windowsOS says which Windows this is. Updates count up the last number of the build.
func windowsOS(r registry.Reader, version windowsVersion) *inventory.OS {
	out := &inventory.OS{Family: "windows", Kernel: version.String(), Build: version.String()}
	v, err := r.Values(ntKey)
	if err != nil {
		return out
	}
	out.Name, out.Edition = v.Text("productname"), v.Text("editionid")
	out.Version = first(v.Text("displayversion"), v.Text("releaseid"), v.Text("csdversion"))
	if n, ok := v.Number("ubr"); ok {
		out.Build += "." + strconv.FormatUint(n, 10)
	}
	if seconds, ok := v.Number("installdate"); ok && seconds > 0 {
		out.Installed = time.Unix(int64(seconds), 0).UTC().Format(time.DateOnly)
	}
	if version.build >= 22000 && v.Text("installationtype") != "Server" { // Windows 11 kept the old name in the registry
		out.Name = strings.Replace(out.Name, "Windows 10", "Windows 11", 1)
	}
	zone := registry.Text(r, `HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation`, "TimeZoneKeyName")
	out.Timezone = first(windowsZones[zone], zone)
	return clean(out)
}

// registryCPU is the first processor; how many there are counts the kernel.
func registryCPU(r registry.Reader) (cpu cpuInfo, maxMHz int) {
	v, err := r.Values(`HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0`)
	if err != nil {
		return cpu, 0
	}
	mhz, _ := v.Number("~mhz")
	cpu.model = strings.Join(strings.Fields(v.Text("processornamestring")), " ")
	cpu.vendor = v.Text("vendoridentifier")
	return cpu, int(min(mhz, 1<<16))
}

// windowsZones are the time zones of CLDR's windowsZones.xml for the whole territory ("001"),
// as far as many people live in them (https://github.com/unicode-org/cldr/blob/main/common/supplemental/windowsZones.xml).
var windowsZones = map[string]string{
	"UTC": "Etc/UTC", "GMT Standard Time": "Europe/London", "Greenwich Standard Time": "Atlantic/Reykjavik",
	"W. Europe Standard Time": "Europe/Berlin", "Romance Standard Time": "Europe/Paris", "Central Europe Standard Time": "Europe/Budapest",
	"Central European Standard Time": "Europe/Warsaw", "E. Europe Standard Time": "Europe/Chisinau", "FLE Standard Time": "Europe/Kiev",
	"GTB Standard Time": "Europe/Bucharest", "Turkey Standard Time": "Europe/Istanbul", "Russian Standard Time": "Europe/Moscow",
	"Belarus Standard Time": "Europe/Minsk", "Kaliningrad Standard Time": "Europe/Kaliningrad", "Israel Standard Time": "Asia/Jerusalem",
	"Egypt Standard Time": "Africa/Cairo", "South Africa Standard Time": "Africa/Johannesburg", "W. Central Africa Standard Time": "Africa/Lagos",
	"E. Africa Standard Time": "Africa/Nairobi", "Morocco Standard Time": "Africa/Casablanca", "Libya Standard Time": "Africa/Tripoli",
	"Arab Standard Time": "Asia/Riyadh", "Arabic Standard Time": "Asia/Baghdad", "Arabian Standard Time": "Asia/Dubai",
	"Iran Standard Time": "Asia/Tehran", "Azerbaijan Standard Time": "Asia/Baku", "Georgian Standard Time": "Asia/Tbilisi",
	"Caucasus Standard Time": "Asia/Yerevan", "Afghanistan Standard Time": "Asia/Kabul", "Pakistan Standard Time": "Asia/Karachi",
	"West Asia Standard Time": "Asia/Tashkent", "India Standard Time": "Asia/Calcutta", "Sri Lanka Standard Time": "Asia/Colombo",
	"Nepal Standard Time": "Asia/Katmandu", "Bangladesh Standard Time": "Asia/Dhaka", "Central Asia Standard Time": "Asia/Bishkek",
	"Myanmar Standard Time": "Asia/Rangoon", "SE Asia Standard Time": "Asia/Bangkok", "China Standard Time": "Asia/Shanghai",
	"Singapore Standard Time": "Asia/Singapore", "Taipei Standard Time": "Asia/Taipei", "W. Australia Standard Time": "Australia/Perth",
	"Tokyo Standard Time": "Asia/Tokyo", "Korea Standard Time": "Asia/Seoul", "Cen. Australia Standard Time": "Australia/Adelaide",
	"AUS Central Standard Time": "Australia/Darwin", "E. Australia Standard Time": "Australia/Brisbane", "AUS Eastern Standard Time": "Australia/Sydney",
	"Tasmania Standard Time": "Australia/Hobart", "West Pacific Standard Time": "Pacific/Port_Moresby", "New Zealand Standard Time": "Pacific/Auckland",
	"Fiji Standard Time": "Pacific/Fiji", "Ekaterinburg Standard Time": "Asia/Yekaterinburg", "N. Central Asia Standard Time": "Asia/Novosibirsk",
	"North Asia Standard Time": "Asia/Krasnoyarsk", "North Asia East Standard Time": "Asia/Irkutsk", "Vladivostok Standard Time": "Asia/Vladivostok",
	"Azores Standard Time": "Atlantic/Azores", "E. South America Standard Time": "America/Sao_Paulo", "Argentina Standard Time": "America/Buenos_Aires",
	"Pacific SA Standard Time": "America/Santiago", "SA Pacific Standard Time": "America/Bogota", "SA Western Standard Time": "America/La_Paz",
	"SA Eastern Standard Time": "America/Cayenne", "Venezuela Standard Time": "America/Caracas", "Montevideo Standard Time": "America/Montevideo",
	"Newfoundland Standard Time": "America/St_Johns", "Atlantic Standard Time": "America/Halifax", "Eastern Standard Time": "America/New_York",
	"US Eastern Standard Time": "America/Indianapolis", "Central Standard Time": "America/Chicago", "Central Standard Time (Mexico)": "America/Mexico_City",
	"Canada Central Standard Time": "America/Regina", "Central America Standard Time": "America/Guatemala", "Mountain Standard Time": "America/Denver",
	"US Mountain Standard Time": "America/Phoenix", "Pacific Standard Time": "America/Los_Angeles", "Alaskan Standard Time": "America/Anchorage",
	"Hawaiian Standard Time": "Pacific/Honolulu",
}

// secureBoot reads the state that the firmware handed to the system at its start.
func secureBoot(r registry.Reader, firmwareMode string) string {
	v, err := r.Values(`HKLM\SYSTEM\CurrentControlSet\Control\SecureBoot\State`)
	on, known := v.Number("uefisecurebootenabled")
	switch {
	case err == nil && known && on == 1:
		return "enabled"
	case err == nil && known:
		return "disabled"
	case firmwareMode == "bios":
		return "unsupported"
	}
	return ""
}
