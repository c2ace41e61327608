// Package icmp asks addresses that are not on a link of this host for an echo.
//
// It owns ICMP echo (RFC 792, RFC 4443) over raw sockets where the process may have them
// and over datagram sockets where the system allows those to everybody, and the timestamp of
// RFC 792, which some who filter echo forget, over raw sockets. Answers count
// only when they carry what was sent. It refuses to time anything: liveness is all.
package icmp

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/muster-itam/muster/internal/pause"
)

// ErrPermission means that neither kind of socket may be opened.
var ErrPermission = errors.New("ICMP needs root, CAP_NET_RAW or a group in net.ipv4.ping_group_range")

// family is what differs between ICMP and ICMPv6.
type family struct {
	raw, datagram string // networks of icmp.ListenPacket
	listen        string
	protocol      int
	request       icmp.Type
	reply         icmp.Type
}

var (
	v4     = family{"ip4:icmp", "udp4", "0.0.0.0", 1, ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply}
	v6     = family{"ip6:ipv6-icmp", "udp6", "::", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply}
	v4time = family{"ip4:icmp", "", "0.0.0.0", 1, ipv4.ICMPTypeTimestamp, ipv4.ICMPTypeTimestampReply}
)

// Socket sends and receives echoes of one family.
type Socket struct {
	family family
	conn   *icmp.PacketConn
	raw    bool
	key    [32]byte
	id     int
}

// Open4 and Open6 open a raw socket, or a datagram one when that is not allowed.

// Open4 is for IPv4.
func Open4() (*Socket, error) { return open(v4) }

// Open6 is for IPv6.
func Open6() (*Socket, error) { return open(v6) }

// OpenTimestamp is for the timestamp of IPv4, which needs a raw socket.
func OpenTimestamp() (*Socket, error) { return open(v4time) }

func open(f family) (*Socket, error) {
	s := &Socket{family: f, raw: true}
	var err error
	if s.conn, err = icmp.ListenPacket(f.raw, f.listen); err != nil && f.datagram != "" {
		s.raw = false
		s.conn, err = icmp.ListenPacket(f.datagram, f.listen)
	}
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, ErrPermission
	case err != nil:
		return nil, fmt.Errorf("open ICMP socket: %w", err)
	}
	if _, err := rand.Read(s.key[:]); err != nil {
		return nil, fmt.Errorf("make ICMP key: %w", err)
	}
	s.id = int(s.key[0])<<8 | int(s.key[1])
	return s, nil
}

// Raw tells whether the socket is a raw one.
func (s *Socket) Raw() bool { return s.raw }

// Close gives the socket back.
func (s *Socket) Close() error { return s.conn.Close() }

// Sweep says what to ask.
type Sweep struct {
	Targets func() iter.Seq[netip.Addr]
	// Skip tells which targets are not asked, when their turn comes; nil for none.
	Skip func(netip.Addr) bool
	// Wait blocks until the next packet may go to the address.
	Wait func(context.Context, netip.Addr) error
	Sent func()
	// Seen is called once for each address that answers. One goroutine calls it.
	Seen func(netip.Addr)
	// Passes is how often an address that does not answer is asked; 0 means 2.
	Passes int
	// Settle is how long answers are waited for after each pass; 0 means 1 s.
	Settle time.Duration
}

// Run sweeps and closes the socket.
func (s *Socket) Run(ctx context.Context, sweep Sweep) error {
	var mu sync.Mutex
	answered := map[netip.Addr]bool{}
	done := func(a netip.Addr) bool {
		mu.Lock()
		defer mu.Unlock()
		return answered[a]
	}
	received := make(chan error, 1)
	go func() {
		received <- s.receive(func(a netip.Addr) {
			mu.Lock()
			seen := answered[a]
			answered[a] = true
			mu.Unlock()
			if !seen {
				sweep.Seen(a)
			}
		})
	}()
	err := s.send(ctx, sweep, done)
	closeErr := s.conn.Close()
	if rerr := <-received; err == nil {
		err = rerr
	}
	if err == nil {
		err = closeErr
	}
	return err
}

