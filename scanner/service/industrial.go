package service

import (
	"encoding/binary"
	"strings"
)

const bacnetPort = 47808

// modbusIdentify is Read Device Identification, basic (Modbus Application Protocol 1.1b3,
// 6.21), in Modbus/TCP to unit 255, the device itself.
var modbusIdentify = []byte{0, 1, 0, 0, 0, 5, 0xff, 0x2b, 0x0e, 1, 0}

func askModbus(c *conn) Answer {
	return parseModbus(c.ask(modbusIdentify, 512, func(b []byte) bool {
		return len(b) >= 6 && len(b) >= 6+int(binary.BigEndian.Uint16(b[4:]))
	}))
}

var modbusFacts = map[byte]string{0: "modbus.vendor", 1: "modbus.product", 2: "modbus.revision"}

// parseModbus reads objects; an exception is an answer as well.
func parseModbus(b []byte) Answer {
	if len(b) < 9 || binary.BigEndian.Uint32(b) != 1<<16 || b[7]&0x7f != 0x2b {
		return Answer{}
	}
	a := Answer{Service: "modbus", Banner: "Modbus", Facts: Facts{}}
	if b[7]&0x80 != 0 || len(b) < 14 {
		return a
	}
	c := &cursor{b: b[14:]}
	for range b[13] {
		id := c.byte()
		value := c.take(int(c.byte()))
		if c.bad {
			break
		}
		if name := modbusFacts[id]; name != "" {
			a.Facts.set(name, string(value))
		}
	}
	a.Banner = Clean("Modbus "+a.Facts["modbus.vendor"]+" "+a.Facts["modbus.product"]+" "+a.Facts["modbus.revision"], maxBanner)
	return a
}

// bacnetAsk asks the device object that answers to the wildcard instance for a property
// (ASHRAE 135, clauses 15.5 and 12.11): BVLC, NPDU, confirmed request ReadProperty.
func bacnetAsk(property byte) []byte {
	return []byte{0x81, 0x0a, 0, 17, 1, 4, 0, 5, 1, 0x0c, 0x0c, 0x02, 0x3f, 0xff, 0xff, 0x19, property}
}

// bacnetProperties by their numbers.
var bacnetProperties = []struct {
	id   byte
	fact string
}{{121, "bacnet.vendor"}, {70, "bacnet.model"}, {44, "bacnet.firmware"}, {77, "bacnet.name"}}

func askBACnet(c *conn) Answer {
	a := Answer{}
	for _, p := range bacnetProperties {
		text, ok := parseBACnet(c.datagram(bacnetAsk(p.id)))
		if !ok {
			break
		}
		if a.Service == "" {
			a = Answer{Service: "bacnet", Facts: Facts{}}
		}
		a.Facts.set(p.fact, text)
	}
	a.Banner = Clean(strings.Join([]string{a.Facts["bacnet.vendor"], a.Facts["bacnet.model"], a.Facts["bacnet.firmware"]}, " "), maxBanner)
	return a
}

// parseBACnet reads the property's text from a complex acknowledgement; an error or reject is
// an answer without text.
func parseBACnet(b []byte) (string, bool) {
	c := &cursor{b: b}
	if c.byte() != 0x81 || c.byte() != 0x0a || int(c.uint(2)) != len(b) || c.byte() != 1 || c.byte() != 0 {
		return "", false
	}
	switch c.byte() >> 4 {
	case 3:
	case 5, 6, 7:
		return "", true
	default:
		return "", false
	}
	head := c.take(2 + 5 + 2 + 1) // invoke id, service; object; property; opening tag
	if c.bad || head[1] != 0x0c || head[9] != 0x3e {
		return "", !c.bad
	}
	tag := c.byte()
	n := int(tag & 7)
	if n == 5 {
		if n = int(c.byte()); n == 254 {
			n = int(c.uint(2))
		}
	}
	text := c.take(n)
	if tag>>4 != 7 || c.bad || len(text) == 0 || text[0] != 0 { // a character string in UTF-8
		return "", true
	}
	return string(text[1:]), true
}
