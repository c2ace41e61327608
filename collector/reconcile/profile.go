package reconcile

import (
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// node is a record while deciding, with what comparing it to others needs.
type node struct {
	*Record
	serials, uuids []string // of the machine itself
	makers         []string
	roles          []string
	agent          string
	disks, macs    []string
	platforms      []string
	machines       []string // machine-ids
	names          []string
	provider       map[scope][]string
	first, last    Day
	qualified      []Key // names with their domains
	released       Day   // when its source, to this day, says it went
	engine         bool  // answered to SNMP
	view           bool  // its list of network cards is the whole list
	more           bool  // something was seen of it besides addresses

	strong, weak []carried // its claims by what they can do; weak are filled in when they are needed
	weeks, days  []carried // its addresses, likewise
	of           *component
	round        int // in which it was last joined

	// While loading: how far the neighbourhood is known.
	closed, weakDone bool
}

type scope struct {
	Type  Type
	Scope string
}

func newNode(r *Record) *node {
	n := &node{Record: r}
	var gone Day
	for i := range r.Claims {
		n.note(&r.Claims[i])
		if r.Claims[i].Type == TypeGone {
			gone = r.Claims[i].Last
		}
	}
	if gone < n.last {
		n.released = 0 // it came back
	}
	switch r.Kind {
	case inventory.KindAgent, inventory.KindAWS, inventory.KindAzure:
		n.view = true
	case inventory.KindImport:
		n.view = len(n.provider) > 0
	case inventory.KindScanner:
		// One card is all of it where the device itself was asked.
		n.view = len(n.macs) > 1 || len(n.serials) > 0 || n.engine
	}
	for _, s := range [][]string{n.serials, n.uuids, n.makers, n.disks, n.macs} {
		slices.Sort(s)
	}
	return n
}

func (n *node) note(c *Claim) {
	if n.first == 0 || c.First < n.first {
		n.first = c.First
	}
	if c.Last > n.last {
		n.last = c.Last
	}
	n.more = n.more || c.Type != inventory.IDMAC && c.Type != TypeAddress && c.Type != TypeRole
	switch c.Type {
	case inventory.IDCloudInstance, inventory.IDContainer, inventory.IDVMInstance:
		k := scope{c.Type, c.Scope}
		if n.provider == nil {
			n.provider = map[scope][]string{}
		}
		n.provider[k] = append(n.provider[k], c.Value)
	case inventory.IDSerial:
		if m, ok := strings.CutPrefix(c.Scope, "maker:"); ok {
			n.makers = append(n.makers, m)
		} else if c.Tier == tierSerial && (c.Scope == "" || c.Scope == scopeVirtual) {
			n.serials = append(n.serials, c.Value)
		}
	case inventory.IDSMBIOS:
		if c.Scope == "" {
			n.uuids = append(n.uuids, c.Value)
		}
	case TypeGone:
		n.released = c.First
	case TypeRole:
		n.roles = append(n.roles, c.Value)
	case inventory.IDAgent:
		n.agent = c.Value
	case inventory.IDMAC:
		if c.Tier == tierMAC {
			n.macs = append(n.macs, c.Value)
		}
	case TypeDisk:
		n.disks = append(n.disks, c.Value)
	case inventory.IDMachine:
		n.machines = append(n.machines, c.Value)
	case inventory.IDSNMPEngine:
		n.engine = true
	case TypePlatform:
		n.platforms = append(n.platforms, c.Value)
	case TypeName:
		switch {
		case c.Tier != tierName:
		case c.Scope == "":
			n.names = append(n.names, c.Value)
		default:
			n.qualified = append(n.qualified, c.Key)
		}
	default: // the others tell machines apart no further
	}
}

// bareSighting says that a scanner saw an address of a network card and nothing more.
func (n *node) bareSighting() bool {
	return n.Kind == inventory.KindScanner && len(n.macs) == 1 && !n.more
}

// addressOnly says that nothing but addresses was ever seen of it.
func (r *Record) addressOnly() bool {
	return r.Kind == inventory.KindScanner && !slices.ContainsFunc(r.Claims, func(c Claim) bool { return c.Tier <= tierPart })
}

// shared counts the common values of two sorted lists.
func shared(a, b []string) int {
	n := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			n, i, j = n+1, i+1, j+1
		}
	}
	return n
}

// atOnce says that both were about over the same days. One that ends on the day on which
// the other begins may have been replaced by it.
func atOnce(a, b *node) bool {
	return a.first < b.last && b.first < a.last
}

// goesOn says that two sets of hardware are one machine after the other though their
// numbers differ. There are these cases and no others.
func goesOn(a, b *node) bool { return !atOnce(a, b) && succeeds(a, b) }

// succeeds is goesOn of two that were not about at once.
func succeeds(a, b *node) bool {
	return a.agent != "" && a.agent == b.agent && (boardSwap(a, b) || migration(a, b))
}

// boardSwap is the case in which a machine changes serial number or UUID and stays
// itself: one agent goes on, on the same disk, with a network card it had before, and the
// old board is not seen after the new one.
func boardSwap(a, b *node) bool {
	if shared(a.macs, b.macs) == 0 {
		return false
	}
	return shared(a.disks, b.disks) > 0 || len(a.disks) == 0 && len(b.disks) == 0
}

// Identified says that the record has an identity of its own: it is an agent's word, or
// carries a value of hardware or of a provider. What has none comes and goes with a name
// or an address.
func (r *Record) Identified() bool {
	if r.Kind == inventory.KindAgent {
		return true
	}
	for i := range r.Claims {
		if anchors(&r.Claims[i]) {
			return true
		}
	}
	return false
}

// migration is the case in which a virtual machine gets new numbers and cards and stays
// itself: it goes on under another maker's hypervisor with its agent, system and name. A
// copy under the same hypervisor looks just so, and is another machine.
func migration(a, b *node) bool {
	return len(a.platforms) > 0 && len(b.platforms) > 0 && !overlap(a.platforms, b.platforms) &&
		overlap(a.machines, b.machines) && overlap(a.names, b.names)
}
