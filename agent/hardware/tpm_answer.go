package hardware

import (
	"encoding/binary"
	"fmt"
)

// tpmProperties reads the answer to a TPM 2.0's GetCapability (TPM 2.0 Library Part 3, 30.2): header, whether there is more, the capability, then pairs of
// property and value.
func tpmProperties(b []byte) (vendor, firmware string) {
	const manufacturer, firmware1, firmware2 = 0x105, 0x10b, 0x10c
	be := binary.BigEndian
	if len(b) < 19 || be.Uint32(b[6:]) != 0 || be.Uint32(b[11:]) != 6 {
		return "", ""
	}
	values := map[uint32]uint32{}
	list := b[19:]
	for range min(be.Uint32(b[15:]), 64) {
		if len(list) < 8 {
			break
		}
		values[be.Uint32(list)] = be.Uint32(list[4:])
		list = list[8:]
	}
	if id := values[manufacturer]; id != 0 {
		vendor = tpmMaker(fmt.Sprintf("%08x", id))
	}
	if v1, ok := values[firmware1]; ok {
		v2 := values[firmware2]
		firmware = fmt.Sprintf("%d.%d.%d.%d", v1>>16, v1&0xffff, v2>>16, v2&0xffff)
	}
	return vendor, firmware
}
