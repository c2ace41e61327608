package software_test

import (
	"os"
	"path"
	"strings"
	"testing"

	"github.com/muster-itam/muster/agent/software"
)

// captures are answers of real machines, kept beside the repository. Most are what the
// tools print for people; their databases are read here instead, and those tools judge in
// the tests beside this one.
const captures = "../../../shared/endpoints/captures/linux/packaging/"

func TestCaptures(t *testing.T) {
	tests := map[string]struct {
		tool  string // whose output it is, which is nobody's input here
		check func(*testing.T, string)
	}{
		"dpkg":      {tool: "dpkg-query -W -f: the status file is read"},
		"pacman":    {tool: "pacman -Qi: the desc files are read"},
		"snap":      {tool: "snap list: snap.yaml and snapd's state are read"},
		"snap_*":    {tool: "snap info: the same, and the store's assertions"},
		"flatpak_*": {tool: "flatpak info: deploy files and metainfo are read"},
		"nix":       {check: nixCapture},
	}
	files, err := os.ReadDir(captures)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		t.Run(f.Name(), func(t *testing.T) {
			for pattern, tt := range tests {
				if ok, err := path.Match(pattern, f.Name()); err != nil || !ok {
					continue
				}
				b, err := os.ReadFile(captures + f.Name())
				if err != nil || len(b) == 0 {
					t.Fatalf("%d bytes, %v", len(b), err)
				}
				if tt.check != nil {
					tt.check(t, string(b))
				} else if tt.tool == "" {
					t.Error("neither read nor said why not")
				}
				return
			}
			t.Error("a capture that no parser reads and no row explains")
		})
	}
}

// nixCapture is a list of store paths, which are the names that Nix gives packages.
func nixCapture(t *testing.T, text string) {
	want := map[string]string{
		"alsa-lib": "1.0.29.tar.bz2.drv", "python3.6-decorator": "4.0.11", "libtasn1": "4.10", "etc-ssh_config": "",
		"fc": "52-nixos-default-fonts.conf", "texinfo": "5.2.tar.xz.drv",
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		s := software.NixPackage(line, "")
		if s.Name == "" || strings.HasPrefix(s.Name, "-") || s.Path != line {
			t.Errorf("%s: %+v", line, s)
		}
		if version, ok := want[s.Name]; ok && version == s.Version {
			delete(want, s.Name)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}
