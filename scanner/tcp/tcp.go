// Package tcp finds hosts that answer no echo at ports that something usually listens on. A
// port that refuses is an answer too.
//
// It owns two ways to do that. A Socket sends SYNs of its own, any number of them on the way,
// where the process may open raw sockets. Connect is the system's own and needs no rights, but
// each silent port keeps a connection waiting. Neither sends anything on a connection. It
// refuses to name services.
package tcp

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/muster-itam/muster/internal/pause"
)

// Ports are tried in this order: remote administration, web, printing, file sharing.
func Ports() []int { return []int{22, 443, 80, 445, 3389, 631, 9100, 23} }

// Answer says how an address answered.
type Answer struct {
	Addr netip.Addr
	Port int
	Open bool // false: it refused
}

// Sweep says what to try.
type Sweep struct {
	// Targets are visited once by Connect, and once for each port by a Socket: in the same
	// order each time.
	Targets iter.Seq[netip.Addr]
	// Skip tells of which targets no more is wanted; nil for none.
	Skip  func(netip.Addr) bool
	Ports []int
	// Wait blocks until the next packet may go to the address.
	Wait func(context.Context, netip.Addr) error
	// Sent and Seen are called by many goroutines.
	Sent func()
	// Seen is called once for each address that answers.
	Seen func(Answer)
	// Timeout is how long one port is waited for; 0 means 700 ms.
	Timeout time.Duration
	// AtOnce bounds the connections under way; 0 means 512. SYNs have no such bound.
	AtOnce int
}

func (s *Sweep) defaults() {
	if s.Timeout == 0 {
		s.Timeout = 700 * time.Millisecond
	}
	if s.AtOnce == 0 {
		s.AtOnce = 512
	}
	if s.Skip == nil {
		s.Skip = func(netip.Addr) bool { return false }
	}
}

// Connect tries the ports of each target one after the other until one answers, many targets
// at a time.
func Connect(ctx context.Context, s Sweep) error {
	s.defaults()
	slots := make(chan struct{}, s.AtOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	for a := range s.Targets {
		if s.Skip(a) {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		wg.Go(func() {
			defer func() { <-slots }()
			s.try(ctx, a)
		})
	}
	wg.Wait()
	return ctx.Err()
}

func (s Sweep) try(ctx context.Context, a netip.Addr) {
	for _, port := range s.Ports {
		if s.Wait(ctx, a) != nil {
			return
		}
		s.Sent()
		if open, alive := connect(ctx, a, port, s.Timeout); alive {
			s.Seen(Answer{Addr: a, Port: port, Open: open})
			return
		}
	}
}

// A connection that this host has no room for is tried again for some seconds.
const (
	maxRetries = 50
	retryPause = 100 * time.Millisecond
)

func connect(ctx context.Context, a netip.Addr, port int, timeout time.Duration) (open, alive bool) {
	d := net.Dialer{Timeout: timeout, KeepAlive: -1}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(port)))
	for range maxRetries { // this host's shortage says nothing about the other
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) && !errors.Is(err, syscall.ENOBUFS) {
			break
		}
		if pause.For(ctx, retryPause) != nil {
			return false, false
		}
		conn, err = d.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(port)))
	}
	if err == nil {
		// A reset instead of a farewell leaves nothing behind on either side.
		if t, ok := conn.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
		_ = conn.Close()
		return true, true
	}
	return false, errors.Is(err, syscall.ECONNREFUSED)
}
