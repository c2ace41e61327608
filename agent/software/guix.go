package software

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// ParseGuix reads a Guix profile's manifest, one expression of Scheme:
// (manifest (version 4) (packages (("hello" "2.12.1" "out" "/gnu/store/..." ...) ...))).
// Packages that others bring along are deeper and not in "guix package -I" either.
func ParseGuix(r io.Reader) ([]inventory.Software, error) {
	const packageDepth = 4 // manifest, packages, their list, one of them
	b, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxManifest || !bytes.Contains(b, []byte("(manifest")) {
		return nil, fmt.Errorf("%d bytes are no manifest or more than %d", len(b), maxManifest)
	}
	list := []inventory.Software{}
	var words []string
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case ';':
			for i < len(b) && b[i] != '\n' {
				i++
			}
		case '(':
			if depth++; depth == packageDepth {
				words = words[:0]
			}
		case ')':
			if depth--; depth == packageDepth-1 && len(words) >= 4 && strings.Contains(words[3], "/store/") {
				if len(list) == inventory.MaxItems {
					return nil, errTooMany
				}
				s := inventory.Software{Source: "guix", Name: source.Text(words[0]), Version: source.Text(words[1]), Path: source.Text(words[3])}
				if s.Name != "" {
					list = append(list, s)
				}
			}
		case '"':
			word, end := schemeString(b[i+1:])
			if i += end; depth == packageDepth && len(words) < 4 {
				words = append(words, word)
			}
		}
	}
	if depth != 0 {
		return nil, errors.New("manifest is cut")
	}
	return list, nil
}

// maxManifest bounds lists of packages that are read whole.
const maxManifest = 16 << 20

// schemeString is a string up to its closing quote, and how many bytes it took.
func schemeString(b []byte) (s string, n int) {
	var text strings.Builder
	for n < len(b) && b[n] != '"' {
		if b[n] == '\\' && n+1 < len(b) {
			n++
		}
		text.WriteByte(b[n])
		n++
	}
	return text.String(), n + 1
}
