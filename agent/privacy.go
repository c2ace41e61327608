package agent

import (
	"slices"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// switchedOff is the reason of what the host's owner does not want to be read.
const switchedOff = "switched off on this host"

// Preset is a named choice of what may be reported.
type Preset string

// The presets. The empty one is that of servers.
const (
	PresetServer  Preset = "server"
	PresetStaff   Preset = "staff"   // the organisation's device, which one person uses
	PresetPrivate Preset = "private" // the person's own device
)

// presets are the categories that each allows. None allows last logins, usage, names of
// wireless networks, or requests over the network: those want a word of the host's owner.
var presets = map[Preset][]source.Category{
	PresetServer: {
		source.CategoryUsers, source.CategoryUserSoftware, source.CategoryPeripherals, source.CategoryPrinters,
		source.CategoryProcesses, source.CategoryNeighbours, source.CategoryLibraries,
	},
	PresetStaff: {
		source.CategoryUsers, source.CategoryLastUser, source.CategoryUserSoftware, source.CategoryPeripherals, source.CategoryPrinters,
		source.CategoryProcesses, source.CategoryNeighbours, source.CategoryLibraries,
	},
	PresetPrivate: {},
}

// Privacy is what the host's owner lets the agent report. Deny wins over Allow, and both over
// the preset. Names are of categories and sections.
type Privacy struct {
	Preset      Preset
	Allow, Deny []string
}

func (p Privacy) validate() error {
	if _, ok := presets[p.preset()]; !ok {
		return inventory.Errorf(inventory.CodeInvalid, "privacy %q: there are %s, %s and %s", p.Preset, PresetServer, PresetStaff, PresetPrivate)
	}
	for list, names := range map[string][]string{"allow": p.Allow, "deny": p.Deny} {
		for _, name := range names {
			if !isCategory(name) && !slices.Contains(inventory.Sections(), inventory.SectionName(name)) {
				return inventory.Errorf(inventory.CodeInvalid, "%s %q: no such category or section; there are %q and %q",
					list, name, source.Categories(), inventory.Sections())
			}
		}
	}
	return nil
}

func (p Privacy) preset() Preset {
	if p.Preset == "" {
		return PresetServer
	}
	return p.Preset
}

func isCategory(name string) bool { return slices.Contains(source.Categories(), source.Category(name)) }

// rules say what may leave the machine: they hold the names of what may not.
type rules map[string]bool

func (c Config) rules() rules {
	off := rules{}
	for _, category := range source.Categories() {
		off[string(category)] = !slices.Contains(presets[c.Privacy.preset()], category)
	}
	for _, name := range c.Privacy.Allow {
		delete(off, name)
	}
	for _, name := range c.Privacy.Deny {
		off[name] = true
	}
	for _, name := range c.Skip {
		off[string(name)] = true
	}
	return off
}

// The names of sections that are a category as a whole are the category's.
func (r rules) section(name inventory.SectionName) bool { return !r[string(name)] }
func (r rules) may(c source.Category) bool              { return !r[string(c)] }
func (r rules) source(s source.Source) bool             { return r.section(s.Section) && r.may(s.Category) }

// fields are the categories that are parts of sections which are more than that.
var fields = []struct {
	section  inventory.SectionName
	category source.Category
}{
	{inventory.SectionDevice, source.CategoryLastUser},
	{inventory.SectionUsers, source.CategoryLastLogin},
	{inventory.SectionInterfaces, source.CategoryWiFi},
	{inventory.SectionPorts, source.CategoryProcesses},
	{inventory.SectionSoftware, source.CategoryUserSoftware},
	{inventory.SectionSoftware, source.CategoryLibraries},
}

// filter takes out of a body what may not leave the machine, whether its source knows of
// privacy or not. It changes a copy of what it changes in a list.
func (r rules) filter(body inventory.Body) inventory.Body {
	switch b := body.(type) {
	case *inventory.Device:
		if b.User != "" && !r.may(source.CategoryLastUser) {
			other := *b
			other.User = ""
			return &other
		}
	case inventory.Users:
		return blank(b, r.may(source.CategoryLastLogin), func(u *inventory.User) { u.LastLogin = "" })
	case inventory.Interfaces:
		return blank(b, r.may(source.CategoryWiFi), func(i *inventory.Interface) { i.SSID = "" })
	case inventory.Ports:
		return blank(b, r.may(source.CategoryProcesses), func(p *inventory.Port) { p.Process = "" })
	case inventory.SoftwareList:
		return r.filterSoftware(b)
	}
	return body
}

func blank[L ~[]T, T any](list L, may bool, field func(*T)) L {
	if may {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		field(&list[i])
	}
	return list
}

func (r rules) filterSoftware(list inventory.SoftwareList) inventory.SoftwareList {
	personal, libraries := r.may(source.CategoryUserSoftware), r.may(source.CategoryLibraries)
	if personal && libraries {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(s inventory.Software) bool {
		return !personal && (s.User != "" || inHome(s.Path)) || !libraries && s.Kind == inventory.KindLibrary
	})
}

// inHome says whether a path leads into what belongs to one person.
func inHome(path string) bool {
	path = strings.ToLower(strings.ReplaceAll(path, `\`, "/"))
	if len(path) > 2 && path[1] == ':' {
		path = path[2:]
	}
	for _, homes := range []string{"/home/", "/users/", "/var/home/", "/export/home/", "/documents and settings/"} {
		rest, ok := strings.CutPrefix(path, homes)
		if !ok {
			continue
		}
		switch owner, _, _ := strings.Cut(rest, "/"); owner {
		case "", "shared", "public", "default", "all users", "linuxbrew":
		default:
			return true
		}
	}
	return false
}

// hidden are readings that say of parts of the given sections that they are switched off.
func (r rules) hidden(sections []inventory.SectionName) []Reading {
	var out []Reading
	for _, f := range fields {
		if slices.Contains(sections, f.section) && r.section(f.section) && !r.may(f.category) {
			out = append(out, Reading{Source: string(f.category), Section: f.section, Status: inventory.StatusUnsupported, Reason: switchedOff})
		}
	}
	return out
}
