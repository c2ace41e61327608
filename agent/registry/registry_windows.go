package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"golang.org/x/sys/windows/registry"
)

// System is the running system's registry in its 64-bit view.
type System struct{}

func open(key string, access uint32) (registry.Key, error) {
	root, path, _ := strings.Cut(key, `\`)
	roots := map[string]registry.Key{"HKLM": registry.LOCAL_MACHINE, "HKU": registry.USERS}
	k, err := registry.OpenKey(roots[root], path, access|registry.WOW64_64KEY)
	if err != nil {
		return 0, fmt.Errorf("open registry key %s: %w", key, err)
	}
	return k, nil
}

// Subkeys implements Reader.
func (System) Subkeys(key string) ([]string, error) {
	k, err := open(key, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return nil, err
	}
	defer func() { _ = k.Close() }() // only read
	names, err := k.ReadSubKeyNames(MaxSubkeys + 1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("list registry key %s: %w", key, err)
	case len(names) > MaxSubkeys:
		return nil, fmt.Errorf("list registry key %s: more than %d keys", key, MaxSubkeys)
	}
	return names, nil
}

// Values implements Reader.
func (System) Values(key string) (Values, error) {
	k, err := open(key, registry.QUERY_VALUE)
	if err != nil {
		return nil, err
	}
	defer func() { _ = k.Close() }() // only read
	names, err := k.ReadValueNames(MaxValues + 1)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("read registry key %s: %w", key, err)
	case len(names) > MaxValues:
		return nil, fmt.Errorf("read registry key %s: more than %d values", key, MaxValues)
	}
	out := make(Values, len(names))
	buffer := make([]byte, 4096)
	for _, name := range names {
		n, kind, err := k.GetValue(name, buffer)
		if errors.Is(err, registry.ErrShortBuffer) && n <= MaxValue {
			buffer = make([]byte, n)
			n, kind, err = k.GetValue(name, buffer)
		}
		switch {
		case errors.Is(err, registry.ErrShortBuffer), errors.Is(err, fs.ErrNotExist): // too long, or gone by now
		case err != nil:
			return nil, fmt.Errorf("read value %q of registry key %s: %w", name, key, err)
		default:
			out[strings.ToLower(name)] = Value{kind, append([]byte(nil), buffer[:n]...)}
		}
	}
	return out, nil
}
