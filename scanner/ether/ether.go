// Package ether sends and receives raw Ethernet frames on one interface.
//
// It owns the socket and the rule that a frame the kernel had no room for is sent again,
// never counted as sent. It knows nothing of what is in the frames; arp and ndp do.
package ether

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// EtherType says which frames a socket receives.
type EtherType uint16

// The frame types the scanner listens to.
const (
	TypeAll  EtherType = 0x0003 // ETH_P_ALL of Linux
	TypeARP  EtherType = 0x0806
	TypeIPv6 EtherType = 0x86dd
)

var (
	// ErrUnsupported means that this operating system has no way to send raw frames here.
	ErrUnsupported = errors.New("raw frames are not supported on this operating system")
	// ErrPermission means that this process lacks the right: root or CAP_NET_RAW.
	ErrPermission = errors.New("raw frames need root or CAP_NET_RAW")
)

// MAC is a hardware address. It prints with colons, in lower case.
type MAC [6]byte

func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// Unicast tells whether m can belong to one station.
func (m MAC) Unicast() bool { return m != MAC{} && m[0]&1 == 0 }

// Local tells whether m was made up on the spot instead of burned in (IEEE 802, U/L bit).
func (m MAC) Local() bool { return m[0]&2 != 0 }

// MinFrame is the size of the smallest Ethernet frame without its checksum; shorter ones are padded.
const MinFrame = 60

// retryPause is between two attempts to send while the interface's queue is full.
const retryPause = 200 * time.Microsecond

// maxRetries bounds the time spent on one frame to a few seconds: a queue that stays
// full that long belongs to an interface that does not send.
const maxRetries = 10_000

// retry calls send until it does not report a full queue.
func retry(ctx context.Context, full func(error) bool, send func() error) error {
	for range maxRetries {
		err := send()
		if err == nil || !full(err) {
			return err
		}
		t := time.NewTimer(retryPause)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
	return fmt.Errorf("send frame: queue stayed full for %v", maxRetries*retryPause)
}
