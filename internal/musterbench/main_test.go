package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every kind of the schema becomes an observation, and both ways give the same answer.
func TestRun(t *testing.T) {
	for _, dsn := range []string{"memory", "hindsight", "sqlite:" + filepath.Join(t.TempDir(), "muster.db")} {
		out := filepath.Join(t.TempDir(), "map.tsv")
		if err := run(t.Context(), "testdata/small", dsn, out, ""); err != nil {
			t.Fatalf("%s: %v", dsn, err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		group := map[string]string{}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) != 3 {
				t.Fatalf("%s: line %q", dsn, line)
			}
			group[f[0]] = f[1]
		}
		// One laptop, a switch, a phone, an instance, a cloud machine, a virtual machine.
		for id, same := range map[string]string{"o2": "o1", "o3": "o1", "o4": "o1", "o5": "o1", "o6": "o1", "o9": "o8"} {
			if group[id] != group[same] || group[id] == "" {
				t.Errorf("%s: %s is in asset %q, %s in %q", dsn, id, group[id], same, group[same])
			}
		}
		assets := map[string]bool{}
		for _, a := range group {
			assets[a] = true
		}
		if len(group) != 12 || len(assets) != 6 {
			t.Errorf("%s: %d observations are %d assets, want 12 and 6", dsn, len(group), len(assets))
		}
	}
}
