package software

import (
	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/internal/inventory"
)

// Parsers that the tests feed directly.
var (
	InstallDate      = installDate
	ParsePackageName = parsePackageName
	UpdatePackage    = updatePackage
	KBWithin         = kbWithin
)

// RegistryPrograms reads one key of programs.
func RegistryPrograms(key string, texts map[string]string) inventory.SoftwareList {
	v := registry.Values{}
	for name, text := range texts {
		var b []byte
		for _, r := range text {
			b = append(b, byte(r), byte(r>>8))
		}
		v[name] = registry.Value{Type: registry.TypeText, Data: b}
	}
	s := program(key, v)
	if s.Name == "" {
		return nil
	}
	return inventory.SoftwareList{s}
}
