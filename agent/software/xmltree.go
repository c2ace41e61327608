package software

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds on XML that comes with software.
const (
	maxXMLDepth    = 64
	maxXMLElements = 4 << 20
)

// visitXML calls start and text for the elements of a document, with the names of the
// elements around them, outermost first and the element itself last. Nothing is resolved:
// an own entity is an error, a document type is one unless it is declared by reference
// only, as property lists do.
func visitXML(r io.Reader, start func(path []string, attributes []xml.Attr) error, text func(path []string, s string) error) error {
	d := xml.NewDecoder(r)
	d.CharsetReader = latin1
	var path []string
	elements := 0
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if len(path) > 0 {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.Directive:
			if bytes.ContainsAny(t, "[&%") {
				return errors.New("XML with declarations of its own is not read")
			}
		case xml.StartElement:
			if elements++; len(path) == maxXMLDepth || elements > maxXMLElements {
				return fmt.Errorf("XML deeper than %d or with more than %d elements", maxXMLDepth, maxXMLElements)
			}
			path = append(path, t.Name.Local)
			if err := start(path, t.Attr); err != nil {
				return err
			}
		case xml.EndElement:
			if len(path) == 0 || path[len(path)-1] != t.Name.Local {
				return fmt.Errorf("XML: </%.40s> ends nothing", t.Name.Local)
			}
			path = path[:len(path)-1]
		case xml.CharData:
			if s := string(bytes.TrimSpace(t)); s != "" && len(path) > 0 && text != nil {
				if err := text(path, s); err != nil {
					return err
				}
			}
		}
	}
}

// latin1 reads the other encoding that such files name; utf8Text has dealt with UTF-16.
func latin1(name string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "utf-16", "utf-16le", "utf-16be", "us-ascii":
		return r, nil
	case "iso-8859-1", "windows-1252":
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		out := make([]byte, 0, len(b))
		for _, c := range b {
			out = utf8.AppendRune(out, rune(c))
		}
		return bytes.NewReader(out), nil
	}
	return nil, fmt.Errorf("XML in the encoding %.40q is not read", name)
}

// utf8Text turns UTF-16 with a byte order mark into UTF-8 and drops the mark of that.
func utf8Text(b []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		return b[3:]
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return b
	}
	units := make([]uint16, 0, len(b)/2)
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return []byte(string(utf16.Decode(units)))
}

func attribute(list []xml.Attr, name string) string {
	for _, a := range list {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
