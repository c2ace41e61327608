package software_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const opkgStatus = `Package: busybox
Version: 1.36.1-1
Depends: libc
Status: install user installed
Essential: yes
Architecture: mips_24kc
Installed-Size: 250000
Installed-Time: 1714000000

Package: left
Version: 1
Status: deinstall ok config-files

Package: gone
Version: 1
Status: unknown ok not-installed
`

const xbpsDatabase = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>_XBPS_ALTERNATIVES_</key>
	<dict>
		<key>vi</key>
		<array><string>vim</string></array>
	</dict>
	<key>acl</key>
	<dict>
		<key>architecture</key>
		<string>x86_64</string>
		<key>install-date</key>
		<string>2024-02-29 23:10 CET</string>
		<key>installed_size</key>
		<integer>282624</integer>
		<key>maintainer</key>
		<string>Void Person &lt;void@example.org&gt;</string>
		<key>pkgver</key>
		<string>acl-2.3.2_1</string>
		<key>run_depends</key>
		<array><string>glibc&gt;=2.36_1</string></array>
		<key>state</key>
		<string>installed</string>
	</dict>
	<key>base-files</key>
	<dict>
		<key>pkgver</key>
		<string>base-files-0.145_1</string>
	</dict>
</dict>
</plist>
`

const slackPackage = `PACKAGE NAME:     aaa_base-15.0-x86_64-4_slack15.0
COMPRESSED PACKAGE SIZE:     12K
UNCOMPRESSED PACKAGE SIZE:     1.5M
PACKAGE LOCATION: /var/log/mount/a/aaa_base-15.0-x86_64-4_slack15.0.txz
PACKAGE DESCRIPTION:
UNCOMPRESSED PACKAGE SIZE: 9G
`

const guixManifest = `;; This file was automatically generated
(manifest
  (version 4)
  (packages
    (("hello" "2.12.1" "out" "/gnu/store/abc-hello-2.12.1"
      (propagated-inputs (("dep" "1" "out" "/gnu/store/x-dep-1" (propagated-inputs ()) (search-paths ()))))
      (search-paths ()) (properties (provenance (repository (branch "master")))))
     ("quo\"te" "1.0" "lib" "/gnu/store/def-quote-1.0-lib" (propagated-inputs ()) (search-paths ())))))
`

const swidTag = `<?xml version="1.0" encoding="utf-8"?>
<SoftwareIdentity xmlns="http://standards.iso.org/iso/19770/-2/2015/schema.xsd" name="ACME Roadrunner" tagId="com.acme.rrd2013-ce" version="4.1.5" xml:lang="en">
  <Entity name="The ACME Corporation" regid="acme.com" role="tagCreator softwareCreator"/>
  <Meta edition="Enterprise" product="Roadrunner"/>
  <Payload><File name="rrdetector.exe" size="532712"/></Payload>
