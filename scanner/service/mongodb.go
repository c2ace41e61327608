package service

import (
	"encoding/binary"
	"strconv"
)

// mongoHello is OP_MSG (MongoDB wire protocol) with the document {hello: 1, $db: "admin"}.
var mongoHello = mongoMessage("\x10hello\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00")

const opMsg = 2013

func mongoMessage(elements string) []byte {
	doc := binary.LittleEndian.AppendUint32(nil, uint32(len(elements)+5)) //nolint:gosec // short
	doc = append(append(doc, elements...), 0)
	b := binary.LittleEndian.AppendUint32(nil, uint32(16+5+len(doc))) //nolint:gosec // short
	for _, n := range []uint32{1, 0, opMsg, 0} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return append(append(b, 0), doc...)
}

func askMongoDB(c *conn) Answer {
	return parseMongoDB(c.ask(mongoHello, 8192, func(b []byte) bool {
		return len(b) >= 4 && uint64(len(b)) >= uint64(binary.LittleEndian.Uint32(b))
	}))
}

// maxBSON is how many elements of a document are read.
const maxBSON = 64

// parseMongoDB reads the reply: a document (https://bsonspec.org) of which texts and 32-bit
// numbers of the first level are taken.
func parseMongoDB(b []byte) Answer {
	if len(b) < 26 || binary.LittleEndian.Uint32(b[12:]) != opMsg || b[20] != 0 {
		return Answer{}
	}
	c := &cursor{b: b[25:]}
	f := Facts{}
	known := false
	for range maxBSON {
		kind := c.byte()
		if kind == 0 {
			break
		}
		name := c.text()
		text, ok := c.bson(kind)
		if !ok {
			break
		}
		switch name {
		case "maxWireVersion":
			known = true
			f.set("mongodb.wire", text)
		case "setName":
			f.set("mongodb.set", text)
		case "msg":
			f.set("mongodb.msg", text)
		case "errmsg", "codeName":
			known = true
		}
	}
	if !known {
		return Answer{}
	}
	banner := "MongoDB"
	if f["mongodb.set"] != "" {
		banner += ", replica set " + f["mongodb.set"]
	}
	return Answer{Service: "mongodb", Banner: Clean(banner, maxBanner), Facts: f}
}

// bson takes a value, as text where it is one.
func (c *cursor) bson(kind byte) (string, bool) {
	length := func() int {
		n := c.take(4)
		if n == nil {
			return -1
		}
		return int(int32(binary.LittleEndian.Uint32(n))) //nolint:gosec // take refuses negative ones
	}
	text := ""
	switch kind {
	case 0x01, 0x09, 0x11, 0x12:
		c.take(8)
	case 0x02:
		if t := c.take(length()); len(t) > 0 {
			text = string(t[:len(t)-1])
		}
	case 0x03, 0x04:
		c.take(length() - 4)
	case 0x05:
		n := length()
		c.byte()
		c.take(n)
	case 0x07:
		c.take(12)
	case 0x08:
		c.byte()
	case 0x0a:
	case 0x10:
		text = strconv.Itoa(length())
	default:
		return "", false
	}
	return text, !c.bad
}
