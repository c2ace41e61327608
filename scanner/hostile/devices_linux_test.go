// Package hostile_test lets the scanner's program loose on devices that mean it no good.
package hostile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"

	"github.com/muster-itam/muster/internal/testkit"
)

// hostileDevice is an agent that does something no agent should.
type hostileDevice struct {
	name string
	keys string // of the simulator, which damages answers itself
	// tamper makes what is sent of what the simulator answered to a request; nil leaves it.
	tamper func(req, answer *gosnmp.SnmpPacket) [][]byte
	told   string // a pattern for what is said of the trouble; "" where the device is to read like any other
	lasts  bool   // takes all the time that a device may take: one command is enough
}

// hostileDevices are the simulator's modes, then the test's own.
var hostileDevices = []hostileDevice{
	{name: "damaged answers", keys: "malformed=1", told: "."},
	{name: "some damaged answers", keys: "malformed=0.2", told: "^"},
	{name: "lossy", keys: "loss=0.05"},
	{name: "slow", keys: "latency=60ms jitter=60ms"},
	{name: "slower than anybody waits", keys: "latency=4s", told: "no answer to SNMP|answers fit no question"},
	{name: "small answers", keys: "max-size=484"},
	{name: "the first version only", keys: "v1-only=true"},
	{name: "another community", keys: "community=hush", told: "no answer to SNMP"},

	{name: "wrong numbers", told: "answers fit no question", tamper: each(func(_, a *gosnmp.SnmpPacket) { a.RequestID++ })},
	{name: "one answer late", told: "answers fit no question", tamper: late()},
	{name: "every answer twice", tamper: func(_, a *gosnmp.SnmpPacket) [][]byte { return [][]byte{marshal(a), marshal(a)} }},
	{name: "rubbish before the answer", tamper: func(_, a *gosnmp.SnmpPacket) [][]byte {
		return append(slices.Repeat([][]byte{bytes.Repeat([]byte{0x30, 0x84, 0xff}, 300)}, 50), marshal(a))
	}},
	{name: "half answers", told: "answers fit no question", tamper: func(_, a *gosnmp.SnmpPacket) [][]byte { b := marshal(a); return [][]byte{b[:len(b)/2]} }},
	{name: "nothing but nesting", told: "answers fit no question", tamper: func(_, _ *gosnmp.SnmpPacket) [][]byte {
		return [][]byte{bytes.Repeat([]byte{0x30, 0x82, 0xff, 0x00}, 15_000)}
	}},
	{name: "errors alone", told: "error status 5", tamper: each(func(_, a *gosnmp.SnmpPacket) { a.Error, a.ErrorIndex = gosnmp.GenErr, 1 })},
	{name: "always too big", told: "error status 1", tamper: each(func(_, a *gosnmp.SnmpPacket) { a.Error, a.Variables = gosnmp.TooBig, nil })},
	{name: "empty answers", told: "without what was asked for", tamper: each(func(_, a *gosnmp.SnmpPacket) { a.Variables = nil })},
	{name: "requests for answers", told: "answers fit no question", tamper: each(func(_, a *gosnmp.SnmpPacket) { a.PDUType = gosnmp.GetRequest })},
	{name: "names never asked for", told: "without what was asked for", tamper: each(func(_, a *gosnmp.SnmpPacket) {
		for i := range a.Variables {
			a.Variables[i].Name = fmt.Sprintf(".1.3.6.1.4.1.99999.%d", i+1)
		}
	})},
	{name: "standing still", told: "did not increase", tamper: tables(func(req, a *gosnmp.SnmpPacket) {
		for i := range a.Variables {
			a.Variables[i].Name = req.Variables[i%len(req.Variables)].Name
		}
	})},
	{name: "backwards", told: "did not increase", tamper: tables(func(_, a *gosnmp.SnmpPacket) { slices.Reverse(a.Variables) })},
	{name: "endless table", told: "more variables than allowed", tamper: tables(endless(gosnmp.SnmpPDU{Type: gosnmp.Integer, Value: 6}, 40))},
	{name: "endless table of huge values", told: "more bytes than allowed",
		tamper: tables(endless(gosnmp.SnmpPDU{Type: gosnmp.OctetString, Value: bytes.Repeat([]byte("A"), 5000)}, 10))},
	{name: "endless table, slowly", told: "took longer than allowed", keys: "latency=200ms", lasts: true,
		tamper: tables(endless(gosnmp.SnmpPDU{Type: gosnmp.Integer, Value: 6}, 1))},
	{name: "huge values", told: "dropped", tamper: values(gosnmp.OctetString, bytes.Repeat([]byte("A"), 5000))},
	{name: "numbers for texts", told: "dropped", tamper: values(gosnmp.Integer, 7)},
	{name: "texts of escapes", tamper: func(_, a *gosnmp.SnmpPacket) [][]byte {
		for i := range a.Variables {
			if b, ok := a.Variables[i].Value.([]byte); ok {
				a.Variables[i].Value = append([]byte("\x1b]0;x\x07\u202e"), b...)
			}
		}
		return [][]byte{marshal(a)}
	}, told: "^"},
}

