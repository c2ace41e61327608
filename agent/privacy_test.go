package agent_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// personal is a machine whose sources know nothing of privacy and give everything they have.
// Each text that somebody may mind starts with the category it is of.
func personal() []source.Source {
	list := []source.Source{
		gives(inventory.SectionDevice, "identity", &inventory.Device{Name: "laptop", User: "last_user:anna"}, nil),
		gives(inventory.SectionInterfaces, "netlink", inventory.Interfaces{{Name: "wlan0", SSID: "wifi:home"}}, nil),
		gives(inventory.SectionUsers, "passwd", inventory.Users{{Name: "users:anna", LastLogin: "last_login:2026-01-02"}}, nil),
		gives(inventory.SectionPorts, "sockets", inventory.Ports{{Protocol: "tcp", Number: 22, Process: "processes:sshd"}}, nil),
		gives(inventory.SectionPeripherals, "usb", inventory.Peripherals{{Bus: "usb", Model: "peripherals:stick"}}, nil),
		gives(inventory.SectionPrinters, "cups", inventory.Printers{{Name: "printers:home"}}, nil),
		gives(inventory.SectionNeighbours, "arp", inventory.Neighbours{{Protocol: "arp", RemoteName: "neighbours:tv"}}, nil),
		gives(inventory.SectionUsage, "atime", inventory.Usages{{Source: "atime", Name: "usage:game"}}, nil),
		gives(inventory.SectionSoftware, "dpkg", inventory.SoftwareList{
			{Source: "deb", Name: "bash"},
			{Source: "app", Name: "user_software:notes", User: "anna"},
			{Source: "app", Name: "user_software:chat", Path: `C:\Users\anna\AppData\Local\chat`},
			{Source: "app", Name: "user_software:code", Path: "/home/anna/.local/code"},
			{Source: "app", Name: "brew", Path: "/home/linuxbrew/.linuxbrew/Cellar/brew"},
			{Source: "pip", Name: "libraries:six", Kind: inventory.KindLibrary},
		}, nil),
	}
	cloud := gives(inventory.SectionDevice, "imds", &inventory.Device{CloudRegion: "cloud_metadata:eu-1"}, nil)
	cloud.Category = source.CategoryCloudMetadata
	return append(list, cloud)
}

func TestPrivacyPresets(t *testing.T) {
	always := []string{"last_login", "usage", "wifi", "cloud_metadata"} // off unless somebody asks for them
	all := make([]string, 0, len(source.Categories()))
	for _, c := range source.Categories() {
		all = append(all, string(c))
	}
	without := func(drop ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(c string) bool { return slices.Contains(drop, c) })
	}
	tests := []struct {
		name    string
		privacy agent.Privacy
		on      []string
	}{
		{"nothing said", agent.Privacy{}, without(append(always, "last_user")...)},
		{"server", agent.Privacy{Preset: agent.PresetServer}, without(append(always, "last_user")...)},
		{"staff", agent.Privacy{Preset: agent.PresetStaff}, without(always...)},
		{"private", agent.Privacy{Preset: agent.PresetPrivate}, nil},
		{"everything allowed", agent.Privacy{Preset: agent.PresetPrivate, Allow: all}, all},
		{"deny wins", agent.Privacy{Allow: all, Deny: []string{"wifi", "users"}}, without("wifi", "users", "last_login")},
		{"a section denied", agent.Privacy{Allow: all, Deny: []string{"software"}}, without("user_software", "libraries")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, _, err := agent.NewEyes(agent.Config{Privacy: tt.privacy}, "", personal(), now, quiet).Look(t.Context(), "4b1d")
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(agent.NewDocument(o))
			if err != nil {
				t.Fatal(err)
			}
			var on []string
			for _, c := range all {
				if strings.Contains(string(text), `"`+c+":") {
					on = append(on, c)
				}
			}
			if diff := cmp.Diff(tt.on, on); diff != "" {
				t.Errorf("reported categories (-want +got):\n%s", diff)
			}
			for _, s := range o.Sections {
				if s.Body == nil && !strings.Contains(s.Reason, "switched off on this host") {
					t.Errorf("%s has no body and says %s %q", s.Name, s.Status, s.Reason)
				}
			}
			if tt.privacy.Deny == nil && !strings.Contains(string(text), `"brew"`) {
				t.Error("the machine's own software is missing")
			}
		})
	}
}

// What is switched off is said to be so, for parts of sections too.
func TestPrivacyIsReported(t *testing.T) {
	o, _, err := agent.NewEyes(agent.Config{Privacy: agent.Privacy{Preset: agent.PresetPrivate}}, "", personal(), now, quiet).Look(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	readings, _ := o.Sections[len(o.Sections)-1].Body.(inventory.Readings)
	var off []string
	for _, r := range readings {
		if r.Reason == "switched off on this host" && r.Status == inventory.StatusUnsupported {
			off = append(off, string(r.Reads)+" "+r.Source)
		}
	}
	want := []string{
		"users passwd", "peripherals usb", "printers cups", "neighbours arp", "usage atime", "device imds",
		"device last_user", "interfaces wifi", "ports processes", "software user_software", "software libraries",
	}
	if diff := cmp.Diff(want, off); diff != "" {
		t.Errorf("switched off (-want +got):\n%s", diff)
	}
}

// A source may give the same list each time: what is blanked is a copy.
func TestPrivacyLeavesTheSourcesAlone(t *testing.T) {
	kept := inventory.Interfaces{{Name: "wlan0", SSID: "home"}}
	software := inventory.SoftwareList{{Name: "a", User: "anna"}, {Name: "b"}}
	sources := []source.Source{gives(inventory.SectionInterfaces, "n", kept, nil), gives(inventory.SectionSoftware, "s", software, nil)}
	for range 2 {
		look(t, agent.Config{Privacy: agent.Privacy{Preset: agent.PresetPrivate}}, "", sources...)
	}
	if kept[0].SSID != "home" || software[0].User != "anna" || software[1].Name != "b" {
		t.Errorf("changed: %+v %+v", kept, software)
	}
}

func TestSourcesOfACategoryAreNotRun(t *testing.T) {
	s := source.Source{Section: inventory.SectionSoftware, Name: "extensions", Category: source.CategoryUserSoftware, Read: func(context.Context) (inventory.Body, error) {
		t.Error("was read")
		return inventory.SoftwareList{}, nil
	}}
	o := look(t, agent.Config{Privacy: agent.Privacy{Preset: agent.PresetPrivate}}, "", s, gives(inventory.SectionSoftware, "dpkg", inventory.SoftwareList{{Name: "bash"}}, nil))
	if o.Sections[0].Status != inventory.StatusOK {
		t.Errorf("what is switched off makes the rest %s: %s", o.Sections[0].Status, o.Sections[0].Reason)
	}
}
