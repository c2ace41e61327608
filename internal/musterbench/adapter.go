package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// line is one observation of the benchmark's schema.
type line struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Source     string    `json:"source"`
	Site       string    `json:"site"`
	ObservedAt time.Time `json:"observed_at"`
	ReceivedAt time.Time `json:"received_at"`
	Facts      facts     `json:"facts"`
}

// facts are the fields of all kinds together; each kind fills some.
type facts struct {
	// agent
	AgentID       string `json:"agent_id"`
	MachineID     string `json:"machine_id"`
	SMBIOS        string `json:"smbios_uuid"`
	SystemSerial  string `json:"system_serial"`
	BoardSerial   string `json:"board_serial"`
	BoardAssetTag string `json:"board_asset_tag"`
	AssetTag      string `json:"asset_tag"`
	Manufacturer  string `json:"manufacturer"`
	Model         string `json:"model"`
	Hostname      string `json:"hostname"` // mdns too
	Domain        string `json:"domain"`
	OS            string `json:"os"`
	LastUser      string `json:"last_user"`
	RemoteAddr    string `json:"remote_addr"`
	Disks         []struct{ Serial, Model, Bus string }
	NICs          []card
	Cloud         *struct {
		Provider, Account, Subscription, Region string
		InstanceID                              string `json:"instance_id"`
		VMID                                    string `json:"vm_id"`
	}
	Container *struct{ Runtime, ID string }

	// sightings
	IP         string
	MAC        string
	Vendor     string
	SysName    string   `json:"sys_name"`
	SysDescr   string   `json:"sys_descr"`
	Serials    []string `json:"serials"`
	EngineID   string   `json:"engine_id"`
	IfMACs     []string `json:"if_macs"`
	IPs        []string `json:"ips"`
	OpenPorts  []int    `json:"open_ports"`
	RDNS       string   `json:"rdns"`
	SSHHostKey string   `json:"ssh_hostkey"`
	ARPTable   []struct{ IP, MAC string }
	FDB        []struct {
		MAC  string
		Port int
	}

	// clouds
	Account      string
	Subscription string
	Region       string
	Location     string
	InstanceID   string `json:"instance_id"`
	VMID         string `json:"vm_id"`
	Name         string // imports too
	State        string
	VPC          string `json:"vpc_id"`
	VNet         string
	PrivateIP    string `json:"private_ip"`
	PublicIP     string `json:"public_ip"`
	ENIs         []card `json:"enis"`

	// imports
	RowSerial    string `json:"row_serial"`
	AssignedTo   string `json:"assigned_to"`
	DNSName      string `json:"dns_name"`
	GUID         string `json:"object_guid"`
	Serial       string
	UDID         string
	WiFiMAC      string `json:"wifi_mac"`
	DeviceName   string `json:"device_name"`
	User         string
	MoRef        string
	InstanceUUID string `json:"instance_uuid"`
	BIOSUUID     string `json:"bios_uuid"`
	MACs         []string
	GuestName    string `json:"guest_hostname"`
	SMBIOSGUID   string `json:"smbios_guid"`
}

type card struct {
	Name       string
	MAC        string
	Permanent  string `json:"permanent_mac"`
	Type       string
	IPs        []string
	PrivateIPs []string `json:"private_ips"`
	ENI        string   `json:"eni_id"`
}

// sites is the configuration that a collector has: where an egress address or a cloud
// network belongs.
type sites struct {
	egress, network map[string]string
}

func readSites(path string) (sites, error) {
	s := sites{egress: map[string]string{}, network: map[string]string{}}
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	var list []struct {
		Site   string
		Egress []string
		VPC    string
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return s, fmt.Errorf("read %s: %w", path, err)
	}
	for _, x := range list {
		for _, e := range x.Egress {
			s.egress[e] = x.Site
		}
		if x.VPC != "" {
			s.network[x.VPC] = x.Site
		}
	}
	return s, nil
}