func marshal(p *gosnmp.SnmpPacket) []byte {
	b, err := p.MarshalMsg()
	if err != nil {
		return nil
	}
	return b
}

func each(change func(req, answer *gosnmp.SnmpPacket)) func(req, answer *gosnmp.SnmpPacket) [][]byte {
	return func(req, answer *gosnmp.SnmpPacket) [][]byte {
		change(req, answer)
		return [][]byte{marshal(answer)}
	}
}

// tables changes what is answered to questions for tables.
func tables(change func(req, answer *gosnmp.SnmpPacket)) func(req, answer *gosnmp.SnmpPacket) [][]byte {
	return each(func(req, answer *gosnmp.SnmpPacket) {
		if req.PDUType != gosnmp.GetRequest && len(req.Variables) > 0 {
			change(req, answer)
		}
	})
}

// endless answers with rows more after every name, each with the same value.
func endless(v gosnmp.SnmpPDU, rows int) func(req, answer *gosnmp.SnmpPacket) {
	const first = 1_000_000
	n := first
	return func(req, answer *gosnmp.SnmpPacket) {
		answer.Variables = nil
		for range rows {
			n++
			for _, asked := range req.Variables {
				if len(answer.Variables) == max(rows, len(req.Variables)) {
					return
				}
				column := asked.Name
				at := strings.LastIndexByte(column, '.')
				if last, err := strconv.Atoi(column[at+1:]); err == nil && last > first {
					column = column[:at]
				}
				v.Name = fmt.Sprintf("%s.%d", column, n)
				answer.Variables = append(answer.Variables, v)
			}
		}
	}
}

// values replaces all texts.
func values(kind gosnmp.Asn1BER, value any) func(req, answer *gosnmp.SnmpPacket) [][]byte {
	return each(func(_, answer *gosnmp.SnmpPacket) {
		for i := range answer.Variables {
			if answer.Variables[i].Type == gosnmp.OctetString {
				answer.Variables[i].Type, answer.Variables[i].Value = kind, value
			}
		}
	})
}

// late answers each question with what was the answer to the one before, however often it is repeated.
func late() func(req, answer *gosnmp.SnmpPacket) [][]byte {
	var before, last gosnmp.SnmpPacket
	return func(_, answer *gosnmp.SnmpPacket) [][]byte {
		if answer.RequestID != last.RequestID {
			before, last = last, *answer
		}
		return [][]byte{marshal(&before)}
	}
}

// found is what the test wants to know of a device from either command.
type found struct {
	Address, Name, Vendor, Type, Model, Serial, OS string
	OSVersion                                      string `json:"os_version"`
	Addresses                                      []string
	Error, Reason                                  string
	SNMP                                           struct {
		Interfaces, Components int
		ARP                    int `json:"arp_entries"`
		Dropped                int
		Partial                map[string]string
	}
}

// trouble is all that is told of what went wrong.
func (f *found) trouble() string {
	texts := []string{f.Error, f.Reason}
	for _, why := range f.SNMP.Partial {
		texts = append(texts, why)
	}
	if f.SNMP.Dropped > 0 {
		texts = append(texts, "values dropped")
	}
	slices.Sort(texts)
	return strings.Trim(strings.Join(slices.Compact(texts), "; "), "; ")
}

// hidden is what tables lack of the recording without a word.
func (f *found) hidden() string {
	for section, n := range map[string]int{"interfaces": f.SNMP.Interfaces - 24, "components": f.SNMP.Components - 1, "arp": f.SNMP.ARP - 24} {
		if n != 0 && f.Error == "" && f.Reason == "" && f.SNMP.Partial[section] == "" {
			return fmt.Sprintf("%s: %d rows too many, and nothing said", section, n)
		}
	}
	return ""
}

