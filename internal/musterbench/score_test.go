package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// benchDir has estates with a known truth and the scorer; it lies beside the project.
const benchDir = "../../../shared/reconcile"

// figures is what the scorer says of an answer.
type figures struct {
	PairPrecision float64 `json:"pair_precision"`
	B3            float64 `json:"b3_f1"`
	Exact         float64 `json:"exact_units"`
	FalseMerges   float64 `json:"false_merge_rate"`
	Unmapped      int     `json:"unmapped"`
	Groups        map[string]struct {
		Obs   int     `json:"obs"`
		B3    float64 `json:"b3f"`
		Exact float64 `json:"exact"`
	} `json:"groups"`
}

func needBench(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("measures whole estates")
	}
	if _, err := os.Stat(benchDir); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the estates are not beside the project: %v", err)
		}
		t.Skipf("the estates are not beside the project: %v", err)
	}
}

// answerOf runs the benchmark as a program of its own, without the race detector's cost.
func answerOf(t *testing.T, program, data, store string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "map.tsv")
	cmd := exec.CommandContext(t.Context(), program, "-data", data, "-store", store, "-out", out)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !bytes.Contains(text, []byte("a rebuild puts 0 records elsewhere")) {
		t.Errorf("the incremental state is not what a rebuild gives: %s", text)
	}
	return out
}

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "musterbench")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

func score(t *testing.T, data, answers string) figures {
	t.Helper()
	file := filepath.Join(t.TempDir(), "score.json")
	cmd := exec.CommandContext(t.Context(), "python3", filepath.Join(benchDir, "score.py"), "--data", data, "--map", answers, "--brief", "--json", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("score: %v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var both struct{ Final figures }
	if err := json.Unmarshal(text, &both); err != nil {
		t.Fatal(err)
	}
	return both.Final
}

// Estates nobody tuned for decide what is good enough; here only what was reached is kept.
func TestFloors(t *testing.T) {
	needBench(t)
	program := build(t)
	for _, sample := range []string{"sample-A1", "sample-A2"} {
		t.Run(sample, func(t *testing.T) {
			data := filepath.Join(benchDir, sample)
			f := score(t, data, answerOf(t, program, data, "memory"))
			if f.Unmapped != 0 || f.B3 < .999 || f.PairPrecision < .999 || f.Exact < .99 || f.FalseMerges > .003 {
				t.Errorf("B3 F1 %.4f, pairs precision %.4f, exact %.4f, falsely merged %.4f, unmapped %d",
					f.B3, f.PairPrecision, f.Exact, f.FalseMerges, f.Unmapped)
			}
			for name, g := range f.Groups {
				if kind, ok := strings.CutPrefix(name, "tag "); ok && g.B3 < .99 {
					t.Errorf("trouble %s: B3 F1 %.4f over %d observations", kind, g.B3, g.Obs)
				}
			}
		})
	}
}

// The order in which reports arrive, and hearing everything twice, change nothing.
func TestOrderAndRepetition(t *testing.T) {
	needBench(t)
	program := build(t)
	data := filepath.Join(benchDir, "sample-A1")
	plain := answerOf(t, program, data, "memory")
	lines := observations(t, data)

	shuffled := folder(t, data, "observations.jsonl", bytes.Join(lines, nil))
	cmd := exec.CommandContext(t.Context(), "python3", filepath.Join(benchDir, "permute.py"),
		filepath.Join(shuffled, "observations.jsonl"), filepath.Join(shuffled, "permuted.jsonl"), "7")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("permute: %v\n%s", err, out)
	}
	if err := os.Rename(filepath.Join(shuffled, "permuted.jsonl"), filepath.Join(shuffled, "observations.jsonl")); err != nil {
		t.Fatal(err)
	}
	var twice bytes.Buffer
	for _, l := range lines {
		twice.Write(l)
		twice.Write(bytes.Replace(l, []byte(`"id":"o`), []byte(`"id":"again-o`), 1))
	}
	for name, dir := range map[string]string{"shuffled": shuffled, "doubled": folder(t, data, "observations.jsonl", twice.Bytes())} {
		t.Run(name, func(t *testing.T) {
			other := partition(t, answerOf(t, program, dir, "memory"))
			for id, want := range partition(t, plain) {
				if other[id] != want {
					t.Fatalf("observation %s is with others: %s, was %s", id, other[id], want)
				}
			}
		})
	}
}

// partition leads from an observation to the first one, by name, that is in the same asset.
func partition(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	asset, first := map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if strings.HasPrefix(f[0], "again-") {
			continue
		}
		asset[f[0]] = f[1]
		if old, ok := first[f[1]]; !ok || f[0] < old {
			first[f[1]] = f[0]
		}
	}
	for id, a := range asset {
		asset[id] = first[a]
	}
	return asset
}

func observations(t *testing.T, data string) [][]byte {
	t.Helper()
	f, err := os.Open(filepath.Join(data, "observations.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for r := bufio.NewReader(z); ; {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			out = append(out, line)
		}
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// folder is a copy of a data folder's sites with other observations.
func folder(t *testing.T, data, name string, text []byte) string {
	t.Helper()
	dir := t.TempDir()
	sites, err := os.ReadFile(filepath.Join(data, "sites.json"))
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{"sites.json": sites, name: text} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			t.Fatal(fmt.Errorf("write %s: %w", file, err))
		}
	}
	return dir
}
