package hardware_test

import (
	"testing"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestDirectory(t *testing.T) {
	tests := []struct {
		name       string
		files      map[string]string
		kind, want string
	}{
		{"none", nil, "", ""},
		{"realmd", map[string]string{
			"etc/sssd/sssd.conf": "[sssd]\ndomains = LDAP, Corp.Example\n\n[domain/LDAP]\nid_provider = ldap\n[domain/corp.example]\nid_provider = ad\n# id_provider = ipa\n",
		}, "active_directory", "corp.example"},
		{"sssd, in pieces", map[string]string{
			"etc/sssd/sssd.conf": "[sssd]\ndomains=one\n", "etc/sssd/conf.d/10-x.conf": "[domain/one]\nid_provider=ad\nad_domain=AD.example\n",
			"etc/sssd/conf.d/x.bak": "[domain/one]\nid_provider=ipa\n",
		}, "active_directory", "ad.example"},
		{"a domain that is not used", map[string]string{"etc/sssd/sssd.conf": "[sssd]\ndomains=a\n[domain/b]\nid_provider=ad\n"}, "", ""},
		{"FreeIPA", map[string]string{
			"etc/sssd/sssd.conf":   "[domain/ipa.example]\nid_provider=ipa\n[sssd]\ndomains=ipa.example\n",
			"etc/ipa/default.conf": "[global]\nrealm = IPA.EXAMPLE\n",
		}, "freeipa", "ipa.example"},
		{"FreeIPA without SSSD", map[string]string{"etc/ipa/default.conf": "[global]\nbasedn = dc=x\nrealm = IPA.EXAMPLE\ndomain = ipa.example\n"}, "freeipa", "ipa.example"},
		{"winbind", map[string]string{"etc/samba/smb.conf": "[Global]\n; x\n  Security = ADS\n  realm = CORP.EXAMPLE\n workgroup = CORP\n"}, "active_directory", "corp.example"},
		{"winbind, old", map[string]string{"etc/samba/smb.conf": "[global]\nsecurity = domain\nworkgroup = CORP\n"}, "active_directory", "corp"},
		{"only files are shared", map[string]string{"etc/samba/smb.conf": "[global]\nsecurity = user\nworkgroup = WORKGROUP\n"}, "", ""},
		{"Himmelblau", map[string]string{"etc/himmelblau/himmelblau.conf": "[global]\ndomains = Contoso.onmicrosoft.com, other.example\n"}, "entra_id", "contoso.onmicrosoft.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{"etc/x": ""}
			for name, text := range tt.files {
				files[name] = text
			}
			d := collect(t, plant(t, files), "identity").(*inventory.Device)
			if d.Directory != tt.kind || d.DirectoryName != tt.want {
				t.Errorf("got %q %q, want %q %q", d.Directory, d.DirectoryName, tt.kind, tt.want)
			}
		})
	}
}

func TestDirectoryUnseen(t *testing.T) {
	root := plant(t, map[string]string{"etc/sssd/sssd.conf": "[sssd]\n"})
	asNobody(t, root, []string{"etc/sssd/sssd.conf"}, func() {
		_, err := look(t, root, "identity")
		if status, reason := source.Status(err); status != inventory.StatusPartial || reason == "" {
			t.Errorf("%s %q", status, reason)
		}
	})
}

func FuzzDirectory(f *testing.F) {
	f.Add("[sssd]\ndomains = a,b\n[domain/a]\nid_provider=ad\n")
	f.Add("[global]\nsecurity=ads\nrealm=X\x00\n[]\n=\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, d := range hardware.Directories(s) {
			valid(t, &inventory.Device{Directory: d[0], DirectoryName: d[1]})
		}
	})
}
