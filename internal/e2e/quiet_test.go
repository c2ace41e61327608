//go:build linux

package e2e_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// looks is how often an agent looks at a machine that does nothing.
const looks = 10

// A machine that does nothing has no changes, whatever is read of it: ten reports of this
// one, with every category allowed, leave nothing in the collector's log of changes.
//
// Other programs may be at work here. A witness that knows nothing of the agent says which
// sections they touched between two reports; changes there are theirs.
func TestNothingChangesByItself(t *testing.T) {
	c := startCollector(t, t.TempDir(), "127.0.0.1:0")
	state := filepath.Join(t.TempDir(), "state")
	agent := program(t, "muster-agent")
	run(t, agent, "enroll", "--state-dir", state, "--collector", c.url(), "--token", c.token("--uses", "1"))
	report := func() {
		run(t, agent, "report", "--once", "--state-dir", state, "--allow", "last_login,last_user,usage,wifi")
	}
	report()
	known := map[change]bool{}
	for _, ch := range c.changes() {
		known[ch] = true
	}
	touched := map[string]string{}
	before := witness(t)
	for range looks {
		report()
		now := witness(t)
		for section, text := range now {
			if text != before[section] {
				touched[section] = differences(before[section], text)
			}
		}
		before = now
	}
	for _, ch := range c.changes() {
		switch what, ok := touched[ch.Section]; {
		case known[ch]:
		case ok:
			t.Logf("%s %s %s: others were at work: %s", ch.Section, ch.Kind, ch.Item, what)
		default:
			t.Errorf("%s %s %s: %s", ch.Section, ch.Kind, ch.Item, ch.Text)
		}
	}
	for _, ch := range c.changes() {
		known[ch] = true
	}
	port := listenBelow(t, 32768)
	report()
	seen := false
	for _, ch := range c.changes() {
		seen = seen || !known[ch] && ch.Section == "ports" && strings.Contains(ch.Item, port)
	}
	if !seen {
		t.Errorf("the log does not tell that something listens on port %s since", port)
	}
	var assets []asset
	if c.ask(&assets, "assets"); len(assets) != 1 {
		t.Errorf("%d assets after %d reports of one machine", len(assets), looks+1)
	}
}

// listenBelow makes a change: something listens on a port that the kernel would not choose.
func listenBelow(t *testing.T, high int) string {
	t.Helper()
	for port := high - 1; port > high-1000; port-- {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue // somebody has it
		}
		t.Cleanup(func() { _ = l.Close() }) // nobody came
		return strconv.Itoa(port)
	}
	t.Fatal("no port is free")
	return ""
}

// change is one line of the collector's log of changes.
type change struct {
	At, Section, Kind, Item, Text string
}

func (c *collector) changes() []change {
	c.t.Helper()
	var list []change
	c.ask(&list, "changes")
	return list
}

// witness describes what other programs may change about a machine meanwhile, by section.
func witness(t *testing.T) map[string]string {
	t.Helper()
	read := func(names ...string) string {
		var b strings.Builder
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			_, _ = b.Write(text)
		}
		return b.String()
	}
	stamps := func(dirs ...string) string {
		var b strings.Builder
		for _, dir := range dirs {
			_ = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error { // as far as it can be seen
				if err == nil {
					if info, err := e.Info(); err == nil {
						_, _ = fmt.Fprintln(&b, name, info.ModTime().UnixNano())
					}
				}
				return nil
			})
		}
		return b.String()
	}
	listening := func() string {
		var b strings.Builder
		for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
			for line := range strings.Lines(read("/proc/net/" + name)) {
				if f := strings.Fields(line); len(f) > 9 && (f[3] == "0A" || f[3] == "07") {
					_, _ = fmt.Fprintln(&b, name, f[1], f[9])
				}
			}
		}
		return b.String()
	}
	links := func() string {
		names, err := filepath.Glob("/sys/class/net/*")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(names, "\n")
	}
	return map[string]string{
		"software":    stamps("/var/lib/dpkg/status", "/usr/local/lib", "/usr/lib/python3", "/usr/local/bin"),
		"ports":       listening(),
		"interfaces":  links(),
		"filesystems": read("/proc/self/mountinfo"),
		"users":       read("/etc/passwd", "/etc/group"),
	}
}

// differences are the lines of one text that the other does not have.
func differences(before, after string) string {
	var out []string
	for _, pair := range [][2]string{{before, after}, {after, before}} {
		for line := range strings.Lines(pair[0]) {
			if !strings.Contains(pair[1], line) && len(out) < 3 {
				out = append(out, strings.TrimSpace(line))
			}
		}
	}
	return strings.Join(out, "; ")
}
