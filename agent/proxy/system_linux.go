package proxy

import (
	"github.com/muster-itam/muster/agent/source"
)

// System reads the system's settings.
func System() Settings {
	tree, err := source.OpenTree("/")
	if err != nil {
		return Settings{}
	}
	defer func() { _ = tree.Close() }() // only read
	for _, path := range []string{"/etc/environment", "/etc/sysconfig/proxy"} {
		text, err := tree.ReadFile(path, maxSettings)
		if err != nil {
			continue // most machines have none
		}
		if s := fromEnvironment(path, text); s.Address != "" {
			return s
		}
	}
	return Settings{}
}
