// Package plist reads Apple's property lists, XML and binary.
//
// It owns the two formats and the shapes their values take in Go; what a key means is the
// caller's business. It refuses the NeXT text format, and everything beyond its bounds:
// lists come from application bundles that anybody may have built, and from the network.
// agent/profiler, agent/hardware, agent/software and scanner/service call it.
package plist

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bounds on one list. The largest that are read are some MiB of ioreg's.
const (
	maxBytes  = 64 << 20
	maxText   = 16 << 20 // of one value
	maxDepth  = 96       // of dictionaries and arrays in each other; a registry of devices is some 30 deep
	maxWeight = 1 << 20  // values, each with a sixteenth of its length: references can name one many times
)

var (
	errDepth  = fmt.Errorf("property list: more than %d levels", maxDepth)
	errWeight = errors.New("property list: too many values")
)

// Dict is a dictionary. Its values, and those of arrays, are string, int64, float64,
// bool, time.Time, []byte, []any and Dict.
type Dict map[string]any

// Parse reads a property list of either format.
func Parse(b []byte) (any, error) {
	if len(b) > maxBytes {
		return nil, fmt.Errorf("property list: %d bytes, at most %d are read", len(b), maxBytes)
	}
	if bytes.HasPrefix(b, []byte(binaryMagic)) {
		return parseBinary(b)
	}
	return parseXML(b)
}

// ParseDict reads a property list that is a dictionary.
func ParseDict(b []byte) (Dict, error) {
	v, err := Parse(b)
	if err != nil {
		return nil, err
	}
	d, ok := v.(Dict)
	if !ok {
		return nil, fmt.Errorf("property list: not a dictionary but %T", v)
	}
	return d, nil
}

// Text is a value as text, "" when it is none: data, which the registry of devices uses
// for texts, counts up to its first NUL.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		text, _, _ := bytes.Cut(v, []byte{0})
		return string(text)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	return ""
}

// Text is the value under a key as text.
func (d Dict) Text(key string) string { return Text(d[key]) }

// Int is a number, 0 when there is none. Data is a number of at most eight bytes, the
// least significant first, as the registry of devices has it.
func (d Dict) Int(key string) int64 {
	switch v := d[key].(type) {
	case int64:
		return v
	case float64:
		if v > -math.MaxInt64 && v < math.MaxInt64 {
			return int64(v)
		}
	case string:
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 0, 64); err == nil {
			return n
		}
	case []byte:
		if len(v) > 8 {
			return 0
		}
		n := uint64(0)
		for i, c := range v {
			n |= uint64(c) << (8 * i)
		}
		return int64(n)
	}
	return 0
}

// Bool is a truth value; texts and numbers that stand for one count.
func (d Dict) Bool(key string) bool {
	switch v := d[key].(type) {
	case bool:
		return v
	case int64:
		return v != 0
	case string:
		switch strings.ToLower(v) {
		case "yes", "true", "1":
			return true
		}
	}
	return false
}

// Time is a date, the zero time when there is none.
func (d Dict) Time(key string) time.Time {
	t, _ := d[key].(time.Time) // the zero time otherwise
	return t
}

// Data is the bytes under a key.
func (d Dict) Data(key string) []byte {
	b, _ := d[key].([]byte) // none otherwise
	return b
}

// Dict is the dictionary under a key.
func (d Dict) Dict(key string) Dict {
	v, _ := d[key].(Dict) // none otherwise
	return v
}

// List is the array under a key.
func (d Dict) List(key string) []any {
	v, _ := d[key].([]any) // none otherwise
	return v
}

// Dicts are the dictionaries in the array under a key.
func (d Dict) Dicts(key string) []Dict { return Dicts(d[key]) }

// Dicts are the dictionaries in an array.
func Dicts(v any) []Dict {
	list, _ := v.([]any) // none otherwise
	var out []Dict
	for _, v := range list {
		if d, ok := v.(Dict); ok {
			out = append(out, d)
		}
	}
	return out
}

// Texts are the texts in the array under a key.
func (d Dict) Texts(key string) []string {
	var out []string
	for _, v := range d.List(key) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
