package query_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func web1() inventory.Asset {
	return inventory.Asset{
		ID: 17, Name: "web1", Domain: "corp.example", Class: inventory.ClassVM, Vendor: "Dell Inc.", Model: "PowerEdge R740 (xd)",
		Serial: "ABC1234", OS: "Debian GNU/Linux", OSVersion: "12.5", CPU: "Intel Xeon", MemoryBytes: 33_500_000_000,
		DiskBytes: 500_107_862_016, User: "o'brien", Site: "berlin", MachineID: "0123456789abcdef",
		Addresses: []string{"10.77.1.5", "2001:db8::5"}, MACs: []string{"00:1a:2b:3c:4d:5e"}, Sources: []string{"agent", "scanner"},
		FirstSeen: now.AddDate(0, -3, 0), LastSeen: now.Add(-5 * 24 * time.Hour),
		Attributes: []inventory.Attribute{{Name: "os_family", Value: "linux"}},
	}
}

// titles are the programs of assets.
type titles map[inventory.AssetID]inventory.SoftwareList

func (titles) CertificateEnds(context.Context, query.When) (map[inventory.AssetID][]time.Time, error) {
	return map[inventory.AssetID][]time.Time{17: {now.AddDate(-1, 0, 0).Truncate(24 * time.Hour), now.AddDate(0, 0, 20).Truncate(24 * time.Hour)}}, nil
}

func (titles) Sweeps(context.Context, string, query.When) (store.Sweeps, error) { return nil, nil }

func (ts titles) AssetsWithTitle(_ context.Context, part string, match func(inventory.Software) bool, _ query.When) (map[inventory.AssetID]bool, error) {
	out := map[inventory.AssetID]bool{}
	for id, list := range ts {
		for _, s := range list {
			if strings.Contains(strings.ToLower(s.Name), part) && match(s) {
				out[id] = true
			}
		}
	}
	return out, nil
}

