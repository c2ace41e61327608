package plist

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// parseXML reads a list by its DTD, https://www.apple.com/DTDs/PropertyList-1.0.dtd.
func parseXML(b []byte) (any, error) {
	x := &xmlReader{tokenizer{b: bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))}, maxWeight}
	for {
		t, err := x.next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("property list: neither binary nor XML")
		}
		if err != nil {
			return nil, err
		}
		if t.kind == tokenStart && string(t.text) != "plist" {
			return x.value(string(t.text), 0)
		}
	}
}

type xmlReader struct {
	tokenizer
	weight int
}

func (x *xmlReader) value(tag string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	switch tag {
	case "dict":
		return x.dict(depth)
	case "array":
		return x.array(depth)
	}
	text, err := x.text(tag)
	if err != nil {
		return nil, err
	}
	if x.weight -= 1 + len(text)/16; x.weight < 0 {
		return nil, errWeight
	}
	return scalar(tag, text)
}

func (x *xmlReader) array(depth int) (any, error) {
	list := []any{}
	for {
		t, err := x.next()
		if err != nil {
			return nil, unfinished("array", err)
		}
		switch t.kind {
		case tokenText: // space between elements
		case tokenEnd:
			return list, nil
		case tokenStart:
			if x.weight--; x.weight < 0 {
				return nil, errWeight
			}
			v, err := x.value(string(t.text), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
	}
}

func (x *xmlReader) dict(depth int) (any, error) {
	d := Dict{}
	key, known := "", false
	for {
		t, err := x.next()
		if err != nil {
			return nil, unfinished("dict", err)
		}
		switch t.kind {
		case tokenText:
		case tokenEnd:
			return d, nil
		case tokenStart:
			if x.weight -= 2; x.weight < 0 {
				return nil, errWeight
			}
			if string(t.text) == "key" {
				if key, err = x.text("key"); err != nil {
					return nil, err
				}
				known = true
				continue
			}
			v, err := x.value(string(t.text), depth+1)
			if err != nil {
				return nil, err
			}
			if known {
				d[key] = v
			}
			known = false
		}
	}
}

// text is all text up to the element's end; elements inside are not allowed. What is no
// UTF-8 is replaced: ioreg writes it where a device has a serial number of any bytes.
func (x *xmlReader) text(tag string) (string, error) {
	var text []byte
	for {
		t, err := x.next()
		if err != nil {
			return "", unfinished(tag, err)
		}
		switch t.kind {
		case tokenEnd:
			return strings.ToValidUTF8(string(text), "?"), nil
		case tokenText:
			if len(text)+len(t.text) > maxText {
				return "", fmt.Errorf("property list: a text of more than %d bytes", maxText)
			}
			text = append(text, t.text...)
		case tokenStart:
			return "", fmt.Errorf("property list: <%.40s> inside <%.40s>", t.text, tag)
		}
	}
}

func unfinished(tag string, err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("property list: ends inside <%.40s>", tag)
	}
	return err
}

func scalar(tag, text string) (any, error) {
	switch tag {
	case "string":
		return text, nil
	case "true", "false":
		return tag == "true", nil
	case "integer":
		return integer(text)
	case "real":
		f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return nil, fmt.Errorf("property list: real %.40q", text)
		}
		return f, nil
	case "date":
		t, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("property list: date %.40q", text)
		}
		return t, nil
	case "data":
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return nil, fmt.Errorf("property list: data: %w", err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("property list: element <%.40s>", tag)
}

// integer may be hexadecimal, and of 64 bits with or without a sign. What does not fit an
// int64 keeps its bits: the registry of devices has numbers of 32 bits with the sign drawn
// out to 64, and prints them without one.
func integer(text string) (any, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(text, 0, 64); err == nil {
		return int64(n), nil
	}
	return nil, fmt.Errorf("property list: integer %.40q", text)
}

// Hex is data that a tool printed as hexadecimal digits, nil when it is none.
func Hex(text string) []byte {
	b, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(text), "0x"))
	if err != nil {
		return nil
	}
	return b
}