// likeAnyOther is what device n is when nothing disturbs.
func (f *found) likeAnyOther(n int) string {
	got := fmt.Sprint(f.Vendor, f.Type, f.Model, f.Serial, f.OS, f.OSVersion, f.SNMP.Interfaces, f.SNMP.Components, f.SNMP.ARP, f.trouble())
	want := fmt.Sprint("Cisco", "switch", "WS-C2960-24TT-L", fmt.Sprintf("FOC%04dX1YZ", n), "IOS", "15.0(2)SE11", 24, 1, 24, "")
	return cmp.Diff(want, got)
}

// maxResident is the most memory that the scanner may take, whatever devices do.
const maxResident = 256 << 20

// TestA24HostileDevices: A24, F17 to F20. A company of agents and web servers, each of them hostile in another
// way, is read by identify and by a scan. Neither falls over or grows, each device is there, with what is wrong with it said,
// and those between them that do nothing wrong read as if they were alone.
func TestA24HostileDevices(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the simulator, and waits for devices that never end")
	}
	if _, err := os.Stat(simulator); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the simulator is not beside the project: %v", err)
		}
		t.Skipf("the simulator is not beside the project: %v", err)
	}
	testkit.InNetwork(t, testkit.Network{Hosts: []string{"scanner"}}, func(t *testing.T) {
		var devices []hostileDevice
		for _, d := range hostileDevices { // between two each has a neighbour
			devices = append(devices, d, hostileDevice{name: "neighbour of " + d.name})
		}
		dir := t.TempDir()
		addresses := simulate(t, dir, devices)
		write(t, filepath.Join(dir, "targets"), strings.Join(addresses, "\n"))
		old, _ := address(slices.IndexFunc(devices, func(d hostileDevice) bool { return strings.HasPrefix(d.keys, "v1-only") }))
		write(t, filepath.Join(dir, "snmp.yml"), "credentials:\n  - {community: public}\n  - {version: 1, community: public, targets: ["+old+"/32]}\n")
		program := build(t, dir, "muster-scanner", "../../cmd/muster-scanner")
		credentials := "--snmp-config=" + filepath.Join(dir, "snmp.yml")
		servers := serveHostile(t)
		exclude := "--exclude=" + addresses[slices.IndexFunc(devices, func(d hostileDevice) bool { return d.lasts })]
		for _, args := range [][]string{
			{"identify", credentials, "--full", "--rate=100000", "--targets=" + filepath.Join(dir, "targets")},
			slices.Concat([]string{"scan", credentials, exclude, "--no-dns", "--no-search", "--ports=80", "--rate=20000", "-o", "jsonl"}, addresses, servers),
		} {
			t.Run(args[0], func(t *testing.T) {
				lines := survive(t, exec.CommandContext(t.Context(), program, args...))
				for _, a := range servers {
					if args[0] == "scan" && lines[a] == nil {
						t.Errorf("web server %s: lost", a)
					}
				}
				for n, d := range devices {
					f := lines[addresses[n]]
					switch {
					case d.lasts && args[0] == "scan":
					case f == nil:
						t.Errorf("%s: lost", d.name)
					case f.hidden() != "" && !strings.Contains(d.keys, "malformed"): // which can change names so that they are right
						t.Errorf("%s: %s", d.name, f.hidden())
					case d.told == "":
						if diff := f.likeAnyOther(n); diff != "" {
							t.Errorf("%s: %s", d.name, diff)
						}
					case !regexp.MustCompile(d.told).MatchString(f.trouble()):
						t.Errorf("%s: told %q, want %q", d.name, f.trouble(), d.told)
					default:
						t.Logf("%s: %s", d.name, f.trouble())
					}
				}
			})
		}
	})
}

// survive runs the scanner and answers with the devices that it prints, by address.
func survive(t *testing.T, cmd *exec.Cmd) map[string]*found {
	t.Helper()
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	begun := time.Now()
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != 3 {
		t.Fatalf("%v\n%s", err, &problems)
	}
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	t.Logf("%s, %d MiB resident at most", time.Since(begun).Round(100*time.Millisecond), usage.Maxrss>>10)
	if usage.Maxrss > maxResident>>10 {
		t.Errorf("%d MiB resident", usage.Maxrss>>10)
	}
	lines := map[string]*found{}
	for dec := json.NewDecoder(&out); ; {
		var f found
		if err := dec.Decode(&f); errors.Is(err, io.EOF) {
			return lines
		} else if err != nil {
			t.Fatalf("output: %v", err)
		}
		for _, a := range append(f.Addresses, f.Address) {
			lines[a] = &f
		}
	}
}
