//go:build !linux

package ether

import (
	"context"
	"net"

	"golang.org/x/net/bpf"
)

// Socket cannot be had on this operating system.
type Socket struct{}

// Open answers ErrUnsupported.
func Open(*net.Interface, EtherType, []bpf.Instruction) (*Socket, error) {
	return nil, ErrUnsupported
}

// Hear answers ErrUnsupported.
func (*Socket) Hear(*net.Interface, []MAC) error { return ErrUnsupported }

// Send answers ErrUnsupported.
func (*Socket) Send(context.Context, ...[]byte) error { return ErrUnsupported }

// Receive answers ErrUnsupported.
func (*Socket) Receive(func([]byte)) error { return ErrUnsupported }

// Dropped is 0.
func (*Socket) Dropped() int { return 0 }

// Close does nothing.
func (*Socket) Close() error { return nil }
