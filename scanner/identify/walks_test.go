package identify_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/snmp"
)

// walksDir holds recorded walks of real devices and a program that serves them; it lies
// beside the project and is no part of it.
const walksDir = "../../../shared/snmp"

// expected is what is known of a recorded device.
type expected struct {
	Name         string   `json:"name"`
	Full         bool     `json:"full"`
	VendorAccept []string `json:"vendor_accept"`
	Type         string   `json:"type"`
	Serial       *string  `json:"serial"`
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
	if _, err := os.Stat(walksDir); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the recorded walks are not beside the project: %v", err)
		}
		t.Skipf("the recorded walks are not beside the project: %v", err)
	}
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
				f := strings.Fields(line)
				devices[netip.MustParseAddr(f[0])] = f[1]
			}
			return port, devices
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the simulator does not start")
	return 0, nil
}

// TestRecordedDevices reads every recorded device over the network. What is said of them
// must be right far more often than wrong; how much is said is not this test's business.
// MUSTER_WALK_ANSWERS names a file for the scorer beside the walks.
func TestRecordedDevices(t *testing.T) {
	port, devices := serve(t)
	rules, err := identify.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	p := &snmp.Prober{Port: port, Timeout: 5 * time.Second, Extra: rules.Wanted, Credentials: []snmp.Credential{
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
					if !st.Complete {
						t.Errorf("%s: %s: %s", devices[a], name, st.Reason)
					}
				}
				id := rules.Device(f)
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
	if name := os.Getenv("MUSTER_WALK_ANSWERS"); name != "" {
		writeAnswers(t, name, answers)
	}
	judge(t, answers)
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

var notLetters = regexp.MustCompile(`[^a-z0-9]`)

// judge holds the vendor and serial number against what is known. It knows less about
// names than the scorer and so sees a few more mistakes.
func judge(t *testing.T, answers map[string]answer) {
	t.Helper()
	f, err := os.Open(filepath.Join(walksDir, "data", "expected.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	vendors, serials := [2]int{}, [2]int{} // wrong, right
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e expected
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		a := answers[e.Name]
		if v := notLetters.ReplaceAllString(strings.ToLower(a.Vendor), ""); v != "" && len(e.VendorAccept) > 0 {
			vendors[toInt(slices.ContainsFunc(e.VendorAccept, func(w string) bool { return strings.HasPrefix(v, w) || strings.HasPrefix(w, v) }))]++
		}
		if a.Serial != "" && e.Serial != nil && *e.Serial != "" {
			serials[toInt(a.Serial == *e.Serial)]++
		}
	}
	t.Logf("vendors: %d right, %d wrong; serial numbers: %d right, %d wrong", vendors[1], vendors[0], serials[1], serials[0])
	if vendors[1] < 20*vendors[0] {
		t.Errorf("vendors: %d right, %d wrong", vendors[1], vendors[0])
	}
	if serials[1] < 20*serials[0] {
		t.Errorf("serial numbers: %d right, %d wrong", serials[1], serials[0])
	}
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
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
