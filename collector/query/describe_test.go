package query_test

import (
	"testing"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
)

func TestDescribe(t *testing.T) {
	for name, c := range map[string]struct {
		change store.Change
		want   string
	}{
		"update":       {store.Change{Section: "software", Before: "1.0", After: "1.1"}, "1.0 → 1.1"},
		"installed":    {store.Change{Section: "software", After: "1.1"}, "1.1"},
		"removed":      {store.Change{Section: "software", Before: "1.0"}, "1.0 → nothing"},
		"text":         {store.Change{Section: "os", Before: `"12"`, After: `"13"`}, "12 → 13"},
		"number":       {store.Change{Section: "hardware", Before: `17179869184`, After: `34359738368`}, "17179869184 → 34359738368"},
		"fields":       {store.Change{Section: "interfaces", Before: `{"name":"eth0","up":true,"mtu":1500}`, After: `{"name":"eth0","up":false,"mtu":1500}`}, "up: true → false"},
		"field gone":   {store.Change{Section: "disks", Before: `{"name":"sda","firmware":"1"}`, After: `{"name":"sda"}`}, "firmware: 1 → nothing"},
		"list":         {store.Change{Section: "interfaces", Before: `{"addresses":["10.0.0.1/24"]}`, After: `{"addresses":["10.0.0.1/24","10.0.0.2/24"]}`}, "addresses: 10.0.0.1/24 → 10.0.0.1/24 10.0.0.2/24"},
		"added item":   {store.Change{Section: "users", After: `{"name":"ann","id":"1000"}`}, "id: 1000, name: ann"},
		"removed item": {store.Change{Section: "users", Before: `{"name":"ann","x":[{"y":1}]}`}, `name: ann, x: [{"y":1}]`},
		"appeared":     {store.Change{Section: "record", Kind: "appeared"}, ""},
	} {
		if got := query.Describe(c.change); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
