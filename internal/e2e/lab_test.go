package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// labDir has the scripts of a network of real daemons in namespaces; it lies beside the project.
const labDir = "../../../shared/lab"

// truth is what the lab's own description says is there.
type truth struct {
	VIPs []struct{ IP, MAC, Owner string }
	LANs []struct{ CIDR string }
	Host []labHost  `json:"hosts"`
	LLDP []lldpLink `json:"lldp_links"`
}

type labHost struct {
	Name      string
	IP, IP6   string
	MAC       string
	Net       int
	Kind      string
	ExtraIPs  []string `json:"extra_ips"`
	Open      []int    `json:"tcp_open"`
	MachineID string   `json:"machine_id"`
	Second    *struct{ IP, IP6, MAC string }
	Services  []string
	SNMP      *struct{ Version string }
	DMI       *struct {
		Serial string `json:"product_serial"`
		RAM    int64  `json:"ram_gib"`
	}
}

type lldpLink struct {
	Local, Remote string
	LocalPort     string `json:"local_port"`
	RemotePort    string `json:"remote_port"`
}

// lab is the running lab with a collector in its scanner's namespace.
type lab struct {
	t     *testing.T
	truth truth
	*collector
}

func startLab(t *testing.T) *lab {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the lab network")
	}
	if _, err := os.Stat(labDir); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the lab is not beside the project: %v", err)
		}
		t.Skipf("the lab is not beside the project: %v", err)
	}
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("the lab needs root for its namespaces")
		}
		t.Skip("the lab needs root for its namespaces")
	}
	l := &lab{t: t}
	text, err := os.ReadFile(filepath.Join(labDir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &l.truth); err != nil {
		t.Fatal(err)
	}
	// Namespaces alone may be what is left of a lab whose daemons have ended.
	if exec.CommandContext(t.Context(), filepath.Join(labDir, "enter.sh"), "ws1", "true").Run() != nil {
		up := exec.CommandContext(t.Context(), filepath.Join(labDir, "up.sh"), "--install", "--no-dense")
		if out, err := up.CombinedOutput(); err != nil {
			t.Fatalf("bring the lab up: %v\n%s", err, out)
		}
		t.Cleanup(func() {
			if out, err := exec.Command(filepath.Join(labDir, "down.sh")).CombinedOutput(); err != nil {
				t.Logf("take the lab down: %v\n%s", err, out)
			}
		})
	}
	l.collector = startCollector(t, t.TempDir(), "10.77.1.250:0", "ip", "netns", "exec", "lab-scanner")
	return l
}

