package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/announce"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

// writers are the output formats by name.
var writers = map[string]func(w io.Writer, res *scanner.Result, site string) error{
	"table": writeTable,
	"jsonl": writeJSON,
}

// line is one device in the jsonl output. Fields that are not known are empty.
type line struct {
	Address    string              `json:"address"`
	Addresses  []string            `json:"addresses"`
	MACs       []string            `json:"macs"`
	Names      []string            `json:"names"`
	Vendor     string              `json:"vendor"`
	Type       inventory.Class     `json:"type"`
	Model      string              `json:"model"`
	Serial     string              `json:"serial"`
	OS         string              `json:"os"`
	OSVersion  string              `json:"os_version"`
	Kernel     string              `json:"kernel,omitempty"`
	Sources    []string            `json:"sources"`
	MACVendor  string              `json:"mac_vendor,omitempty"`
	Site       string              `json:"site,omitempty"`
	Link       string              `json:"link,omitempty"`
	Via        string              `json:"via,omitempty"`
	Virtual    string              `json:"virtual,omitempty"`
	Self       bool                `json:"self,omitempty"`
	Flags      []string            `json:"flags,omitempty"`
	Reason     string              `json:"reason,omitempty"`
	SNMP       *snmpLine           `json:"snmp,omitempty"`
	Neighbours []neighbourLine     `json:"neighbours,omitempty"`
	Ports      []portLine          `json:"ports,omitempty"`
	Evidence   []identify.Evidence `json:"evidence,omitempty"`
	Announced  *announcedLine      `json:"announced,omitempty"`
	SeenAt     time.Time           `json:"seen_at"`
}

// snmpLine is what was read by SNMP beyond the common fields.
type snmpLine struct {
	Name        string            `json:"name,omitempty"`
	Description string            `json:"description,omitempty"`
	ObjectID    string            `json:"object_id,omitempty"`
	Location    string            `json:"location,omitempty"`
	Contact     string            `json:"contact,omitempty"`
	EngineID    string            `json:"engine_id,omitempty"`
	Credential  string            `json:"credential,omitempty"`
	Interfaces  int               `json:"interfaces"`
	Components  int               `json:"components"`
	ARP         int               `json:"arp_entries"`
	Bridge      int               `json:"bridge_entries"`
	Variables   int               `json:"variables"`
	Dropped     int               `json:"dropped,omitempty"`
	Partial     map[string]string `json:"partial,omitempty"`

	// What the collector gets as sections of their own.
	VLANs        inventory.VLANs            `json:"vlans,omitempty"`
	Redundancy   inventory.Redundancies     `json:"redundancy,omitempty"`
	Wireless     inventory.WirelessNetworks `json:"wireless,omitempty"`
	AccessPoints int                        `json:"access_points,omitempty"`
	Supplies     inventory.Supplies         `json:"supplies,omitempty"`
	Meters       inventory.Meters           `json:"meters,omitempty"`
	Filesystems  int                        `json:"filesystems,omitempty"`
	Software     int                        `json:"software,omitempty"`
}

type neighbourLine struct {
	Protocol   string `json:"protocol"`
	LocalPort  string `json:"local_port"`
	RemoteName string `json:"remote_name"`
	RemotePort string `json:"remote_port"`
	ChassisID  string `json:"chassis_id"`
	Address    string `json:"address,omitempty"`

	MAC          string   `json:"mac,omitempty"`
	VLAN         int      `json:"vlan,omitempty"`
	Platform     string   `json:"platform,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"`
	Serial       string   `json:"serial,omitempty"`
	Version      string   `json:"version,omitempty"`
}

// portLine is a port with all that it told.
type portLine struct {
	Protocol string        `json:"protocol"`
	Number   int           `json:"number"`
	Service  string        `json:"service,omitempty"`
	Banner   string        `json:"banner,omitempty"`
	Facts    service.Facts `json:"facts,omitempty"`
}

// announcedLine is what a device said of itself: facts by key, services as protocol/port name.
type announcedLine struct {
	Via      []string            `json:"via"`
	Facts    map[string][]string `json:"facts,omitempty"`
	Services []string            `json:"services,omitempty"`
}

