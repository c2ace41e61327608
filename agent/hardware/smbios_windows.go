package hardware

import (
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/muster-itam/muster/agent/hardware/smbios"
)

// readSMBIOS asks for the raw table: a header with the version, then the structures
// (RawSMBIOSData of GetSystemFirmwareTable, learn.microsoft.com/windows/win32/api/sysinfoapi).
func readSMBIOS() (info *smbios.Info, problem string) {
	const provider = 'R'<<24 | 'S'<<16 | 'M'<<8 | 'B'
	get := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemFirmwareTable")
	if err := get.Find(); err != nil {
		return nil, "the firmware's table cannot be read: " + err.Error()
	}
	size, _, err := get.Call(provider, 0, 0, 0)
	if size < 8 || size > smbios.MaxTable {
		return nil, "this machine shows no SMBIOS table: " + err.Error()
	}
	b := make([]byte, size)
	n, _, err := get.Call(provider, 0, uintptr(unsafe.Pointer(&b[0])), size)
	if n < 8 || n > size {
		return nil, "the firmware's table cannot be read: " + err.Error()
	}
	info, decodeErr := smbios.DecodeVersion(int(b[1]), int(b[2]), b[8:n])
	if decodeErr != nil {
		problem = "the firmware's SMBIOS table is damaged: " + decodeErr.Error()
	}
	return info, problem
}
