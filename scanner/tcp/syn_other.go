//go:build !linux

package tcp

import "context"

// Socket cannot be had on this operating system.
type Socket struct{}

// Open4 answers ErrUnsupported.
func Open4() (*Socket, error) { return nil, ErrUnsupported }

// Open6 answers ErrUnsupported.
func Open6() (*Socket, error) { return nil, ErrUnsupported }

// Run answers ErrUnsupported.
func (*Socket) Run(context.Context, Sweep) error { return ErrUnsupported }

// Close does nothing.
func (*Socket) Close() error { return nil }
