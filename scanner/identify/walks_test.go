package identify_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"

	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/snmp"
)

// walksDir holds recorded walks of real devices and a program that serves them; it lies
// beside the project and is no part of it.
const walksDir = "../../../shared/snmp"

// ownIndex is the reason of tables that are not read, because their agents have indexes that are not the MIB's.
const ownIndex = "no row could be used"

// expected is what is known of a recorded device.
type expected struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor"`
	Family string `json:"os"`
}

// answer is one line for the scorer beside the walks.
type answer struct {
	Name      string `json:"name"`
	Vendor    string `json:"vendor"`
	Type      string `json:"type"`
	Model     string `json:"model"`
	Serial    string `json:"serial"`
	OS        string `json:"os"`
	OSVersion string `json:"os_version"`
}

// serve starts the simulator and answers with its port and devices by address.
func serve(t *testing.T) (port uint16, devices map[netip.Addr]string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and fills the simulator")
	}
	needWalks(t)
	dir := t.TempDir()
	program := filepath.Join(dir, "snmpsimd")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join(walksDir, "snmpsimd"), "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the simulator: %v\n%s", err, out)
	}
	free, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port = uint16(free.LocalAddr().(*net.UDPAddr).Port)
	_ = free.Close()
	list := filepath.Join(dir, "devices.map")
	cmd := exec.CommandContext(t.Context(), program, "-data", filepath.Join(walksDir, "data", "walks.tar.gz"),
		"-port", fmt.Sprint(port), "-write-map", list, "-user", "reader:sha256:auth-password:aes:priv-password")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 600 {
		if text, err := os.ReadFile(list); err == nil && strings.HasSuffix(string(text), "\n") {
			devices = map[netip.Addr]string{}
			for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
				addr, name, _ := strings.Cut(line, " ")
				devices[netip.MustParseAddr(addr)] = strings.TrimSpace(name)
			}
			return port, devices
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the simulator does not start")
	return 0, nil
}

// TestRecordedDevices reads every recorded device over the network: what is said of it is
// what its recording says.
func TestRecordedDevices(t *testing.T) {
	port, devices := serve(t)
	rules, err := identify.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := snmp.BuiltinTables()
	if err != nil {
		t.Fatal(err)
	}
	p := &snmp.Prober{Port: port, Timeout: 5 * time.Second, Extra: rules.Wanted, Tables: tables, Credentials: []snmp.Credential{
		{Version: gosnmp.Version2c, Community: "public"},
	}}
	var mu sync.Mutex
	answers := map[string]answer{}
	work := make(chan netip.Addr)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for a := range work {
				f, err := p.Read(t.Context(), a)
				if err != nil {
					t.Errorf("%s: %v", devices[a], err)
					continue
				}
				for name, st := range f.Sections {
					// The simulator has no community for single VLANs.
					if !st.Complete && !strings.Contains(st.Reason, "forwarding table of VLAN") && st.Reason != ownIndex {
						t.Errorf("%s: %s: %s", devices[a], name, st.Reason)
					}
				}
				id, _ := rules.Device(f)
				mu.Lock()
				answers[devices[a]] = answer{devices[a], id.Vendor, string(id.Type), id.Model, id.Serial, id.OS.Name, id.OS.Version}
				mu.Unlock()
			}
		})
	}
	for a := range devices {
		work <- a
	}
	close(work)
	wg.Wait()
	if d := cmp.Diff(answersOf(t, rules), answers); d != "" {
		t.Error(d)
	}
}

func writeAnswers(t *testing.T, name string, answers map[string]answer) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	enc := json.NewEncoder(f)
	for _, a := range answers {
		if err := enc.Encode(a); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// expectations are what is known of the recorded devices.
func expectations(t *testing.T) []expected {
	t.Helper()
	f, err := os.Open(filepath.Join(walksDir, "data", "expected.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out []expected
	for lines := json.NewDecoder(f); lines.More(); {
		var e expected
		if err := lines.Decode(&e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// Version 3 reads what version 2c reads.
func TestVersion3(t *testing.T) {
	port, devices := serve(t)
	var addr netip.Addr
	for a, name := range devices {
		if name == "arista_eos" || !addr.IsValid() {
			addr = a
		}
	}
	creds := []snmp.Credential{
		{Version: gosnmp.Version3, User: "reader", Auth: gosnmp.SHA256, AuthPassword: "auth-password", Priv: gosnmp.AES, PrivPassword: "priv-password"},
		{Version: gosnmp.Version2c, Community: "public"},
	}
	var names []string
	for i := range creds {
		p := &snmp.Prober{Port: port, Timeout: 5 * time.Second, Credentials: creds[i : i+1]}
		f, err := p.Read(t.Context(), addr)
		if err != nil {
			t.Fatalf("%s: %v", creds[i].String(), err)
		}
		names = append(names, fmt.Sprint(f.System.ObjectID, f.System.Description, len(f.Interfaces), len(f.Components)))
	}
	if names[0] != names[1] {
		t.Errorf("version 3 read %s, version 2c %s", names[0], names[1])
	}
	p := &snmp.Prober{Port: port, Timeout: 500 * time.Millisecond, Retries: -1, Credentials: []snmp.Credential{
		{Version: gosnmp.Version3, User: "reader", Auth: gosnmp.SHA256, AuthPassword: "wrong-password", Priv: gosnmp.AES, PrivPassword: "priv-password"},
	}}
	if f, err := p.Read(t.Context(), addr); err == nil || strings.Contains(err.Error(), "password") {
		t.Errorf("with a wrong password: %+v, %v", f, err)
	}
}
