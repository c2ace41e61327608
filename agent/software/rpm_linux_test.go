package software_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// tool is the path of a program that the test needs; tools/setup.sh installs it.
func tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("%v: see tools/setup.sh", err)
	}
	return path
}

// run runs a tool and gives its standard output.
func run(t testing.TB, input, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, name), args...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME=/nonexistent")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, complaint.String())
	}
	return string(out)
}

// sorted are the lines of a tool's answer, in order.
func sorted(text string) []string {
	list := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(list)
	return list
}

const specHead = `Name: base
Version: 1.0
Release: 1%{?dist}
Summary: Real package
License: MIT
Vendor: Example Vendor
Packager: Jane Doe <jane@example.org>
AutoReqProv: no
%description
d
%install
mkdir -p %{buildroot}/opt/big
for i in $(seq 3000); do echo $i >%{buildroot}/opt/big/a-file-with-a-rather-long-name-$i; done
%files
%package -n big
Summary: Many files
Epoch: 2
AutoReqProv: no
%description -n big
d
%files -n big
/opt/big
%package -n noarch-tilde
Summary: s
Version: 2.0~rc1^git5
Release: 0.3
BuildArch: noarch
%description -n noarch-tilde
Größe, für die Zeichen
%files -n noarch-tilde
`

// buildRPMs makes real packages: one with thousands of files, one with an epoch, and as
// many small ones as are asked for.
func buildRPMs(t testing.TB, small int) (packages []string) {
	t.Helper()
	dir := t.TempDir()
	spec := specHead
	for i := range small {
		spec += fmt.Sprintf("%%package -n small-%[1]d\nSummary: Number %[1]d\nVersion: 1.%[1]d\n%%description -n small-%[1]d\n%[2]s\n%%files -n small-%[1]d\n",
			i, strings.Repeat("text ", 50*(i%7)))
	}
	write(t, filepath.Join(dir, "x.spec"), spec)
	run(t, "", "rpmbuild", "--quiet", "-bb", "--define", "_topdir "+dir, "--define", "dist .el9", "--define", "_binary_payload w0.ufdio",
		"--define", "__os_install_post %{nil}", "--define", "debug_package %{nil}", dir+"/x.spec")
	packages, err := filepath.Glob(dir + "/RPMS/*/*.rpm")
	if err != nil || len(packages) != small+3 {
		t.Fatalf("%d packages, %v", len(packages), err)
	}
	return packages
}

// rpmRoot installs packages into a root of their own and imports a key.
func rpmRoot(t testing.TB, packages []string) string {
	t.Helper()
	root := t.TempDir()
	args := []string{"--root", root, "--dbpath", "/var/lib/rpm", "-i", "--force-debian", "--nodeps", "--justdb", "--noscripts"}
	run(t, "", "rpm", append(args, packages...)...)
	key, err := filepath.Abs("testdata/rpm-key.asc")
	if err != nil {
		t.Fatal(err)
	}
	run(t, "", "rpm", "--root", root, "--dbpath", "/var/lib/rpm", "--import", key)
	write(t, root+"/etc/os-release", "ID=\"rhel\"\n")
	return root
}

const rpmFormat = `%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %|ARCH?{%{ARCH}}| %{LONGSIZE} %|VENDOR?{%{VENDOR}}:{}| %{INSTALLTIME}\n`

// rpmQA is rpm's own answer about a root, in the form of describe.
func rpmQA(t testing.TB, root string, more ...string) []string {
	t.Helper()
	var list []string
	for _, line := range sorted(run(t, "", "rpm", append(more, "--root", root, "--dbpath", "/var/lib/rpm", "-qa", "--qf", rpmFormat)...)) {
		cut := strings.LastIndex(line, " ")
		seconds, err := strconv.ParseInt(line[cut+1:], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, line[:cut]+" "+time.Unix(seconds, 0).UTC().Format(time.DateOnly))
	}
	return list
}

