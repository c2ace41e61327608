package software_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
)

// names are what a source found, a line each in the form of the tool's list.
func names(list inventory.SoftwareList, format string) []string {
	var lines []string
	for _, s := range list {
		lines = append(lines, strings.TrimSpace(strings.NewReplacer("NAME", s.Name, "VERSION", s.Version, "ARCH", s.Arch).Replace(format)))
	}
	slices.Sort(lines)
	return lines
}

func sameList(t *testing.T, want, got []string) {
	t.Helper()
	if len(want) < 2 {
		t.Errorf("the tool lists %q", want)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-tool +got:\n%s", diff)
	}
}

// dpkg installs, upgrades and removes real packages in a root of their own.
func TestDpkgInstalls(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/etc/os-release", "ID=debian\n")
	write(t, root+"/var/lib/dpkg/status", "")
	write(t, root+"/var/lib/dpkg/available", "")
	write(t, root+"/var/lib/dpkg/updates/.keep", "")
	write(t, root+"/var/lib/dpkg/info/.keep", "")
	build := func(name, version, arch, more string) string {
		dir := filepath.Join(t.TempDir(), name)
		write(t, dir+"/DEBIAN/control", fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: M <m@example.org>\nDescription: none\n%s", name, version, arch, more))
		write(t, dir+"/etc/"+name+".conf", "x")
		write(t, dir+"/DEBIAN/conffiles", "/etc/"+name+".conf\n")
		for _, p := range []string{"/DEBIAN", "/etc", ""} {
			if err := os.Chmod(dir+p, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		run(t, "", "dpkg-deb", "--build", "--root-owner-group", "-Znone", dir, dir+".deb")
		return dir + ".deb"
	}
	arch := strings.TrimSpace(run(t, "", "dpkg", "--print-architecture"))
	dpkg := func(args ...string) {
		t.Helper()
		run(t, "", "dpkg", append([]string{"--root=" + root, "--force-all", "--log=/dev/null"}, args...)...)
	}
	dpkg("-i", build("one", "1:2.0~rc1-1", arch, ""), build("two", "3", "all", "Installed-Size: 5\n"), build("three", "1", "all", "Multi-Arch: foreign\n"))
	dpkg("-i", build("two", "4+b1", "all", "Origin: Example\n"))
	dpkg("-r", "three")
	tool := run(t, "", "dpkg-query", "--admindir="+root+"/var/lib/dpkg", "-W", "-f", "${Package} ${Version} ${Architecture}\n")
	list := collect(t, root, "dpkg")
	sameList(t, sorted(tool), names(list, "NAME VERSION ARCH"))
	for _, s := range list {
		if (s.Source == "deb-config") != (s.Name == "three") || s.Source == "deb" && s.Installed == "" {
			t.Errorf("%+v", s)
		}
	}
}

// pacman installs real packages in a root of their own.
func TestPacmanAgreesWithPacman(t *testing.T) {
	root, work := t.TempDir(), t.TempDir()
	write(t, root+"/etc/os-release", "ID=arch\n")
	write(t, root+"/var/lib/pacman/local/.keep", "")
	if err := os.Remove(root + "/var/lib/pacman/local/.keep"); err != nil {
		t.Fatal(err)
	}
	write(t, work+"/pacman.conf", "[options]\nSigLevel = Never\nLocalFileSigLevel = Never\n")
	pacman := func(args ...string) string {
		t.Helper()
		return run(t, "", "pacman", append([]string{
			"--config", work + "/pacman.conf", "--root", root, "--dbpath", root + "/var/lib/pacman", "--cachedir", work,
			"--logfile", "/dev/null", "--gpgdir", work, "--hookdir", work, "--noconfirm",
		}, args...)...)
	}
	var files []string
	for i, version := range []string{"1:1.3.1-2", "20240101-1", "2.0.rc1-1"} {
		dir := fmt.Sprintf("%s/p%d", work, i)
		write(t, dir+"/.PKGINFO", fmt.Sprintf("pkgname = p%d\npkgver = %s\npkgdesc = d\nbuilddate = 1714000000\npackager = P <p@example.org>\nsize = 4096\narch = any\n", i, version))
		write(t, fmt.Sprintf("%s/usr/share/p%d", dir, i), "x")
		run(t, "", "tar", "-C", dir, "-cf", dir+".pkg.tar", ".PKGINFO", "usr")
		files = append(files, dir+".pkg.tar")
	}
	pacman(append([]string{"-U"}, files...)...)
	pacman("-R", "p1")
	list := collect(t, root, "pacman")
	sameList(t, sorted(pacman("-Q")), names(list, "NAME VERSION"))
	if list[0].PURL != "pkg:alpm/arch/p0@1:1.3.1-2?arch=any" || list[0].Installed == "" || list[0].Bytes != 4096 {
		t.Errorf("%+v", list[0])
	}
}

// nix-env builds and installs real packages into the store of a root of its own.
func TestNixAgreesWithNix(t *testing.T) {
	root := t.TempDir()
	state := root + "/nix/var/nix"
	write(t, root+"/etc/nix/nix.conf", "sandbox = false\nbuild-users-group =\n")
	write(t, root+"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
	write(t, root+"/p.nix", `let mk = name: outputs: derivation {
  inherit name outputs; system = builtins.currentSystem; builder = "/bin/sh";
  args = ["-c" "for o in $outputs; do eval d=\\$$o; /bin/mkdir -p $d/share; echo ${name} > $d/share/${name}-$o; done"];
} // { meta.outputsToInstall = outputs; };
in { hello = mk "hello-2.12.1" ["out"]; ssl = mk "openssl-3.0.13" ["bin" "man" "out"]; none = mk "no-version" ["out"];
     py = mk "python3.11-requests-2.31.0" ["out"]; unstable = mk "foo-unstable-2024-01-02" ["out"]; }`)
	for name, value := range map[string]string{"NIX_STORE_DIR": root + "/nix/store", "NIX_STATE_DIR": state, "NIX_LOG_DIR": root + "/log", "NIX_CONF_DIR": root + "/etc/nix"} {
		t.Setenv(name, value)
	}
	t.Cleanup(func() { // the store is read-only
		_ = filepath.WalkDir(root, func(name string, d os.DirEntry, _ error) error {
			if d != nil && d.IsDir() {
				return os.Chmod(name, 0o700)
			}
			return nil
		})
	})
	alice := root + "/home/alice/.local/state/nix/profiles/profile"
	if err := os.MkdirAll(filepath.Dir(alice), 0o750); err != nil {
		t.Fatal(err)
	}
	env := func(profile string, args ...string) string {
		t.Helper()
		return run(t, "", "nix-env", append([]string{"-f", root + "/p.nix", "-p", profile, "--quiet"}, args...)...)
	}
	env(state+"/profiles/default", "-iA", "hello", "ssl", "none", "py")
	env(state+"/profiles/default", "-e", "python3.11-requests")
	env(alice, "-iA", "hello", "unstable")
	byUser := map[string]inventory.SoftwareList{}
	for _, s := range append(collect(t, root, "nix"), collect(t, root, "nix-users")...) {
		byUser[s.User] = append(byUser[s.User], s)
	}
	joined := func(list inventory.SoftwareList) []string {
		for i, s := range list {
			if s.Version != "" {
				list[i].Name += "-" + s.Version
			}
		}
		return names(list, "NAME")
	}
	sameList(t, sorted(env(state+"/profiles/default", "-q")), joined(byUser[""]))
	sameList(t, sorted(env(alice, "-q")), joined(byUser["alice"]))
}

// What flatpak 1.14 wrote when it installed an application and its runtime that were made
// for this test: "flatpak list" says Hello & Goodbye 4.2.1 and example platform.
func TestFlatpakTree(t *testing.T) {
	root := t.TempDir()
	write(t, root+"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
	write(t, root+"/etc/flatpak/installations.d/extra.conf", "[Installation \"extra\"]\nPath=/srv/flatpak\n")
	app, err := os.ReadFile("testdata/flatpak-app.deploy")
	if err != nil {
		t.Fatal(err)
	}
	runtime, err := os.ReadFile("testdata/flatpak-runtime.deploy")
	if err != nil {
		t.Fatal(err)
	}
	deploy := func(base, ref string, b []byte) string {
		dir := root + "/" + base + "/" + ref
		write(t, dir+"/0531841b/deploy", string(b))
		link(t, "0531841b", dir+"/active")
		return dir + "/active"
	}
	const metainfo = `<?xml version="1.0"?><component><developer><name xml:lang="de">Beispiel</name><name>Example GmbH</name></developer>
<releases><release version="9.9"/><release version="9.8"/></releases></component>`
	dir := deploy("var/lib/flatpak", "app/org.example.Hello/x86_64/stable", app)
	write(t, dir+"/files/share/metainfo/org.example.Hello.metainfo.xml", metainfo)
	deploy("var/lib/flatpak", "runtime/org.example.Platform/x86_64/23.08", runtime)
	deploy("srv/flatpak", "runtime/org.example.Platform/x86_64/24.08", runtime)
	dir = deploy("home/alice/.local/share/flatpak", "app/org.example.Old/x86_64/stable", runtime) // before versions were noted
	write(t, dir+"/files/share/appdata/org.example.Old.appdata.xml", strings.Replace(metainfo, "developer>\n", "developer>", 1))
	link(t, "gone", root+"/var/lib/flatpak/app/org.example.Half/x86_64/stable/active")
	got := append(collect(t, root, "flatpak"), collect(t, root, "flatpak-users")...)
	for i := range got {
		if got[i].Installed == "" {
			t.Error("no day of installation")
		}
		got[i].Installed = ""
	}
	want := inventory.SoftwareList{
		{Source: "flatpak", Name: "org.example.Platform", Version: "24.08", Arch: "x86_64", Bytes: 512, Kind: inventory.KindSystemComponent},
		{Source: "flatpak", Name: "org.example.Hello", Version: "4.2.1", Arch: "x86_64", Publisher: "Example GmbH", Bytes: 2048},
		{Source: "flatpak", Name: "org.example.Platform", Version: "23.08", Arch: "x86_64", Bytes: 512, Kind: inventory.KindSystemComponent},
		{Source: "flatpak", Name: "org.example.Old", Version: "9.9", Arch: "x86_64", Publisher: "Example GmbH", Bytes: 512, User: "alice"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// elf is the beginning of an AppImage.
func elf(t testing.TB, kind byte, machine byte) string {
	t.Helper()
	b, err := hex.DecodeString("7f454c4602010100")
	if err != nil {
		t.Fatal(err)
	}
	return string(append(b, 'A', 'I', kind, 0, 0, 0, 0, 0, 2, 0, machine, 0, 1, 0))
}
