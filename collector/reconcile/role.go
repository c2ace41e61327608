package reconcile

import (
	"regexp"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// controller finds a management controller by what it says of itself.
var controller = regexp.MustCompile(`(?i)\b(i?drac ?[0-9]*|ilo ?[0-9]*|imm2?|xcc|cimc|ibmc|irmc( s[0-9])?|bmc|ipmi|megarac|integrated lights[- ]out|integrated management module|` +
	`xclarity controller|remote access controller|baseboard management|lights[- ]out management)\b`)

// roleOf is the role a source states, or the one that its facts leave no doubt about.
func (r *reader) roleOf() inventory.Role {
	d := r.dev
	if d.Role != "" {
		return d.Role
	}
	for _, id := range d.Identifiers {
		if id.Type == inventory.IDContainer {
			return inventory.RoleContainer
		}
	}
	switch d.Class {
	case inventory.ClassContainer:
		return inventory.RoleContainer
	case inventory.ClassBMC:
		return inventory.RoleBMC
	case inventory.ClassVirtualIP:
		return inventory.RoleVirtualAddress
	default:
	}
	switch r.src.Kind {
	case inventory.KindAgent, inventory.KindAWS, inventory.KindAzure:
		return inventory.RoleHost
	case inventory.KindScanner:
		if r.onlyRouterCards() {
			return inventory.RoleVirtualAddress
		}
		if controller.MatchString(d.Model) || controller.MatchString(d.Description) {
			return inventory.RoleBMC
		}
	case inventory.KindImport:
	}
	return ""
}

// onlyRouterCards says that all addresses seen belong to redundancy groups.
func (r *reader) onlyRouterCards() bool {
	seen := false
	check := func(s string) bool {
		m, ok := MAC(s)
		seen = seen || ok
		return !ok || classOf(m) == macRouter
	}
	for _, c := range r.interfaces {
		if !check(c.MAC) {
			return false
		}
	}
	for _, id := range r.dev.Identifiers {
		if id.Type == inventory.IDMAC && !check(id.Value) {
			return false
		}
	}
	return seen
}

// hypervisors are in makers' and models' names that only virtual machines show.
var hypervisors = []string{"vmware", "virtualbox", "innotek", "qemu", "bochs", "hvm domu", "virtual machine", "parallels", "ovirt", "openstack", "rhev",
	"red hat", "amazon ec2", "google compute", "standard pc", "bhyve", "proxmox", "digitalocean", "droplet", "alibaba cloud", "hyper-v"}

// shortHypervisors are words, and parts of other words.
var shortHypervisors = regexp.MustCompile(`\b(kvm|xen|ahv)\b`)

func isVirtual(d *inventory.Device) bool {
	v := strings.ToLower(d.Virtual)
	if d.Class == inventory.ClassVM || v != "" && v != "none" && v != "physical" {
		return true
	}
	shown := strings.ToLower(d.Vendor + "\n" + d.Model)
	return slices.ContainsFunc(hypervisors, func(name string) bool { return strings.Contains(shown, name) }) || shortHypervisors.MatchString(shown)
}
