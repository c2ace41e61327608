package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wineSetup makes a place in which Windows programs run, with entries in its registry as
// installers leave them.
const wineSetup = "../../../shared/wine/setup.sh"

// windowsMachine is a Wine prefix with the agent's program for Windows.
type windowsMachine struct {
	t             *testing.T
	prefix, agent string
}

func newWindowsMachine(t *testing.T) *windowsMachine {
	t.Helper()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, name := range []string{"wine", "wineserver", "x86_64-w64-mingw32-gcc"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%v: tools/setup.sh installs it", err)
			}
			t.Skipf("%v: tools/setup.sh installs it", err)
		}
	}
	dir := t.TempDir()
	m := &windowsMachine{t: t, prefix: filepath.Join(dir, "prefix"), agent: filepath.Join(dir, "muster-agent.exe")}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", m.agent, "./cmd/muster-agent")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Cleanup(func() { // ends the processes that Wine keeps for this prefix, and waits; the test's context has ended
		for _, flag := range []string{"-k", "-w"} {
			end := exec.CommandContext(context.Background(), "wineserver", flag)
			end.Env = m.env()
			_ = end.Run() // it may have ended by itself
		}
	})
	m.run("bash", wineSetup)
	m.addPerson()
	return m
}

// addPerson gives the machine somebody who is not signed in: a profile, and in it a hive
// that the system has not loaded.
func (m *windowsMachine) addPerson() {
	m.t.Helper()
	hive, err := os.ReadFile("../../agent/registry/testdata/user.hive")
	if err != nil {
		m.t.Fatal(err)
	}
	home := filepath.Join(m.prefix, "drive_c", "users", "zoe")
	if err := os.MkdirAll(home, 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "NTUSER.DAT"), hive, 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.run("wine", "reg", "add", `HKLM\Software\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-0-0-0-1001`,
		"/v", "ProfileImagePath", "/t", "REG_SZ", "/d", `C:\users\zoe`, "/f")
}

func (m *windowsMachine) env(more ...string) []string {
	return append(append(os.Environ(), "WINEPREFIX="+m.prefix, "WINEDEBUG=-all", "DISPLAY="), more...)
}

// run runs a command in the prefix and returns what it printed. Output goes through files:
// Wine's server inherits and keeps pipes.
func (m *windowsMachine) run(name string, args ...string) []byte {
	return m.runWith(nil, name, args...)
}

func (m *windowsMachine) runWith(env []string, name string, args ...string) []byte {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = m.env(env...)
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp(m.t.TempDir(), "output")
		if err != nil {
			m.t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		files[i] = f
	}
	cmd.Stdout, cmd.Stderr = files[0], files[1]
	err := cmd.Run()
	out, readErr := os.ReadFile(files[0].Name())
	if err != nil || readErr != nil {
		stderr, _ := os.ReadFile(files[1].Name())
		m.t.Fatalf("%s %s: %v %v\n%s%s", name, strings.Join(args, " "), err, readErr, out, stderr)
	}
	return out
}

// document is what "muster-agent show -o json" prints, as far as it is looked at.
type document struct {
	Sections []struct {
		Name   string          `json:"name"`
		Status string          `json:"status"`
		Reason string          `json:"reason"`
		Hash   string          `json:"hash"`
		Body   json.RawMessage `json:"body"`
	} `json:"sections"`
}

func (m *windowsMachine) show() document {
	m.t.Helper()
	var d document
	if out := m.run("wine", m.agent, "show", "-o", "json"); json.Unmarshal(out, &d) != nil {
		m.t.Fatalf("show: no JSON\n%.400s", out)
	}
	return d
}

func (d document) body(t *testing.T, section string, into any) {
	t.Helper()
	for _, s := range d.Sections {
		if s.Name == section {
			if err := json.Unmarshal(s.Body, into); err != nil {
				t.Fatalf("%s (%s, %s): %v", section, s.Status, s.Reason, err)
			}
			return
		}
	}
	t.Fatalf("no section %s", section)
}

// installedProgram is what is compared of a program.
type installedProgram struct {
	Source, Name, Version, Arch, Publisher, Installed, Path, Kind, User string
	Bytes                                                               int64
}