// observation is what the source of a line would have sent to the collector. What a
// device's tables tell of other devices stays with it, as its neighbours.
func (s sites) observation(l *line, seq int64) (*inventory.Observation, error) {
	o := &inventory.Observation{
		Source: inventory.Source{ID: l.Source, Site: l.Site}, SeenAt: l.ObservedAt,
		Epoch: 1, Seq: seq, Complete: true,
	}
	f := &l.Facts
	var b sections
	switch l.Kind {
	case "agent":
		o.Source = inventory.Source{Kind: inventory.KindAgent, ID: f.AgentID, Site: s.egress[f.RemoteAddr]}
		b = agent(f)
	case "arp", "mdns":
		o.Source.Kind, o.NativeKey = inventory.KindScanner, "mac:"+f.MAC
		b = sighting(f)
	case "snmp":
		o.Source.Kind, o.NativeKey = inventory.KindScanner, "ip:"+f.IP
		if len(f.IfMACs) > 0 {
			o.NativeKey = "mac:" + f.IfMACs[0]
		}
		b = polled(f)
	case "ipscan":
		o.Source.Kind, o.NativeKey = inventory.KindScanner, "ip:"+f.IP
		b = probed(f)
	case "cloud-aws":
		o.Source = inventory.Source{Kind: inventory.KindAWS, ID: "aws:" + f.Account, Site: s.network[f.VPC]}
		o.NativeKey, b = f.InstanceID, cloud(f, "aws", f.InstanceID)
	case "cloud-azure":
		o.Source = inventory.Source{Kind: inventory.KindAzure, ID: "azure:" + f.Subscription, Site: s.network[f.VNet]}
		o.NativeKey, b = f.VMID, cloud(f, "azure", f.VMID)
	case "import":
		o.Source.Kind, o.Source.ID = inventory.KindImport, "import:"+l.Source
		o.NativeKey, b = row(f)
	default:
		return nil, fmt.Errorf("observation %s: unknown kind %q", l.ID, l.Kind)
	}
	o.Sections = b.list()
	return o, nil
}

// sections are the bodies of one observation.
type sections struct {
	device     inventory.Device
	os         inventory.OS
	interfaces inventory.Interfaces
	disks      inventory.Disks
	ports      inventory.Ports
	neighbours inventory.Neighbours
	looked     int // 1 when an empty list of cards or disks means that there are none
}

func (b *sections) list() []inventory.Section {
	out := []inventory.Section{{Name: inventory.SectionDevice, Status: inventory.StatusOK, Body: &b.device}}
	add := func(n int, body inventory.Body) {
		if n > 0 {
			out = append(out, inventory.Section{Name: body.Section(), Status: inventory.StatusOK, Body: body})
		}
	}
	add(len(b.os.Family), &b.os)
	add(b.looked+len(b.interfaces), b.interfaces)
	add(b.looked+len(b.disks), b.disks)
	add(len(b.ports), b.ports)
	add(len(b.neighbours), b.neighbours)
	return out
}

func (b *sections) identify(t inventory.IdentifierType, value, scope, part string) {
	if value != "" {
		b.device.Identifiers = append(b.device.Identifiers, inventory.Identifier{Type: t, Value: value, Scope: scope, Part: part})
	}
}

func (b *sections) card(c card) {
	b.interfaces = append(b.interfaces, inventory.Interface{
		Name: c.Name, MAC: c.MAC, PermanentMAC: c.Permanent, Type: inventory.InterfaceType(c.Type), Up: true,
		Addresses: addresses(append(c.IPs, c.PrivateIPs...)),
	})
}

func addresses(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return out
}

func agent(f *facts) sections {
	b := sections{looked: 1, device: inventory.Device{
		Name: f.Hostname, Domain: f.Domain, Vendor: f.Manufacturer, Model: f.Model, Serial: f.SystemSerial, AssetTag: f.AssetTag, User: f.LastUser,
	}}
	b.os.Family = f.OS
	b.identify(inventory.IDSMBIOS, f.SMBIOS, "", "")
	b.identify(inventory.IDMachine, f.MachineID, "", "")
	b.identify(inventory.IDSerial, f.BoardSerial, "", inventory.PartBoard)
	b.identify(inventory.IDAssetTag, f.AssetTag, "", "")
	b.identify(inventory.IDAssetTag, f.BoardAssetTag, "", inventory.PartBoard)
	if c := f.Cloud; c != nil {
		b.identify(inventory.IDCloudInstance, c.InstanceID+c.VMID, c.Provider, "")
		b.device.CloudAccount, b.device.CloudRegion = c.Account+c.Subscription, c.Region
	}
	if c := f.Container; c != nil {
		b.device.Role = inventory.RoleContainer
		b.identify(inventory.IDContainer, c.ID, c.Runtime, "")
	}
	for _, n := range f.NICs {
		b.card(n)
	}
	for _, d := range f.Disks {
		b.disks = append(b.disks, inventory.Disk{Serial: d.Serial, Model: d.Model, Bus: d.Bus})
	}
	return b
}

