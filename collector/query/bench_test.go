package query_test

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// BenchmarkAssets asks an estate of 2,000 machines with 500 titles each.
func BenchmarkAssets(b *testing.B) {
	st := machines(b, 2000, 500)
	q := query.New(st, time.Now)
	for name, ask := range map[string]query.AssetQuery{
		"all":      {},
		"filter":   {Filter: "class:server memory>32GiB address:10.1.0.0/16 not os:windows", Sort: "-memory"},
		"software": {Filter: `software:"package-7<2.0"`},
		"as of":    {When: query.When{AsOf: time.Now().Add(time.Second)}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				page, err := q.Assets(b.Context(), ask)
				if err != nil || page.Total == 0 {
					b.Fatal(err, page.Total)
				}
			}
		})
	}
	b.Run("titles", func(b *testing.B) {
		for b.Loop() {
			page, err := q.Software(b.Context(), "package-7", query.When{}, query.Page{Limit: 100})
			if err != nil || page.Total == 0 {
				b.Fatal(err, page.Total)
			}
		}
	})
}

// BenchmarkQuestions asks an estate of 25,000 machines for pages as the web page and the command line do.
func BenchmarkQuestions(b *testing.B) {
	q := query.New(machines(b, 25_000, 0), time.Now)
	for _, c := range []struct {
		name string
		ask  query.AssetQuery
	}{
		{"first 200", query.AssetQuery{Limit: 200}},
		{"first 200 by name", query.AssetQuery{Limit: 200, Sort: "name"}},
		{"one by name", query.AssetQuery{Filter: "name:srv777", Limit: query.MaxLimit}},
		{"by a word", query.AssetQuery{Filter: "srv777", Limit: query.MaxLimit}},
		{"by its time", query.AssetQuery{Filter: "name:srv777 last_seen<7d", Limit: query.MaxLimit}},
		{"all", query.AssetQuery{Limit: query.MaxLimit}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask := c.ask
				for more := true; more; more = ask.Cursor != "" && ask.Limit == query.MaxLimit {
					page, err := q.Assets(b.Context(), ask)
					if err != nil || page.Total == 0 {
						b.Fatal(err, page.Total)
					}
					ask.Cursor = page.Next
				}
			}
		})
	}
}

// machines is an inventory of machines with so many titles each.
func machines(b *testing.B, count, titles int) *store.Store {
	b.Helper()
	st, err := store.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "muster.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	for i := 0; i < count; i += 1000 {
		var batch []inventory.Observation
		for j := range min(1000, count-i) {
			batch = append(batch, machine(i+j, titles))
		}
		feed(b, st, time.Now(), batch...)
	}
	return st
}

func machine(i, titles int) inventory.Observation {
	serial := fmt.Sprintf("SN%07dX", i)
	var sw inventory.SoftwareList
	for j := range titles {
		sw = append(sw, inventory.Software{Source: "deb", Name: fmt.Sprintf("package-%d", j), Version: fmt.Sprintf("%d.%d", 1+i%3, j), Arch: "amd64"})
	}
	o := inventory.Observation{Source: inventory.Source{Kind: inventory.KindAgent, ID: serial, Site: "hq"}, Epoch: 1, Seq: 1, SeenAt: time.Now(), Complete: true}
	for _, body := range []inventory.Body{
		&inventory.Device{Name: fmt.Sprintf("srv%d", i), Domain: "corp.example", Class: inventory.ClassServer, Vendor: "Dell Inc.", Model: "PowerEdge R660", Serial: serial,
			Identifiers: []inventory.Identifier{{Type: inventory.IDSerial, Value: serial, Scope: "Dell Inc.", Part: inventory.PartSystem}}},
		&inventory.OS{Family: "linux", Name: "Debian GNU/Linux", Version: "12"}, &inventory.Hardware{MemoryBytes: int64(1+i%8) << 34, CPUModel: "Xeon"},
		inventory.Interfaces{{Name: "eth0", MAC: fmt.Sprintf("d4:be:d9:%02x:%02x:01", i>>8, i&0xff), Type: inventory.IfEthernet,
			Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 16)}}},
		sw,
	} {
		o.Sections = append(o.Sections, inventory.Section{Name: body.Section(), Status: inventory.StatusOK, Hash: []byte(serial), Body: body})
	}
	return o
}
