package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-itam/muster/collector"
	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"muster": func() { os.Exit(run()) }})
}

// Each script has a collector of its own with a small estate in it; $MUSTER_URL,
// $MUSTER_TOKEN and $MUSTER_CA lead there. A script named empty_... gets none of the estate.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			config := collector.DefaultConfig()
			config.DataDir, config.Listen, config.MetricsListen = filepath.Join(env.WorkDir, "data"), "127.0.0.1:0", "off"
			if err := fill(t.Context(), config, filepath.Base(env.WorkDir)); err != nil {
				return err
			}
			url, err := serve(env, config)
			if err != nil {
				return err
			}
			token, err := os.ReadFile(filepath.Join(config.DataDir, collector.AdminTokenFile))
			env.Setenv("MUSTER_URL", url)
			env.Setenv("MUSTER_TOKEN", strings.TrimSpace(string(token)))
			env.Setenv("MUSTER_CA", filepath.Join(config.DataDir, "ca.pem"))
			env.Setenv("TZ", "UTC")
			return err
		},
	})
}

// serve runs a collector until the script ends.
func serve(env *testscript.Env, config collector.Config) (url string, err error) {
	url, stop, err := runCollector(config)
	env.Defer(func() {
		if err := stop(); err != nil {
			env.T().Log("the collector ended with:", err)
		}
	})
	return url, err
}

// runCollector runs one until it is stopped.
func runCollector(config collector.Config) (url string, stop func() error, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- collector.Run(ctx, config, collector.Deps{Log: slog.New(slog.DiscardHandler), Now: time.Now,
			Ready: func(address string) { ready <- address }})
	}()
	stop = func() error { cancel(); return <-ended }
	select {
	case address := <-ready:
		return "https://" + address, stop, nil
	case err := <-ended:
		cancel()
		return "", func() error { return nil }, err
	}
}

const (
	agentID   = "11111111-1111-4111-8111-111111111111"
	scannerID = "22222222-2222-4222-8222-222222222222"
)

// fill puts a laptop that an agent reported three days ago and now, and a printer that a
// scanner found, into the inventory of a script; for the one about topology switches too.
func fill(ctx context.Context, config collector.Config, script string) error {
	base, err := collector.Open(ctx, config, time.Now)
	if err != nil || strings.Contains(script, "empty") {
		return err
	}
	defer func() { _ = base.Close() }()
	now := time.Now()
	if err := base.Store.AddToken(ctx, identity.Token{ID: "t1", Hash: []byte{1}, Site: "hq", Uses: 9, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}); err != nil {
		return err
	}
	for kind, id := range map[inventory.SourceKind]string{inventory.KindAgent: agentID, inventory.KindScanner: scannerID} {
		src := identity.Source{ID: id, Kind: kind, Site: "hq", Hostname: string(kind) + "-host", Version: "1.2.3", Token: "t1", EnrolledAt: now}
		if err := base.Store.Enrol(ctx, src, identity.Certificate{Serial: id, Key: []byte{1}, IssuedAt: now, NotAfter: now.AddDate(0, 1, 0)}); err != nil {
			return err
		}
	}
	clock := now.Add(-3 * 24 * time.Hour)
	in := ingest.New(ingest.Config{}, base.Store, slog.New(slog.DiscardHandler), func() time.Time { return clock })
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { in.Run(running); close(done) }()
	defer func() { stop(); <-done }()
	seq := int64(0)
	send := func(kind inventory.SourceKind, id, key string, bodies ...inventory.Body) {
		seq++
		o := inventory.Observation{Source: inventory.Source{Kind: kind, ID: id, Site: "hq"}, NativeKey: key, Epoch: 1, Seq: seq, SeenAt: clock, Complete: true}
		for _, b := range bodies {
			o.Sections = append(o.Sections, inventory.Section{Name: b.Section(), Status: inventory.StatusOK, Hash: fmt.Append(nil, seq, b.Section()), Body: b})
		}
		acks, serr := in.Submit(ctx, []inventory.Observation{o})
		if err == nil && (serr != nil || acks[0].Outcome != ingest.Accepted) {
			err = fmt.Errorf("report of %s: %v %w", key, acks, serr)
		}
	}
	laptop := &inventory.Device{Name: "lap1", Domain: "corp.example", Class: inventory.ClassLaptop, Vendor: "LENOVO", Model: "ThinkPad X13", Serial: "PF4ABC12",
		Identifiers: []inventory.Identifier{{Type: inventory.IDSerial, Value: "PF4ABC12", Scope: "LENOVO", Part: inventory.PartSystem}}}
	rest := []inventory.Body{&inventory.OS{Family: "linux", Name: "Debian GNU/Linux", Version: "12", Arch: "amd64"}, &inventory.Hardware{MemoryBytes: 16 << 30, CPUModel: "Core 7"},
		nic("eth0", "a4:bb:6d:01:02:03", "10.77.1.21/24"), inventory.Disks{{Name: "nvme0n1", Model: "Samsung", Serial: "S6X1", Bus: "nvme", Bytes: 512 << 30}}}
	send(inventory.KindAgent, agentID, "", append(rest, laptop, titles("openssl 3.0.11-1~deb12u2", "bash 5.2.15-2+b7"))...)
	send(inventory.KindScanner, scannerID, "00:17:c8:00:00:01", &inventory.Device{Name: "\x1b[2Jprn\u202e1", Class: inventory.ClassPrinter, Vendor: "=cmd|'/C calc'!A1", Model: "Kyo\r\ncera"},
		nic("", "00:17:c8:00:00:01", "10.77.1.9/24"), inventory.Supplies{{Name: "Toner", Kind: "toner", Colour: "black", LevelPercent: 75}, {Name: "Box", Kind: "waste", LevelPercent: -1}},
		inventory.Meters{{Name: "printed", Unit: "pages", Value: 48211}}, inventory.VLANs{{ID: 10, Name: "office"}},
		inventory.Redundancies{{Protocol: "vrrp", Group: 7, Interface: "eth0", Addresses: []string{"10.77.1.1"}, State: "master", Priority: 120}},
		inventory.WirelessNetworks{{SSID: "guests", VLAN: 30, Disabled: true}})
	if strings.Contains(script, "topology") {
		network(send, "Gi0/3")
		clock = now.Add(-time.Hour)
		network(send, "Gi0/4")
	}
	clock = now
	send(inventory.KindAgent, agentID, "", append(rest, laptop, titles("openssl 3.0.15-1~deb12u1", "jq 1.6-2.1"))...)
	if err == nil {
		err = base.Store.NoteMoves(ctx, clock) // a collector does so once a second
	}
	return err
}

