package agent

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

var getSystemPowerStatus = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemPowerStatus")

// conditions asks for the line status alone. What a network costs is known to a COM service
// (INetworkCostManager) only.
// https://learn.microsoft.com/en-us/windows/win32/api/winbase/ns-winbase-system_power_status
func conditions() Conditions {
	var status struct {
		acLine, batteryFlag, batteryPercent, system byte
		lifeTime, fullLifeTime                      uint32
	}
	ok, _, _ := getSystemPowerStatus.Call(uintptr(unsafe.Pointer(&status)))
	return Conditions{Battery: ok != 0 && status.acLine == 0} // 0 offline, 1 online, 255 unknown
}
