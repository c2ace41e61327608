package software_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t testing.TB, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func look(t *testing.T, root, name string) (inventory.Body, error) {
	t.Helper()
	return lookIn(t.Context(), t, root, name)
}

func lookIn(ctx context.Context, t *testing.T, root, name string) (inventory.Body, error) {
	t.Helper()
	for _, s := range software.Sources(root) {
		if s.Name == name {
			return s.Read(ctx)
		}
	}
	t.Fatalf("no source %q", name)
	return nil, nil
}

func collect(t *testing.T, root, name string) inventory.SoftwareList {
	t.Helper()
	body, err := look(t, root, name)
	if err != nil {
		t.Fatal(err)
	}
	return body.(inventory.SoftwareList)
}

// valid fails when a list that a parser returned would be refused by the collector.
func valid(t *testing.T, list []inventory.Software, err error) {
	t.Helper()
	if err != nil {
		return
	}
	o := inventory.Observation{Epoch: 1, Seq: 1, Sections: []inventory.Section{{
		Name: inventory.SectionSoftware, Status: inventory.StatusOK, Body: inventory.SoftwareList(list),
	}}}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}

const apkInstalled = `C:Q1abc=
P:musl
V:1.2.4-r2
A:x86_64
S:383152
I:622592
T:the musl c library
m:Timo Teräs <timo.teras@iki.fi>
F:lib
R:ld-musl-x86_64.so.1

P:so:virtual
V:1
`

func TestParseAPK(t *testing.T) {
	want := []inventory.Software{
		{
			Source: "apk", Name: "musl", Version: "1.2.4-r2", Arch: "x86_64", Publisher: "Timo Teräs", Bytes: 622592,
			PURL: "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64",
		},
		{Source: "apk", Name: "so:virtual", Version: "1", PURL: "pkg:apk/alpine/so:virtual@1"},
	}
	got, err := software.ParseAPK(strings.NewReader(apkInstalled), "alpine")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

const pacmanDesc = `%NAME%
zlib

%VERSION%
1:1.3.1-2

%BASE%
zlib

%ARCH%
x86_64

%INSTALLDATE%
1714000000

%PACKAGER%
Some One <one@archlinux.org>

%SIZE%
341952

%DEPENDS%
glibc
%NAME
`

func TestParsePacman(t *testing.T) {
	want := inventory.Software{
		Source: "pacman", Name: "zlib", Version: "1:1.3.1-2", Arch: "x86_64", Publisher: "Some One",
		Installed: "2024-04-24", Bytes: 341952, PURL: "pkg:alpm/arch/zlib@1:1.3.1-2?arch=x86_64",
	}
	got, err := software.ParsePacman(strings.NewReader(pacmanDesc), "arch")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSourcesOnATree(t *testing.T) {
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	write(t, at("usr/lib/os-release"), "NAME=X\nID=\"alpine\"\n")
	link(t, "../usr/lib/os-release", at("etc/os-release"))
	write(t, at("var/lib/dpkg/status"), dpkgStatus)
	write(t, at("var/lib/dpkg/info/libc6:amd64.list"), "/.\n")
	day := time.Date(2024, 2, 29, 23, 0, 0, 0, time.UTC)
	if err := os.Chtimes(at("var/lib/dpkg/info/libc6:amd64.list"), day, day); err != nil {
		t.Fatal(err)
	}
	write(t, at("var/lib/dpkg/status.d/base"), "Package: base-files\nVersion: 12\nArchitecture: amd64\n")
	write(t, at("var/lib/dpkg/status.d/base.md5sums"), "0123  etc/x\n")
	write(t, at("lib/apk/db/installed"), apkInstalled)
	write(t, at("var/lib/pacman/local/ALPM_DB_VERSION"), "9\n")
	write(t, at("var/lib/pacman/local/zlib-1/desc"), pacmanDesc)
	write(t, at("var/lib/pacman/local/torn-1/files"), "")
	write(t, at("snap/core22/1122/meta/snap.yaml"), "name: core22\nversion: '20240111' # built\ntype: base\napps:\n  version: no\n")
	link(t, "1122", at("snap/core22/current"))
	write(t, at("snap/README"), "")
	write(t, at("var/lib/snapd/snaps/core22_1122.snap"), "squash")
	write(t, at("var/lib/rpm/rpmdb.sqlite"), "")

	deb := collect(t, root, "dpkg")
	if len(deb) != 6 || deb[0].Installed != "2024-02-29" || deb[5].Name != "base-files" {
		t.Errorf("dpkg: %+v", deb)
	}
	if apk := collect(t, root, "apk"); len(apk) != 2 || apk[0].PURL != "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64" {
		t.Errorf("apk: %+v", apk)
	}
	body, err := look(t, root, "pacman")
	if status, reason := source.Status(err); body.Len() != 1 || status != inventory.StatusPartial ||
		!strings.Contains(reason, "1 of 2") {
		t.Errorf("pacman: %+v, %v", body, err)
	}
	wantSnap := inventory.SoftwareList{{
		Source: "snap", Name: "core22", Version: "20240111", Bytes: 6, Path: "/var/lib/snapd/snaps/core22_1122.snap",
		Kind: inventory.KindSystemComponent,
	}}
	if diff := cmp.Diff(wantSnap, collect(t, root, "snap")); diff != "" {
		t.Errorf("snap: -want +got:\n%s", diff)
	}
	_, err = look(t, root, "rpm")
	if status, reason := source.Status(err); status != inventory.StatusFailed || !strings.Contains(reason, "/var/lib/rpm/rpmdb.sqlite") {
		t.Errorf("rpm: %v", err)
	}
}

func TestSourcesOnAnEmptyTree(t *testing.T) {
	root := t.TempDir()
	for _, s := range software.Sources(root) {
		body, err := s.Read(t.Context())
		if status, reason := source.Status(err); status != inventory.StatusUnsupported || reason == "" || body != nil {
			t.Errorf("%s: %v, %v", s.Name, body, err)
		}
	}
}

// A database that exists and cannot be read is a failure, not the absence of packages.
func TestUnreadableDatabaseFails(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg/status"), 0o755); err != nil {
		t.Fatal(err)
	}
	body, err := look(t, root, "dpkg")
	if status, _ := source.Status(err); status != inventory.StatusFailed || body != nil {
		t.Errorf("got %v, %v", body, err)
	}
}

func FuzzParseAPK(f *testing.F) {
	f.Add(apkInstalled)
	f.Fuzz(func(t *testing.T, s string) {
		list, err := software.ParseAPK(strings.NewReader(s), "alpine")
		valid(t, list, err)
	})
}

func FuzzParsePacman(f *testing.F) {
	f.Add(pacmanDesc)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := software.ParsePacman(strings.NewReader(text), "arch")
		if s.Name != "" {
			valid(t, []inventory.Software{s}, err)
		}
	})
}

func FuzzParseSnap(f *testing.F) {
	f.Add("name: x\nversion: \"1\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, _, err := software.ParseSnap(strings.NewReader(text))
		if s.Name != "" {
			valid(t, []inventory.Software{s}, err)
		}
	})
}

func BenchmarkDpkg(b *testing.B) {
	for b.Loop() {
		for _, s := range software.Sources("/") {
			if s.Name != "dpkg" {
				continue
			}
			if _, err := s.Read(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
}
