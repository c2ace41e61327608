package hardware

import (
	"context"
	"errors"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

func readSecurity(context.Context) (inventory.Body, error) {
	s := &inventory.Security{FirmwareMode: firmwareMode()}
	s.SecureBoot = secureBoot(registry.System{}, s.FirmwareMode)
	readTPM(s)
	drive, err := windows.GetSystemWindowsDirectory()
	if err != nil || len(drive) < 3 {
		return s, source.Partial("the system's volume is unknown: %v", err)
	}
	_, s.DiskEncryption = bitLocker(protectionOf(drive[:3]))
	return clean(s), nil
}

// firmwareMode asks for FIRMWARE_TYPE (winnt.h); Windows 7 cannot tell.
func firmwareMode() string {
	get := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetFirmwareType")
	if get.Find() != nil {
		return ""
	}
	var kind uint32
	if ok, _, _ := get.Call(uintptr(unsafe.Pointer(&kind))); ok == 0 {
		return ""
	}
	return map[uint32]string{1: "bios", 2: "uefi"}[kind]
}

// readTPM asks the TPM Base Services (learn.microsoft.com/windows/win32/tbs).
func readTPM(s *inventory.Security) {
	tbs := windows.NewLazySystemDLL("tbs.dll")
	info := tbs.NewProc("Tbsi_GetDeviceInfo")
	if info.Find() != nil {
		return
	}
	var device struct{ structVersion, tpmVersion, interfaceType, implementation uint32 }
	const noTPM = 0x8028400f // TBS_E_TPM_NOT_FOUND
	status, _, _ := info.Call(unsafe.Sizeof(device), uintptr(unsafe.Pointer(&device)))
	switch {
	case uint32(status) == noTPM:
		s.TPMVersion = "none"
		return
	case status != 0:
		return
	}
	s.TPMVersion = map[uint32]string{1: "1.2", 2: "2.0"}[device.tpmVersion]
	if device.tpmVersion == 2 {
		s.TPMVendor, s.TPMFirmware = tpmProperties(askTPM(tbs))
	}
}

// tpmCommand asks a TPM 2.0 for its fixed properties from the maker's name on: GetCapability
// (TPM 2.0 Library Part 3, 30.2; Part 2, 6.13).
var tpmCommand = []byte{
	0x80, 0x01, // TPM_ST_NO_SESSIONS
	0, 0, 0, 22, // size
	0, 0, 1, 0x7a, // TPM_CC_GetCapability
	0, 0, 0, 6, // TPM_CAP_TPM_PROPERTIES
	0, 0, 1, 5, // TPM_PT_MANUFACTURER
	0, 0, 0, 8, // as many properties
}

// askTPM sends the one command that muster has for it.
func askTPM(tbs *windows.LazyDLL) []byte {
	create, submit, end := tbs.NewProc("Tbsi_Context_Create"), tbs.NewProc("Tbsip_Submit_Command"), tbs.NewProc("Tbsip_Context_Close")
	if create.Find() != nil || submit.Find() != nil || end.Find() != nil {
		return nil
	}
	parameters := struct{ version, flags uint32 }{2, 1 << 2} // TBS_CONTEXT_PARAMS2, includeTpm20
	var context uintptr
	if status, _, _ := create.Call(uintptr(unsafe.Pointer(&parameters)), uintptr(unsafe.Pointer(&context))); status != 0 {
		return nil
	}
	defer func() { _, _, _ = end.Call(context) }()
	answer := make([]byte, 4096)
	n := uint32(len(answer))
	const priorityNormal = 200
	status, _, _ := submit.Call(context, 0, priorityNormal, uintptr(unsafe.Pointer(&tpmCommand[0])), uintptr(len(tpmCommand)),
		uintptr(unsafe.Pointer(&answer[0])), uintptr(unsafe.Pointer(&n)))
	if status != 0 || n > uint32(len(answer)) {
		return nil
	}
	return answer[:n]
}

// protectionOf reads the shell's property System.Volume.BitLockerProtection of a drive such as
// C:\, which needs no rights and no look at the disk itself; 0 when there is none.
func protectionOf(drive string) int32 {
	runtime.LockOSThread() // COM is set up for a thread
	defer runtime.UnlockOSThread()
	const already = syscall.Errno(1) // S_FALSE
	if err := windows.CoInitializeEx(0, windows.COINIT_APARTMENTTHREADED|windows.COINIT_DISABLE_OLE1DDE); err != nil && !errors.Is(err, already) {
		return 0
	}
	defer windows.CoUninitialize()
	newItem := windows.NewLazySystemDLL("shell32.dll").NewProc("SHCreateItemFromParsingName")
	keyOf := windows.NewLazySystemDLL("propsys.dll").NewProc("PSGetPropertyKeyFromName")
	path, err := windows.UTF16PtrFromString(drive)
	if err != nil || newItem.Find() != nil || keyOf.Find() != nil {
		return 0
	}
	name, err := windows.UTF16PtrFromString("System.Volume.BitLockerProtection")
	if err != nil {
		return 0
	}
	var key struct {
		guid windows.GUID
		id   uint32
	}
	if status, _, _ := keyOf.Call(uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&key))); int32(status) < 0 {
		return 0
	}
	iid := windows.GUID{Data1: 0x7e9fb0d3, Data2: 0x919f, Data3: 0x4307, Data4: [8]byte{0xab, 0x2e, 0x9b, 0x18, 0x60, 0x31, 0x0c, 0x93}} // IShellItem2
	var item *shellItem2
	if status, _, _ := newItem.Call(uintptr(unsafe.Pointer(path)), 0, uintptr(unsafe.Pointer(&iid)), uintptr(unsafe.Pointer(&item))); int32(status) < 0 || item == nil {
		return 0
	}
	defer func() { _, _, _ = syscall.SyscallN(item.methods.release, uintptr(unsafe.Pointer(item))) }()
	var state int32
	if status, _, _ := syscall.SyscallN(item.methods.getInt32, uintptr(unsafe.Pointer(item)), uintptr(unsafe.Pointer(&key)), uintptr(unsafe.Pointer(&state))); int32(status) < 0 {
		return 0
	}
	return state
}

// shellItem2 is IShellItem2 (shobjidl_core.h); of its methods the third is IUnknown's Release and
// the seventeenth GetInt32.
type shellItem2 struct {
	methods *struct {
		_        [2]uintptr
		release  uintptr
		_        [13]uintptr
		getInt32 uintptr
	}
}
