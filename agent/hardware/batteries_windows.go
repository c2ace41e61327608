package hardware

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// batteryClass is the batteries' class of devices, and of interfaces to them.
const batteryClass = "{72631e54-78a4-11d0-bcf7-00aa00b7b32a}"

// batteries asks the batteries' drivers (learn.microsoft.com/windows/win32/power/enumerating-battery-devices).
func batteries(found []pnpDevice) (inventory.Body, error) {
	class, err := windows.GUIDFromString(batteryClass)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, d := range found {
		if strings.EqualFold(d.values.Text("classguid"), batteryClass) {
			list, _ := windows.CM_Get_Device_Interface_List(d.id, &class, windows.CM_GET_DEVICE_INTERFACE_LIST_PRESENT)
			paths = append(paths, list...) // the mains adapter, of the same class, has none
		}
	}
	list := inventory.Batteries{}
	unread, reason := 0, error(nil)
	for _, path := range paths {
		if path == "" {
			continue
		}
		h, err := openDevice(path, windows.GENERIC_READ)
		if err != nil {
			unread, reason = unread+1, err
			continue
		}
		if b, ok := askBattery(h).battery(); ok {
			list = append(list, b)
		}
		_ = windows.CloseHandle(h) // only asked
	}
	if unread > 0 {
		return list, source.Partial("%d of %d batteries could not be asked: %v", unread, len(paths), reason)
	}
	return list, nil
}

// askBattery asks for the levels of BATTERY_QUERY_INFORMATION_LEVEL; a tag names the battery
// that is in the slot now.
func askBattery(h windows.Handle) (a batteryAnswers) {
	const queryTag, queryInformation = 0x294040, 0x294044
	const information, deviceName, manufactureDate, manufactureName, serialNumber = 0, 4, 5, 6, 8
	tag := ioctl(h, queryTag, make([]byte, 4), 4) // without waiting for a battery
	if u32at(tag, 0) == 0 {
		return a
	}
	ask := func(level uint32, size int) []byte {
		query := binary.LittleEndian.AppendUint32(append([]byte(nil), tag...), level)
		return ioctl(h, queryInformation, append(query, 0, 0, 0, 0), size)
	}
	text := func(level uint32) string {
		return registry.Value{Type: registry.TypeText, Data: ask(level, 512)}.Text()
	}
	a = batteryAnswers{info: ask(information, 36), name: text(deviceName), maker: text(manufactureName), serial: text(serialNumber)}
	if d := ask(manufactureDate, 4); len(d) == 4 && d[1] >= 1 && d[1] <= 12 && d[0] >= 1 && d[0] <= 31 {
		a.manufactured = fmt.Sprintf("%04d-%02d-%02d", binary.LittleEndian.Uint16(d[2:]), d[1], d[0])
	}
	return a
}