// The entries that the set-up imported, as programs for everybody, 32-bit ones and one person's.
func wantPrograms(user string) []installedProgram {
	return []installedProgram{
		{
			Source: "registry", Name: "7-Zip 24.08 (x64)", Version: "24.08", Arch: "amd64", Publisher: "Igor Pavlov", Installed: "2026-01-14",
			Path: `C:\Program Files\7-Zip\`, Bytes: 0x1636 << 10,
		},
		{
			Source: "registry", Name: "Office 16 Click-to-Run Extensibility Component", Version: "16.0.17928.20114", Arch: "amd64",
			Publisher: "Microsoft Corporation", Kind: "system_component",
		},
		{Source: "registry", Name: "Security Update for Windows (KB5044384)", Arch: "amd64", Kind: "update"},
		{Source: "registry", Name: "Notepad++ (32-bit x86)", Version: "8.7.1", Arch: "x86", Publisher: "Notepad++ Team"},
		{Source: "registry", Name: "Slack", Version: "4.41.98", Publisher: "Slack Technologies Inc.", Installed: "2026-03-02", User: user},
		{Source: "registry", Name: "Zoëdraw 2", Version: "2.0.1", Publisher: "Zoë GmbH", Installed: "2026-03-02", Bytes: 1 << 20, User: "zoe"},
	}
}

func TestWindowsAgentUnderWine(t *testing.T) {
	m := newWindowsMachine(t)
	d := m.show()

	var programs []installedProgram
	d.body(t, "software", &programs)
	got := map[string]installedProgram{}
	for _, p := range programs {
		got[p.Name] = p
	}
	for _, want := range wantPrograms(got["Slack"].User) {
		if diff := cmp.Diff(want, got[want.Name]); diff != "" {
			t.Errorf("%s: -want +got:\n%s", want.Name, diff)
		}
	}
	if got["Slack"].User == "" {
		t.Error("a person's program is nobody's")
	}

	// Wine makes a table of the firmware out of the host's.
	var device struct {
		Name        string `json:"name"`
		Identifiers []struct{ Type, Value string }
	}
	d.body(t, "device", &device)
	types := map[string]string{}
	for _, id := range device.Identifiers {
		types[id.Type] = id.Value
	}
	if device.Name == "" || len(types["machine_id"]) != 36 || len(types["smbios_uuid"]) != 36 {
		t.Errorf("device: %+v", device)
	}
	var system struct{ Family, Kernel, Build string }
	d.body(t, "os", &system)
	if system.Family != "windows" || strings.Count(system.Kernel, ".") != 2 || !strings.HasPrefix(system.Build, system.Kernel) {
		t.Errorf("os: %+v", system)
	}
	var disks, interfaces []map[string]any
	d.body(t, "disks", &disks)
	d.body(t, "interfaces", &interfaces)
	if len(disks) == 0 || len(interfaces) == 0 {
		t.Errorf("%d disks, %d interfaces", len(disks), len(interfaces))
	}
	for _, s := range d.Sections {
		// Wine's account database lists accounts without their identifiers only.
		known := s.Name == "users" && strings.Contains(s.Reason, "Invalid level")
		if s.Status == "failed" && !known {
			t.Errorf("%s failed: %s", s.Name, s.Reason)
		}
	}
	// The disk beneath is in use by others, and readings say what each look cost.
	changing := map[string]bool{"filesystems": true, "readings": true}
	again := m.show()
	for i, s := range again.Sections {
		if !changing[s.Name] && s.Hash != d.Sections[i].Hash {
			t.Errorf("%s differs from look to look:\n%s\n%s", s.Name, d.Sections[i].Body, s.Body)
		}
	}
	t.Run("report", m.report)
}

// report enrols with a collector and delivers through the whole way.
func (m *windowsMachine) report(t *testing.T) {
	c := startCollector(t, t.TempDir(), "127.0.0.1:0")
	secret := []string{"MUSTER_ENROLL_TOKEN=" + c.token("--uses", "1")}
	m.runWith(secret, "wine", m.agent, "enroll", "--state-dir", `C:\muster`, "--collector", c.url())
	m.run("wine", m.agent, "report", "--once", "--state-dir", `C:\muster`)
	var list []asset
	c.ask(&list, "assets")
	if len(list) != 1 {
		t.Fatalf("%d assets", len(list))
	}
	var found asset
	c.ask(&found, "asset", "show", list[0].ID)
	names := map[string]string{}
	for _, s := range found.Software {
		names[s.Name] = s.Version
	}
	for _, want := range wantPrograms("") {
		if version, ok := names[want.Name]; !ok || version != want.Version {
			t.Errorf("the collector has %q in version %q, %t", want.Name, version, ok)
		}
	}
	// The identity is kept, and a second report goes out under it.
	if out := m.run("wine", m.agent, "report", "--once", "--state-dir", `C:\muster`); bytes.Contains(out, []byte("error")) {
		t.Errorf("second report: %s", out)
	}
}
