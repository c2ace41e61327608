package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent"
)

// builtPackages is their folder once they are built.
var builtPackages string

// agentPackages builds the agent's Linux packages in two versions, for this processor.
var agentPackages = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "muster-packages-")
	if err != nil {
		return "", err
	}
	builtPackages = dir
	for _, version := range []string{"1.0.0", "1.1.0"} {
		cmd := exec.Command("packaging/build.sh", "--only", "agent-linux", dir)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "VERSION="+version, "ARCHES="+runtime.GOARCH, "SOURCE_DATE_EPOCH=1700000000")
		if out, err := cmd.CombinedOutput(); err != nil {
			return dir, errors.New(string(out))
		}
	}
	return dir, nil
})

// packageFile is the path of one of them.
func packageFile(t *testing.T, pattern string) string {
	t.Helper()
	need(t, "../../bin/tools/nfpm")
	dir, err := agentPackages()
	if err != nil {
		t.Fatalf("packaging/build.sh: %v", err)
	}
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, %v", pattern, found, err)
	}
	return found[0]
}

// agentStatus is what the agent in the machine says of itself.
func (m *machine) agentStatus() (s agent.Status) {
	m.t.Helper()
	if err := json.Unmarshal([]byte(m.run("muster-agent", "status", "-o", "json")), &s); err != nil {
		m.t.Fatal(err)
	}
	return s
}

const reported = `muster-agent status | grep -q '^last look .*accepted'`

// changes are the files that the machine has made, changed or deleted, but those in which
// package managers and logs keep their own books.
func (m *machine) changes() (list []string) {
	m.t.Helper()
	out, err := exec.Command("nsenter", "-t", m.pid, "--mount", "find", m.dir+"/upper", "-mindepth", "1", "-printf", "%y %P\n").Output()
	if err != nil {
		m.t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		kind, path := line[:1], "/"+strings.TrimSuffix(line[2:], "\n")
		if slices.ContainsFunc([]string{"/var/lib/dpkg/", "/var/lib/rpm/", "/var/log/", "/root/", "/var/cache/"}, func(own string) bool {
			return strings.HasPrefix(path+"/", own)
		}) || strings.HasSuffix(path, "-") { // copies that useradd makes
			continue
		}
		there, err := os.Lstat(path)
		switch {
		case kind == "c": // how an overlay notes a deletion
			list = append(list, "deleted "+path)
		case err != nil:
			list = append(list, "new "+path)
		case there.Mode().IsRegular():
			old, _ := os.ReadFile(path)
			if now, _ := os.ReadFile("/proc/" + m.pid + "/root" + path); !bytes.Equal(old, now) {
				list = append(list, "changed "+path)
			}
		}
	}
	slices.Sort(list)
	return list
}

