// Package registry reads the Windows registry, so that what is in it is understood by
// code that runs everywhere.
//
// It owns the two ways in: the running system's registry (registry_windows.go, the
// 64-bit view) and a hive file such as the NTUSER.DAT of somebody who is not signed in
// (hive.go). It refuses to write, to load a hive into the system and to know what keys
// mean: agent/software and agent/hardware do. registrytest reads exports for tests.
package registry

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"github.com/muster-itam/muster/agent/source"
)

// Bounds on what is read of one key. Longer values are left out: nothing that muster
// reports is so long.
const (
	MaxSubkeys = 1 << 16
	MaxValues  = 4096
	MaxValue   = 64 << 10
)

// Reader is a registry or a part of one. Keys are paths with backslashes, without regard
// to case; the first part is the root: HKLM or HKU, and in a hive the first name beneath
// its root key. An error for a key that is not there is fs.ErrNotExist.
type Reader interface {
	// Subkeys are the names of the keys beneath key.
	Subkeys(key string) ([]string, error)
	// Values are the values in key.
	Values(key string) (Values, error)
}

// Types of values (winnt.h); others read as bytes.
const (
	TypeText     = 1
	TypeExpand   = 2 // a text with %VARIABLES%
	TypeBinary   = 3
	TypeNumber   = 4
	TypeBigEnd   = 5
	TypeTexts    = 7
	TypeLongLong = 11
)

// Value is one value as it is stored; texts are UTF-16LE.
type Value struct {
	Type uint32
	Data []byte
}

// Values are a key's values by their names in lower case; "" is the key's own.
type Values map[string]Value

// Text is a value as a text fit to be reported; "" when there is none or it is no text.
func (v Values) Text(name string) string {
	if list := v.Texts(name); len(list) > 0 {
		return list[0]
	}
	return ""
}

// Texts are the texts of a value of several; of one text, that one.
func (v Values) Texts(name string) []string {
	x := v[name]
	switch x.Type {
	case TypeText, TypeExpand:
		if s := x.Text(); s != "" {
			return []string{s}
		}
	case TypeTexts:
		var out []string
		for part := range strings.SplitSeq(UTF16(x.Data), "\x00") {
			if s := source.Text(part); s != "" {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// Number is a value as a number; drivers also store numbers as four or eight bytes.
func (v Values) Number(name string) (n uint64, ok bool) {
	x := v[name]
	switch {
	case x.Type == TypeBigEnd && len(x.Data) == 4:
		return uint64(binary.BigEndian.Uint32(x.Data)), true
	case (x.Type == TypeNumber || x.Type == TypeBinary) && len(x.Data) == 4:
		return uint64(binary.LittleEndian.Uint32(x.Data)), true
	case (x.Type == TypeLongLong || x.Type == TypeBinary) && len(x.Data) == 8:
		return binary.LittleEndian.Uint64(x.Data), true
	}
	return 0, false
}

// Is says whether a value is the number n.
func (v Values) Is(name string, n uint64) bool {
	x, ok := v.Number(name)
	return ok && x == n
}

// Text reads the data as a text, which ends at the first NUL if there is one.
func (v Value) Text() string {
	s, _, _ := strings.Cut(UTF16(v.Data), "\x00")
	return source.Text(s)
}

// UTF16 decodes UTF-16LE, as registry, drivers and firmware write it.
func UTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// Text is one text of a registry, "" when it is not there.
func Text(r Reader, key, value string) string {
	v, err := r.Values(key)
	if err != nil {
		return ""
	}
	return v.Text(strings.ToLower(value))
}
