package hardware

import (
	"strings"

	"github.com/muster-itam/muster/agent/source"
)

// firewall names the program that keeps the rules of the packet filter, and whether it is to
// do so whenever the system starts. The rules themselves take CAP_NET_ADMIN to ask for.
func firewall(tree *source.Tree) string {
	out := ""
	for _, f := range []struct {
		name, installed string
		on              func() bool
	}{
		{"firewalld", "etc/firewalld/firewalld.conf", func() bool { return enabled(tree, "firewalld") }},
		{"ufw", "etc/ufw/ufw.conf", func() bool { return ufwEnabled(contents(tree, "etc/ufw/ufw.conf")) }},
		{"nftables", "etc/nftables.conf", func() bool { return enabled(tree, "nftables") }},
		{"nftables", "etc/sysconfig/nftables.conf", func() bool { return enabled(tree, "nftables") }},
		{"iptables", "etc/sysconfig/iptables", func() bool { return enabled(tree, "iptables") }},
		{"iptables", "etc/iptables/rules.v4", func() bool { return enabled(tree, "netfilter-persistent") }},
	} {
		switch {
		case !tree.Exists(f.installed):
		case f.on():
			return f.name + ":enabled"
		case out == "":
			out = f.name + ":disabled"
		}
	}
	return out
}

// enabled says whether a service starts with the system: by systemd (systemctl(1), "enable")
// or OpenRC (rc-update(8)), both of which keep links.
func enabled(tree *source.Tree, service string) bool {
	for _, link := range []string{
		"etc/systemd/system/sysinit.target.wants/" + service + ".service", "etc/systemd/system/basic.target.wants/" + service + ".service",
		"etc/systemd/system/multi-user.target.wants/" + service + ".service", "etc/runlevels/boot/" + service, "etc/runlevels/default/" + service,
	} {
		if _, err := tree.Lstat(link); err == nil {
			return true
		}
	}
	return false
}

// ufwEnabled reads ENABLED of ufw.conf, which ufw(8) writes and a script reads.
func ufwEnabled(conf string) bool {
	on := false
	for line := range strings.Lines(conf) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "ENABLED="); ok {
			value, _, _ = strings.Cut(value, "#")
			on = strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"'`), "yes")
		}
	}
	return on
}