func TestDebPackage(t *testing.T) {
	first, second := packageFile(t, "muster-agent_1.0.0_*.deb"), packageFile(t, "muster-agent_1.1.0_*.deb")
	c, m := startCollector(t, t.TempDir(), "127.0.0.1:0"), bootMachine(t)
	before := m.changes()

	m.run("dpkg", "-i", m.copyIn(first))
	t.Run("waits", func(t *testing.T) {
		m.t = t
		m.until("the word that it waits", `journalctl -u muster-agent -o cat | grep -q 'not enrolled: waiting'`)
		if s := m.agentStatus(); s.Enrolled || s.Version != "1.0.0" {
			t.Errorf("status %+v", s)
		}
	})
	t.Run("enrols", func(t *testing.T) {
		m.t = t
		m.enrolByFile(c)
	})
	t.Run("is hardened", func(t *testing.T) {
		m.t = t
		m.checkHardened()
	})
	m.t = t
	id := m.agentStatus().ID
	t.Run("upgrade", func(t *testing.T) {
		m.t = t
		m.checkUpgrade(c, func() { m.run("dpkg", "-i", m.copyIn(second)) })
	})
	t.Run("full log", func(t *testing.T) {
		m.t = t
		m.sh("mkdir -p /etc/systemd/system/muster-agent.service.d && printf '[Service]\\nStandardError=file:/dev/full\\n' > /etc/systemd/system/muster-agent.service.d/log.conf")
		m.sh("systemctl daemon-reload && rm /var/lib/muster-agent/status.json && systemctl restart muster-agent")
		m.until("a report beside a full log", reported)
		m.sh("rm -r /etc/systemd/system/muster-agent.service.d && systemctl daemon-reload && systemctl restart muster-agent")
	})
	t.Run("by hand", func(t *testing.T) {
		m.t = t
		m.sh("systemctl stop muster-agent && rm -rf /var/lib/muster-agent/*")
		m.write("/root/token", "600", []byte(c.token("--class", "agent")))
		m.run("muster-agent", "enroll", "--collector", c.url(), "--token-file", "/root/token")
		if foreign := m.sh("find /var/lib/muster-agent ! -user muster-agent"); foreign != "" {
			t.Errorf("root's enrolment left files that the service does not own: %s", foreign)
		}
		m.run("systemctl", "start", "muster-agent")
		m.until("its report", reported)
		if now := m.agentStatus().ID; now == id {
			t.Errorf("a folder that was emptied is still %s", id)
		} else {
			id = now
		}
	})
	m.t = t
	m.run("dpkg", "-r", "muster-agent")
	if out, err := m.try("pgrep", "muster-agent"); err == nil {
		t.Errorf("after remove these run on: %s", out)
	}
	m.sh("test -s /var/lib/muster-agent/key.pem && ! test -e /usr/bin/muster-agent")
	m.run("dpkg", "-i", "/root/"+filepath.Base(second))
	if s := m.agentStatus(); s.ID != id {
		t.Errorf("back after remove as %q, was %q", s.ID, id)
	}
	m.until("the service after remove and install", "systemctl is-active muster-agent")
	m.write("/etc/muster-agent/agent.yaml", "644", []byte("interval: 2h\n"))
	m.run("dpkg", "-P", "muster-agent")
	if diff := cmp.Diff(before, m.changes()); diff != "" {
		t.Errorf("what purge leaves (-before +after):\n%s", diff)
	}
	if failed := m.run("systemctl", "list-units", "--no-legend", "--all", "muster*"); failed != "" {
		t.Errorf("units after purge: %s", failed)
	}
}

// enrolByFile enrols the machine with the file that administrators leave in /etc.
func (m *machine) enrolByFile(c *collector) {
	m.t.Helper()
	token := c.token("--class", "agent")
	m.write("/etc/muster-agent/enroll", "600", []byte("MUSTER_COLLECTOR="+c.url()+"\nMUSTER_ENROLL_TOKEN="+token+"\n"))
	m.run("systemctl", "restart", "muster-agent")
	m.until("the first report", reported)
	m.sh("! test -e /etc/muster-agent/enroll && ! test -e /var/lib/muster-agent/enroll")
	secret := strings.Split(token, "_")[2]
	if out, err := m.try("grep", "-rlF", secret, "/etc", "/var", "/run", "/tmp"); err == nil {
		m.t.Errorf("the token's secret is left in %s", out)
	}
	if strings.Contains(m.run("journalctl", "-o", "cat"), secret) {
		m.t.Error("the token's secret is in the journal")
	}
	if n := m.run("systemctl", "show", "--property=NRestarts", "--value", "muster-agent"); n != "0" {
		m.t.Errorf("the service started again %s times", n)
	}
	for _, s := range m.agentStatus().Last.Sections {
		if s.Status == "failed" {
			m.t.Errorf("under the unit's restrictions section %s failed: %s", s.Name, s.Reason)
		}
	}
}

