package software

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// mozilla lists the add-ons of one profile of Firefox or Thunderbird, by its extensions.json.
func mozilla(f *finder, name string) []inventory.Software {
	b := f.read(name, 8<<20)
	if b == nil {
		return nil
	}
	list, err := ParseMozilla(b)
	if err != nil {
		f.note(name, err)
	}
	program := "firefox"
	if strings.Contains(strings.ToLower(name), "thunderbird") {
		program = "thunderbird"
	}
	for i := range list {
		list[i].Source = program
	}
	return list
}

// ParseMozilla reads extensions.json, the add-on manager's database
// (https://searchfox.org/mozilla-central/source/toolkit/mozapps/extensions/internal/XPIDatabase.sys.mjs).
// What is built into the program is left out.
func ParseMozilla(b []byte) ([]inventory.Software, error) {
	var list []inventory.Software
	err := jsonItems(bytes.NewReader(b), func(_ string, value json.RawMessage) error {
		var a struct {
			ID, Version, Location string
			DefaultLocale         struct{ Name, Creator string }
			InstallDate           float64 // milliseconds since 1970
		}
		err := decode(value, &a)
		if err != nil || strings.HasPrefix(a.Location, "app-builtin") || strings.HasPrefix(a.Location, "app-system") {
			return err
		}
		s := inventory.Software{
			Kind: inventory.KindExtension, Installed: day(int64(a.InstallDate / 1000)), Version: source.Text(a.Version), Name: source.Text(a.DefaultLocale.Name),
			Publisher: withoutAddress(a.DefaultLocale.Creator),
		}
		if s.Name == "" {
			s.Name = source.Text(a.ID)
		}
		if s.Name != "" {
			list = append(list, s)
		}
		return nil
	}, "addons")
	if err != nil {
		return nil, fmt.Errorf("parse extensions.json: %w", err)
	}
	return list, nil
}
