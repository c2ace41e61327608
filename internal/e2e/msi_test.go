package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// msiTable is a table of an installer: its rows by the first column.
func msiTable(t *testing.T, path, table string) map[string][]string {
	t.Helper()
	out, err := exec.Command("msiinfo", "export", path, table).Output()
	if err != nil {
		t.Fatalf("msiinfo export %s: %v", table, err)
	}
	rows := map[string][]string{}
	for i, line := range strings.Split(strings.ReplaceAll(string(out), "\r", ""), "\n") {
		if fields := strings.Split(line, "\t"); i > 2 && len(fields) > 1 {
			rows[fields[0]] = fields[1:]
		}
	}
	return rows
}

func TestWindowsInstaller(t *testing.T) {
	need(t, "wixl", "msibuild", "msiinfo", "msiextract")
	dir := t.TempDir()
	cmd := exec.Command("packaging/build.sh", "--only", "agent-windows", dir)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "VERSION=v1.2.3-rc.1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("packaging/build.sh: %v\n%s", err, out)
	}
	codes := map[string]bool{}
	for arch, template := range map[string]string{"amd64": "x64;1033", "arm64": "Arm64;1033"} {
		t.Run(arch, func(t *testing.T) {
			path := filepath.Join(dir, "muster-agent-1.2.3-rc.1-windows-"+arch+".msi")
			property := msiTable(t, path, "Property")
			codes[property["ProductCode"][0]] = true
			for name, want := range map[string]string{
				"ProductVersion": "1.2.3", "UpgradeCode": "{5B0F0D4E-4B3C-4B59-9D62-0E6D0A4C7C11}", "ALLUSERS": "1",
				"MsiHiddenProperties":    "TOKEN;EnrollAgent", // the token stays out of logs
				"SecureCustomProperties": "WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;COLLECTOR;TOKEN",
			} {
				if got := property[name]; len(got) != 1 || got[0] != want {
					t.Errorf("property %s is %q, want %q", name, got, want)
				}
			}
			info, err := exec.Command("msiinfo", "suminfo", path).Output()
			if err != nil || !strings.Contains(string(info), "Template: "+template) {
				t.Errorf("%v, %s", err, info)
			}
			checkActions(t, path)
			checkProgram(t, path, arch)
			for _, table := range []string{"Registry", "RegLocator", "IniFile", "Environment"} { // the token goes nowhere
				if out, err := exec.Command("msiinfo", "export", path, table).Output(); err == nil && strings.Contains(string(out), "TOKEN") {
					t.Errorf("table %s has the token:\n%s", table, out)
				}
			}
		})
	}
	if len(codes) != 2 {
		t.Errorf("two products share a code: %v", codes)
	}
}

// checkActions: what runs, as whom and when. Bits: 18 an installed program, 51 a property; 0x400 deferred,
// 0x100 at a rollback, 0x800 as the system, 0x40 whatever comes of it, 0x2000 not shown in logs.
// https://learn.microsoft.com/windows/win32/msi/summary-list-of-all-custom-action-types
func checkActions(t *testing.T, path string) {
	t.Helper()
	const asSystem = 18 + 0x400 + 0x800
	got := map[string]int{}
	for name, row := range msiTable(t, path, "CustomAction") {
		got[name], _ = strconv.Atoi(row[0])
		if strings.Contains(row[2], "TOKEN") && got[name]&0x2000 == 0 {
			t.Errorf("action %s shows the token", name)
		}
	}
	if diff := cmp.Diff(map[string]int{
		"InstallService": asSystem, "StartService": asSystem, "RemoveService": asSystem + 0x40, "UndoService": asSystem + 0x100 + 0x40,
		"SetEnrollAgent": 51 + 0x2000, "EnrollAgent": asSystem + 0x2000,
	}, got); diff != "" {
		t.Errorf("custom actions (-want +got):\n%s", diff)
	}
	sequence := msiTable(t, path, "InstallExecuteSequence")
	last := 0
	for _, name := range []string{
		"InstallInitialize", "RemoveExistingProducts", "RemoveService", "StopServices", "RemoveFiles", "InstallFiles",
		"UndoService", "InstallService", "SetEnrollAgent", "EnrollAgent", "StartService", "InstallFinalize",
	} {
		row := sequence[name]
		if len(row) != 2 {
			t.Errorf("%s is not in the sequence", name)
			continue
		}
		at, err := strconv.Atoi(row[1])
		if err != nil || at <= last {
			t.Errorf("%s is at %s, after %d", name, row[1], last)
		}
		last = at
	}
	if condition := sequence["EnrollAgent"][0]; condition != "COLLECTOR AND TOKEN AND NOT REMOVE" {
		t.Errorf("it enrols when %s", condition)
	}
}

func checkProgram(t *testing.T, path, arch string) {
	t.Helper()
	to := t.TempDir()
	if out, err := exec.Command("msiextract", "-C", to, path).CombinedOutput(); err != nil {
		t.Fatalf("msiextract: %v, %s", err, out)
	}
	var programs []string
	_ = filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			programs = append(programs, path)
		}
		return nil
	})
	if len(programs) != 2 {
		t.Fatalf("it holds %q", programs)
	}
	for i, name := range []string{"muster-agent-upgrade.exe", "muster-agent.exe"} {
		out, err := exec.Command("go", "version", "-m", programs[i]).CombinedOutput()
		if err != nil || filepath.Base(programs[i]) != name || !strings.Contains(string(out), "GOARCH="+arch) || !strings.Contains(string(out), "GOOS=windows") {
			t.Errorf("%s: %v: %s", programs[i], err, out)
		}
	}
}
