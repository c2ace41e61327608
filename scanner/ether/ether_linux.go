package ether

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// receiveBuffer holds the answers of a dense /16 swept at full speed.
const receiveBuffer = 8 << 20

// Socket is an AF_PACKET socket bound to one interface and frame type.
type Socket struct {
	conn    *packet.Conn
	closed  atomic.Bool
	dropped atomic.Int64
}

// Open needs root or CAP_NET_RAW. A filter may be nil; it sees whole frames.
func Open(ifi *net.Interface, etherType EtherType, filter []bpf.Instruction) (*Socket, error) {
	var cfg packet.Config
	if filter != nil {
		raw, err := bpf.Assemble(filter)
		if err != nil {
			return nil, fmt.Errorf("assemble packet filter: %w", err)
		}
		cfg.Filter = raw
	}
	conn, err := packet.Listen(ifi, packet.Raw, int(etherType), &cfg)
	if errors.Is(err, os.ErrPermission) {
		return nil, ErrPermission
	}
	if err != nil {
		return nil, fmt.Errorf("open raw socket on %s: %w", ifi.Name, err)
	}
	growBuffer(conn)
	return &Socket{conn: conn}, nil
}

// growBuffer asks for a large receive buffer, past the system's limit where allowed. The
// default one works too, only not for dense networks at high rates.
func growBuffer(conn *packet.Conn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		}
	})
}

// Hear has the card let frames to groups through, until the socket is closed. Other than a
// socket that joins a group, this sends no membership report, and other than promiscuity it
// lets nothing through that is meant for other hosts (packet(7), PACKET_MR_MULTICAST).
func (s *Socket) Hear(ifi *net.Interface, groups []MAC) error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("hear groups on %s: %w", ifi.Name, err)
	}
	var opErr error
	err = raw.Control(func(fd uintptr) {
		for _, g := range groups {
			m := unix.PacketMreq{Ifindex: int32(ifi.Index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(g))}
			copy(m.Address[:], g[:])
			opErr = errors.Join(opErr, unix.SetsockoptPacketMreq(int(fd), unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m))
		}
	})
	if err = errors.Join(err, opErr); err != nil {
		return fmt.Errorf("hear groups on %s: %w", ifi.Name, err)
	}
	return nil
}

// Send puts whole frames on the wire, waiting while the interface's queue is full.
func (s *Socket) Send(ctx context.Context, frames ...[]byte) error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("send frame: %w", err)
	}
	err = retry(ctx, queueFull, func() (err error) {
		// The socket is bound to its interface, so write(2) does (packet(7)), which costs half of
		// what sendto through the runtime does.
		werr := raw.Write(func(fd uintptr) bool {
			for len(frames) > 0 && err == nil {
				if _, err = unix.Write(int(fd), frames[0]); err == nil {
					frames = frames[1:]
				}
			}
			return true
		})
		return errors.Join(werr, err)
	})
	if err != nil {
		return fmt.Errorf("send frame: %w", err)
	}
	return nil
}

func queueFull(err error) bool {
	return errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.EAGAIN)
}

// Receive calls handle with each frame until the socket is closed. The frame is valid
// only during the call.
func (s *Socket) Receive(handle func(frame []byte)) error {
	buf := make([]byte, 1<<16)
	for {
		n, _, err := s.conn.ReadFrom(buf)
		switch {
		case err != nil && s.closed.Load():
			return nil
		case errors.Is(err, syscall.ENETDOWN):
			continue // reported once when the interface goes down; it may come back
		case err != nil:
			return fmt.Errorf("receive frame: %w", err)
		}
		handle(buf[:n])
	}
}

// Dropped is the number of frames that the kernel had no room for, once the socket is closed.
func (s *Socket) Dropped() int { return int(s.dropped.Load()) }

// Close ends Receive.
func (s *Socket) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if st, err := s.conn.Stats(); err == nil {
		s.dropped.Store(int64(st.Drops))
	}
	return s.conn.Close()
}
