package main

import "testing"

func TestServiceSID(t *testing.T) {
	// As every Windows has it.
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	for _, name := range []string{"TrustedInstaller", "trustedinstaller"} {
		if got := serviceSID(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestOpenTo(t *testing.T) {
	service := serviceSID(serviceName)
	tests := []struct{ name, sddl, want string }{
		{"what we set", folderACL(aclModify), ""},
		{"what we set, read back", "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;" + service + ")", ""},
		{"the service's own file", "O:" + service + "G:SYD:(A;ID;FA;;;SY)(A;ID;0x1301bf;;;" + service + ")", ""},
		{"an audit list", "O:SYG:SYD:(A;;FA;;;SY)S:AI(AU;SA;FA;;;WD)", ""},
		{"an empty audit list", "O:SYG:SYD:(A;;FA;;;SY)S:AI", ""},
		{"a denial", "O:SYG:SYD:(D;;FA;;;BU)(A;;FA;;;SY)", ""},
		{"numbers for names", "O:S-1-5-18G:S-1-5-18D:(A;;FA;;;S-1-5-32-544)", ""},
		{"as below ProgramData", "O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIIOID;GA;;;CO)(A;OICIID;0x1200a9;;;BU)(A;CIID;DCLCRPCR;;;BU)", "BU"},
		{"everyone", "O:BAG:SYD:(A;;0x1200a9;;;WD)", "WD"},
		{"an object's entry", "O:BAG:SYD:(OA;;FA;;;AU)", "AU"},
		{"another's folder", "O:S-1-5-21-1-2-3-1001G:SYD:PAI(A;;FA;;;SY)", "its owner S-1-5-21-1-2-3-1001"},
		{"another service", "O:BAG:SYD:(A;;FA;;;" + serviceSID("spooler") + ")", serviceSID("spooler")},
		{"void list", "O:BAG:SYD:NO_ACCESS_CONTROL", "everyone (the access list is void)"},
		{"no list", "O:BAG:SY", "everyone (there is no access list)"},
		{"no owner", "G:SYD:(A;;FA;;;SY)", "its owner "},
		{"cut off", "O:BAG:SYD:(A;;FA", "an entry that cannot be read: A;;FA"},
		{"an entry with a condition", "O:BAG:SYD:(XA;;FA;;;SY;(Member_of{BA}))", "an entry that cannot be read: XA;;FA;;;SY;(Member_of{BA})"},
		{"an empty list", "O:BAG:SYD:P", ""},
		{"an empty list, audited", "O:BAG:SYD:PS:(AU;SA;FA;;;WD)", ""},
		{"nothing", "", "everyone (there is no access list)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := openTo(tt.sddl, service); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzOpenTo(f *testing.F) {
	f.Add(folderACL(aclRead))
	f.Add("O:BAG:SYD:AI(A;CIID;DCLCRPCR;;;BU)S:AI")
	f.Fuzz(func(t *testing.T, rest string) {
		if openTo("O:BAG:SYD:(A;;FA;;;WD)"+rest) == "" {
			t.Errorf("an entry for everyone before %q is not seen", rest)
		}
		_ = openTo(rest)
	})
}
