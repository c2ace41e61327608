package plist

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf16"
)

// The binary format is described in Apple's source, CFBinaryPList.c
// (https://github.com/apple-oss-distributions/CF): a header, objects, a table of their
// offsets, and a trailer of 32 bytes. Containers hold numbers of objects.
const (
	binaryMagic = "bplist00"
	trailerSize = 32
)

type binaryReader struct {
	b          []byte // header and objects
	offsets    []byte
	offsetSize int
	refSize    int
	count      uint64
	weight     int
}

func parseBinary(b []byte) (any, error) {
	if len(b) < len(binaryMagic)+trailerSize+1 {
		return nil, errors.New("property list: shorter than a header and a trailer")
	}
	trailer := b[len(b)-trailerSize:]
	body := b[:len(b)-trailerSize]
	r := &binaryReader{
		offsetSize: int(trailer[6]), refSize: int(trailer[7]), count: binary.BigEndian.Uint64(trailer[8:]), weight: maxWeight,
	}
	top, table := binary.BigEndian.Uint64(trailer[16:]), binary.BigEndian.Uint64(trailer[24:])
	switch {
	case r.offsetSize < 1 || r.offsetSize > 8 || r.refSize < 1 || r.refSize > 8:
		return nil, fmt.Errorf("property list: offsets of %d bytes, references of %d", r.offsetSize, r.refSize)
	case table < uint64(len(binaryMagic)) || table > uint64(len(body)):
		return nil, fmt.Errorf("property list: table of offsets at %d of %d", table, len(body))
	case r.count > (uint64(len(body))-table)/uint64(r.offsetSize):
		return nil, fmt.Errorf("property list: %d objects do not fit its table of offsets", r.count)
	}
	r.b, r.offsets = body[:table], body[table:]
	return r.object(top, 0)
}

// object reads one object by its number. Objects may be referred to more than once, and
// a hostile list refers to what contains it: depth and weight bound both.
func (r *binaryReader) object(number uint64, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	if r.weight--; r.weight < 0 {
		return nil, errWeight
	}
	if number >= r.count {
		return nil, fmt.Errorf("property list: object %d of %d", number, r.count)
	}
	at := bigEndian(r.offsets[int(number)*r.offsetSize:][:r.offsetSize])
	if at >= uint64(len(r.b)) {
		return nil, fmt.Errorf("property list: object %d begins at %d of %d", number, at, len(r.b))
	}
	marker, rest := r.b[at], r.b[at+1:]
	low := int(marker & 0xf)
	switch marker >> 4 {
	case 0x0:
		return marker == 0x09, nil // null, false, true, fill
	case 0x1, 0x2, 0x3, 0x8:
		return r.number(marker, rest)
	}
	n, rest, err := length(low, rest)
	if err != nil {
		return nil, err
	}
	switch marker >> 4 {
	case 0x4, 0x5, 0x6:
		return r.bytes(marker>>4, n, rest)
	case 0xa, 0xb, 0xc: // array, ordered set, set
		return r.array(n, rest, depth)
	case 0xd:
		return r.dict(n, rest, depth)
	}
	return nil, fmt.Errorf("property list: object of kind %#02x", marker)
}

func (r *binaryReader) number(marker byte, rest []byte) (any, error) {
	size := 1 << (marker & 0xf)
	if marker>>4 == 0x8 { // a keyed archive's reference
		size = int(marker&0xf) + 1
	}
	if size > 16 || size > len(rest) {
		return nil, fmt.Errorf("property list: number of %d bytes, %d left", size, len(rest))
	}
	b := rest[:size]
	switch marker >> 4 {
	case 0x1, 0x8:
		if size == 16 { // CFNumber's 128 bits hold unsigned ones of 64, see integer
			b = b[8:]
		}
		return int64(bigEndian(b)), nil
	case 0x2, 0x3:
		f := math.NaN()
		switch size {
		case 4:
			f = float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
		case 8:
			f = math.Float64frombits(binary.BigEndian.Uint64(b))
		}
		if marker>>4 == 0x2 {
			return f, nil
		}
		return date(f), nil
	}
	return nil, fmt.Errorf("property list: number of kind %#02x", marker)
}

// date is seconds since the first day of 2001; the zero time for what no calendar has.
func date(seconds float64) time.Time {
	const century = 100 * 366 * 86400
	if !(seconds > -20*century && seconds < 70*century) {
		return time.Time{}
	}
	return time.Unix(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC).Unix()+int64(seconds), 0).UTC()
}

func (r *binaryReader) bytes(kind byte, n uint64, rest []byte) (any, error) {
	if kind == 0x6 {
		n *= 2 // at most twice what an int64 holds, see length
	}
	if n > uint64(len(rest)) {
		return nil, fmt.Errorf("property list: value of %d bytes, %d left", n, len(rest))
	}
	if r.weight -= int(n / 16); r.weight < 0 {
		return nil, errWeight
	}
	b := rest[:n]
	switch kind {
	case 0x4:
		return append([]byte(nil), b...), nil
	case 0x5:
		return string(b), nil
	}
	units := make([]uint16, n/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units)), nil
}

func (r *binaryReader) array(n uint64, rest []byte, depth int) (any, error) {
	if n > uint64(len(rest))/uint64(r.refSize) {
		return nil, fmt.Errorf("property list: array of %d, %d bytes left", n, len(rest))
	}
	list := []any{}
	for i := range n {
		v, err := r.object(r.ref(rest, i), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (r *binaryReader) dict(n uint64, rest []byte, depth int) (any, error) {
	if n > uint64(len(rest))/uint64(2*r.refSize) {
		return nil, fmt.Errorf("property list: dictionary of %d, %d bytes left", n, len(rest))
	}
	d := Dict{}
	for i := range n {
		key, err := r.object(r.ref(rest, i), depth+1)
		if err != nil {
			return nil, err
		}
		v, err := r.object(r.ref(rest, n+i), depth+1)
		if err != nil {
			return nil, err
		}
		if s, ok := key.(string); ok {
			d[s] = v
		}
	}
	return d, nil
}

func (r *binaryReader) ref(b []byte, i uint64) uint64 {
	return bigEndian(b[int(i)*r.refSize:][:r.refSize])
}

// length is that of a value: in the marker, or from 15 on an integer object behind it.
func length(low int, rest []byte) (uint64, []byte, error) {
	if low < 0xf {
		return uint64(low), rest, nil
	}
	if len(rest) == 0 || rest[0]>>4 != 0x1 {
		return 0, nil, errors.New("property list: length is not an integer")
	}
	size := 1 << (rest[0] & 0xf)
	if size > 8 || size > len(rest)-1 {
		return 0, nil, fmt.Errorf("property list: length of %d bytes, %d left", size, len(rest)-1)
	}
	n := bigEndian(rest[1 : 1+size])
	if n > maxBytes {
		return 0, nil, fmt.Errorf("property list: value of length %d", n)
	}
	return n, rest[1+size:], nil
}

func bigEndian(b []byte) uint64 {
	n := uint64(0)
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}