func describe(list inventory.SoftwareList) []string {
	var lines []string
	for _, s := range list {
		if s.Kind == inventory.KindKey {
			s.Publisher = "" // rpm has it as the packager
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %d %s %s", s.Name, s.Version, s.Arch, s.Bytes, s.Publisher, s.Installed))
	}
	slices.Sort(lines)
	return lines
}

// headers are the headers in an rpmdb.sqlite by number, as SQLite's own shell has them.
func headers(t testing.TB, database string) map[uint32][]byte {
	t.Helper()
	all := map[uint32][]byte{}
	for _, line := range sorted(run(t, "", "sqlite3", database, "select hnum, hex(blob) from Packages")) {
		number, blob, _ := strings.Cut(line, "|")
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		if all[uint32(n)], err = hex.DecodeString(blob); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestRPM installs real packages; rpm itself is the judge of what there is.
func TestRPM(t *testing.T) {
	const small = 37
	packages := buildRPMs(t, small)
	root := rpmRoot(t, packages)
	want := rpmQA(t, root)
	if len(want) != small+4 {
		t.Fatalf("rpm -qa lists %d packages", len(want))
	}
	t.Run("formats", func(t *testing.T) { rpmFormats(t, root, want) })
	t.Run("log", func(t *testing.T) { rpmLog(t, packages) })
	t.Run("fallback", func(t *testing.T) { rpmFallback(t, root, want) })
	t.Run("damage", func(t *testing.T) { rpmDamage(t, root) })
}

func rpmFormats(t *testing.T, root string, want []string) {
	database := root + "/var/lib/rpm/rpmdb.sqlite"
	all := headers(t, database)

	t.Run("sqlite", func(t *testing.T) {
		agree(t, root, want)
	})
	t.Run("sqlite moved, with a link", func(t *testing.T) {
		moved := t.TempDir()
		if err := os.CopyFS(moved+"/usr/lib/sysimage/rpm", os.DirFS(root+"/var/lib/rpm")); err != nil {
			t.Fatal(err)
		}
		link(t, "../../usr/lib/sysimage/rpm", moved+"/var/lib/rpm")
		agree(t, moved, want)
	})
	for order, number := range map[byteOrder]string{binary.LittleEndian: "1234", binary.BigEndian: "4321"} {
		t.Run("bdb "+order.String(), func(t *testing.T) {
			for _, page := range []string{"512", "4096", "65536"} {
				old := t.TempDir()
				loadBDB(t, old+"/var/lib/rpm/Packages", all, order, "db_lorder="+number, "db_pagesize="+page)
				agree(t, old, want)
				if order == byteOrder(binary.LittleEndian) { // rpm needs its own machine's
					if got := rpmQA(t, old, "--define", "_db_backend bdb_ro"); !slices.Equal(got, want) {
						t.Errorf("rpm reads %d packages from it", len(got))
					}
				}
			}
		})
	}
	t.Run("ndb", func(t *testing.T) {
		suse := t.TempDir()
		write(t, suse+"/usr/lib/sysimage/rpm/Packages.db", string(ndb(all)))
		agree(t, suse, want)
	})
	t.Run("a database of another kind without packages beside it", func(t *testing.T) {
		converted := t.TempDir()
		loadBDB(t, converted+"/usr/lib/sysimage/rpm/Packages", nil, binary.LittleEndian)
		write(t, converted+"/var/lib/rpm/Packages.db", string(ndb(all)))
		agree(t, converted, want)
	})
}

func agree(t *testing.T, root string, want []string) {
	t.Helper()
	list := collect(t, root, "rpm")
	valid(t, list, nil)
	if diff := cmp.Diff(want, describe(list)); diff != "" {
		t.Errorf("-rpm -qa +got:\n%s", diff)
	}
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// loadBDB makes a hash file with Berkeley DB's own tool.
func loadBDB(t *testing.T, name string, all map[uint32][]byte, order byteOrder, settings ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	pair := func(number uint32, value []byte) string {
		return fmt.Sprintf(" %x\n %x\n", order.AppendUint32(nil, number), value)
	}
	dump := "VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n" + pair(0, order.AppendUint32(nil, uint32(len(all))))
	for number, header := range all {
		dump += pair(number, header)
	}
	args := []string{"-t", "hash"}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	run(t, dump+"DATA=END\n", "db5.3_load", append(args, name)...)
}

// ndb lays headers out as SUSE's rpm does; Debian's cannot.
func ndb(all map[uint32][]byte) []byte {
	const page = 4096
	pages := (len(all)*16+32)/page + 1
	table, blobs := make([]byte, 0, pages*page), []byte(nil)
	le := binary.LittleEndian
	table = append(table, "RpmP"...)
	for _, n := range []uint32{0, 7, uint32(pages), 1000, 0, 0, 0} {
		table = le.AppendUint32(table, n)
	}
	for number, header := range all {
		start := len(blobs)
		blobs = append(blobs, "BlbS"...)
		for _, n := range []uint32{number, 7, uint32(len(header))} {
			blobs = le.AppendUint32(blobs, n)
		}
		blobs = append(blobs, header...)
		for (len(blobs)+12)%16 != 0 {
			blobs = append(blobs, 0)
		}
		blobs = le.AppendUint32(blobs, 0) // adler32, not read
		blobs = le.AppendUint32(blobs, uint32(len(header)))
		blobs = append(blobs, "BlbE"...)
		table = append(table, "Slot"...)
		for _, n := range []int{int(number), (pages*page + start) / 16, (len(blobs) - start) / 16} {
			table = le.AppendUint32(table, uint32(n))
		}
	}
	for len(table) < pages*page {
		table = append(table, "Slot\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	}
	return append(table, blobs...)
}

// While rpm installs and another program reads, the newest packages are in the log only.
func rpmLog(t *testing.T, packages []string) {
	root := rpmRoot(t, packages[:5])
	database := root + "/var/lib/rpm/rpmdb.sqlite"
	reader := exec.CommandContext(t.Context(), tool(t, "sqlite3"), database)
	in, err := reader.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := reader.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = reader.Wait() })
	if _, err := in.Write([]byte("begin; select count(*) from Packages;\n")); err != nil { // holds checkpoints up
		t.Fatal(err)
	}
	if n, err := out.Read(make([]byte, 16)); err != nil || n == 0 {
		t.Fatal(err)
	}
	run(t, "", "rpm", append([]string{"--root", root, "--dbpath", "/var/lib/rpm", "-i", "--force-debian", "--nodeps", "--justdb", "--noscripts"}, packages[5:]...)...)
	if info, err := os.Stat(database + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("no log: %v", err)
	}
	agree(t, root, rpmQA(t, root))
	if err := os.Remove(database + "-wal"); err != nil {
		t.Fatal(err)
	}
	if list := collect(t, root, "rpm"); len(list) != 6 {
		t.Errorf("%d packages without the log, want the 6 of before", len(list))
	}
}

func TestParseRPMQuery(t *testing.T) {
	text := "kernel-core\t5.14.0\t362.el9\t(none)\tx86_64\tRed Hat, Inc.\tRed Hat, Inc. <http://bugzilla.redhat.com/>\t1714000000\t(none)\t67000000\n" +
		"bind\t9.16.23\t14.el9\t32\tx86_64\t(none)\tSome One <x@example.org>\t1714000000\t1500000\t1500000\n" +
		"gpg-pubkey\tfd431d51\t4ae0493b\t(none)\t(none)\t(none)\tRed Hat, Inc. (release key 2) <security@redhat.com>\t1714000000\t0\t0\n"
	want := []inventory.Software{
		{
			Source: "rpm", Name: "kernel-core", Version: "5.14.0-362.el9", Arch: "x86_64", Publisher: "Red Hat, Inc.",
			Installed: "2024-04-24", Bytes: 67000000, PURL: "pkg:rpm/rhel/kernel-core@5.14.0-362.el9?arch=x86_64",
		},
		{
			Source: "rpm", Name: "bind", Version: "32:9.16.23-14.el9", Arch: "x86_64", Publisher: "Some One",
			Installed: "2024-04-24", Bytes: 1500000, PURL: "pkg:rpm/rhel/bind@9.16.23-14.el9?arch=x86_64&epoch=32",
		},
		{
			Source: "rpm", Name: "gpg-pubkey", Version: "fd431d51-4ae0493b", Publisher: "Red Hat, Inc. (release key 2)",
			Installed: "2024-04-24", Kind: inventory.KindKey,
		},
	}
	got, err := software.ParseRPMQuery(strings.NewReader(text), "rhel")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := software.ParseRPMQuery(strings.NewReader("error: no db\n"), "rhel"); err == nil {
		t.Error("an error message was read as packages")
	}
}

// rpm is asked only when its database cannot be read, and never from another root.
func rpmFallback(t *testing.T, sound string, want []string) {
	root := t.TempDir()
	program := root + "/rpm" // the database is sound for it
	if err := os.WriteFile(program, []byte("#!/bin/sh\n[ \"$1 $2\" = '--dbpath "+root+"/var/lib/rpm' ] && exec rpm --root "+sound+
		" --dbpath /var/lib/rpm \"$3\" \"$4\" \"$5\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, root+"/var/lib/rpm/Packages.db", "a format of the future, of which nothing is known")
	list, err := software.RPMWith(t.Context(), root, program)
	if diff := cmp.Diff(want, describe(list)); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	body, err := look(t, root, "rpm")
	if status, reason := source.Status(err); status != inventory.StatusFailed || body != nil || !strings.Contains(reason, "Packages.db: not an ndb") {
		t.Errorf("without the program: %v, %v", body, err)
	}
	_, err = software.RPMWith(t.Context(), root, root+"/missing")
	if _, reason := source.Status(err); !strings.Contains(reason, "not an ndb") || !strings.Contains(reason, "missing") {
		t.Errorf("a missing program: %v", err)
	}
}

// A damaged header costs its package, not the list, and is not hidden.
func rpmDamage(t *testing.T, root string) {
	all := headers(t, root+"/var/lib/rpm/rpmdb.sqlite")
	all[3] = all[3][:len(all[3])/2]
	n := len(all)
	suse := t.TempDir()
	write(t, suse+"/var/lib/rpm/Packages.db", string(ndb(all)))
	body, err := look(t, suse, "rpm")
	if status, reason := source.Status(err); status != inventory.StatusPartial || body.Len() != n-1 || !strings.Contains(reason, fmt.Sprintf("1 of %d", n)) {
		t.Errorf("%v, %v", body, err)
	}
	write(t, root+"/var/lib/rpm/rpmdb.sqlite-journal", "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 and more")
	if _, err := look(t, root, "rpm"); err == nil || !strings.Contains(err.Error(), "rollback journal") {
		t.Errorf("an unfinished transaction: %v", err)
	}
}

func FuzzParseRPMQuery(f *testing.F) {
	f.Add("a\t1\t2\t(none)\tx\tv\tp\t1714000000\t0\t5\n")
	f.Add(" " + strings.Repeat("\t", 9))
	f.Fuzz(func(t *testing.T, text string) {
		list, err := software.ParseRPMQuery(strings.NewReader(text), "x")
		valid(t, list, err)
	})
}

func BenchmarkRPM(b *testing.B) {
	root := rpmRoot(b, buildRPMs(b, 996))
	for b.Loop() {
		for _, s := range software.Sources(root) {
			if s.Name != "rpm" {
				continue
			}
			if body, err := s.Read(b.Context()); err != nil || body.Len() != 1000 {
				b.Fatal(body.Len(), err)
			}
		}
	}
}
