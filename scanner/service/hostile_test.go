package service_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-itam/muster/scanner/service"
)

// serve answers each connection with talk until the test ends.
func serve(t *testing.T, talk func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	context.AfterFunc(t.Context(), func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(t.Context(), func() { _ = c.Close() })
			go func() {
				defer func() { _ = c.Close() }()
				talk(c)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// forever writes b again and again and counts what was taken.
func forever(sent *atomic.Int64, b []byte) func(net.Conn) {
	return func(c net.Conn) {
		for {
			n, err := c.Write(b)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
}

// hostile servers by name.
func hostile(sent *atomic.Int64) map[string]func(net.Conn) {
	garbage := make([]byte, 1<<16)
	_, _ = rand.Read(garbage) // never fails
	tls := append([]byte{22, 3, 3, 0xff, 0xff, 2, 0xff, 0xff, 0xff}, garbage...)
	return map[string]func(net.Conn){
		"endless line":    forever(sent, bytes.Repeat([]byte("A"), 1<<16)),
		"endless lines":   forever(sent, bytes.Repeat([]byte("220 SSH-2.0-\x1b[2J\r\n"), 1<<12)),
		"garbage":         forever(sent, garbage),
		"tls garbage":     forever(sent, tls),
		"million headers": forever(sent, []byte("HTTP/1.1 200 OK\r\n"+strings.Repeat("X-A: \x1b]0;b\x07\r\n", 1<<12))),
		"redirect loop": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = fmt.Fprintf(c, "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
		},
		"huge lengths": forever(sent, bytes.Repeat([]byte{0xff}, 1<<12)),
		"zeros":        forever(sent, make([]byte, 1<<12)),
		"slow drip": func(c net.Conn) {
			for {
				if _, err := c.Write([]byte("S")); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		},
		"ssh that goes on": func(c net.Conn) {
			_, _ = c.Write([]byte("SSH-2.0-x\r\n"))
			for {
				if _, err := c.Write([]byte{0, 0, 0, 12, 10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err != nil {
					return
				}
			}
		},
		"silence": func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); time.Sleep(time.Minute) },
		"hang up": func(net.Conn) {},
		"escapes": func(c net.Conn) {
			_, _ = c.Write([]byte("220 \x1b]0;evil\x07\x1b[31mred\u202egnp.exe\r\n"))
			_, _ = c.Read(make([]byte, 1024))
		},
	}
}

// Whatever a server does, the exchange ends in its time, takes no more bytes than it may and
// keeps only clean text.
func TestHostileServers(t *testing.T) {
	const exchange = 300 * time.Millisecond
	for _, port := range service.Asked() {
		for name, talk := range hostile(&atomic.Int64{}) {
			t.Run(fmt.Sprint(port, " ", name), func(t *testing.T) {
				t.Parallel()
				var packets atomic.Int64
				p := &service.Prober{Exchange: exchange, Wait: func(ctx context.Context, _ netip.Addr) error {
					packets.Add(1)
					return ctx.Err()
				}}
				at := serve(t, talk)
				began := time.Now()
				a := p.Ask(t.Context(), port, at)
				// Four connections at most follow each other; the rest is a busy machine.
				if took := time.Since(began); took > 4*exchange+10*time.Second {
					t.Errorf("took %s", took)
				}
				if n := packets.Load(); n > int64(service.Most(port)) {
					t.Errorf("%d packets, and the plan says at most %d", n, service.Most(port))
				}
				check(t, a)
			})
		}
	}
}

// No server gets more read than one exchange may take, beyond what the system's own buffers hold.
func TestBytesAreBounded(t *testing.T) {
	for _, port := range service.Asked() {
		t.Run(fmt.Sprint(port), func(t *testing.T) {
			t.Parallel()
			var connections atomic.Int64
			var read atomic.Int64
			p := &service.Prober{Exchange: time.Second, Wait: func(context.Context, netip.Addr) error { return nil }}
			at := serve(t, func(c net.Conn) {
				connections.Add(1)
				_ = c.(*net.TCPConn).SetWriteBuffer(4096)
				forever(&read, bytes.Repeat([]byte("HTTP/1.1 200 OK\r\nX: y\r\n"), 64))(c)
			})
			p.Ask(t.Context(), port, at)
			time.Sleep(50 * time.Millisecond)
			const buffers = 8 << 20
			if n := connections.Load(); n > 6 {
				t.Errorf("%d connections", n)
			}
			if n := read.Load(); n > connections.Load()*(service.MaxIcon+buffers) {
				t.Errorf("%d bytes were taken by %d connections", n, connections.Load())
			}
		})
	}
}

// A scan that is stopped does not wait for anybody.
func TestStop(t *testing.T) {
	for _, port := range service.Asked() {
		at := serve(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); time.Sleep(time.Minute) })
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		began := time.Now()
		(&service.Prober{}).Ask(ctx, port, at)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("port %d: stopped after %s", port, took)
		}
	}
}

// A UDP answer that is not one is dropped.
func TestHostileDatagrams(t *testing.T) {
	for _, port := range service.Default().UDP {
		for _, reply := range [][]byte{nil, {0}, bytes.Repeat([]byte{0xff}, 1400), bytes.Repeat([]byte("A"), 60000), []byte("SIP/2.0 \x1b[2J")} {
			l, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, from, err := l.ReadFrom(make([]byte, 2048))
				if err == nil {
					_, _ = l.WriteTo(reply, from)
				}
			}()
			a := (&service.Prober{}).AskUDP(t.Context(), port, netip.MustParseAddrPort(l.LocalAddr().String()))
			if a.Service != "" {
				t.Errorf("port %d takes %.20q for %v", port, reply, a)
			}
			_ = l.Close()
		}
	}
}