func sighting(f *facts) sections {
	b := sections{device: inventory.Device{Name: f.Hostname}}
	b.card(card{MAC: f.MAC, IPs: []string{f.IP}})
	return b
}

func polled(f *facts) sections {
	b := sections{device: inventory.Device{Name: f.SysName, Description: f.SysDescr}}
	part := inventory.PartSystem
	if len(f.Serials) > 1 {
		part = inventory.PartStack
	}
	for _, s := range f.Serials {
		b.identify(inventory.IDSerial, s, "", part)
	}
	b.identify(inventory.IDSNMPEngine, f.EngineID, "", "")
	for _, m := range f.IfMACs {
		b.card(card{MAC: m})
	}
	b.card(card{IPs: append([]string{f.IP}, f.IPs...)})
	for _, r := range f.ARPTable {
		b.neighbours = append(b.neighbours, inventory.Neighbour{Protocol: "arp", Address: r.IP, MAC: r.MAC})
	}
	for _, r := range f.FDB {
		b.neighbours = append(b.neighbours, inventory.Neighbour{Protocol: "bridge", LocalPort: fmt.Sprint(r.Port), MAC: r.MAC})
	}
	return b
}

func probed(f *facts) sections {
	b := sections{device: inventory.Device{Name: f.RDNS}}
	b.identify(inventory.IDSSHHostKey, f.SSHHostKey, "", "")
	b.card(card{IPs: []string{f.IP}})
	for _, p := range f.OpenPorts {
		b.ports = append(b.ports, inventory.Port{Protocol: "tcp", Number: p})
	}
	return b
}

func cloud(f *facts, provider, id string) sections {
	b := sections{device: inventory.Device{
		Name: f.Name, State: f.State, Class: inventory.ClassVM, CloudAccount: f.Account + f.Subscription, CloudRegion: f.Region + f.Location,
	}}
	b.identify(inventory.IDCloudInstance, id, provider, "")
	for _, c := range append(f.ENIs, f.NICs...) {
		b.identify(inventory.IDCloudInterface, c.ENI, provider, "")
		b.card(c)
	}
	b.card(card{IPs: []string{f.PrivateIP, f.PublicIP}})
	return b
}

// row is one row of an import, with the key that such a system has for it.
func row(f *facts) (string, sections) {
	var b sections
	b.device = inventory.Device{Vendor: f.Vendor, Model: f.Model, AssetTag: f.AssetTag, User: f.AssignedTo + f.User}
	b.device.Serial = f.RowSerial + f.Serial
	b.os.Family = strings.ToLower(f.OS)
	b.device.Name = f.Name + f.DeviceName
	b.identify(inventory.IDSMBIOS, f.SMBIOSGUID, "", "")
	b.identify(inventory.IDSMBIOS, f.BIOSUUID, "", "")
	b.identify(inventory.IDDirectory, f.GUID, "", "")
	b.identify(inventory.IDMDM, f.UDID, "", "")
	b.identify(inventory.IDVMInstance, f.InstanceUUID, "", "")
	for _, m := range append(f.MACs, f.WiFiMAC) {
		if m != "" {
			b.card(card{MAC: m})
		}
	}
	switch {
	case f.GUID != "":
		b.device.Name = f.DNSName
		return f.GUID, b
	case f.UDID != "":
		return f.UDID, b
	case f.MoRef != "":
		if f.GuestName != "" {
			b.device.Name = f.GuestName
		}
		b.device.Role, b.device.Class = inventory.RoleHost, inventory.ClassVM
		return f.MoRef, b
	case f.SMBIOSGUID != "" || f.Name != "":
		return f.Name + "/" + f.SMBIOSGUID, b
	}
	return "serial:" + strings.ToUpper(strings.TrimSpace(f.RowSerial)), b
}
