package hardware

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/windows"

	"github.com/muster-itam/muster/agent/registry"
)

// presentDevices lists what Plug and Play has found (learn.microsoft.com/windows/win32/api/setupapi).
func presentDevices() ([]presentDevice, error) {
	set, err := windows.SetupDiGetClassDevsEx(nil, "", 0, windows.DIGCF_ALLCLASSES|windows.DIGCF_PRESENT, 0, "")
	if err != nil {
		return nil, fmt.Errorf("list the present devices: %w", err)
	}
	defer func() { _ = set.Close() }() // only read
	// DEVPKEY_Device_BusReportedDeviceDesc (devpkey.h)
	reported := windows.DEVPROPKEY{
		FmtID: windows.DEVPROPGUID{Data1: 0x540b947e, Data2: 0x8b40, Data3: 0x45bc, Data4: [8]byte{0xa8, 0xa2, 0x6a, 0x0b, 0x89, 0x4c, 0xbd, 0xa2}},
		PID:   4,
	}
	var out []presentDevice
	for i := range maxList {
		data, err := set.EnumDeviceInfo(i)
		if errors.Is(err, windows.ERROR_NO_MORE_ITEMS) {
			return out, nil
		}
		if err != nil {
			continue
		}
		id, err := set.DeviceInstanceID(data)
		if err != nil {
			continue // unplugged meanwhile
		}
		d := presentDevice{id: id}
		if value, err := windows.SetupDiGetDeviceProperty(set, data, &reported); err == nil {
			d.name, _ = value.(string)
		}
		out = append(out, d)
	}
	return out, nil
}

// deviceList is the list of present devices, which several sources want, for the length of a look.
type deviceList struct {
	mu      sync.Mutex
	at      time.Time
	devices []pnpDevice
}

func (l *deviceList) get() ([]pnpDevice, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.at.IsZero() && time.Since(l.at) < 20*time.Second {
		return l.devices, nil
	}
	present, err := presentDevices()
	if err != nil {
		return nil, err
	}
	l.devices = pnpDevices(registry.System{}, present)
	if l.devices == nil {
		l.devices = []pnpDevice{} // nobody is there; not: unknown
	}
	l.at = time.Now()
	return l.devices, nil
}

// ioctl asks a driver and gives its answer, at most so many bytes; nil when it does not answer.
func ioctl(device windows.Handle, code uint32, in []byte, size int) []byte {
	out := make([]byte, size)
	var n uint32
	var first *byte
	if len(in) > 0 {
		first = &in[0]
	}
	if windows.DeviceIoControl(device, code, first, uint32(len(in)), &out[0], uint32(len(out)), &n, nil) != nil || int(n) > size {
		return nil
	}
	return out[:n]
}

// openDevice opens a device with the given access; none is enough to ask what it is.
func openDevice(path string, access uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	h, err := windows.CreateFile(name, access, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", path, err)
	}
	return h, nil
}
