package snmp_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

const credentials = `
credentials:
  - {targets: [10.77.2.11, fd00::/64], version: 2c, community: hush-hush}
  - {version: 1, community: old}
  - community: public
  - {version: 3, user: plain}
  - {version: 3, user: muster, auth: SHA-256, auth_password: auth-hush, priv: aes, priv_password: priv-hush}
  - {version: 3, user: signed, auth: md5, auth_password: auth-hush}
`

func TestParseCredentials(t *testing.T) {
	got, err := snmp.ParseCredentials(strings.NewReader(credentials))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range got {
		names = append(names, got[i].String())
	}
	want := "v3 user muster, v3 user signed, v3 user plain, v2c, v2c, v1" // what protects itself best comes first
	if s := strings.Join(names, ", "); s != want {
		t.Errorf("order %s, want %s", s, want)
	}
	scoped := &got[3]
	for addr, want := range map[string]bool{"10.77.2.11": true, "10.77.2.12": false, "fd00::7": true, "fd01::7": false, "::ffff:10.77.2.11": false} {
		if scoped.Allows(netip.MustParseAddr(addr)) != want {
			t.Errorf("scope allows %s: %v", addr, !want)
		}
	}
	if all := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(all, "hush") {
		t.Errorf("secret in %s", all)
	}
}

func TestParseCredentialsRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"credentials: [{community: hush, comunity: hush}]": "comunity",
		"credential: []": "field credential",
		"credentials: [{version: 4, community: hush}]":                                                      "entry 1: version must be 1, 2c or 3",
		"credentials: [{version: 2c}]":                                                                      "need a community",
		"credentials: [{community: hush}, {user: x}]":                                                       "entry 2: a user needs version: 3",
		"credentials: [{version: 3}]":                                                                       "needs a user",
		"credentials: [{version: 3, user: x, auth: rot13}]":                                                 "auth must be",
		"credentials: [{version: 3, user: x, priv: aes}]":                                                   "priv needs auth",
		"credentials: [{version: 3, user: x, auth: sha, auth_password: short}]":                             "at least 8",
		"credentials: [{version: 3, user: x, auth: sha, auth_password: hushhush, priv: aes}]":               "priv_password must",
		"credentials: [{version: 3, user: x, auth_password: hushhush}]":                                     "auth_password needs auth",
		"credentials: [{version: 3, user: x, auth: sha, auth_password: hushhush, priv_password: hushhush}]": "priv_password needs priv",
		"credentials: [{community: hush, auth: sha}]":                                                       "need version: 3",
		"credentials: [{community: hush, targets: [host.x]}]":                                               `target "host.x"`,
		"credentials: [{community: hush, targets: hush}]":                                                   "line 1: wrong kind of value",
		"credentials: [{community: [hush]}]":                                                                "line 1: wrong kind of value",
		"community: hush: hush":                                                                             "not valid YAML",
	} {
		_, err := snmp.ParseCredentials(strings.NewReader(in))
		if inventory.CodeOf(err) != inventory.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", in, err, want)
			continue
		}
		if strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: secret in error %v", in, err)
		}
	}
	if _, err := snmp.ParseCredentials(strings.NewReader(strings.Repeat("# x\n", 1<<19))); inventory.CodeOf(err) != inventory.CodeTooLarge {
		t.Errorf("huge file: %v", err)
	}
	if got, err := snmp.ParseCredentials(strings.NewReader("")); err != nil || len(got) != 0 {
		t.Errorf("empty file: %v %v", got, err)
	}
}

func FuzzParseCredentials(f *testing.F) {
	f.Add(credentials)
	f.Add("credentials: [{version: 3}]")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := snmp.ParseCredentials(strings.NewReader(text))
		if err != nil {
			return
		}
		for i := range got {
			if got[i].User == "" && got[i].Community == "" {
				t.Fatalf("%q: entry %d has neither user nor community", text, i)
			}
		}
	})
}
