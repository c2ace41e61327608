package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/internal/wire/wiretest"
)

// Programs that stand first in PATH are not run, whatever packages are called.
func TestA37_PathHijackAndNames(t *testing.T) {
	root, evil := t.TempDir(), t.TempDir()
	mark := filepath.Join(evil, "was-run")
	for _, name := range []string{
		"sh", "bash", "dpkg", "dpkg-query", "rpm", "apk", "pacman", "snap", "flatpak", "lsblk", "dmidecode", "ip", "lspci", "lsusb", "uname", "hostname",
		"systemctl", "docker", "podman", "sw_vers", "system_profiler", "ioreg", "id", "-x", "cat", "ls",
	} {
		if err := os.WriteFile(filepath.Join(evil, name), []byte("#!/bin/sh\necho "+name+" >> "+mark+"\n"), 0o755); err != nil { //nolint:gosec // it has to be runnable
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", evil)
	status := filepath.Join(root, "var/lib/dpkg/status")
	if err := os.MkdirAll(filepath.Dir(status), 0o755); err != nil {
		t.Fatal(err)
	}
	names := []string{"-x;id", "$(touch " + mark + ")", "`id`", "../../evil", "--help"}
	var text strings.Builder
	for _, name := range names {
		text.WriteString("Package: " + name + "\nStatus: install ok installed\nVersion: 1;id\nArchitecture: all\n\n")
	}
	if err := os.WriteFile(status, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	server, c := wiretest.New(t), newConsole(t)
	c.sources = append(hardware.Sources("/"), software.Sources(root)...)
	c.ok(t, "enroll", "--collector", server.URL, "--token", server.Token().Reveal())
	c.ok(t, "report", "--once")
	c.ok(t, "doctor")
	if b, err := os.ReadFile(mark); err == nil {
		t.Errorf("programs in PATH were run: %s", b)
	}
	got := server.Section("", "software").GetSoftware().GetItems()
	have := map[string]bool{}
	for _, s := range got {
		have[s.GetName()] = true
	}
	for _, name := range names {
		if !have[name] {
			t.Errorf("no package %q in the report: %v", name, have)
		}
	}
}
