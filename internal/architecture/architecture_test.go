// Package architecture_test holds the rules of who may import whom.
package architecture_test

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/muster-itam/muster/"

// imports are the packages of this module with what each imports directly, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	list := map[string][]string{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		list[strings.TrimPrefix(words[0], module)] = words[1:]
	}
	if len(list) < 10 {
		t.Fatalf("go list names only %d packages", len(list))
	}
	return list
}

// within reports whether pkg is the folder or beneath it.
func within(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

func TestImportDirection(t *testing.T) {
	parts := []string{"agent", "scanner", "collector"}
	for pkg, list := range imports(t) {
		for _, imp := range list {
			own, inside := strings.CutPrefix(imp, module)
			if !inside {
				if only := homeOf(imp); only != nil && !anyWithin(pkg, only) {
					t.Errorf("%s imports %s: only %s may", pkg, imp, strings.Join(only, ", "))
				}
				if pkg == "internal/inventory" && strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") {
					t.Errorf("internal/inventory imports %s: it is the standard library's only", imp)
				}
				continue
			}
			for _, p := range parts {
				for _, q := range parts {
					if p != q && within(pkg, p) && within(own, q) {
						t.Errorf("%s imports %s: %s and %s know each other only by the contract", pkg, own, p, q)
					}
				}
			}
			switch {
			case within(pkg, own) && pkg != own && !within(pkg, "proto"): // generated code has its own habits
				t.Errorf("%s imports its parent %s", pkg, own)
			case within(own, "cmd"):
				t.Errorf("%s imports the command %s", pkg, own)
			case within(pkg, "internal/inventory"):
				t.Errorf("internal/inventory imports %s: everybody imports it, it imports nobody", own)
			case pkg == "collector/reconcile" && own != "internal/inventory":
				t.Errorf("collector/reconcile imports %s: it is pure", own)
			case within(own, "proto") && !anyWithin(pkg, []string{"internal/wire", "internal/bench", "collector/api", "collector/server", "cmd/muster", "proto"}):
				t.Errorf("%s imports %s: generated code stays behind internal/wire and the API", pkg, own)
			}
		}
	}
}

func anyWithin(pkg string, folders []string) bool {
	for _, f := range folders {
		if within(pkg, f) {
			return true
		}
	}
	return false
}

// homeOf says which folders may import a library that is kept to its place; nil for no rule.
func homeOf(imp string) []string {
	for prefix, home := range map[string][]string{
		"github.com/mattn/go-sqlite3":     {"collector/store"},
		"github.com/jackc/pgx":            {"collector/store"},
		"github.com/google/gopacket":      {"scanner", "internal/testkit"},
		"github.com/mdlayher/packet":      {"scanner", "internal/testkit"},
		"github.com/gosnmp/gosnmp":        {"scanner", "internal/testkit"},
		"github.com/shirou/gopsutil":      {"agent"},
		"github.com/aws/":                 {"collector/cloud"},
		"github.com/Azure/":               {"collector/cloud"},
		"github.com/prometheus/":          {"collector"},
		"go.opentelemetry.io/":            {"collector"},
		"github.com/spf13/cobra":          {"cmd"},
		"github.com/theupdateframework/":  {"agent/upgrade/repository", "internal/publish"},
		"github.com/sigstore/":            {"internal/publish"},
		"github.com/kardianos/service":    {"cmd/muster-agent"},
		"github.com/google/osv-scalibr/":  {"collector/query"},
		"connectrpc.com/connect/v2":       {"internal/wire", "collector", "proto", "cmd/muster"},
		"google.golang.org/protobuf":      {"internal/wire", "internal/bench", "collector/api", "proto", "cmd/muster"},
		"github.com/rogpeppe/go-internal": {"internal/testkit"},
	} {
		if strings.HasPrefix(imp, prefix) {
			return home
		}
	}
	return nil
}

// The agent runs everywhere: what it links is kept small and without surprises, such as
// questions to WMI on Windows or libraries that are looked for beside the program.
func TestAgentLinksNothingHeavy(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"cmd/muster-agent")
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOOS="+system)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for _, dep := range strings.Fields(string(out)) {
			for _, bad := range []string{
				"database/sql", "github.com/mattn/", "github.com/jackc/", "modernc.org/", "github.com/aws/", "github.com/Azure/",
				"cloud.google.com/", "go.opentelemetry.io/", "github.com/prometheus/", "github.com/google/gopacket", "github.com/gosnmp/",
				"github.com/spf13/", "github.com/theupdateframework/", "github.com/sigstore/", "github.com/yusufpapurcu/wmi", "github.com/go-ole/",
				"runtime/cgo", module + "collector", module + "scanner",
			} {
				if strings.HasPrefix(dep, bad) {
					t.Errorf("muster-agent for %s links %s", system, dep)
				}
			}
		}
	}
}

// A library of the system is loaded from the system's folder: one of the same name that
// somebody put beside the program or on the path stays where it is.
func TestSystemLibraries(t *testing.T) {
	files := 0
	for _, folder := range []string{"agent", "cmd/muster-agent", "internal"} {
		err := filepath.WalkDir("../../"+folder, func(name string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, "_windows.go") {
				return err
			}
			files++
			text, err := os.ReadFile(name)
			for _, bad := range []string{"NewLazyDLL", "LoadDLL", "LoadLibrary(", "exec.LookPath"} {
				if bytes.Contains(text, []byte(bad)) {
					t.Errorf("%s uses %s, which looks beside the program and on the path", name, bad)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 5 {
		t.Fatalf("only %d files for Windows", files)
	}
}

// Every package says what it owns.
func TestPackageComments(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}}|{{.Doc}}|{{len .GoFiles}}`, module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		f := strings.SplitN(line, "|", 3)
		if f[1] == "" && f[2] != "0" && !strings.HasPrefix(f[0], module+"proto/") {
			t.Errorf("%s has no package comment", f[0])
		}
	}
}