func newAnnouncedLine(s *announce.Speech) *announcedLine {
	if len(s.Via) == 0 {
		return nil
	}
	l := &announcedLine{Via: s.Via, Facts: map[string][]string{}}
	for _, f := range s.Facts {
		l.Facts[f.Key] = append(l.Facts[f.Key], f.Value)
	}
	for _, v := range s.Services {
		l.Services = append(l.Services, fmt.Sprintf("%s/%d %s", v.Protocol, v.Port, v.Name))
	}
	return l
}

func writeJSON(w io.Writer, res *scanner.Result, site string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, d := range res.Devices {
		l := newLine(d)
		l.Site = site
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func newLine(d *scanner.Device) line {
	id := &d.Identity
	l := line{
		Addresses: []string{}, MACs: []string{}, Names: []string{}, Sources: d.Sources,
		Vendor: id.Vendor, Type: id.Type, Model: id.Model, Serial: id.Serial,
		OS: id.OS.Name, OSVersion: id.OS.Version, Kernel: id.OS.Kernel,
		MACVendor: d.MACVendor, Link: d.Link, Virtual: d.Virtual, Self: d.Self, Flags: d.Flags, Reason: d.Reason, SeenAt: d.SeenAt.UTC(),
		Evidence: d.Evidence,
	}
	for _, p := range d.Ports {
		l.Ports = append(l.Ports, portLine{p.Protocol, p.Number, p.Service, p.Banner, p.Facts})
	}
	if a := d.Address(); a.IsValid() { // a switch that was heard by LLDP has none
		l.Address = a.String()
	}
	if l.OS == "" {
		l.OS = id.OS.Family
	}
	l.Announced = newAnnouncedLine(&d.Announced)
	for _, h := range d.Heard {
		nl := neighbourLine{Protocol: h.Protocol, LocalPort: h.Link, RemoteName: h.Name, RemotePort: h.Port, ChassisID: h.ChassisID}
		if h.Address.IsValid() {
			nl.Address = h.Address.String()
		}
		l.Neighbours = append(l.Neighbours, nl)
	}
	for _, a := range d.Addresses {
		l.Addresses = append(l.Addresses, a.String())
	}
	for _, m := range d.MACs {
		l.MACs = append(l.MACs, m.String())
	}
	for _, s := range d.Sources {
		if strings.HasPrefix(s, "arp table") {
			l.Via = s
		}
	}
	if f := d.Facts; f != nil {
		l.SNMP = newSNMPLine(f)
		if f.System.Name != "" {
			l.Names = append(l.Names, f.System.Name)
		}
		for _, n := range scanner.NamedNeighbours(f) {
			l.Neighbours = append(l.Neighbours, neighbourLine{
				Protocol: n.Protocol, LocalPort: n.LocalPort, RemoteName: n.RemoteName, RemotePort: n.RemotePort, ChassisID: n.ChassisID,
				Address: n.Address, MAC: n.MAC, VLAN: n.VLAN, Platform: n.Platform, Capabilities: n.Capabilities,
				Serial: n.Serial, Version: n.Version,
			})
		}
	}
	for _, n := range d.Names {
		if len(l.Names) == 0 || !strings.EqualFold(n, l.Names[0]) {
			l.Names = append(l.Names, n)
		}
	}
	return l
}

func newSNMPLine(f *snmp.Facts) *snmpLine {
	l := &snmpLine{
		Name: f.System.Name, Description: f.System.Description, ObjectID: f.System.ObjectID, Location: f.System.Location,
		Contact: f.System.Contact, EngineID: f.EngineID, Credential: f.Credential, Interfaces: len(f.Interfaces),
		Components: len(f.Components), ARP: len(f.ARP), Bridge: len(f.Bridge.Table), Variables: f.Variables, Dropped: f.Dropped,
		VLANs: f.VLANs, Redundancy: f.Redundancy, Wireless: f.Wireless.Networks, AccessPoints: len(f.Wireless.AccessPoints),
		Supplies: f.Supplies, Meters: f.Meters, Filesystems: len(f.Host.Filesystems), Software: len(f.Host.Software),
	}
	for name, st := range f.Sections {
		if !st.Complete {
			if l.Partial == nil {
				l.Partial = map[string]string{}
			}
			l.Partial[string(name)] = st.Reason
		}
	}
	return l
}

// maxShown is how many further addresses of one device a table shows.
const maxShown = 3

// maxCell is how wide a column of a table gets.
const maxCell = 60

func writeTable(w io.Writer, res *scanner.Result, _ string) error {
	if len(res.Devices) == 0 {
		_, err := fmt.Fprintln(w, "nothing answered")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "ADDRESS\tMAC\tNAME\tTYPE\tVENDOR\tMODEL\tSERIAL\tOS\tSEEN BY\tREMARK")
	for _, d := range res.Devices {
		l := newLine(d)
		cells := []string{
			l.Address, first(l.MACs), first(l.Names), string(l.Type), vendorCell(l), l.Model, l.Serial,
			strings.TrimSpace(l.OS + " " + l.OSVersion), strings.Join(l.Sources, ", "), remark(l),
		}
		for i, c := range cells {
			if cells[i] = clip(plain(c), maxCell); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// vendorCell shows the maker of the card, in parentheses, where that of the device is not known.
func vendorCell(l line) string {
	if l.Vendor == "" && l.MACVendor != "" {
		return "(" + clip(l.MACVendor, 28) + ")"
	}
	return l.Vendor
}

func remark(l line) string {
	var out []string
	more := slices.DeleteFunc(slices.Clone(l.Addresses), func(a string) bool {
		return a == l.Address || strings.HasPrefix(a, "fe80:")
	})
	if n := len(more); n > 0 {
		text := "also " + strings.Join(more[:min(n, maxShown)], " ")
		if n > maxShown {
			text += " and " + strconv.Itoa(n-maxShown) + " more"
		}
		out = append(out, text)
	}
	if l.Self {
		out = append([]string{"this host"}, out...)
	}
	if l.Virtual != "" {
		out = append([]string{l.Virtual}, out...)
	}
	return strings.Join(append(l.Flags, out...), "; ")
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// plain is text without control characters and marks that change the direction of what
// follows: devices choose their names, and some choose them to play with terminals.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, s)
}

// printPlan shows what a scan would send.
func printPlan(w io.Writer, plan *scanner.Plan, cfg *scanner.Config) error {
	creds := cfg.Credentials
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "%d addresses at up to %d packets a second\n\n", plan.Addresses(), plan.Rate)
	fmt.Fprintln(t, "PROBE\tWHERE\tADDRESSES\tPACKETS\tTIME")
	var packets uint64
	for _, s := range plan.Steps() {
		packets += s.Packets
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\n", s.What, s.Where, s.Addresses, s.Packets, s.Time.Round(100*time.Millisecond))
	}
	fmt.Fprintf(t, "at most\t\t\t%d\t\n", packets)
	if err := t.Flush(); err != nil {
		return err
	}
	if len(creds) == 0 {
		fmt.Fprintln(w, "\nSNMP: not asked, no credentials given")
	} else {
		fmt.Fprintln(w, "\nSNMP, on what is found:")
	}
	for i := range creds {
		scope := "wherever the scan goes"
		if len(creds[i].Targets) > 0 {
			scope = fmt.Sprint(creds[i].Targets)
		}
		fmt.Fprintf(w, "  %s: %s\n", plain(creds[i].String()), scope)
	}
	if n := cfg.Services.Packets(); n > 0 {
		fmt.Fprintf(w, "\nServices, on what is found: %s\n  one connection at a time, at most %d packets to a device on which every port answers\n", cfg.Services, n)
	} else {
		fmt.Fprintln(w, "\nServices: not asked")
	}
	fmt.Fprintf(w, "\nFragile devices are asked no ports: %s\n", plain(cfg.Fragile.String()))
	for _, n := range plan.Notes {
		fmt.Fprintln(w, "note:", plain(n))
	}
	return nil
}
