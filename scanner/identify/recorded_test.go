package identify_test

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"errors"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/snmp"
)

// needWalks ends the test where the recorded walks are missing: by failing in CI.
func needWalks(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(walksDir); err != nil {
		testkit.Missing(t, "the recorded walks are not beside the project: %v", err)
	}
}

// recordings are all recorded walks by the name of the device.
func recordings(t *testing.T) map[string]*snmp.Recording {
	t.Helper()
	f, err := os.Open(filepath.Join(walksDir, "data", "walks.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*snmp.Recording{}
	for in := tar.NewReader(z); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutSuffix(path.Base(h.Name), ".snmprec")
		if !ok {
			continue
		}
		if out[name], err = snmp.ReadRecording(in); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// answersOf identifies every recorded device.
func answersOf(t *testing.T, rules *identify.Rules) map[string]answer {
	t.Helper()
	out := map[string]answer{}
	for name, rec := range recordings(t) {
		f, err := rec.Facts(t.Context(), rules.Wanted)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		id, _ := rules.Device(f)
		out[name] = answer{name, id.Vendor, string(id.Type), id.Model, id.Serial, id.OS.Name, id.OS.Version}
	}
	return out
}

// hash places a maker, always in the same way.
func hash(maker string) uint32 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, maker)
	return h.Sum32()
}

// heldBack are makers whose devices nobody looked at while the rules were written: a
// quarter of all, by a hash of the name. What is right there is what to expect of devices
// that are new.
func heldBack(maker string) bool { return hash(maker)%4 == 0 }

// heldBackLater are another quarter: the rules for some of them were written before, but
// nobody looked at them while the general ones were improved.
func heldBackLater(maker string) bool { return !heldBack(maker) && hash(maker)>>16%3 == 1 }

// floor is the least recall and precision, in per cent, that a field must reach.
type floor struct{ recall, precision float64 }

// TestFloor holds what is said of all recorded devices against what they are, with the
// scorer beside them. MUSTER_WALK_ANSWERS names a file for the answers.
func TestFloor(t *testing.T) {
	needWalks(t)
	rules, err := identify.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	results := filepath.Join(dir, "answers.jsonl")
	if name := os.Getenv("MUSTER_WALK_ANSWERS"); name != "" {
		results = name
	}
	writeAnswers(t, results, answersOf(t, rules))
	part := func(name string, in func(maker string) bool) []string {
		var names []string
		for _, e := range expectations(t) {
			if in(cmp.Or(e.Vendor, e.Family)) {
				names = append(names, e.Name)
			}
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(strings.Join(names, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"--names", file}
	}
	for _, c := range []struct {
		name   string
		args   []string
		floors map[string]floor
	}{
		{"all", nil, map[string]floor{"vendor": {96, 98}, "type": {90, 94.5}, "model": {77, 93}, "serial": {81, 98}, "os_version": {79, 95.5}}},
		{"held back", part("held-back", heldBack), map[string]floor{"vendor": {91, 93}, "type": {81, 92}, "model": {62, 84}, "serial": {73, 94}, "os_version": {72, 94}}},
		{"held back later", part("held-back-later", heldBackLater), map[string]floor{"vendor": {96, 99}, "type": {91, 95}, "model": {80, 94}, "serial": {87, 99}, "os_version": {86, 97}}},
	} {
		table := score(t, append([]string{results, filepath.Join(walksDir, "data", "expected.jsonl")}, c.args...))
		t.Logf("%s:\n%s", c.name, table)
		for field, want := range c.floors {
			row := regexp.MustCompile(`(?m)^` + field + ` +\d+ +\d+ +\d+ +\d+ +([\d.]+)% +([\d.]+)%`).FindStringSubmatch(table)
			if row == nil {
				t.Fatalf("the scorer says nothing of %s:\n%s", field, table)
			}
			precision, _ := strconv.ParseFloat(row[1], 64)
			recall, _ := strconv.ParseFloat(row[2], 64)
			if recall < want.recall || precision < want.precision {
				t.Errorf("%s, %s: recall %.1f %%, precision %.1f %%, want at least %.1f and %.1f", c.name, field, recall, precision, want.recall, want.precision)
			}
		}
	}
}

func score(t *testing.T, args []string) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		testkit.Missing(t, "%v", err)
	}
	out, err := exec.CommandContext(t.Context(), python, append([]string{"-B", filepath.Join(walksDir, "data", "score.py")}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("score: %v\n%s", err, out)
	}
	return string(out)
}
