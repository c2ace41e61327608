// Package registrytest is a registry for tests, from an export as regedit writes it.
//
// It owns the format of .reg files and refuses to be linked into programs. Tests of
// agent/hardware and agent/software call it.
package registrytest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/muster-itam/muster/agent/registry"
)

const maxFile = 32 << 20

// Tree is a registry in memory.
type Tree struct{ keys map[string]*key }

type key struct {
	name   string
	values registry.Values
	sub    []string // full paths in lower case
}

// Parse reads an export: UTF-16LE with its mark, as regedit writes it, or UTF-8 and the
// code pages of "REGEDIT4" as far as they agree with it
// (https://support.microsoft.com/topic/9c7f37cf-a5e9-e1cd-c4fa-2a26218a1a23).
//
// Several exports make one registry.
func Parse(exports ...[]byte) (*Tree, error) {
	t := &Tree{keys: map[string]*key{}}
	for _, b := range exports {
		if err := t.parse(b); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Tree) parse(b []byte) error {
	if len(b) > maxFile {
		return fmt.Errorf("export of %d bytes, at most %d are read", len(b), maxFile)
	}
	text := string(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || len(b) > 1 && b[1] == 0 { // some tools lose the mark
		text = strings.Trim(registry.UTF16(b), "\ufeff")
	}
	var at *key
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line, number := strings.TrimSpace(lines[i]), i+1
		switch {
		case line == "", line[0] == ';', i == 0 && (strings.HasPrefix(line, "Windows Registry") || line == "REGEDIT4"):
			continue
		case line[0] == '[':
			path := strings.TrimSuffix(line[1:], "]")
			if strings.Count(path, `\`) > 512 { // as deep as the system lets keys be
				return fmt.Errorf("line %d: a key deeper than 512", number)
			}
			at = t.add(path)
			continue
		}
		if at == nil {
			return fmt.Errorf("line %d: a value before any key", number)
		}
		// A line that ends in a backslash goes on, and so does a text until its quote.
		for !complete(line) && i+1 < len(lines) {
			i++
			if next := lines[i]; strings.HasSuffix(line, `\`) && !strings.HasPrefix(valueOf(line), `"`) {
				line = strings.TrimSuffix(line, `\`) + strings.TrimSpace(next)
			} else {
				line += "\n" + next
			}
		}
		name, v, err := parseValue(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		at.values[strings.ToLower(name)] = v
	}
	return nil
}

// add makes a key and those above it.
func (t *Tree) add(path string) *key {
	for long, short := range map[string]string{"HKEY_LOCAL_MACHINE": "HKLM", "HKEY_USERS": "HKU", "HKEY_CURRENT_USER": "HKCU"} {
		if rest, ok := strings.CutPrefix(path, long); ok && (rest == "" || rest[0] == '\\') {
			path = short + rest
		}
	}
	var parent, k *key
	for end := 0; end < len(path); end++ {
		if next := strings.IndexByte(path[end:], '\\'); next >= 0 {
			end += next
		} else {
			end = len(path)
		}
		id := strings.ToLower(path[:end])
		k = t.keys[id]
		if k == nil {
			k = &key{name: path[strings.LastIndexByte(path[:end], '\\')+1 : end], values: registry.Values{}}
			t.keys[id] = k
			if parent != nil {
				parent.sub = append(parent.sub, id)
			}
		}
		parent = k
	}
	if k == nil {
		k = &key{values: registry.Values{}}
	}
	return k
}

// valueOf is what is behind the name and the equals sign.
func valueOf(line string) string {
	_, rest, err := nameOf(line)
	if err != nil {
		return ""
	}
	return rest
}

func complete(line string) bool {
	_, rest, err := nameOf(line)
	switch {
	case err != nil:
		return !strings.HasPrefix(line, `"`) // a name without its end may go on
	case strings.HasPrefix(rest, `"`):
		_, _, err := quoted(rest)
		return err == nil
	}
	return !strings.HasSuffix(line, `\`)
}

func nameOf(line string) (name, rest string, err error) {
	if after, ok := strings.CutPrefix(line, "@"); ok {
		rest = after
	} else if name, rest, err = quoted(line); err != nil {
		return "", "", err
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(rest), "=")
	if !ok {
		return "", "", errors.New("no value behind the name")
	}
	return name, rest, nil
}

// quoted reads a text in quotes, in which a backslash stands before quotes and backslashes.
func quoted(s string) (text, rest string, err error) {
	if s == "" || s[0] != '"' {
		return "", "", errors.New("no quoted text")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", errors.New("the quotes do not end")
}

func parseValue(line string) (string, registry.Value, error) {
	name, rest, err := nameOf(line)
	if err != nil {
		return "", registry.Value{}, err
	}
	kind, data, _ := strings.Cut(rest, ":")
	switch {
	case strings.HasPrefix(rest, `"`):
		text, _, err := quoted(rest)
		return name, registry.Value{Type: registry.TypeText, Data: encode(text)}, err
	case kind == "dword":
		n, err := strconv.ParseUint(strings.TrimSpace(data), 16, 32)
		return name, registry.Value{Type: registry.TypeNumber, Data: binary.LittleEndian.AppendUint32(nil, uint32(n))}, err
	case kind == "hex":
		b, err := bytesOf(data)
		return name, registry.Value{Type: registry.TypeBinary, Data: b}, err
	case strings.HasPrefix(kind, "hex("):
		n, err := strconv.ParseUint(strings.TrimSuffix(kind[4:], ")"), 16, 32)
		if err != nil {
			return "", registry.Value{}, err
		}
		b, err := bytesOf(data)
		return name, registry.Value{Type: uint32(n), Data: b}, err
	}
	return "", registry.Value{}, fmt.Errorf("value %.40q is of no known kind", rest)
}

func bytesOf(s string) ([]byte, error) {
	return hex.DecodeString(strings.Map(func(r rune) rune {
		if r == ',' || r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, s))
}

func encode(s string) []byte {
	var b []byte
	for _, u := range append(utf16.Encode([]rune(s)), 0) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

func (t *Tree) find(path string) (*key, error) {
	if k := t.keys[strings.ToLower(path)]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("key %s: %w", path, fs.ErrNotExist)
}

// Keys are the paths of all keys, in lower case.
func (t *Tree) Keys() []string {
	out := make([]string, 0, len(t.keys))
	for k := range t.keys {
		out = append(out, k)
	}
	return out
}

// Subkeys implements registry.Reader.
func (t *Tree) Subkeys(path string) ([]string, error) {
	k, err := t.find(path)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(k.sub))
	for i, id := range k.sub {
		out[i] = t.keys[id].name
	}
	return out, nil
}

// Values implements registry.Reader.
func (t *Tree) Values(path string) (registry.Values, error) {
	k, err := t.find(path)
	if err != nil {
		return nil, err
	}
	return k.values, nil
}
