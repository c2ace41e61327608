package registry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Hive reads a registry hive's file where it lies, without loading it into the system:
// that needs no privilege and changes nothing.
//
// The format is not published by its maker; the field descriptions are those of
// https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md.
// A file is a header of 4096 bytes, then cells, each beginning with its size. Cells refer
// to each other by their offset behind the header.
type Hive struct {
	file   io.ReaderAt
	end    int64 // of the cells, from the header's end
	root   uint32
	budget int
}

const (
	hiveHeader = 4096
	maxHive    = 2 << 30 // what the format can address
	maxCells   = 1 << 18 // read from one hive: a damaged one can refer in circles
	maxSegment = 16344   // of a value that is in several cells
	keyFixed   = 76      // bytes of a key's cell before its name
	valueFixed = 20
)

// OpenHive checks the header of a hive of so many bytes. Not for concurrent use.
func OpenHive(file io.ReaderAt, size int64) (*Hive, error) {
	var h [48]byte
	if n, err := file.ReadAt(h[:], 0); n < len(h) {
		return nil, fmt.Errorf("read hive: %w", err)
	}
	switch {
	case string(h[:4]) != "regf":
		return nil, errors.New("not a registry hive: it does not begin with regf")
	case size < hiveHeader || size > maxHive:
		return nil, fmt.Errorf("hive of %d bytes, between %d and %d make sense", size, hiveHeader, maxHive)
	}
	return &Hive{
		file: file, root: binary.LittleEndian.Uint32(h[36:]), budget: maxCells,
		end: min(size-hiveHeader, int64(binary.LittleEndian.Uint32(h[40:]))),
	}, nil
}

// Subkeys implements Reader.
func (h *Hive) Subkeys(key string) ([]string, error) {
	k, err := h.find(key)
	if err != nil {
		return nil, err
	}
	var out []string
	err = h.eachSubkey(k, func(sub hiveKey) bool {
		out = append(out, sub.name)
		return true
	})
	return out, wrap(key, err)
}

// Values implements Reader.
func (h *Hive) Values(key string) (Values, error) {
	k, err := h.find(key)
	if err != nil {
		return nil, err
	}
	if k.values == 0 {
		return Values{}, nil
	}
	if k.values > MaxValues {
		return nil, fmt.Errorf("read key %s of a hive: %d values, at most %d make sense", key, k.values, MaxValues)
	}
	list, err := h.cell(k.valueList, int(k.values)*4)
	if err != nil {
		return nil, wrap(key, err)
	}
	out := make(Values, k.values)
	for offset := range slices.Chunk(list, 4) {
		if len(offset) < 4 {
			break
		}
		name, v, err := h.value(binary.LittleEndian.Uint32(offset))
		switch {
		case err != nil:
			return nil, wrap(key, err)
		case len(v.Data) <= MaxValue:
			out[strings.ToLower(name)] = v
		}
	}
	return out, nil
}

func wrap(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read key %s of a hive: %w", key, err)
}

// cell reads at most limit bytes of a cell that is in use.
func (h *Hive) cell(offset uint32, limit int) ([]byte, error) {
	if h.budget--; h.budget < 0 {
		return nil, fmt.Errorf("more than %d cells read", maxCells)
	}
	at := int64(offset)
	if at+4 > h.end {
		return nil, fmt.Errorf("offset %#x is beyond the end at %#x", offset, h.end)
	}
	var head [4]byte
	if n, err := h.file.ReadAt(head[:], hiveHeader+at); n < len(head) {
		return nil, err
	}
	size := -int64(int32(binary.LittleEndian.Uint32(head[:]))) - 4 // those in use have their size negative
	if size <= 0 || at+4+size > h.end {
		return nil, fmt.Errorf("cell at %#x has %d bytes, the hive ends at %#x", offset, size, h.end)
	}
	b := make([]byte, min(size, int64(limit)))
	if n, err := h.file.ReadAt(b, hiveHeader+at+4); n < len(b) {
		return nil, err
	}
	return b, nil
}

type hiveKey struct {
	name                                   string
	subkeys, subkeyList, values, valueList uint32
}

// key reads a key's cell ("nk").
func (h *Hive) key(offset uint32) (hiveKey, error) {
	const latin = 0x20
	b, err := h.cell(offset, keyFixed+512)
	if err != nil {
		return hiveKey{}, err
	}
	if len(b) < keyFixed || string(b[:2]) != "nk" {
		return hiveKey{}, fmt.Errorf("no key at %#x", offset)
	}
	le := binary.LittleEndian
	n := min(int(le.Uint16(b[72:])), len(b)-keyFixed)
	return hiveKey{
		name: nameOf(b[keyFixed:keyFixed+n], le.Uint16(b[2:])&latin != 0), subkeys: le.Uint32(b[20:]), subkeyList: le.Uint32(b[28:]),
		values: le.Uint32(b[36:]), valueList: le.Uint32(b[40:]),
	}, nil
}

