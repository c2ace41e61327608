package scanner

import (
	"net/netip"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/announce"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Device is one thing that a scan found.
type Device struct {
	// Addresses and MACs that it was seen with, in ascending order.
	Addresses []netip.Addr
	MACs      []ether.MAC
	// Seen is the hardware address that it answers from, on a link of this host or of a
	// router that was read; zero when not known.
	Seen ether.MAC
	// Link is the interface of this host that it is on; "" when it is behind a router.
	Link string
	// Names are host names as given, by reverse DNS or as announced; hints, not facts.
	Names []string
	// HostName is one of Names that also resolves to the address it was found by, and was not
	// made up from it, else the first that the device announced; "" for none.
	HostName string
	// Sources say how it was seen: arp, ndp, icmp, tcp, snmp, mdns and others of announce, or "arp table of r1".
	Sources []string
	// MACVendor is who made the network card.
	MACVendor string
	// Virtual names the protocol of a shared address: "VRRP 40", "HSRP 1".
	Virtual string
	// Flags say what a person should look at.
	Flags []string
	// Self marks the host that scans.
	Self bool
	// Facts is nil when it was not read by SNMP, and Reason says why.
	Facts    *snmp.Facts
	Reason   string
	Identity identify.Identity
	// Ports are those that answered; PortState is nil when none was asked.
	Ports     []service.Port
	PortState *snmp.State
	// Everything marks one on which every port answers.
	Everything bool
	// ReportedName is what its services say that it is called.
	ReportedName string
	// Evidence says where Identity comes from: SNMP, then announcements, then the ports.
	Evidence []identify.Evidence
	// Announced is what it said of itself on its link.
	Announced announce.Speech
	// Heard are the neighbours of the scanning host itself.
	Heard []Heard
	// SeenAt is the last time it was seen.
	SeenAt time.Time
}

// Address is the one to show: the first, IPv4 before IPv6, link-local last.
func (d *Device) Address() netip.Addr {
	var best netip.Addr
	for _, a := range d.Addresses {
		if !best.IsValid() || rank(a) < rank(best) {
			best = a
		}
	}
	return best
}

func rank(a netip.Addr) int {
	switch {
	case a.Is4():
		return 0
	case !a.IsLinkLocalUnicast():
		return 1
	}
	return 2
}

// Result is what a scan found.
type Result struct {
	Devices  []*Device
	Started  time.Time
	Finished time.Time
	// Complete is false when the scan was stopped or a probe failed.
	Complete bool
	// Swept are the ranges that the scan is done with; none when it was stopped.
	Swept []inventory.SweptRange
	// Notes say what went wrong or was left out.
	Notes []string
}

// Addresses is the number of addresses that answered.
func (r *Result) Addresses() int {
	n := 0
	for _, d := range r.Devices {
		n += len(d.Addresses)
	}
	return n
}

// Phase is a stage of a scan.
type Phase string

// The phases in order.
const (
	PhaseSweep    Phase = "sweep"
	PhaseSilent   Phase = "silent addresses"
	PhaseSearch   Phase = "announcements"
	PhaseSNMP     Phase = "snmp"
	PhaseListen   Phase = "listening, seconds"
	PhaseServices Phase = "services"
	PhaseNames    Phase = "names"
)

// Progress is how far a scan is.
type Progress struct {
	Phase Phase
	// Probed and Planned count packets in sweeps and devices in later phases.
	Probed, Planned uint64
	Found           int           // addresses
	Left            time.Duration // of this phase, estimated; 0 when not known
}
