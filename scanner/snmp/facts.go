package snmp

import (
	"net/netip"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/ether"
)

// Facts is what one device said about itself. Values are cleaned but not interpreted.
type Facts struct {
	Address    netip.Addr // the one it was asked at
	Credential string     // which kind of credential it accepted, without secrets
	// CredentialName is its name among the prober's.
	CredentialName string
	Took           time.Duration

	System     System
	EngineID   string // hex, RFC 3411
	Hints      Hints
	Interfaces []Interface
	Components []Component // ENTITY-MIB
	Bridge     Bridge
	ARP        []ARPEntry
	LLDP       LLDP
	CDP        []CDPNeighbour // those that LLDP does not name
	Private    []Private      // the first texts among makers' own objects

	VLANs      inventory.VLANs
	Redundancy inventory.Redundancies
	Wireless   Wireless
	Supplies   inventory.Supplies
	Meters     inventory.Meters
	Host       Host

	// Extra are the texts of the object ids that Prober.Extra asked for.
	Extra map[string]string

	// Sections says how reading each table went.
	Sections map[Section]State
	// Variables and Dropped count values taken, and values of a wrong type or place.
	Variables, Dropped int
}

// Section names a group of tables that is read as one.
type Section string

// The sections in the order in which they are read: when a device's limits run out, the
// later ones suffer.
const (
	SectionSystem     Section = "system"
	SectionInterfaces Section = "interfaces"
	SectionComponents Section = "components"
	SectionPrivate    Section = "private"
	SectionLLDP       Section = "lldp"
	SectionCDP        Section = "cdp"
	SectionARP        Section = "arp"
	SectionVLANs      Section = "vlans"
	SectionPorts      Section = "ports" // what interfaces have beside IF-MIB: duplex, bundles, PoE
	SectionRedundancy Section = "redundancy"
	SectionBridge     Section = "bridge"
	SectionWireless   Section = "wireless"
	SectionSupplies   Section = "supplies"
	SectionHost       Section = "host"
	SectionMeters     Section = "meters"
	SectionSoftware   Section = "software"
)

// State is how reading a section went.
type State struct {
	// Complete means that everything the device has was read, be it nothing.
	Complete bool
	Reason   string // why not, when not complete
	Took     time.Duration
}

// System is the system group of RFC 3418.
type System struct {
	Description string
	ObjectID    string // dotted, without leading dot
	Contact     string
	Name        string
	Location    string
	Services    int
	UpTime      time.Duration
	Forwarding  bool // ipForwarding of RFC 4293
	// Enterprises are the makers whose own objects the device has, by enterprise number.
	Enterprises []int
}

// Hints are single values from MIBs that only some sort of device has.
type Hints struct {
	BridgeAddress ether.MAC // dot1dBaseBridgeAddress
	PrinterName   string    // prtGeneralPrinterName.1, Printer-MIB (RFC 3805)
	PrinterSerial string    // prtGeneralSerialNumber.1
	Printer       bool      // hrDeviceType.1 says so, HOST-RESOURCES-MIB (RFC 2790)
	DeviceDescr   string    // hrDeviceDescr.1
	UPSMaker      string    // upsIdentManufacturer, UPS-MIB (RFC 1628)
	UPSModel      string    // upsIdentModel
	UPSVersion    string    // upsIdentUPSSoftwareVersion
	ProbeVersion  string    // probeSoftwareRev, RMON2-MIB (RFC 4502)
	MEDMaker      string    // lldpXMedLocMfgName, LLDP-EXT-MED-MIB (ANSI/TIA-1057)
	MEDModel      string    // lldpXMedLocModelName
	MEDSerial     string    // lldpXMedLocSerialNum
	MEDVersion    string    // lldpXMedLocSoftwareRev
}

// Interface is a row of ifTable and ifXTable (RFC 2863) with its addresses.
type Interface struct {
	Index       int
	Name        string // ifName, ifDescr where there is none
	Description string // ifDescr
	Alias       string // ifAlias: what the administrator wrote
	Type        int    // IANAifType
	MAC         ether.MAC
	MTU         int
	Mbps        int64
	Up          bool
	Addresses   []netip.Prefix

	Disabled  bool   // by the administrator
	Duplex    string // full, half
	Aggregate string // name of the bundle that it is a member of
	VLAN      int    // of untagged frames
	Tagged    string // VLANs of tagged frames: 10,20-29
	PoE       string // disabled, searching, delivering, fault, testing
	PoEClass  int
}

// Component is a row of entPhysicalTable (RFC 6933).
type Component struct {
	Index, Parent                int
	Class                        int // PhysicalClass: 3 chassis, 11 stack ...
	Name, Description            string
	VendorType                   string
	Hardware, Firmware, Software string
	Serial, Maker, Model         string
}

// PhysicalClass values of RFC 6933.
const (
	ClassChassis   = 3
	ClassBackplane = 4
	ClassModule    = 9
	ClassStack     = 11
)

// ARPEntry is what the device knows of an address on one of its links.
type ARPEntry struct {
	Interface int
	Addr      netip.Addr
	MAC       ether.MAC
}

// Bridge is a forwarding database (RFC 4188, RFC 4363).
type Bridge struct {
	Ports int // rows of dot1dBasePortTable
	Table []FDBEntry
}

// FDBEntry is one station and the interface it is behind.
type FDBEntry struct {
	Interface int // ifIndex
	MAC       ether.MAC
	VLAN      int // the first in which it is there; 0 when that is not known
}

// LLDP is what the device heard by IEEE 802.1AB, and its own chassis.
type LLDP struct {
	ChassisID   string // of the device itself; a MAC where it is one
	Description string // of the device itself
	Neighbours  []LLDPNeighbour
}

// LLDPNeighbour is one neighbour. Ports are interface names where those are known.
type LLDPNeighbour struct {
	LocalPort  string
	ChassisID  string
	ChassisMAC ether.MAC
	RemotePort string
	RemoteName string
	Address    netip.Addr
	// Platform is what it says that it is; VLAN is the untagged one there, where CDP tells it.
	Platform     string
	VLAN         int
	Capabilities []string // in use: bridge, router, access_point, phone, station ...
	// Serial and Version are what phones and the like tell by LLDP-MED.
	Serial, Version string
}

// CDPNeighbour is what was heard by Cisco's discovery protocol.
type CDPNeighbour struct {
	LocalPort, DeviceID, RemotePort string

	Address      netip.Addr
	Platform     string
	VLAN         int
	Capabilities []string // as of LLDP
}

// Interface by its ifIndex; nil when there is none.
func (f *Facts) Interface(index int) *Interface {
	for i := range f.Interfaces {
		if f.Interfaces[i].Index == index {
			return &f.Interfaces[i]
		}
	}
	return nil
}

// Addresses are all addresses of all interfaces but loopback and link-local ones.
func (f *Facts) Addresses() []netip.Addr {
	var out []netip.Addr
	for _, i := range f.Interfaces {
		for _, p := range i.Addresses {
			if a := p.Addr(); !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsUnspecified() {
				out = append(out, a)
			}
		}
	}
	return out
}