</SoftwareIdentity>
`

// Each tree is a machine of one distribution with all that is to be found on it.
func TestTrees(t *testing.T) {
	appImage := elf(t, 2, 62)
	day := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	type list = inventory.SoftwareList
	tests := []struct {
		name, source string
		files        map[string]string
		links        map[string]string
		want         list
	}{
		{"OpenWrt", "opkg", map[string]string{"usr/lib/opkg/status": opkgStatus}, nil, list{
			{Source: "opkg", Name: "busybox", Version: "1.36.1-1", Arch: "mips_24kc", Bytes: 250000, Installed: "2024-04-24"},
		}},
		{"Void", "xbps", map[string]string{"var/db/xbps/pkgdb-0.38.plist": xbpsDatabase, "var/db/xbps/https___repo/x": ""}, nil, list{
			{Source: "xbps", Name: "acl", Version: "2.3.2_1", Arch: "x86_64", Publisher: "Void Person", Bytes: 282624, Installed: "2024-02-29"},
			{Source: "xbps", Name: "base-files", Version: "0.145_1"},
		}},
		{"Slackware 15", "slackware", map[string]string{
			"var/lib/pkgtools/packages/aaa_base-15.0-x86_64-4_slack15.0": slackPackage, "var/lib/pkgtools/packages/odd": "",
		}, map[string]string{"var/log/packages": "../lib/pkgtools/packages"}, list{
			{Source: "slackware", Name: "aaa_base", Version: "15.0-4_slack15.0", Arch: "x86_64", Bytes: 3 << 19, Installed: "2024-02-29"},
			{Source: "slackware", Name: "odd", Installed: "2024-02-29"},
		}},
		{"Slackware 14", "slackware", map[string]string{"var/log/packages/a-b-1.0-noarch-1": slackPackage}, nil, list{
			{Source: "slackware", Name: "a-b", Version: "1.0-1", Arch: "noarch", Bytes: 3 << 19, Installed: "2024-02-29"},
		}},
		{"Gentoo", "portage", map[string]string{
			"var/db/pkg/app-editors/vim-9.0.2167-r1/CHOST": "x86_64-pc-linux-gnu\n", "var/db/pkg/app-editors/vim-9.0.2167-r1/SIZE": "5000\n",
			"var/db/pkg/app-editors/vim-9.0.2167-r1/COUNTER": "77", "var/db/pkg/sys-fs/e2fsprogs-1.47_rc2_p3/EAPI": "8",
			"var/db/pkg/x11-libs/gtk+-3.24.41-r1/EAPI": "8", "var/db/pkg/virtual/tmpfiles-0-r5/EAPI": "8", "var/db/pkg/acct-user/no-version/EAPI": "8",
			"var/db/pkg/sys-apps/-MERGING-new-1/EAPI": "8", "var/db/pkg/world": "",
		}, nil, list{
			{Source: "portage", Name: "acct-user/no-version"},
			{Source: "portage", Name: "app-editors/vim", Version: "9.0.2167-r1", Arch: "x86_64", Bytes: 5000, Installed: "2024-02-29"},
			{Source: "portage", Name: "sys-fs/e2fsprogs", Version: "1.47_rc2_p3"},
			{Source: "portage", Name: "virtual/tmpfiles", Version: "0-r5"},
			{Source: "portage", Name: "x11-libs/gtk+", Version: "3.24.41-r1"},
		}},
		{"Guix", "guix-users", map[string]string{
			"gnu/store/zzz-profile/manifest": guixManifest, "var/guix/profiles/per-user/bob/guix-profile-1-link/manifest": `(manifest (version 3) (packages ()))`,
		}, map[string]string{
			"var/guix/profiles/per-user/alice/guix-profile":        "guix-profile-3-link",
			"var/guix/profiles/per-user/alice/guix-profile-3-link": "/gnu/store/zzz-profile",
			"var/guix/profiles/per-user/bob/guix-profile":          "guix-profile-1-link",
		}, list{
			{Source: "guix", Name: "hello", Version: "2.12.1", Path: "/gnu/store/abc-hello-2.12.1", User: "alice"},
			{Source: "guix", Name: `quo"te`, Version: "1.0", Path: "/gnu/store/def-quote-1.0-lib", User: "alice"},
		}},
		{"AppImages", "appimage*", map[string]string{
			"etc/passwd":                                         "alice:x:1000:1000::/home/alice:/bin/sh\nsvc:x:200:200::/srv/svc:/bin/sh\nbad\n",
			"opt/krita/krita-5.2.2-x86_64.appimage":              appImage,
			"usr/local/bin/nvim-linux-x86_64.AppImage":           appImage,
			"home/alice/Applications/My Tool-v1.0.0+b2.AppImage": appImage,
			"home/alice/bin/Copy-1.0-x86_64.AppImage":            appImage, "home/alice/.local/bin/Copy-1.0-x86_64.AppImage": appImage,
			"home/alice/bin/script.AppImage": "#!/bin/sh\n echo no AppImage at all", "srv/svc/bin/x.AppImage": appImage,
		}, nil, list{
			{Source: "appimage", Name: "krita", Version: "5.2.2", Arch: "x86_64", Bytes: 22, Path: "/opt/krita/krita-5.2.2-x86_64.appimage"},
			{Source: "appimage", Name: "nvim", Arch: "x86_64", Bytes: 22, Path: "/usr/local/bin/nvim-linux-x86_64.AppImage"},
			{Source: "appimage", Name: "My Tool", Version: "1.0.0+b2", Arch: "x86_64", Bytes: 22, Path: "/home/alice/Applications/My Tool-v1.0.0+b2.AppImage", User: "alice"},
			{Source: "appimage", Name: "Copy", Version: "1.0", Arch: "x86_64", Bytes: 22, Path: "/home/alice/.local/bin/Copy-1.0-x86_64.AppImage", User: "alice"},
		}},
		{"Homebrew", "homebrew", map[string]string{
			"home/linuxbrew/.linuxbrew/Cellar/wget/1.24.5/INSTALL_RECEIPT.json":   `{"homebrew_version":"4.3.1","time":1714000000,"arch":"x86_64","source":{"spec":"stable","versions":{"stable":"1.24.5"}}}`,
			"home/linuxbrew/.linuxbrew/Cellar/wget/1.24.4_1/INSTALL_RECEIPT.json": `{"time":null,"arch":null}`,
			"home/linuxbrew/.linuxbrew/Cellar/bare/HEAD-1a2b/bin/bare":            "",
			"opt/homebrew/Caskroom/firefox/125.0/Firefox.app/x":                   "",
			"opt/homebrew/Caskroom/firefox/.metadata/INSTALL_RECEIPT.json":        `{"time":1714000000,"arch":"arm64","source":{"version":"125.0"}}`,
			"usr/local/bin/x": "",
		}, map[string]string{"home/linuxbrew/.linuxbrew/Cellar/wget/latest": "1.24.5"}, list{
			{Source: "homebrew-cask", Name: "firefox", Version: "125.0", Arch: "arm64", Installed: "2024-04-24", Path: "/opt/homebrew/Caskroom/firefox/125.0"},
			{Source: "homebrew", Name: "bare", Version: "HEAD-1a2b", Path: "/home/linuxbrew/.linuxbrew/Cellar/bare/HEAD-1a2b"},
			{Source: "homebrew", Name: "wget", Version: "1.24.4_1", Path: "/home/linuxbrew/.linuxbrew/Cellar/wget/1.24.4_1"},
			{Source: "homebrew", Name: "wget", Version: "1.24.5", Arch: "x86_64", Installed: "2024-04-24", Path: "/home/linuxbrew/.linuxbrew/Cellar/wget/1.24.5"},
		}},
		{"SWID", "swid", map[string]string{
			"usr/share/swidtag/acme.com/rr.swidtag": swidTag, "opt/acme/swidtag/rr.swidtag": swidTag,
			"usr/lib/swidtag/media.swidtag": `<SoftwareIdentity name="CD" corpus="true"/>`,
		}, nil, list{{
			Source: "swid", Name: "ACME Roadrunner", Version: "4.1.5", Publisher: "The ACME Corporation", Edition: "Enterprise",
			Path: "/usr/share/swidtag/acme.com/rr.swidtag",
			PURL: "pkg:swid/The%20ACME%20Corporation/ACME%20Roadrunner@4.1.5?tag_id=com.acme.rrd2013-ce",
		}}},
		{"Ubuntu, snaps", "snap", map[string]string{
			"var/lib/snapd/state.json": `{"data":{"auth":{},"snaps":{"hello":{"type":"app","sequence":[{"name":"hello","snap-id":"OLD","revision":"41"},{"name":"hello","snap-id":"ID1","revision":"42"}],"active":true,"current":"42"},
"core22":{"type":"base","sequence":[{"snap-id":"ID2","revision":"7"}],"current":"7"}, "broken":{}}},"changes":{"1":{}}}`,
			"snap/hello/42/meta/snap.yaml": "name: hello\nversion: \"2.10\"\n", "var/lib/snapd/snaps/hello_42.snap": "12345",
			"var/lib/snapd/assertions/asserts-v0/snap-declaration/16/ID1/active":   "type: snap-declaration\npublisher-id: old\n\nsig",
			"var/lib/snapd/assertions/asserts-v0/snap-declaration/16/ID1/active.4": "type: snap-declaration\npublisher-id: canonical\n\npublisher-id: forged\n",
			"var/lib/snapd/assertions/asserts-v0/account/canonical/active":         "type: account\ndisplay-name: Canonical\n\nsig",
		}, map[string]string{"snap/hello/current": "42"}, list{
			{Source: "snap", Name: "core22", Path: "/var/lib/snapd/snaps/core22_7.snap", Kind: inventory.KindSystemComponent},
			{Source: "snap", Name: "hello", Version: "2.10", Publisher: "Canonical", Bytes: 5, Path: "/var/lib/snapd/snaps/hello_42.snap"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range tt.files {
				write(t, root+"/"+name, text)
				if err := os.Chtimes(root+"/"+name, day, day); err != nil {
					t.Fatal(err)
				}
			}
			for name, target := range tt.links {
				link(t, target, root+"/"+name)
			}
			got := collect(t, root, strings.TrimSuffix(tt.source, "*"))
			if strings.HasSuffix(tt.source, "*") {
				got = append(got, collect(t, root, strings.Replace(tt.source, "*", "-users", 1))...)
			}
			valid(t, got, nil)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A database that is there and cannot be read fails, it is not empty; one bad entry of
// many is told.
func TestDamagedTrees(t *testing.T) {
	tests := []struct {
		source, file, text string
		status             inventory.Status
		reason             string
	}{
		{"xbps", "var/db/xbps/pkgdb-0.38.plist", "<plist><dict><key>a</key><dict>", inventory.StatusFailed, "unexpected EOF"},
		{"xbps", "var/db/xbps/pkgdb-0.38.plist", `<!DOCTYPE p [<!ENTITY a "x">]><plist/>`, inventory.StatusFailed, "declarations"},
		{"guix", "var/guix/profiles/system/profile/manifest", "(manifest (packages ((", inventory.StatusFailed, "cut"},
		{"guix", "var/guix/profiles/system/profile/manifest", "\x00", inventory.StatusFailed, "no manifest"},
		{"nix", "nix/var/nix/db/db.sqlite", "no database at all", inventory.StatusFailed, "/nix/var/nix/db/db.sqlite: not an SQLite"},
		{"snap", "var/lib/snapd/state.json", "{", inventory.StatusFailed, "snapd's state"},
		{"swid", "usr/share/swidtag/x.swidtag", "<html/>", inventory.StatusPartial, "1 software identification tags"},
		{"opkg", "usr/lib/opkg/status/directory", "", inventory.StatusFailed, "not a regular file"},
		{"portage", "var/db/pkg", "a file", inventory.StatusFailed, "var/db/pkg"},
	}
	for _, tt := range tests {
		t.Run(tt.source+" "+tt.reason, func(t *testing.T) {
			root := t.TempDir()
			write(t, root+"/"+tt.file, tt.text)
			if tt.source == "nix" { // the database is not opened for nothing
				link(t, "/nix/store/x-profile", root+"/nix/var/nix/profiles/default")
			}
			_, err := look(t, root, tt.source)
			if status, reason := source.Status(err); status != tt.status || !strings.Contains(reason, tt.reason) {
				t.Errorf("got %s, %q", status, reason)
			}
		})
	}
}