func (s *Socket) send(ctx context.Context, sweep Sweep, done func(netip.Addr) bool) error {
	passes, settle := sweep.Passes, sweep.Settle
	if passes == 0 {
		passes = 2
	}
	if settle == 0 {
		settle = time.Second
	}
	for pass := range passes {
		for a := range sweep.Targets() {
			if done(a) || sweep.Skip != nil && sweep.Skip(a) {
				continue
			}
			if err := sweep.Wait(ctx, a); err != nil {
				return err
			}
			if err := s.echo(ctx, a, pass); err != nil {
				return err
			}
			sweep.Sent()
		}
		if err := pause.For(ctx, settle); err != nil {
			return err
		}
	}
	return nil
}

// cookie is what an echo to a carries: nobody else can make it up.
func (s *Socket) cookie(a netip.Addr) []byte {
	h := hmac.New(sha256.New, s.key[:])
	h.Write(a.AsSlice())
	if s.family.request == ipv4.ICMPTypeTimestamp {
		return h.Sum(nil)[:stampCookie]
	}
	return h.Sum(nil)[:16]
}

// stampCookie is the part of a timestamp message that comes back as it was sent: identifier,
// sequence number and originate timestamp. Two more timestamps follow.
const (
	stampCookie = 8
	stampSize   = stampCookie + 8
)

func (s *Socket) echo(ctx context.Context, a netip.Addr, pass int) error {
	m := icmp.Message{Type: s.family.request, Body: &icmp.Echo{ID: s.id, Seq: pass + 1, Data: s.cookie(a)}}
	if m.Type == ipv4.ICMPTypeTimestamp {
		m.Body = &icmp.RawBody{Data: append(s.cookie(a), make([]byte, stampSize-stampCookie)...)}
	}
	b, err := m.Marshal(nil)
	if err != nil {
		return fmt.Errorf("build echo request: %w", err)
	}
	var to net.Addr = &net.IPAddr{IP: a.AsSlice()}
	if !s.raw {
		to = &net.UDPAddr{IP: a.AsSlice()}
	}
	const retries = 10_000
	for range retries {
		_, err = s.conn.WriteTo(b, to)
		if !errors.Is(err, syscall.ENOBUFS) && !errors.Is(err, syscall.EAGAIN) {
			break // a full queue is a retry, never "sent"
		}
		if err := pause.For(ctx, 200*time.Microsecond); err != nil {
			return err
		}
	}
	if unreachable(err) {
		return nil // the system itself knows no way there: an answer like any silence
	}
	if err != nil {
		return fmt.Errorf("send echo request: %w", err)
	}
	return nil
}

// unreachable tells whether sending failed because of where to, not of how.
func unreachable(err error) bool {
	for _, e := range []error{
		syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EACCES, syscall.EPERM,
		syscall.EHOSTDOWN, syscall.EADDRNOTAVAIL, syscall.EINVAL, syscall.ECONNREFUSED,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// receive calls seen with the sender of each true answer until the socket is closed.
func (s *Socket) receive(seen func(netip.Addr)) error {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil && unreachable(err):
			continue // an ICMP error about an earlier packet
		case err != nil:
			return fmt.Errorf("receive echo reply: %w", err)
		}
		if a, ok := address(from); ok && s.answers(a, buf[:n]) {
			seen(a)
		}
	}
}

// answers tells whether packet is the reply to what was sent to a.
func (s *Socket) answers(a netip.Addr, packet []byte) bool {
	data, ok := decodeReply(s.family, packet)
	return ok && hmac.Equal(data, s.cookie(a))
}

// decodeReply is what a reply brings back; ok is false for any other packet.
func decodeReply(f family, packet []byte) (data []byte, ok bool) {
	m, err := icmp.ParseMessage(f.protocol, packet)
	if err != nil || m.Type != f.reply {
		return nil, false
	}
	if stamp, ok := m.Body.(*icmp.RawBody); ok && stamp != nil && f.reply == ipv4.ICMPTypeTimestampReply && len(stamp.Data) >= stampSize {
		return stamp.Data[:stampCookie], true
	}
	echo, ok := m.Body.(*icmp.Echo)
	if !ok || echo == nil {
		return nil, false
	}
	return echo.Data, true
}

func address(from net.Addr) (netip.Addr, bool) {
	var ip net.IP
	switch f := from.(type) {
	case *net.IPAddr:
		ip = f.IP
	case *net.UDPAddr:
		ip = f.IP
	}
	a, ok := netip.AddrFromSlice(ip)
	return a.Unmap(), ok
}
