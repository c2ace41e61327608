package software_test

import (
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestPortagePackage(t *testing.T) {
	tests := []struct{ directory, name, version string }{
		{"vim-9.0.2167-r1", "c/vim", "9.0.2167-r1"},
		{"gtk+-3.24.41", "c/gtk+", "3.24.41"},
		{"font-adobe-100dpi-1.0.4", "c/font-adobe-100dpi", "1.0.4"},
		{"openssl-1.0.2u", "c/openssl", "1.0.2u"},
		{"e2fsprogs-1.47_rc2_p20240101-r3", "c/e2fsprogs", "1.47_rc2_p20240101-r3"},
		{"live-9999", "c/live", "9999"},
		{"no-version", "c/no-version", ""},
		{"-1", "c/", "1"},
	}
	for _, tt := range tests {
		if s := software.PortagePackage("c", tt.directory); s.Name != tt.name || s.Version != tt.version {
			t.Errorf("%s: %q, %q", tt.directory, s.Name, s.Version)
		}
	}
}

func TestNixPackage(t *testing.T) {
	const hash = "/nix/store/000dszhb0lb3a1n6iznrz1szcdbv2lcf-"
	tests := []struct{ store, deriver, name, version string }{
		{"newt-0.52.15", "", "newt", "0.52.15"},
		{"dbus-1.10.14-dev", "", "dbus", "1.10.14"},
		{"dbus-1.10.14-dev", "dbus-1.10.14.drv", "dbus", "1.10.14"},
		{"python3.11-requests-2.31.0", "", "python3.11-requests", "2.31.0"},
		{"foo-unstable-2024-01-02", "", "foo-unstable", "2024-01-02"},
		{"texlive-combined-full-bin", "", "texlive-combined-full", ""},
		{"0ad-0.0.26", "", "0ad", "0.0.26"},
		{"hook", "", "hook", ""},
	}
	for _, tt := range tests {
		deriver := tt.deriver
		if deriver != "" {
			deriver = hash + deriver
		}
		if s := software.NixPackage(hash+tt.store, deriver); s.Name != tt.name || s.Version != tt.version || s.Path != hash+tt.store {
			t.Errorf("%s: %q, %q", tt.store, s.Name, s.Version)
		}
	}
}

func TestParseAppImage(t *testing.T) {
	tests := []struct {
		file, name, version, arch string
		kind, machine             byte
	}{
		{"krita-5.2.2-x86_64.appimage", "krita", "5.2.2", "x86_64", 2, 62},
		{"nvim-linux-x86_64.AppImage", "nvim", "", "x86_64", 2, 62},
		{"balenaEtcher-1.18.11-x64.AppImage", "balenaEtcher", "1.18.11", "x86_64", 2, 62},
		{"Cura_v5.7.0-beta.1-linux-aarch64.AppImage", "Cura", "5.7.0-beta.1", "aarch64", 2, 183},
		{"FreeCAD_1.0.0-conda-Linux-x86_64-py311.AppImage", "FreeCAD_1.0.0-conda-Linux-x86_64-py311", "", "x86_64", 2, 62},
		{"Old Tool-7-i386.AppImage", "Old Tool", "7", "i386", 1, 3},
	}
	for _, tt := range tests {
		s, ok := software.ParseAppImage(tt.file, []byte(elf(t, tt.kind, tt.machine)))
		if !ok || s.Name != tt.name || s.Version != tt.version || s.Arch != tt.arch {
			t.Errorf("%s: %v, %+v", tt.file, ok, s)
		}
	}
	for _, head := range []string{"", "#!/bin/sh\nexit 0\n\n\n\n\n", elf(t, 3, 62), elf(t, 2, 62)[:19]} {
		if s, ok := software.ParseAppImage("x.AppImage", []byte(head)); ok {
			t.Errorf("%q is taken for an AppImage: %+v", head, s)
		}
	}
}

// The edition of 2009 has elements where that of 2015 has attributes.
const oldSWID = `<?xml version="1.0" encoding="utf-8"?>
<swid:software_identification_tag xmlns:swid="http://standards.iso.org/iso/19770/-2/2009/schema.xsd">
<swid:entitlement_required_indicator>true</swid:entitlement_required_indicator>
<swid:product_title>Writer &amp; Reader</swid:product_title>
<swid:product_version><swid:name>11.0.2</swid:name><swid:numeric><swid:major>11</swid:major></swid:numeric></swid:product_version>
<swid:software_creator><swid:name>Example Inc.</swid:name><swid:regid>regid.1986-12.com.example</swid:regid></swid:software_creator>
<swid:software_id><swid:unique_id>W-11</swid:unique_id><swid:tag_creator_regid>x</swid:tag_creator_regid></swid:software_id>
</swid:software_identification_tag>`

func TestParseSWID(t *testing.T) {
	utf16le := func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	}
	acme := inventory.Software{
		Source: "swid", Name: "ACME Roadrunner", Version: "4.1.5", Publisher: "The ACME Corporation", Edition: "Enterprise",
		PURL: "pkg:swid/The%20ACME%20Corporation/ACME%20Roadrunner@4.1.5?tag_id=com.acme.rrd2013-ce",
	}
	tests := []struct {
		name, text string
		want       inventory.Software
		ok         bool
		wantErr    string
	}{
		{"2015", swidTag, acme, true, ""},
		{"UTF-16", utf16le(strings.Replace(swidTag, "utf-8", "utf-16", 1)), acme, true, ""},
		{"byte order mark", "\ufeff" + swidTag, acme, true, ""},
		{"2009", oldSWID, inventory.Software{
			Source: "swid", Name: "Writer & Reader", Version: "11.0.2", Publisher: "Example Inc.",
			PURL: "pkg:swid/Example%20Inc./Writer%20%26%20Reader@11.0.2?tag_id=W-11",
		}, true, ""},
		{"Latin-1", "<?xml version='1.0' encoding='ISO-8859-1'?><SoftwareIdentity name='B\xfcro'/>", inventory.Software{Source: "swid", Name: "Büro"}, true, ""},
		{"patch", `<SoftwareIdentity name="Fix" patch="true"/>`, inventory.Software{Source: "swid", Name: "Fix", Kind: inventory.KindUpdate}, true, ""},
		{"supplement", `<SoftwareIdentity name="More" supplemental="true"/>`, inventory.Software{Source: "swid", Name: "More"}, false, ""},
		{"other XML", `<html/>`, inventory.Software{}, false, "no software identification tag"},
		{"no name", `<SoftwareIdentity/>`, inventory.Software{}, false, "without a name"},
		{"cut", `<SoftwareIdentity name="x"><Entity>`, inventory.Software{}, false, "EOF"},
		{"external entity", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><SoftwareIdentity name="&x;"/>`, inventory.Software{}, false, "declarations"},
		{"unknown entity", `<SoftwareIdentity name="&x;"/>`, inventory.Software{}, false, "entity"},
		{"entity bomb", `<!DOCTYPE a [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><SoftwareIdentity name="&b;"/>`, inventory.Software{}, false, "declarations"},
		{"deep", `<SoftwareIdentity name="x">` + strings.Repeat("<a>", 1000), inventory.Software{}, false, "deeper than 64"},
		{"other encoding", `<?xml version="1.0" encoding="EBCDIC"?><SoftwareIdentity name="x"/>`, inventory.Software{}, false, "EBCDIC"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok, err := software.ParseSWID([]byte(tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok || (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("%v, %v, -want +got:\n%s", ok, err, diff)
			}
		})
	}
}

func FuzzParseSWID(f *testing.F) {
	f.Add([]byte(swidTag))
	f.Add([]byte(oldSWID))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok, err := software.ParseSWID(b); ok {
			valid(t, []inventory.Software{s}, err)
		}
	})
}

func FuzzParseXBPS(f *testing.F) {
	f.Add(xbpsDatabase)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := software.ParseXBPS(strings.NewReader(text))
		valid(t, list, err)
	})
}

func FuzzParseOpkg(f *testing.F) {
	f.Add(opkgStatus)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := software.ParseOpkg(strings.NewReader(text))
		valid(t, list, err)
	})
}

func FuzzParseSlackware(f *testing.F) {
	f.Add("a-1-noarch-1", slackPackage)
	f.Fuzz(func(t *testing.T, file, text string) {
		if s, err := software.ParseSlackware(file, strings.NewReader(text)); s.Name != "" {
			if s.Bytes < 0 {
				t.Errorf("%d bytes", s.Bytes)
			}
			valid(t, []inventory.Software{s}, err)
		}
	})
}

func FuzzPackageNames(f *testing.F) {
	f.Add("app-editors", "vim-9.0-r1")
	f.Add("/nix/store/000dszhb0lb3a1n6iznrz1szcdbv2lcf-newt-0.52.15", "x-1.drv")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []inventory.Software{software.PortagePackage(a, b), software.NixPackage(a, b)} {
			if s.Name != "" {
				valid(t, []inventory.Software{s}, nil)
			}
		}
	})
}

func FuzzParseGuix(f *testing.F) {
	f.Add(guixManifest)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := software.ParseGuix(strings.NewReader(text))
		valid(t, list, err)
	})
}

func FuzzParseFlatpakDeploy(f *testing.F) {
	for _, name := range []string{"app", "runtime"} {
		b, err := os.ReadFile("testdata/flatpak-" + name + ".deploy")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if version, size, err := software.ParseFlatpakDeploy(b); err == nil && (len(version) > len(b)*3 || size < 0) {
			t.Errorf("%q, %d", version, size)
		}
	})
}

func FuzzParseMetainfo(f *testing.F) {
	f.Add(`<component><developer_name>x</developer_name><releases><release version="1"/></releases></component>`)
	f.Fuzz(func(t *testing.T, text string) {
		version, developer, err := software.ParseMetainfo(strings.NewReader(text))
		valid(t, []inventory.Software{{Source: "flatpak", Name: "x", Version: version, Publisher: developer}}, err)
	})
}

func FuzzParseAppImage(f *testing.F) {
	f.Add("krita-5.2.2-x86_64.appimage", []byte(elf(f, 2, 62)))
	f.Fuzz(func(t *testing.T, file string, head []byte) {
		if s, ok := software.ParseAppImage(file, head); ok {
			valid(t, []inventory.Software{s}, nil)
		}
	})
}

func FuzzParseBrewReceipt(f *testing.F) {
	f.Add([]byte(`{"time":1714000000,"arch":"x86_64","source":{"version":"1"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		valid(t, []inventory.Software{software.ParseBrewReceipt(b, inventory.Software{Source: "homebrew", Name: "x", Version: "1"})}, nil)
	})
}

func FuzzParseSnapState(f *testing.F) {
	f.Add([]byte(`{"data":{"snaps":{"a":{"type":"app","sequence":[{"snap-id":"x","revision":"1"}],"current":"1"}}}}`), "type: a\nb: c\n\n")
	f.Fuzz(func(t *testing.T, b []byte, assertion string) {
		if snaps, err := software.ParseSnapState(b); err == nil && len(snaps) > len(b) {
			t.Errorf("%d snaps", len(snaps))
		}
		if v := software.AssertionHeader([]byte(assertion), "b"); strings.Contains(v, "\n") {
			t.Errorf("%q", v)
		}
	})
}
