package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// fullReport is the first report of host n: 500 packages of a pool of 3,000.
func fullReport(n int) inventory.Observation {
	var sw inventory.SoftwareList
	for i := range 500 {
		k := (i*7 + n*13*(i%5)) % 3000
		sw = append(sw, inventory.Software{Source: "deb", Name: fmt.Sprintf("package-%d", k), Version: "1.2-3", Arch: "amd64", Publisher: "Debian"})
	}
	mac := fmt.Sprintf("00:14:22:%02x:%02x:%02x", n>>16&255, n>>8&255, n&255)
	return inventory.Observation{
		Source: inventory.Source{Kind: inventory.KindAgent, ID: fmt.Sprintf("agent-%d", n), Site: "hq"},
		Epoch:  1, Seq: 1, SeenAt: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		Sections: []inventory.Section{
			section(&inventory.Device{Name: fmt.Sprintf("host%d", n), Vendor: "Dell Inc.", Model: "Latitude 5440", Serial: fmt.Sprintf("7XK%06d", n),
				Identifiers: []inventory.Identifier{{Type: inventory.IDSerial, Value: fmt.Sprintf("7XK%06d", n), Scope: "Dell Inc.", Part: inventory.PartSystem}}}, "d"),
			section(&inventory.OS{Family: "linux", Name: "Debian GNU/Linux", Version: "12"}, "o"),
			section(inventory.Interfaces{{Name: "eth0", MAC: mac, Type: inventory.IfEthernet,
				Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 8)}}}, "i"),
			section(inventory.Disks{{Name: "sda", Serial: fmt.Sprintf("S5GX%07d", n), Model: "Samsung SSD 980", Bytes: 1 << 39}}, "k"),
			section(sw, "s"),
		},
	}
}

// unchanged is the report of host n in which nothing changed.
func unchanged(n int, seq int64) inventory.Observation {
	o := fullReport(n)
	o.Seq = seq
	for i := range o.Sections {
		o.Sections[i].Body = nil
	}
	return o
}

func benchRig(b *testing.B) (*ingest.Ingester, string) {
	b.Helper()
	file := filepath.Join(b.TempDir(), "muster.db")
	st, err := store.Open(b.Context(), "sqlite:"+file)
	if err != nil {
		b.Fatal(err)
	}
	in := ingest.New(ingest.Config{}, st, slog.New(slog.DiscardHandler), func() time.Time {
		return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { in.Run(ctx); close(done) }()
	b.Cleanup(func() { stop(); <-done; _ = st.Close() })
	return in, file
}

func submitAll(b *testing.B, in *ingest.Ingester, list []inventory.Observation) {
	b.Helper()
	acks, err := in.Submit(b.Context(), list)
	if err != nil {
		b.Fatal(err)
	}
	for _, a := range acks {
		if a.Outcome != ingest.Accepted || len(a.Needed) > 0 {
			b.Fatalf("%+v", a)
		}
	}
}

func BenchmarkFirstReports(b *testing.B) {
	in, file := benchRig(b)
	n := 0
	for b.Loop() {
		b.StopTimer()
		list := make([]inventory.Observation, 64)
		for i := range list {
			list[i] = fullReport(n)
			n++
		}
		b.StartTimer()
		submitAll(b, in, list)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "reports/s")
	if fi, err := os.Stat(file); err == nil {
		b.ReportMetric(float64(fi.Size())/float64(n), "bytes/host")
	}
}

// sighting is what a scanner sees of host n on a day: a card, an address, a name.
func sighting(n, day int) inventory.Observation {
	seen := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).AddDate(0, 0, day)
	mac := fmt.Sprintf("00:14:22:%02x:%02x:%02x", n>>16&255, n>>8&255, n&255)
	ip := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n + day%3)}), 32)
	return inventory.Observation{
		Source: inventory.Source{Kind: inventory.KindScanner, ID: "scanner-1", Site: "hq"}, NativeKey: "mac:" + mac,
		Epoch: 1, Seq: int64(day<<16 + n + 1), SeenAt: seen, Complete: true,
		Sections: []inventory.Section{
			{Name: inventory.SectionDevice, Status: inventory.StatusOK, Body: &inventory.Device{Name: fmt.Sprintf("host%d", n)}},
			{Name: inventory.SectionInterfaces, Status: inventory.StatusOK, Body: inventory.Interfaces{{MAC: mac, Up: true, Addresses: []netip.Prefix{ip}}}},
		},
	}
}

// Sightings without hashes, each of a new day and every third at another address: what an
// estate's observations mostly are. Memory is that of an observation.
func BenchmarkSightings(b *testing.B) {
	in, _ := benchRig(b)
	const hosts = 1024
	n := 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		list := make([]inventory.Observation, hosts)
		for i := range list {
			list[i] = sighting(i, n/hosts)
		}
		submitAll(b, in, list)
		n += hosts
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "reports/s")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(n), "B/report")
}

func BenchmarkUnchangedReports(b *testing.B) {
	in, _ := benchRig(b)
	const hosts = 512
	first := make([]inventory.Observation, hosts)
	for i := range first {
		first[i] = fullReport(i)
	}
	submitAll(b, in, first)
	seq, n := int64(1), 0
	for b.Loop() {
		seq++
		list := make([]inventory.Observation, hosts)
		for i := range list {
			list[i] = unchanged(i, seq)
		}
		submitAll(b, in, list)
		n += hosts
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "reports/s")
}
