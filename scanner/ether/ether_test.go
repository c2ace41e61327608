package ether_test

import (
	"context"
	"errors"
	"testing"

	"github.com/muster-itam/muster/scanner/ether"
)

var (
	errFull  = errors.New("full")
	errOther = errors.New("other")
)

func isFull(err error) bool { return errors.Is(err, errFull) }

func TestRetry(t *testing.T) {
	tries := 0
	err := ether.Retry(t.Context(), isFull, func() error {
		if tries++; tries < 4 {
			return errFull
		}
		return nil
	})
	if err != nil || tries != 4 {
		t.Errorf("full queue: %v after %d tries, want success after 4", err, tries)
	}
	tries = 0
	if err := ether.Retry(t.Context(), isFull, func() error { tries++; return errOther }); !errors.Is(err, errOther) || tries != 1 {
		t.Errorf("another error: %v after %d tries, want it after 1", err, tries)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ether.Retry(ctx, isFull, func() error { return errFull }); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

func TestMAC(t *testing.T) {
	for _, c := range []struct {
		mac            ether.MAC
		text           string
		unicast, local bool
	}{
		{ether.MAC{0x00, 0x14, 0x22, 1, 2, 0xff}, "00:14:22:01:02:ff", true, false},
		{ether.MAC{0x02, 0, 0, 0, 0, 1}, "02:00:00:00:00:01", true, true},
		{ether.MAC{0x01, 0, 0x5e, 0, 0, 1}, "01:00:5e:00:00:01", false, false},
		{ether.MAC{}, "00:00:00:00:00:00", false, false},
		{ether.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "ff:ff:ff:ff:ff:ff", false, true},
	} {
		if c.mac.String() != c.text || c.mac.Unicast() != c.unicast || c.mac.Local() != c.local {
			t.Errorf("%v: unicast %v, local %v", c.mac, c.mac.Unicast(), c.mac.Local())
		}
	}
}
