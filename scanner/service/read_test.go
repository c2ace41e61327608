package service_test

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner/service"
)

// listen opens ports of addr whose connections nobody ever accepts.
func listen(t *testing.T, addr string, ports ...int) {
	t.Helper()
	for _, port := range ports {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(addr, strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
	}
}

func numbers(from, to int) (out []int) {
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

// A host on which every port answers is known for that after a few, and nothing of it is taken.
func TestEverythingAnswers(t *testing.T) {
	const addr = "127.0.97.1"
	listen(t, addr, numbers(40000, 48999)...)
	packets := 0
	p := &service.Prober{Ports: service.Ports{TCP: numbers(40000, 40020)}, Exchange: 1, Wait: func(context.Context, netip.Addr) error {
		packets++
		return nil
	}}
	d := p.Read(t.Context(), netip.MustParseAddr(addr))
	if d := cmp.Diff(&service.Device{Asked: 4, Everything: true}, d); d != "" {
		t.Error(d)
	}
	if packets > 30 {
		t.Errorf("%d packets", packets)
	}
}

// A host with many services is none of those: what nothing uses is closed.
func TestManyPortsOpen(t *testing.T) {
	const addr = "127.0.97.2"
	listen(t, addr, numbers(30000, 30007)...)
	p := &service.Prober{Ports: service.Ports{TCP: numbers(30000, 30008)}, Exchange: 1}
	d := p.Read(t.Context(), netip.MustParseAddr(addr))
	if d.Everything || len(d.Ports) != 8 || d.Asked != 9 || d.Refused != 1 || d.Reason != "" {
		t.Errorf("%+v", d)
	}
}
