// Package software reads what is installed on the machine: packages of the operating
// system's package managers and programs with their own installers.
//
// One file per kind of package with a pure parser over an io.Reader or bytes; the source
// that finds its files is beside it, with the suffix of the OS where only that has them.
// What lies in folders that differ by OS is found by places.go, by the lists in
// placelists.go. The explicit list for an OS is in sources_<os>.go. The package asks no
// network, only container runtimes over sockets of the machine itself, and runs one program
// only: rpm, about a database that cannot be read. agent runs the sources and joins their
// lists.
package software

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Bounds on a package database. Debian with 60,000 packages would have a status file of 70 MiB.
const (
	maxDatabase = 256 << 20
	maxLine     = 16 << 10
)

var errTooMany = fmt.Errorf("more than %d packages", inventory.MaxItems)

// lines calls visit with each line of r, without its end, up to maxDatabase bytes. Of a
// longer line than maxLine it passes the beginning. The slice is valid during the call.
func lines(r io.Reader, visit func(line []byte) error) error {
	limited := &io.LimitedReader{R: r, N: maxDatabase + 1}
	br := bufio.NewReaderSize(limited, maxLine)
	for skip := false; ; {
		line, err := br.ReadSlice('\n')
		cut := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !cut && !errors.Is(err, io.EOF) {
			return err
		}
		if limited.N <= 0 {
			return fmt.Errorf("more than %d MiB", maxDatabase>>20)
		}
		if !skip && len(line) > 0 {
			if line[len(line)-1] == '\n' {
				line = line[:len(line)-1]
			}
			if err := visit(line); err != nil {
				return err
			}
		}
		if skip = cut; err != nil && !cut {
			return nil
		}
	}
}

// packageURL names a package as the purl specification says
// (https://github.com/package-url/purl-spec); "" without a name and a version. Qualifiers
// are keys and values by turns, in the order of the keys; empty values are left out.
func packageURL(kind, namespace, name, version string, qualifiers ...string) string {
	if name == "" || version == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("pkg:" + kind + "/")
	for part := range strings.SplitSeq(namespace, "/") {
		if part != "" {
			escape(&b, part)
			b.WriteByte('/')
		}
	}
	escape(&b, name)
	b.WriteByte('@')
	escape(&b, version)
	before := "?"
	for i := 0; i+1 < len(qualifiers); i += 2 {
		if qualifiers[i+1] != "" {
			b.WriteString(before + qualifiers[i] + "=")
			escape(&b, qualifiers[i+1])
			before = "&"
		}
	}
	return b.String()
}

// escape percent-encodes all but the specification's unreserved characters and the colon.
func escape(b *strings.Builder, s string) {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '.', c == '-', c == '_', c == '~', c == ':':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
}

// withoutAddress is the name in "Name <address>"; the address is personal and not collected.
func withoutAddress(s string) string {
	name, _, _ := strings.Cut(s, "<")
	if name = source.Text(strings.Trim(name, ` "`)); strings.ContainsRune(name, '@') {
		return ""
	}
	return name
}

// day is the UTC day of a time in seconds since 1970; "" for none.
func day(seconds int64) string {
	if seconds <= 0 || seconds > 1<<36 {
		return ""
	}
	return time.Unix(seconds, 0).UTC().Format(time.DateOnly)
}
