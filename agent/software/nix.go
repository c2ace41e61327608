package software

import (
	"path"
	"slices"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// nixOutputs are the usual parts into which Nix packages are split.
var nixOutputs = []string{"bin", "debug", "dev", "devdoc", "devman", "doc", "info", "lib", "man", "out", "static"}

// NixPackage names a package by its path in the store and, if it is known, by the
// derivation that made it, whose name is without the output's: 32 characters of hash, a
// dash, the name. The version begins after the first dash that no letter follows, as
// builtins.parseDrvName has it
// (https://nix.dev/manual/nix/stable/language/builtins#builtins-parseDrvName).
func NixPackage(store, deriver string) inventory.Software {
	name, ok := strings.CutSuffix(path.Base(deriver), ".drv")
	if !ok {
		name = path.Base(store)
		if cut := strings.LastIndexByte(name, '-'); cut > 0 && slices.Contains(nixOutputs, name[cut+1:]) {
			name = name[:cut]
		}
	}
	if len(name) > 33 && name[32] == '-' {
		name = name[33:]
	}
	s := inventory.Software{Source: "nix", Name: name, Path: source.Text(store)}
	for i := 0; i+1 < len(name); i++ {
		if c := name[i+1] | 0x20; i > 0 && name[i] == '-' && (c < 'a' || c > 'z') {
			s.Name, s.Version = name[:i], name[i+1:]
			break
		}
	}
	s.Name, s.Version = source.Text(s.Name), source.Text(s.Version)
	return s
}

// nixInside is the environment of which another store path consists for its user: what is
// installed in a system is what its system-path refers to.
var nixInside = map[string]bool{"system-path": true, "home-manager-path": true}

// nixName is a store path without directory and hash.
func nixName(store string) string {
	name := path.Base(store)
	if len(name) > 33 && name[32] == '-' {
		return name[33:]
	}
	return name
}
