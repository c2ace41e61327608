package wire

import (
	"testing"

	"github.com/muster-itam/muster/internal/inventory"
)

func TestPURLPattern(t *testing.T) {
	tests := []struct {
		name    string
		s       inventory.Software
		pattern string // "" where the URL goes out in full
	}{
		{"deb", inventory.Software{Name: "curl", Version: "7.88.1-10+deb12u5", Arch: "amd64", PURL: "pkg:deb/debian/curl@7.88.1-10%2Bdeb12u5?arch=amd64"},
			"pkg:deb/debian/{name}@{version}?arch={arch}"},
		{"epoch", inventory.Software{Name: "gzip", Version: "1:2", Arch: "all", PURL: "pkg:deb/debian/gzip@1:2?arch=all"}, "pkg:deb/debian/{name}@{version}?arch={arch}"},
		{"without architecture", inventory.Software{Name: "six", Version: "1.16", PURL: "pkg:pypi/six@1.16"}, "pkg:pypi/{name}@{version}"},
		{"a scope", inventory.Software{Name: "@angular/core", Version: "1", PURL: "pkg:npm/%40angular/core@1"}, "pkg:npm/%40angular/core@{version}"},
		{"another case", inventory.Software{Name: "Django", Version: "5", PURL: "pkg:pypi/django@5"}, "pkg:pypi/django@{version}"},
		{"nothing in common", inventory.Software{Name: "a", Version: "1", PURL: "pkg:generic/b@2"}, ""},
		{"no URL", inventory.Software{Name: "a", Version: "1"}, ""},
		{"a mark of its own", inventory.Software{Name: "a", Version: "1", PURL: "pkg:deb/{version}/a@1"}, ""},
		{"a brace", inventory.Software{Name: "a", Version: "1", PURL: "pkg:deb/{x/a@1"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := new(purlPatterns).of(&tt.s); got != tt.pattern {
				t.Errorf("pattern %q, want %q", got, tt.pattern)
			}
			back, err := softwareFromProto(softwareToProto(inventory.SoftwareList{tt.s}))
			if err != nil || back.(inventory.SoftwareList)[0] != tt.s {
				t.Errorf("came back as %+v, %v", back, err)
			}
		})
	}
}

func FuzzPURL(f *testing.F) {
	f.Add("curl", "7.88.1-10+deb12u5", "amd64", "pkg:deb/debian/curl@7.88.1-10%2Bdeb12u5?arch=amd64")
	f.Add("{name}", "{version}", "", "pkg:a/{name}@{version}")
	f.Fuzz(func(t *testing.T, name, version, arch, purl string) {
		s := inventory.Software{Name: name, Version: version, Arch: arch, PURL: purl}
		if pattern := new(purlPatterns).of(&s); pattern != "" && purlOf(pattern, name, version, arch) != purl {
			t.Errorf("%q stands for %q, not %q", pattern, purlOf(pattern, name, version, arch), purl)
		}
		if got := purlOf(purl, name, version, arch); len(got) > 20*inventory.MaxText {
			t.Errorf("a pattern of %d bytes became %d", len(purl), len(got))
		}
	})
}