// network are two switches with the laptop at a port of the second, whose name is hostile.
func network(send func(inventory.SourceKind, string, string, ...inventory.Body), port string) {
	const first, second, evil = "44:31:92:00:00:01", "44:31:92:00:00:02", "sw\"2\\N\x1b[2J"
	ports := func(names ...string) (out inventory.Interfaces) {
		for i, n := range names {
			out = append(out, inventory.Interface{Name: n, Index: i + 1, Type: inventory.IfEthernet, Up: true, SpeedMbps: 1000, VLAN: 10, PoE: "delivering", Description: "room " + n})
		}
		return out
	}
	name := func(mac, text string) *inventory.Device {
		return &inventory.Device{Name: text, Class: inventory.ClassSwitch, Identifiers: []inventory.Identifier{{Type: inventory.IDMAC, Value: mac}}}
	}
	send(inventory.KindScanner, scannerID, "mac:"+first, name(first, "sw1"), ports("Gi0/1", "Gi0/24"), inventory.Neighbours{
		{Protocol: "lldp", LocalPort: "Gi0/24", ChassisID: second, RemotePort: "Gi0/24", RemoteName: evil, Capabilities: []string{"bridge"}},
		{Protocol: "bridge", LocalPort: "Gi0/1", MAC: "00:17:c8:00:00:01"}, {Protocol: "bridge", LocalPort: "Gi0/24", MAC: "a4:bb:6d:01:02:03"}})
	send(inventory.KindScanner, scannerID, "mac:"+second, name(second, evil), ports("Gi0/3", "Gi0/4", "Gi0/24"), inventory.Neighbours{
		{Protocol: "lldp", LocalPort: "Gi0/24", ChassisID: first, RemotePort: "Gi0/24", RemoteName: "sw1", Capabilities: []string{"bridge"}},
		{Protocol: "bridge", LocalPort: port, MAC: "a4:bb:6d:01:02:03"}})
}

func nic(name, mac, address string) inventory.Interfaces {
	return inventory.Interfaces{{Name: name, MAC: mac, Type: inventory.IfEthernet, Up: true, Addresses: []netip.Prefix{netip.MustParsePrefix(address)}}}
}

func titles(list ...string) (out inventory.SoftwareList) {
	for _, text := range list {
		name, version, _ := strings.Cut(text, " ")
		out = append(out, inventory.Software{Source: "deb", Name: name, Version: version, Arch: "amd64"})
	}
	return out
}