// checkHardened looks at the running process, and at what another account may do.
func (m *machine) checkHardened() {
	m.t.Helper()
	status := m.sh(`cat /proc/$(systemctl show --property=MainPID --value muster-agent)/status`)
	for name, want := range map[string]string{
		"CapEff": "0000000000000004", "CapBnd": "0000000000000004", // CAP_DAC_READ_SEARCH
		"NoNewPrivs": "1", "Seccomp": "2",
	} {
		i := slices.IndexFunc(strings.Split(status, "\n"), func(line string) bool {
			return strings.Join(strings.Fields(line), " ") == name+": "+want
		})
		if i < 0 {
			m.t.Errorf("%s is not %s:\n%s", name, want, status)
		}
	}
	if uid := m.run("id", "-u", "muster-agent"); !strings.Contains(strings.Join(strings.Fields(status), " "), "Uid: "+uid+" "+uid) {
		m.t.Errorf("it does not run as %s:\n%s", uid, status)
	}
	for _, attempt := range []string{
		"cat /var/lib/muster-agent/key.pem", "ls /var/lib/muster-agent/spool", "touch /var/lib/muster-agent/x", "touch /etc/muster-agent/enroll",
		"touch /usr/bin/muster-agent", "touch /usr/lib/muster-agent/adopt-enrolment", "touch /usr/lib/systemd/system/muster-agent.service",
	} {
		if out, err := m.try("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", attempt); err == nil {
			m.t.Errorf("nobody may %s: %s", attempt, out)
		}
	}
}

// checkUpgrade upgrades while a report waits in the spool, and sees it delivered afterwards.
func (m *machine) checkUpgrade(c *collector, upgrade func()) {
	m.t.Helper()
	before := m.agentStatus()
	c.kill()
	m.run("systemctl", "stop", "muster-agent")
	_, _ = m.try("setpriv", "--reuid=muster-agent", "--regid=muster-agent", "--clear-groups", "muster-agent", "report", "--once") // waits
	if n := m.agentStatus().Spool.Records; n != 1 {
		m.t.Fatalf("%d records wait", n)
	}
	upgrade()
	m.until("the service after the upgrade", `systemctl is-active muster-agent`)
	after := m.agentStatus()
	if after.Version != "1.1.0" || after.ID != before.ID || after.Spool.Records != 1 || after.Certificate.NotAfter != before.Certificate.NotAfter {
		m.t.Errorf("before %+v\nafter %+v", before, after)
	}
	c.start()
	m.sh("rm /var/lib/muster-agent/status.json && systemctl restart muster-agent") // a first report is made at once
	m.until("the report after the upgrade", reported)
	if s := m.agentStatus(); s.Spool.Records != 0 {
		m.t.Errorf("%d records still wait", s.Spool.Records)
	}
	if n := m.run("systemctl", "show", "--property=NRestarts", "--value", "muster-agent"); n != "0" {
		m.t.Errorf("the service started again %s times", n)
	}
}

func TestRPMPackage(t *testing.T) {
	need(t, "rpm")
	first, second := packageFile(t, "muster-agent-1.0.0-1.*.rpm"), packageFile(t, "muster-agent-1.1.0-1.*.rpm")
	c, m := startCollector(t, t.TempDir(), "127.0.0.1:0"), bootMachine(t)
	// As on a system of rpm's: none of Debian's helpers, and shadow-utils has another name here.
	m.sh("rm /usr/bin/deb-systemd-helper /usr/bin/deb-systemd-invoke")
	install := func(path string) { m.run("rpm", "--upgrade", "--nodeps", m.copyIn(path)) }

	install(first)
	m.enrolByFile(c)
	m.checkHardened()
	id := m.agentStatus().ID
	m.checkUpgrade(c, func() { install(second) })
	m.run("systemctl", "disable", "--now", "muster-agent")
	m.run("rpm", "--upgrade", "--replacepkgs", "--nodeps", "/root/"+filepath.Base(second))
	if state, err := m.try("systemctl", "is-active", "muster-agent"); err == nil {
		t.Errorf("an upgrade started what was switched off: %s", state)
	}
	m.run("rpm", "--erase", "muster-agent")
	m.sh("test -s /var/lib/muster-agent/key.pem && ! test -e /usr/bin/muster-agent && ! test -e /etc/muster-agent")
	install(first)
	if s := m.agentStatus(); s.ID != id {
		t.Errorf("back after erase as %q, was %q", s.ID, id)
	}
	m.until("the service after erase and install", "systemctl is-active muster-agent")
}

