package e2e_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// freePort is one that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestServerPackages(t *testing.T) {
	need(t, "../../bin/tools/nfpm")
	dir := t.TempDir()
	cmd := exec.Command("packaging/build.sh", "--only", "server", dir)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "VERSION=1.0.0", "ARCHES="+runtime.GOARCH, "STATIC=no")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("packaging/build.sh: %v\n%s", err, out)
	}
	m, addr := bootMachine(t), freePort(t)
	before := m.changes()
	var debs []string
	for _, name := range []string{"muster-collector", "muster-scanner", "muster"} {
		found, err := filepath.Glob(filepath.Join(dir, name+"_1.0.0_*.deb"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %q, %v", name, found, err)
		}
		debs = append(debs, m.copyIn(found[0]))
	}
	m.run(append([]string{"dpkg", "-i"}, debs...)...)
	m.write("/etc/muster/collector.yaml", "644", []byte("listen: "+addr+"\n"))
	m.run("systemctl", "restart", "muster-collector")
	m.until("the collector", "journalctl -u muster-collector -o cat | grep -q 'msg=ready address="+addr+"'")
	ask := "MUSTER_URL=https://" + addr + " MUSTER_CA=/var/lib/muster/ca.pem MUSTER_TOKEN=$(cat /var/lib/muster/admin.token) muster "
	m.sh(ask + "assets")

	// A scanner that is not enrolled waits without failing.
	if state := m.run("systemctl", "show", "--property=ConditionResult,ActiveState,NRestarts", "muster-scanner"); state != "NRestarts=0\nActiveState=inactive\nConditionResult=no" {
		t.Errorf("the scanner before it is enrolled: %s", state)
	}
	m.sh("runuser -u muster -- muster-collector token create --data-dir /var/lib/muster --class scanner > /root/token")
	m.sh("chmod 644 /root/token && chmod 755 /root && runuser -u muster-scanner -- muster-scanner enroll --state-dir /var/lib/muster-scanner --collector https://" + addr + " --token-file /root/token")
	m.run("runuser", "-u", "muster-scanner", "--", "cat", "/etc/muster-scanner/snmp.yaml")
	m.run("systemctl", "start", "muster-scanner")
	m.until("the scanner at its collector", ask+"sources | grep -q scanner")
	if state := m.run("systemctl", "is-active", "muster-scanner", "muster-collector"); state != "active\nactive" {
		t.Errorf("services: %s\n%s", state, m.journal())
	}

	m.run("dpkg", "-P", "muster-collector", "muster-scanner", "muster")
	left := slices.DeleteFunc(m.changes(), func(change string) bool { return strings.HasPrefix(change, "new /var/lib/muster/") })
	// The inventory stays with its account, and only that.
	want := append(before, "new /var/lib/muster", "changed /etc/passwd", "changed /etc/group", "changed /etc/shadow", "changed /etc/gshadow")
	slices.Sort(want)
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("what purge leaves (-want +got):\n%s", diff)
	}
	m.sh("test -s /var/lib/muster/ca.key && id muster && ! id muster-scanner")
}
