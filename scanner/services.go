package scanner

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

// askParallel is how many devices' ports are asked at the same time.
const askParallel = 64

// services asks the ports of devices and adds what they tell. Each device is asked at one
// address, so that it has one connection at a time however many addresses it has.
func (r *run) services(ctx context.Context, devices []*Device) {
	if r.cfg.Services.None() {
		return
	}
	prober := &service.Prober{Ports: r.cfg.Services, Wait: r.pace.wait}
	phase := r.begin(PhaseServices, uint64(len(devices)))
	each(askParallel, devices, func(d *Device) {
		if why := r.fragileDevice(d); why != "" {
			d.spare(why)
		} else if a := r.askAt(d); a.IsValid() && ctx.Err() == nil {
			d.asked(prober.Read(ctx, a), prober.Ports)
			d.Evidence = append(d.Evidence, r.serviceRules.Identify(&d.Identity, d.Evidence, d.Ports)...)
		}
		phase.probed.Add(1)
	})
}

// askAt is the address at which d's ports are asked: the best of those that were seen and may
// be probed. A shared address is not asked, its holder is; nor is this host.
func (r *run) askAt(d *Device) netip.Addr {
	var best netip.Addr
	if d.Self || d.Virtual != "" {
		return best
	}
	for _, a := range d.Addresses {
		if !a.IsLinkLocalUnicast() && r.allowed(a) && r.book.has(a) && (!best.IsValid() || rank(a) < rank(best)) {
			best = a
		}
	}
	return best
}

// spare notes why d's ports are not asked.
func (d *Device) spare(why string) {
	d.Flags = append(d.Flags, fmt.Sprintf("fragile (%s): only the gentlest probes", why))
	d.PortState = &snmp.State{Reason: "not asked: fragile, " + why}
}

// asked takes what d's ports told.
func (d *Device) asked(told *service.Device, ports service.Ports) {
	if d.Everything = told.Everything; d.Everything {
		d.Flags = append(d.Flags, "every port answers: something answers in the place of services, and none is listed")
		return
	}
	d.Ports, d.PortState = told.Ports, &snmp.State{Reason: told.Reason}
	switch {
	case told.Reason != "":
	case told.Asked > 0 && told.Silent == told.Asked && len(told.Ports) == 0:
		d.PortState.Reason = "no port answers, not even by refusing"
	case !ports.Covers(service.Default()): // what an earlier scan saw elsewhere is still there
		d.PortState.Reason = "asked were only " + ports.String()
	default:
		d.PortState.Complete = true
	}
	d.ReportedName = cmp.Or(reportedName(told.Ports), d.ReportedName)
	for _, name := range append([]string{d.ReportedName}, certificateNames(told.Ports)...) {
		same := func(have string) bool { return strings.EqualFold(have, name) }
		if name != "" && !slices.ContainsFunc(d.Names, same) {
			d.Names = append(d.Names, name)
		}
	}
}

// reportedName is what the device's services say that it is called: the machine's own name,
// not that of a site that it serves.
func reportedName(ports []service.Port) string {
	facts := func(name string) string {
		for _, p := range ports {
			if text := p.Facts[name]; hostName(text) {
				return text
			}
		}
		return ""
	}
	if name := facts("ntlm.dns_computer"); strings.Contains(name, ".") {
		return strings.ToLower(name)
	}
	return strings.ToLower(cmp.Or(facts("ldap.dns_host"), facts("ntlm.computer")))
}

// certificateNames are hints, where they are whole ones: names of certificates that are for one
// name only, and the common names of those that a machine made for itself.
func certificateNames(ports []service.Port) []string {
	var out []string
	for _, p := range ports {
		name := p.Facts["tls.names"]
		if p.Facts["tls.self_signed"] != "" && strings.Contains(name, " ") {
			name = p.Facts["tls.common_name"]
		}
		if hostName(name) && strings.Contains(strings.Trim(name, "."), ".") && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out[:min(len(out), namesPerDevice)]
}

// sshPort is where a device's own SSH server is; those at other ports may be of containers
// and of machines behind it.
const sshPort = 22

// hostKey is the identifier that d's SSH server proved to hold.
func (d *Device) hostKey() []inventory.Identifier {
	for _, p := range d.Ports {
		if key := p.Facts["ssh.host_key"]; key != "" && p.Number == sshPort {
			return []inventory.Identifier{{Type: inventory.IDSSHHostKey, Value: key, Quality: inventory.QualityReported}}
		}
	}
	return nil
}
