package registry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/registrytest"
)

func TestProfiles(t *testing.T) {
	const nt = `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion`
	tree, err := registrytest.Parse([]byte(nt + `]
"SystemRoot"="D:\\Windows"
` + nt + `\ProfileList\S-1-5-18]
"ProfileImagePath"="C:\\Windows\\system32\\config\\systemprofile"
` + nt + `\ProfileList\S-1-5-21-1-2-3-1001]
"ProfileImagePath"="%SystemDrive%\\Users\\jane.CORP.000"
` + nt + `\ProfileList\S-1-5-21-1-2-3-1002]
"ProfileImagePath"="C:\\Users\\john"
` + nt + `\ProfileList\S-1-5-21-1-2-3-1003.bak]
"ProfileImagePath"="C:\\Users\\john"
[HKEY_USERS\.DEFAULT]
[HKEY_USERS\S-1-5-19]
[HKEY_USERS\S-1-5-21-1-2-3-1001]
[HKEY_USERS\S-1-5-21-1-2-3-1001_Classes]
[HKEY_USERS\S-1-5-21-1-2-3-1001\Volatile Environment]
"USERNAME"="jane"
[HKEY_USERS\S-1-12-1-1-2-3-4]
`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := registry.Profiles(tree)
	if err != nil {
		t.Fatal(err)
	}
	want := []registry.Profile{
		{SID: "S-1-5-21-1-2-3-1001", Name: "jane", Home: `D:\Users\jane.CORP.000`, SignedIn: true},
		{SID: "S-1-5-21-1-2-3-1002", Name: "john", Home: `C:\Users\john`},
		{SID: "S-1-12-1-1-2-3-4", Name: "S-1-12-1-1-2-3-4", SignedIn: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := registry.Profiles(&registrytest.Tree{}); err == nil {
		t.Error("a registry without users is not a machine without users")
	}
}
