package software

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// errEnough ends the reading of a file of which the rest is of no interest.
var errEnough = errors.New("enough")

// ParseSlackware reads the record of an installed Slackware package, whose file is named
// name-version-architecture-build (pkgtool(8)). Only the lines before the description are
// of interest.
func ParseSlackware(file string, r io.Reader) (inventory.Software, error) {
	s := inventory.Software{Source: "slackware"}
	parts := strings.Split(file, "-")
	if n := len(parts); n >= 4 {
		s.Name = source.Text(strings.Join(parts[:n-3], "-"))
		s.Version, s.Arch = source.Text(parts[n-3]+"-"+parts[n-1]), source.Text(parts[n-2])
	} else {
		s.Name = source.Text(file) // not by Slackware's tools, yet recorded as installed
	}
	err := lines(r, func(line []byte) error {
		if bytes.HasPrefix(line, []byte("PACKAGE DESCRIPTION:")) {
			return errEnough
		}
		if size, ok := strings.CutPrefix(string(line), "UNCOMPRESSED PACKAGE SIZE:"); ok {
			s.Bytes = humanSize(strings.TrimSpace(size))
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return s, err
}

// humanSize reads a size as "du -h" prints it: 340K, 1.2M.
func humanSize(text string) int64 {
	unit := int64(1)
	if n := len(text); n > 0 {
		if i := strings.IndexByte("KMGT", text[n-1]); i >= 0 {
			unit, text = 1<<(10*(i+1)), text[:n-1]
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n < 1<<20) {
		return 0
	}
	return int64(n * float64(unit))
}
