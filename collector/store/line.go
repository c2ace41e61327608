package store

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

var errLine = errors.New("the line of an asset is not JSON as it was written")

// readLine reads an asset's line for a listing, with the values of some of its attributes. The others, who said
// them and which values lost, by far the most of the text, are passed over: a listing reads the lines of all assets,
// and three quarters of its time were encoding/json's. The texts are parts of doc.
func readLine(doc string, attributes []string, a *inventory.Asset) error {
	r := lineReader{rest: doc}
	err := r.object(func(name string) (err error) {
		switch name {
		case "name":
			a.Name, err = r.text()
		case "domain":
			a.Domain, err = r.text()
		case "class":
			a.Class, err = as[inventory.Class](r.text())
		case "vendor":
			a.Vendor, err = r.text()
		case "model":
			a.Model, err = r.text()
		case "serial":
			a.Serial, err = r.text()
		case "os":
			a.OS, err = r.text()
		case "os_version":
			a.OSVersion, err = r.text()
		case "cpu":
			a.CPU, err = r.text()
		case "memory_bytes":
			a.MemoryBytes, err = r.number()
		case "disk_bytes":
			a.DiskBytes, err = r.number()
		case "user":
			a.User, err = r.text()
		case "site":
			a.Site, err = r.text()
		case "machine_id":
			a.MachineID, err = r.text()
		case "addresses":
			a.Addresses, err = r.texts()
		case "macs":
			a.MACs, err = r.texts()
		case "attributes":
			a.Attributes, err = r.attributes(attributes)
		default:
			err = r.skip()
		}
		return err
	})
	if err == nil && r.next() != 0 {
		err = errLine
	}
	return err
}

func as[T ~string](s string, err error) (T, error) { return T(s), err }

// lineReader reads JSON from its front.
type lineReader struct{ rest string }

// next is the first character that is no blank, which stays; 0 at the end.
func (r *lineReader) next() byte {
	for i := range len(r.rest) {
		if c := r.rest[i]; c > ' ' {
			r.rest = r.rest[i:]
			return c
		}
	}
	r.rest = ""
	return 0
}

// take takes a character that has to be there.
func (r *lineReader) take(c byte) error {
	if r.next() != c {
		return errLine
	}
	r.rest = r.rest[1:]
	return nil
}

// items reads what is between brackets, divided by commas.
func (r *lineReader) items(first, last byte, item func() error) error {
	if err := r.take(first); err != nil {
		return err
	}
	for n := 0; r.next() != last; n++ {
		if n > 0 {
			if err := r.take(','); err != nil {
				return err
			}
		}
		if err := item(); err != nil {
			return err
		}
	}
	return r.take(last)
}

// object calls field before each value, which field has to read.
func (r *lineReader) object(field func(name string) error) error {
	return r.items('{', '}', func() error {
		name, err := r.text()
		if err == nil {
			err = r.take(':')
		}
		if err != nil {
			return err
		}
		return field(name)
	})
}

// quoted is a text with its quotation marks and escapes.
func (r *lineReader) quoted() (s string, escaped bool, err error) {
	if r.next() != '"' {
		return "", false, errLine
	}
	for end := 1; ; end++ {
		n := strings.IndexByte(r.rest[end:], '"')
		if n < 0 {
			return "", false, errLine
		}
		end += n
		if s = r.rest[:end+1]; !isEscaped(s[:end]) {
			r.rest = r.rest[end+1:]
			return s, strings.IndexByte(s, '\\') >= 0, nil
		}
	}
}

// isEscaped reports whether the character after s stands for itself: s ends with an odd number of backslashes.
func isEscaped(s string) bool { return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1 }

func (r *lineReader) text() (string, error) {
	s, escaped, err := r.quoted()
	if err != nil {
		return "", err
	}
	if !escaped {
		return s[1 : len(s)-1], nil
	}
	var out string
	err = json.Unmarshal([]byte(s), &out)
	return out, err
}

func (r *lineReader) number() (int64, error) {
	s := r.rest[:0]
	if r.next() != 0 {
		s = r.rest[:len(r.rest)-len(strings.TrimLeft(r.rest, "-0123456789"))]
	}
	r.rest = r.rest[len(s):]
	return strconv.ParseInt(s, 10, 64)
}

func (r *lineReader) texts() (out []string, err error) {
	err = r.items('[', ']', func() error {
		s, err := r.text()
		out = append(out, s)
		return err
	})
	return out, err
}

// attributes reads those that are wanted.
func (r *lineReader) attributes(wanted []string) (out []inventory.Attribute, err error) {
	left := 0
	for _, name := range wanted {
		if strings.Contains(r.rest, `"`+name+`"`) {
			left++
		}
	}
	err = r.items('[', ']', func() error {
		if left == 0 {
			return r.skipAttributes()
		}
		x, err := r.attribute()
		if slices.Contains(wanted, x.Name) {
			out = append(out, x)
			left--
		}
		return err
	})
	return out, err
}

// attribute reads a name and a value.
func (r *lineReader) attribute() (x inventory.Attribute, err error) {
	err = r.object(func(name string) (err error) {
		switch name {
		case "name":
			x.Name, err = r.text()
		case "value":
			x.Value, err = r.text()
		default:
			err = r.skip()
		}
		return err
	})
	return x, err
}

// skipAttributes passes over what is left of the attributes, or over one at least. They are the only list of objects in a line,
// and so end where it does if it ends with such a list; PostgreSQL, which has its own order, may write others after them.
func (r *lineReader) skipAttributes() error {
	if strings.HasSuffix(r.rest, "}]}") {
		r.rest = r.rest[len(r.rest)-len("]}"):]
		return nil
	}
	return r.skip()
}

// skip passes over a value without a look at what it is made of.
func (r *lineReader) skip() error {
	for depth := 0; ; {
		switch c := r.next(); c {
		case 0:
			return errLine
		case '"':
			if _, _, err := r.quoted(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			r.rest = r.rest[1:]
		case '}', ']':
			depth--
			r.rest = r.rest[1:]
		default:
			r.rest = r.rest[1:] // of a number, a word; a comma or colon between values
			if depth == 0 {
				r.rest = strings.TrimLeft(r.rest, "+-.0123456789abcdefghijklmnopqrstuvwxyzE")
			}
		}
		if depth <= 0 {
			if depth < 0 {
				return errLine
			}
			return nil
		}
	}
}
