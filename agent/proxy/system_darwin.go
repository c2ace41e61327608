package proxy

import "github.com/muster-itam/muster/agent/source"

const preferences = "/Library/Preferences/SystemConfiguration/preferences.plist"

// System reads the system's settings.
func System() Settings {
	tree, err := source.OpenTree("/")
	if err != nil {
		return Settings{}
	}
	defer func() { _ = tree.Close() }() // only read
	text, err := tree.ReadFile(preferences, maxSettings)
	if err != nil {
		return Settings{}
	}
	return fromMacOS(text)
}