// The one line that docs/operate.md has.
func TestInstallScript(t *testing.T) {
	deb := packageFile(t, "muster-agent_1.1.0_*.deb")
	c, m := startCollector(t, t.TempDir(), "127.0.0.1:0"), bootMachine(t)
	before := m.changes()
	script := m.copyIn("../../packaging/install.sh")
	m.sh("mkdir /root/dist")
	m.sh("mv " + m.copyIn(deb) + " " + m.copyIn(packageFile(t, "muster-agent_1.0.0_*.deb")) + " " + m.copyIn(packageFile(t, "SHA256SUMS")) + " /root/dist")
	m.write("/root/token", "600", []byte(c.token("--class", "agent")))

	for args, want := range map[string]string{
		"": "Usage", "--colector x": "no option --colector", "/root/dist --collector https://c:1": "no --token-file",
		"/nowhere": "no file /nowhere", "/root/token": "takes .deb packages", "--purge /root/dist": "goes with --remove", "/etc/apt": "no deb package",
	} {
		if out, err := m.try("sh", "-c", "sh "+script+" "+args); err == nil || !strings.Contains(out, want) {
			t.Errorf("install.sh %s: %v, %s", args, err, out)
		}
	}
	out := m.run("sh", script, "--collector", c.url(), "--token-file", "/root/token", "/root/dist")
	if !strings.Contains(out, "1.1.0") || !m.agentStatus().Enrolled {
		t.Errorf("install.sh said:\n%s", out)
	}
	id := m.agentStatus().ID
	m.run("sh", script, "--collector", c.url(), "--token-file", "/root/token", "/root/dist") // again changes nothing
	m.until("the report", reported)
	if s := m.agentStatus(); s.ID != id {
		t.Errorf("a second run made %s of %s", s.ID, id)
	}
	m.until("the end of the second token", "! test -e /var/lib/muster-agent/enroll")
	m.run("sh", script, "--remove", "--purge")
	if diff := cmp.Diff(before, m.changes()); diff != "" {
		t.Errorf("what --remove --purge leaves (-before +after):\n%s", diff)
	}
	m.sh("echo >> /root/dist/" + filepath.Base(deb))
	if out, err := m.try("sh", script, "/root/dist"); err == nil || !strings.Contains(out, "checksum") {
		t.Errorf("a changed package: %v, %s", err, out)
	}
}

// What the other formats hold, as their own tools and readers see it.
func TestPackageContents(t *testing.T) {
	need(t, "bsdtar")
	program := []string{"usr/bin/muster-agent", "usr/bin/muster-agent-upgrade", "usr/lib/muster-agent/adopt-enrolment", "usr/share/doc/muster-agent/copyright"}
	for pattern, want := range map[string][]string{
		"muster-agent_1.1.0_*.apk":           append([]string{"etc/init.d/muster-agent", ".PKGINFO", ".post-install", ".post-upgrade", ".pre-deinstall"}, program...),
		"muster-agent-1.1.0-1-*.pkg.tar.zst": append([]string{"usr/lib/systemd/system/muster-agent.service", ".PKGINFO", ".MTREE", ".INSTALL"}, program...),
	} {
		out, err := exec.Command("bsdtar", "-tf", packageFile(t, pattern)).Output()
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		var files []string
		for name := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
			if !strings.HasSuffix(name, "/") && !strings.HasPrefix(name, ".SIGN") && name != ".post-deinstall" {
				files = append(files, name)
			}
		}
		slices.Sort(files)
		slices.Sort(want)
		if diff := cmp.Diff(want, files); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pattern, diff)
		}
	}
}
