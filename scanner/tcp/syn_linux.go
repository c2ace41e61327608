package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/internal/pause"
)

// Socket sends SYNs of one family and hears the answers. The kernel hands it a copy of them and
// goes on as if it was not there (raw(7)): as no connection knows of them, it sends RST to each
// SYN-ACK (RFC 9293 §3.10.7.1), so the other side is not left with a half-open connection.
type Socket struct {
	*probe
	conn *net.IPConn
	six  bool
	held int // a socket that keeps the port from being any connection's
}

// receiveBuffer holds the answers of a network in which everybody refuses at full speed.
const receiveBuffer = 4 << 20

// Open4 is for IPv4.
func Open4() (*Socket, error) { return open(unix.AF_INET) }

// Open6 is for IPv6.
func Open6() (*Socket, error) { return open(unix.AF_INET6) }

func open(family int) (*Socket, error) {
	s := &Socket{six: family == unix.AF_INET6}
	network := "ip4:tcp"
	if s.six {
		network = "ip6:tcp"
	}
	var err error
	s.conn, err = net.ListenIP(network, nil)
	if errors.Is(err, os.ErrPermission) {
		return nil, ErrPermission
	}
	if err != nil {
		return nil, fmt.Errorf("open raw socket for SYNs: %w", err)
	}
	port := uint16(0)
	if s.held, port, err = hold(family); err == nil {
		s.probe, err = newProbe(port)
	}
	if err == nil {
		err = s.prepare()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// hold takes a port that no connection of this host gets meanwhile, without listening at it.
func hold(family int) (fd int, port uint16, err error) {
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("hold a port for SYNs: %w", err)
	}
	var local unix.Sockaddr = &unix.SockaddrInet4{}
	if family == unix.AF_INET6 {
		local = &unix.SockaddrInet6{}
	}
	if err = unix.Bind(fd, local); err == nil {
		local, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, 0, fmt.Errorf("hold a port for SYNs: %w", err)
	}
	switch at := local.(type) {
	case *unix.SockaddrInet4:
		port = uint16(at.Port) //nolint:gosec // a port
	case *unix.SockaddrInet6:
		port = uint16(at.Port) //nolint:gosec // a port
	}
	return fd, port, nil
}

// prepare has the kernel keep other segments away, as a raw socket gets all TCP of this host.
func (s *Socket) prepare() error {
	raw, err := s.conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
			}
		})
	}
	if err != nil {
		return fmt.Errorf("prepare socket for SYNs: %w", err)
	}
	if s.six { // the packet begins with its TCP header, and its checksum is at byte 16 of that
		p := ipv6.NewPacketConn(s.conn)
		err = errors.Join(p.SetChecksum(true, 16), s.filter(p.SetBPF, bpf.LoadAbsolute{Off: 2, Size: 2}))
	} else { // the packet begins with its IP header
		err = s.filter(ipv4.NewPacketConn(s.conn).SetBPF, bpf.LoadMemShift{Off: 0}, bpf.LoadIndirect{Off: 2, Size: 2})
	}
	if err != nil {
		return fmt.Errorf("prepare socket for SYNs: %w", err)
	}
	return nil
}

// filter lets through what goes to the held port, which load loads.
func (s *Socket) filter(set func([]bpf.RawInstruction) error, load ...bpf.Instruction) error {
	raw, err := bpf.Assemble(append(load,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(s.port), SkipFalse: 1}, bpf.RetConstant{Val: 1 << 16}, bpf.RetConstant{Val: 0}))
	if err != nil {
		return err
	}
	return set(raw)
}

// Close gives the socket and the port back.
func (s *Socket) Close() error {
	err := s.conn.Close()
	if s.held > 0 {
		err = errors.Join(err, unix.Close(s.held))
		s.held = 0
	}
	return err
}

// Run tries one port after the other, each at all targets that did not answer yet, and closes
// the socket.
func (s *Socket) Run(ctx context.Context, sweep Sweep) error {
	sweep.defaults()
	answered := &addrSet{m: map[netip.Addr]struct{}{}}
	received := make(chan error, 1)
	go func() {
		received <- s.receive(func(a Answer) {
			if answered.add(a.Addr) {
				sweep.Seen(a)
			}
		})
	}()
	out := sender{Socket: s}
	err := sweep.ask(ctx, answered.has, func(a netip.Addr, port uint16) error { return out.send(ctx, a, port) })
	if err == nil && out.sent == 0 {
		err = out.failed
	}
	closeErr := s.Close()
	if rerr := <-received; err == nil {
		err = rerr
	}
	if err == nil {
		err = closeErr
	}
	return err
}

// receive calls seen with each true answer until the socket is closed.
func (s *Socket) receive(seen func(Answer)) error {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := s.conn.ReadFromIP(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("receive answers to SYNs: %w", err)
		}
		if a, ok := netip.AddrFromSlice(from.IP); ok {
			if answer, ok := s.answer(a.Unmap(), buf[:n]); ok {
				seen(answer)
			}
		}
	}
}

// sender counts what went out. That the system knows no way to an address is an answer like any
// silence; that nothing can be sent at all, where it knows one, is trouble of this host.
type sender struct {
	*Socket
	sent   int
	failed error
}

// A full queue is a retry, never "sent".
const (
	maxQueueRetries = 10_000
	queuePause      = 200 * time.Microsecond
)

func (s *sender) send(ctx context.Context, a netip.Addr, port uint16) error {
	if err := s.transmit(ctx, a, port); err != nil && !noWay(err) {
		s.failed = err
	} else {
		s.sent++
	}
	return ctx.Err()
}

// noWay tells whether sending failed for want of a route, or for one that leads nowhere: what
// unreachable, prohibit and blackhole routes answer (ip-route(8)), and broadcast addresses.
func noWay(err error) bool {
	return slices.ContainsFunc([]error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.EACCES, syscall.EINVAL},
		func(e error) bool { return errors.Is(err, e) })
}

func (s *sender) transmit(ctx context.Context, a netip.Addr, port uint16) error {
	var source netip.Addr
	if !s.six {
		var err error
		if source, err = sourceFor(a); err != nil {
			return err
		}
	}
	segment, err := s.syn(source, a, port)
	if err != nil {
		return err
	}
	for range maxQueueRetries {
		err = s.write(segment, source, a)
		if !errors.Is(err, syscall.ENOBUFS) && !errors.Is(err, syscall.EAGAIN) {
			break
		}
		if err := pause.For(ctx, queuePause); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("send SYN: %w", err)
	}
	return nil
}

// write sends from source, so that the checksum holds whatever the system would choose now.
func (s *sender) write(segment []byte, source, a netip.Addr) error {
	to := &net.IPAddr{IP: a.AsSlice()}
	if s.six {
		_, err := s.conn.WriteToIP(segment, to)
		return err
	}
	_, _, err := s.conn.WriteMsgIP(segment, (&ipv4.ControlMessage{Src: source.AsSlice()}).Marshal(), to)
	return err
}

// sourceFor is the address of this host that packets to a leave from: that of a socket connected
// to it, for which nothing is sent. Four system calls a packet cost less than the packet.
func sourceFor(a netip.Addr) (netip.Addr, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find source for SYN: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	const discard = 9 // any port does
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: discard, Addr: a.As4()}); err != nil {
		return netip.Addr{}, fmt.Errorf("find source for SYN: %w", err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find source for SYN: %w", err)
	}
	own, ok := at.(*unix.SockaddrInet4)
	if !ok {
		return netip.Addr{}, errors.New("find source for SYN: no IPv4 address")
	}
	return netip.AddrFrom4(own.Addr), nil
}