// nameOf decodes a name; those of characters up to U+00FF take one byte each.
func nameOf(b []byte, latin bool) string {
	if !latin {
		return UTF16(b)
	}
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// find goes down from the root.
func (h *Hive) find(path string) (hiveKey, error) {
	k, err := h.key(h.root)
	if err != nil {
		return k, wrap(path, err)
	}
	for part := range strings.SplitSeq(path, `\`) {
		if part == "" {
			continue
		}
		found := false
		err := h.eachSubkey(k, func(sub hiveKey) bool {
			if found = strings.EqualFold(sub.name, part); found {
				k = sub
			}
			return !found
		})
		if err == nil && !found {
			err = fs.ErrNotExist
		}
		if err != nil {
			return k, wrap(path, err)
		}
	}
	return k, nil
}

// eachSubkey visits the keys beneath one until visit says no.
func (h *Hive) eachSubkey(k hiveKey, visit func(hiveKey) bool) error {
	if k.subkeys == 0 {
		return nil
	}
	offsets, err := h.list(k.subkeyList, true)
	if err != nil {
		return err
	}
	for _, o := range offsets {
		sub, err := h.key(o)
		if err != nil {
			return err
		}
		if !visit(sub) {
			return nil
		}
	}
	return nil
}

// list reads a list of keys: "lf" and "lh" with a hash behind each offset, "li" without,
// "ri" with the offsets of other lists.
func (h *Hive) list(offset uint32, nested bool) ([]uint32, error) {
	b, err := h.cell(offset, 4+8*(1<<16))
	if err != nil {
		return nil, err
	}
	if len(b) < 4 {
		return nil, fmt.Errorf("no list of keys at %#x", offset)
	}
	step := 4
	kind := string(b[:2])
	switch {
	case kind == "lf", kind == "lh":
		step = 8
	case kind == "li", kind == "ri" && nested:
	default:
		return nil, fmt.Errorf("no list of keys at %#x", offset)
	}
	n := min(int(binary.LittleEndian.Uint16(b[2:])), (len(b)-4)/step)
	out := make([]uint32, 0, n)
	for i := range n {
		o := binary.LittleEndian.Uint32(b[4+i*step:])
		if kind != "ri" {
			out = append(out, o)
			continue
		}
		part, err := h.list(o, false)
		if err != nil {
			return nil, err
		}
		if out = append(out, part...); len(out) > MaxSubkeys {
			return nil, fmt.Errorf("more than %d keys", MaxSubkeys)
		}
	}
	return out, nil
}

// value reads a value's cell ("vk"). Data of up to four bytes is in the place of its offset.
func (h *Hive) value(offset uint32) (string, Value, error) {
	const resident, latin = 1 << 31, 1
	b, err := h.cell(offset, valueFixed+2*(1<<14))
	if err != nil {
		return "", Value{}, err
	}
	if len(b) < valueFixed || string(b[:2]) != "vk" {
		return "", Value{}, fmt.Errorf("no value at %#x", offset)
	}
	le := binary.LittleEndian
	n := min(int(le.Uint16(b[2:])), len(b)-valueFixed)
	name := nameOf(b[valueFixed:valueFixed+n], le.Uint16(b[16:])&latin != 0)
	v := Value{Type: le.Uint32(b[12:])}
	size := le.Uint32(b[4:])
	switch {
	case size&resident != 0:
		v.Data = b[8 : 8+min(size&^resident, 4)]
	case size > MaxValue:
		v.Data = make([]byte, MaxValue+1) // the caller leaves it out
	case size > 0:
		v.Data, err = h.data(le.Uint32(b[8:]), int(size))
	}
	return name, v, err
}

// data reads a value's content: one cell, or a cell ("db") that refers to a list of them.
func (h *Hive) data(offset uint32, size int) ([]byte, error) {
	b, err := h.cell(offset, size)
	if err != nil || size <= maxSegment || len(b) < 8 || string(b[:2]) != "db" {
		return b, err
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	list, err := h.cell(binary.LittleEndian.Uint32(b[4:]), 4*n)
	if err != nil {
		return nil, err
	}
	var out []byte
	for o := range slices.Chunk(list, 4) {
		if len(o) < 4 || len(out) >= size {
			break
		}
		part, err := h.cell(binary.LittleEndian.Uint32(o), min(maxSegment, size-len(out)))
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
	}
	return out, nil
}