func TestFilter(t *testing.T) {
	bare := inventory.Asset{ID: 3, Addresses: []string{"fe80::1%eth0"}, Sources: []string{"scanner"}, Class: inventory.ClassPhoneVoIP}
	installed := titles{17: {
		{Source: "deb", Name: "openssl", Version: "3.0.11-1~deb12u2"}, {Source: "deb", Name: "bind9", Version: "1:9.18.24-1"},
		{Source: "registry", Name: "Mozilla Firefox (x64)", Version: "121.0"}, {Source: "registry", Name: "odd"},
	}}
	for filter, want := range map[string]string{ // matching ids
		"":                                      "a3 a17",
		"  \t ":                                 "a3 a17",
		"web1":                                  "a17",
		"WEB":                                   "a17",
		"corp.example":                          "a17",
		"r740":                                  "a17",
		`"R740 (xd)"`:                           "a17",
		"o'brien":                               "a17",
		"web*5":                                 "",
		"w*1":                                   "a17",
		`"w*1"`:                                 "",
		"nothing":                               "",
		"a17":                                   "a17",
		"10.77.1.5":                             "a17",
		"10.77.1.":                              "a17",
		"10.77.0.0/16":                          "a17",
		"10.77.1.5/32 web1":                     "a17",
		"10.77.1.1-10.77.1.9":                   "a17",
		"10.77.1.6-10.77.1.9":                   "",
		"2001:DB8:0::5":                         "a17",
		"2001:db8::/64":                         "a17",
		"001A.2B3C.4D5E":                        "a17",
		"00-1a-2b-3c-4d-5e":                     "a17",
		"00:1A:2B:3C:4D:5E":                     "a17",
		"address:10.77.1.0/24":                  "a17",
		"address!=10.77.1.0/24":                 "a3",
		"ip:10.77.1":                            "a17",
		"address=10.77.1":                       "",
		"address:fe80::/10":                     "a3",
		"address:fe80::1":                       "a3",
		"address:fe80*":                         "a3",
		"mac:00:1a:2b":                          "a17",
		"mac=00:1a:2b":                          "",
		"mac=001a2b*":                           "a17",
		"mac=001A2B3C4D5E":                      "a17",
		`mac=""`:                                "a3",
		"mac:*":                                 "a17",
		"id:a17":                                "a17",
		"id=17":                                 "a17",
		"id!=17":                                "a3",
		"class:vm":                              "a17",
		"class:virtual-machine":                 "a17",
		"class:virtual":                         "a17",
		`class="virtual machine"`:               "a17",
		"class=virtual":                         "",
		"class:phone":                           "",
		"class:voip":                            "a3",
		"class:machine":                         "",
		"os:linux":                              "a17",
		"os:debian":                             "a17",
		`os=""`:                                 "a3",
		"os:*":                                  "a17",
		"not os:*":                              "a3",
		"os_version>12.4":                       "a17",
		"version>12.10":                         "",
		"version<12.10":                         "a17",
		"version>=12.5.0":                       "a17",
		"version:12":                            "a17",
		"version=12":                            "",
		"site:berlin class:vm":                  "a17",
		"site:berlin AND class:vm":              "a17",
		"site:berlin class:router":              "",
		"site:berlin or class:voip":             "a3 a17",
		"not site:berlin":                       "a3",
		"NOT not site:berlin":                   "a17",
		"not (site:berlin or class:voip)":       "",
		"class:voip or site:berlin name:x*":     "a3",
		"(class:voip or site:berlin) name:web1": "a17",
		"name:web1.corp.example":                "a17",
		"name=web1":                             "a17",
		"name=web":                              "",
		"name:web":                              "a17",
		"name = web1":                           "a17",
		"memory > 16GiB":                        "a17",
		"memory>16gib and memory<64GiB":         "a17",
		"memory:32GiB":                          "a17",
		"memory:32G":                            "a17",
		"memory=33500000000B":                   "a17",
		"memory:64GiB":                          "",
		"memory=0":                              "a3",
		"memory<1GiB":                           "",
		"disk:500GB":                            "a17",
		"disk>=0.5TB":                           "a17",
		"certificate_until:*":                   "a17",
		"certificate_until<30d":                 "a17",
		"certificate_until:30d":                 "a17",
		"certificate_until:10d":                 "",
		"certificate_until<10d":                 "a17", // one is over
		"certificate_until>20d":                 "",
		"certificate_until>10d":                 "a17",
		"certificate_until<today":               "a17",
		"certificate_until>2099":                "",
		"certificate_until!=2099":               "a17",
		"not certificate_until<2099":            "a3",
		"last_seen<7d":                          "a17",
		"last_seen:1w":                          "a17",
		"last_seen>7d":                          "",
		"last_seen>1d":                          "a17",
		"last_seen:2026-11-18":                  "a17",
		"last_seen=2026-11":                     "a17",
		"last_seen<2026-11-18":                  "",
		"last_seen<=2026-11-18":                 "a17",
		"last_seen>2026-11-17":                  "a17",
		"last_seen>=2026-11-18T13:00:00+02:00":  "a17",
		"last_seen<today":                       "a17",
		"first_seen<2026":                       "",
		"source:agent":                          "a17",
		"source!=agent":                         "a3",
		"user:O'Brien":                          "a17",
		`user:"o'br"`:                           "a17",
		`model:'R740 (xd)'`:                     "a17",
		`name:"we\b1"`:                          "a17",
		"software:openssl":                      "a17",
		"software:open*":                        "a17",
		"software=open*":                        "a17",
		"software=open":                         "",
		"software:open":                         "a17",
		"software!=openssl":                     "a3",
		"not software:openssl":                  "a3",
		"software:openssl<3.0.11":               "",
		"software:openssl<3.0.12":               "a17",
		"software:openssl>3.0.11":               "",
		"software:openssl>=3.0.11":              "a17",
		"software:openssl<=3.0.11":              "a17",
		"software:openssl=3.0.11":               "a17",
		"software:openssl!=3.0.11":              "",
		"software:openssl=3.0.1":                "",
		"software:openssl>=3.0.11-1~deb12u3":    "",
		"software:openssl>3.0.11-1~deb12u1":     "a17",
		"software:bind9<9.19":                   "a17",
		"software:bind9>9.19":                   "",
		"software:bind9<1:9.19":                 "a17",
		`software:"mozilla firefox>=120"`:       "a17",
		"software:firefox=121":                  "a17",
		"software:odd>1":                        "",
		"software:odd software:openssl":         "a17",
	} {
		t.Run(filter, func(t *testing.T) {
			f, err := query.Parse(filter, now)
			if err != nil {
				t.Fatal(err)
			}
			match, err := f.Prepare(t.Context(), installed, query.When{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range []inventory.Asset{bare, web1()} {
				if match(&a) {
					got = append(got, a.ID.String())
				}
			}
			if have := strings.Join(got, " "); have != want {
				t.Errorf("got %q, want %q", have, want)
			}
		})
	}
}

func TestFilterErrors(t *testing.T) {
	for filter, want := range map[string]string{
		"nmae:x":                               "filter, character 1: unknown field \"nmae\"; the fields are address, asset_tag, certificate_until, class, cpu, disk, domain, first_seen, id, last_seen, mac, machine_id, memory, missed, missing, model, name, os, serial, site, software, source, user, vendor, version",
		"name:":                                `filter, character 6: expected a value after "name:", found the end`,
		"name: (x)":                            `filter, character 7: expected a value after "name:", found "("`,
		"(name:x":                              `filter, character 8: expected ) for the ( at character 1, found the end`,
		"name:x)":                              `filter, character 7: unexpected ")"`,
		"ü or":                                 `filter, character 5: expected a field such as class:server or a text, found the end`,
		"or x":                                 `filter, character 1: expected a field such as class:server or a text, found "or"`,
		"x and and y":                          `filter, character 7: expected a field such as class:server or a text, found "and"`,
		"=x":                                   `filter, character 1: expected a field such as class:server or a text, found "="`,
		`name:"x`:                              `filter, character 6: the quotation mark is never closed`,
		`x "y`:                                 `filter, character 3: the quotation mark is never closed`,
		"memory>32":                            `filter, character 8: memory: expected a size such as 32GiB, 500GB or 1.5TB`,
		"memory>1e300PB":                       `filter, character 8: memory: expected a size such as 32GiB, 500GB or 1.5TB`,
		"memory>NaNB":                          `filter, character 8: memory: expected a size such as 32GiB, 500GB or 1.5TB`,
		"last_seen<soon":                       `filter, character 11: last_seen: expected a date such as 2026-05-01, or an age such as 30d`,
		"certificate_until<soon":               `filter, character 19: certificate_until: expected a date such as 2026-12-31, or a time from now such as 30d`,
		"last_seen<99999999y":                  `filter, character 11: last_seen: expected a date such as 2026-05-01, or an age such as 30d`,
		"name<b":                               `filter, character 6: name: < compares sizes, times and versions; use : for a part, = or != for the whole`,
		"address:10.77.1.0/33":                 `filter, character 9: address: expected an address or a network such as 10.77.1.0/24`,
		"mac:router":                           `filter, character 5: mac: expected a MAC address such as 00:1a:2b:3c:4d:5e, or a part of one`,
		"id:x":                                 `filter, character 4: id: expected an asset id such as a17`,
		"software:*":                           `filter, character 10: software: give at least two letters of the name`,
		"software>x1":                          `filter, character 10: software: a version is compared like this: software:"openssl<3.0.11"`,
		"software:openssl<":                    `filter, character 10: software: expected a version after <`,
		"x\xff":                                "filter: not valid UTF-8",
		strings.Repeat("x", query.MaxFilter+1): "filter: 4097 bytes, at most 4096 allowed",
		strings.Repeat("(", 60):                "filter, character 51: nested more than 50 deep",
		strings.Repeat("not ", 60) + "x":       "filter, character 201: nested more than 50 deep",
		strings.Repeat("x ", 201):              "filter, character 401: more than 200 terms",
		strings.Repeat("software:xx ", 11):     "filter, character 130: software: too many questions about software in one filter",
	} {
		t.Run(filter[:min(len(filter), 30)], func(t *testing.T) {
			_, err := query.Parse(filter, now)
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if inventory.CodeOf(err) != inventory.CodeInvalid {
				t.Errorf("code %s", inventory.CodeOf(err))
			}
		})
	}
}

// Every field must take the operators it can without a crash, whatever the asset.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"web1", "class:server memory>32GiB not os:windows", `software:"openssl<3.0.11" or (name:"a\"b" and mac!=00:1a)`,
		"address:10.0.0.0/8 last_seen<30d", "first_seen>=2026-01-01T00:00 version<12*", "'", "\\", "id=a1", "a:b:c::/1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := query.Parse(text, now)
		if err != nil {
			if inventory.CodeOf(err) != inventory.CodeInvalid {
				t.Fatalf("code %s: %v", inventory.CodeOf(err), err)
			}
			return
		}
		match, err := filter.Prepare(t.Context(), titles{17: {{Source: "deb", Name: text, Version: text}, {Name: "xx", Version: "1"}}}, query.When{})
		if err != nil {
			t.Fatal(err)
		}
		a := web1()
		match(&a)
		match(&inventory.Asset{Name: text, Addresses: []string{text}, MACs: []string{text}, OSVersion: text})
	})
}
