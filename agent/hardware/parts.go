package hardware

import (
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/hardware/smbios"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// components are the expansion slots and power supplies that the firmware describes.
// Structures' handles number them: they are the table's own and stay.
func components(info *smbios.Info) inventory.Components {
	list := inventory.Components{}
	for _, s := range info.Slots {
		if s.Name == "" && s.Kind == "" {
			continue
		}
		model := s.Kind
		if s.Usage != "" {
			model = strings.TrimSpace(model + " (" + s.Usage + ")")
		}
		list = append(list, inventory.Component{Index: s.Handle, Class: "slot", Name: source.Text(s.Name), Model: model})
	}
	for _, p := range info.Supplies {
		c := inventory.Component{
			Index: p.Handle, Class: "power supply", Name: filledIn(p.Name, filledIn(p.Location, "")), Vendor: filledIn(p.Vendor, ""),
			Serial: filledIn(p.Serial, ""), Model: filledIn(p.Part, ""), Hardware: filledIn(p.Revision, ""),
		}
		if c.Name == "" && c.Vendor == "" && c.Serial == "" && c.Model == "" {
			continue // boards describe one that they know nothing of
		}
		if p.Watts > 0 {
			c.Model = strings.TrimSpace(c.Model + " (" + strconv.Itoa(p.Watts) + " W)")
		}
		list = append(list, c)
	}
	return list
}

// filledIn is what the firmware's maker did not leave to the board's, or else what is given.
func filledIn(s, otherwise string) string {
	switch lower := strings.ToLower(s); {
	case strings.Contains(lower, "to be filled"), strings.HasPrefix(lower, "tbd"), lower == "not specified", lower == "unknown", lower == "none", lower == "n/a":
		return otherwise
	}
	return first(source.Text(s), otherwise)
}
