package tcp_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner/tcp"
)

func TestConnect(t *testing.T) {
	open, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Close() }()
	port := open.Addr().(*net.TCPAddr).Port
	targets := []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr("255.255.255.255")}
	var mu sync.Mutex
	seen := map[string]tcp.Answer{}
	sent := 0
	err = tcp.Connect(t.Context(), tcp.Sweep{
		Targets: slices.Values(targets), Ports: []int{port, 1},
		Wait: func(context.Context, netip.Addr) error { return nil },
		Sent: func() { mu.Lock(); sent++; mu.Unlock() },
		Seen: func(a tcp.Answer) { mu.Lock(); seen[a.Addr.String()] = a; mu.Unlock() },
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]tcp.Answer{
		"127.0.0.2": {Addr: targets[0], Port: port, Open: true},
		"127.0.0.3": {Addr: targets[1], Port: port},
	}
	if d := cmp.Diff(want, seen, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	if sent != 4 { // one each for those that answer, all ports for the silent one
		t.Errorf("%d connections tried, want 4", sent)
	}
}

func TestConnectStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := tcp.Connect(ctx, tcp.Sweep{
		Targets: func(yield func(netip.Addr) bool) {
			for a := netip.MustParseAddr("127.0.0.1"); yield(a); a = a.Next() {
				cancel()
			}
		},
		Ports: tcp.Ports(), AtOnce: 2, Timeout: time.Hour,
		Wait: func(ctx context.Context, _ netip.Addr) error { <-ctx.Done(); return ctx.Err() },
		Sent: func() {}, Seen: func(tcp.Answer) {},
	})
	if err == nil {
		t.Error("no error after the end")
	}
}
