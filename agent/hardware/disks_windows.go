package hardware

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/muster-itam/muster/internal/inventory"
)

// Control codes and properties of winioctl.h.
const (
	ioctlQueryProperty  = 0x2d1400
	ioctlGeometry       = 0x700a0
	ioctlPredictFailure = 0x2d1100

	propertyDevice, propertyID, propertySeek        = 0, 2, 7
	propertyAdapterProtocol, propertyDeviceProtocol = 49, 50
)

// readDisks asks the storage driver about each physical disk. Handles without any access
// suffice, so no rights are needed; what a driver does not tell stays empty.
func readDisks(ctx context.Context) (inventory.Body, error) {
	names, err := diskNames()
	if err != nil {
		return nil, err
	}
	list := inventory.Disks{}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := openDevice(`\\.\`+name, 0)
		if err != nil {
			return nil, err
		}
		d, ok := askDisk(h, name).disk()
		_ = windows.CloseHandle(h) // only asked
		if ok {
			list = append(list, d)
		}
	}
	return list, nil
}

// diskNames are the names of devices such as PhysicalDrive0.
func diskNames() ([]string, error) {
	for size := 1 << 15; size <= 1<<20; size *= 2 {
		buffer := make([]uint16, size)
		n, err := windows.QueryDosDevice(nil, &buffer[0], uint32(size))
		if errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the disks: %w", err)
		}
		var out []string
		for name := range strings.SplitSeq(windowsText(buffer[:n]), "\x00") {
			if strings.HasPrefix(name, "PhysicalDrive") && len(out) < maxList {
				out = append(out, name)
			}
		}
		slices.Sort(out)
		return out, nil
	}
	return nil, fmt.Errorf("list the disks: more than %d characters of names", 1<<20)
}

func askDisk(h windows.Handle, name string) storageAnswers {
	property := func(id uint32, size int) []byte {
		query := make([]byte, 12)
		binary.LittleEndian.PutUint32(query, id)
		return ioctl(h, ioctlQueryProperty, query, size)
	}
	a := storageAnswers{
		name: name, device: property(propertyDevice, 4096), ids: property(propertyID, 4096), seek: property(propertySeek, 12),
		geometry: ioctl(h, ioctlGeometry, nil, 256), predict: ioctl(h, ioctlPredictFailure, nil, 516),
	}
	if u32at(a.device, 28) == busNVMe {
		const identify, logPage, controller, smart = 1, 2, 1, 2
		a.identify = askNVMe(h, propertyAdapterProtocol, identify, controller, 4096)
		a.health = askNVMe(h, propertyDeviceProtocol, logPage, smart, 512)
	}
	return a
}

// askNVMe sends STORAGE_PROTOCOL_SPECIFIC_DATA behind the query and finds the data in the answer
// (learn.microsoft.com/windows/win32/fileio/working-with-nvme-devices).
func askNVMe(h windows.Handle, property, kind, value uint32, size int) []byte {
	const protocolNVMe, head = 3, 40
	buffer := make([]byte, 8+head+size)
	for i, n := range []uint32{property, 0, protocolNVMe, kind, value, 0, head, uint32(size)} {
		binary.LittleEndian.PutUint32(buffer[4*i:], n)
	}
	return protocolData(ioctl(h, ioctlQueryProperty, buffer, len(buffer)))
}
