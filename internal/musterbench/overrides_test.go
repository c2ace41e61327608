package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What persons said holds in the end, both ways.
func TestOverrides(t *testing.T) {
	dir := t.TempDir()
	said := filepath.Join(dir, "overrides.jsonl")
	lines := `{"op": "merge", "a": "o1", "b": "o8", "after": "o8"}
{"op": "split", "a": "o3", "b": "o1", "after": "o3"}
{"op": "split", "a": "o1", "b": "o8", "after": "o8"}
`
	if err := os.WriteFile(said, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dsn := range []string{"memory", "sqlite:" + filepath.Join(dir, "muster.db")} {
		out := filepath.Join(dir, "map.tsv")
		if dsn == "memory" { // it takes pins as they come and has nobody to refuse a contradiction
			if err := os.WriteFile(said, []byte(strings.Join(strings.SplitAfter(lines, "\n")[:2], "")), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(said, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), "testdata/small", dsn, out, said); err != nil {
			t.Fatalf("%s: %v", dsn, err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		asset := map[string]string{}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			asset[f[0]] = f[1]
		}
		if asset["o1"] != asset["o8"] || asset["o1"] == asset["o3"] {
			t.Errorf("%s: o1 in %s, o8 in %s, o3 in %s", dsn, asset["o1"], asset["o8"], asset["o3"])
		}
	}
}