// in runs a command inside a lab host.
func (l *lab) in(host string, stdin []byte, args ...string) string {
	l.t.Helper()
	cmd := exec.CommandContext(l.t.Context(), filepath.Join(labDir, "enter.sh"), append([]string{host}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		l.t.Fatalf("in %s: %s: %v\n%s%s", host, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// agent enrols an agent inside a lab host and reports once.
func (l *lab) agent(host string) {
	l.t.Helper()
	binary, err := os.ReadFile(program(l.t, "muster-agent"))
	if err != nil {
		l.t.Fatal(err)
	}
	l.in(host, binary, "sh", "-c", "rm -rf /run/muster && mkdir -p /run/muster && cat >/run/muster/agent && chmod +x /run/muster/agent")
	l.in(host, nil, "/run/muster/agent", "enroll", "--state-dir", "/run/muster/state", "--collector", l.url(), "--token", l.token("--site", "lab", "--uses", "1"))
	l.report(host)
}

func (l *lab) report(host string) {
	l.t.Helper()
	l.in(host, nil, "/run/muster/agent", "report", "--once", "--state-dir", "/run/muster/state")
}

// submitScan enrols a scanner and submits what it finds with credentials.
func (l *lab) submitScan() []scanned {
	l.t.Helper()
	dir := l.t.TempDir()
	config := filepath.Join(dir, "snmp.yml")
	if err := os.WriteFile(config, []byte(`credentials:
  - {targets: [10.77.2.11], version: 2c, community: s3cret-ro}
  - {version: 3, user: muster, auth: sha, auth_password: lab-auth-pass, priv: aes, priv_password: lab-priv-pass}
  - {version: 2c, community: public}
`), 0o600); err != nil {
		l.t.Fatal(err)
	}
	state := filepath.Join(dir, "state")
	run(l.t, "ip", "netns", "exec", "lab-scanner", program(l.t, "muster-scanner"),
		"enroll", "--state-dir", state, "--collector", l.url(), "--token", l.token("--site", "lab"))
	return l.scan("--dns", "10.77.1.12", "--snmp-config", config, "--submit", "--state-dir", state)
}

// by finds the one asset that has an address.
func by(t *testing.T, list []asset, address string) asset {
	t.Helper()
	var found []asset
	for _, a := range list {
		if slices.Contains(a.Addresses, address) {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		t.Errorf("%d assets have the address %s, want 1: %+v", len(found), address, found)
		return asset{}
	}
	return found[0]
}

func TestLab(t *testing.T) {
	l := startLab(t)
	agents := []string{"ws1", "web1", "files1"}
	without := make(chan []scanned, 1)
	go func() { without <- l.scan("--no-dns", "--ports", "default,53,139") }()
	for _, h := range agents {
		l.agent(h)
	}
	t.Run("without credentials the scan tells the truth", func(t *testing.T) { l.compare(t, "without", <-without) })
	devices := l.submitScan()
	t.Run("with credentials the scan tells the truth", func(t *testing.T) { l.compare(t, "with", devices) })
	var list []asset
	l.ask(&list, "assets")
	assets := map[string]asset{} // by host name of the truth
	for _, h := range l.truth.Host {
		if h.Kind == "scanner" {
			continue
		}
		address := h.IP
		if address == "" {
			address = h.IP6
		}
		assets[h.Name] = by(t, list, address)
	}

	t.Run("every address of the first network", func(t *testing.T) {
		first := netip.MustParsePrefix(l.truth.LANs[0].CIDR)
		want := map[string]string{} // address to MAC
		for _, h := range l.truth.Host {
			if ip, err := netip.ParseAddr(h.IP); err == nil && first.Contains(ip) && h.Kind != "scanner" {
				for _, a := range append([]string{h.IP}, h.ExtraIPs...) {
					want[a] = h.MAC
				}
			}
		}
		for _, v := range l.truth.VIPs {
			want[v.IP] = v.MAC
		}
		if len(want) != 15 {
			t.Fatalf("the lab tells %d addresses, want 15", len(want))
		}
		for ip, mac := range want {
			if a := by(t, list, ip); !slices.Contains(a.MACs, mac) {
				t.Errorf("%s: MACs %v, want %s among them", ip, a.MACs, mac)
			}
		}
	})
	t.Run("what no sweep reaches", func(t *testing.T) {
		for _, h := range []string{"v6only1", "silent2"} {
			if want := hostOf(l.truth, h); !slices.Contains(assets[h].MACs, want.MAC) {
				t.Errorf("%s: MACs %v, want %s", h, assets[h].MACs, want.MAC)
			}
		}
	})
	t.Run("every sysName", func(t *testing.T) {
		for _, h := range l.truth.Host {
			if h.SNMP != nil && assets[h.Name].Name != h.Name {
				t.Errorf("%s is called %q", h.Name, assets[h.Name].Name)
			}
		}
	})
	t.Run("agent and scan of one host are one asset", func(t *testing.T) {
		for _, name := range agents {
			h, a := hostOf(l.truth, name), assets[name]
			if !slices.Contains(a.Sources, "agent") || !slices.Contains(a.Sources, "scanner") {
				t.Errorf("%s: sources %v, want agent and scanner", name, a.Sources)
			}
			if a.Serial != h.DMI.Serial || a.MachineID != h.MachineID || a.Memory == 0 {
				t.Errorf("%s: serial %q machine id %q memory %d, want %q %q and some", name, a.Serial, a.MachineID, a.Memory, h.DMI.Serial, h.MachineID)
			}
			var why struct{ Text []string }
			l.ask(&why, "why", a.ID)
			if text := strings.ToLower(strings.Join(why.Text, "\n")); !strings.Contains(text, h.MAC) {
				t.Errorf("why %s does not name the MAC %s that joins them:\n%s", name, h.MAC, text)
			}
		}
	})
	t.Run("the router is one asset", func(t *testing.T) {
		r := hostOf(l.truth, "r1")
		for _, ip := range []string{r.IP, r.Second.IP} {
			if !slices.Contains(assets["r1"].Addresses, ip) {
				t.Errorf("r1 has %v, want %s among them", assets["r1"].Addresses, ip)
			}
		}
	})
	t.Run("links", func(t *testing.T) {
		for _, want := range l.truth.LLDP {
			var sw asset
			l.ask(&sw, "asset", "show", assets[want.Remote].ID)
			found := false
			for _, link := range sw.Links {
				found = found || link.Type == "connected_to" && link.LocalPort == want.RemotePort &&
					link.Asset == assets[want.Local].ID && link.RemotePort == want.LocalPort
			}
			if !found {
				t.Errorf("%s has no link from its port %s to %s port %s; it has %+v", want.Remote, want.RemotePort, want.Local, want.LocalPort, sw.Links)
			}
		}
	})
	t.Run("a package comes and goes", func(t *testing.T) { l.packageComesAndGoes(t, assets["ws1"].ID) })
}

// packageComesAndGoes installs and removes a package in ws1 and asks what was when.
func (l *lab) packageComesAndGoes(t *testing.T, id string) {
	const name = "muster-lab-hello"
	count := func(args ...string) (n int) {
		var a asset
		l.ask(&a, append([]string{"asset", "show", id}, args...)...)
		for _, s := range a.Software {
			if s.Name == name {
				n++
			}
		}
		return n
	}
	l.in("ws1", []byte("Package: "+name+"\nVersion: 1.0\nArchitecture: all\nMaintainer: Lab <lab@lab.test>\nDescription: hello\n"),
		"sh", "-c", "rm -rf /run/p && mkdir -p /run/p/DEBIAN && cat >/run/p/DEBIAN/control && dpkg-deb -b /run/p /run/p.deb && dpkg -i /run/p.deb")
	before := time.Now().UTC().Truncate(time.Second) // lists show whole seconds
	l.report("ws1")
	if n := count(); n != 1 {
		t.Errorf("after the installation: %d of %s", n, name)
	}
	time.Sleep(10 * time.Millisecond) // times are kept in milliseconds
	between := time.Now().UTC()
	l.in("ws1", nil, "dpkg", "-P", name)
	l.report("ws1")
	if n := count(); n != 0 {
		t.Errorf("after the removal: %d of %s", n, name)
	}
	for at, want := range map[time.Time]int{before: 0, between: 1} {
		if n := count("--as-of", at.Format(time.RFC3339Nano)); n != want {
			t.Errorf("as of %s: %d of %s, want %d", at, n, name, want)
		}
	}
	var old []asset
	l.ask(&old, "assets", "software:"+name, "--as-of", between.Format(time.RFC3339Nano))
	if len(old) != 1 || old[0].ID != id {
		t.Errorf("assets with %s as of then: %+v, want %s", name, old, id)
	}
	var changes []struct{ At, Kind, Section, Item, Asset string }
	l.ask(&changes, "changes", id)
	var got []string
	for _, c := range changes {
		if strings.HasPrefix(c.Item, name) {
			at, err := time.Parse(time.RFC3339Nano, c.At)
			if err != nil || at.Before(before) || at.After(time.Now()) {
				t.Errorf("%s at %q", c.Kind, c.At)
			}
			got = append(got, c.Kind)
		}
	}
	if !slices.Equal(got, []string{"removed", "added"}) {
		t.Errorf("changes of %s: %v, want removed, added (newest first)", name, got)
	}
}

func hostOf(t truth, name string) labHost {
	for _, h := range t.Host {
		if h.Name == name {
			return h
		}
	}
	return labHost{}
}
