//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
)

// asService runs work until it ends. A log that nobody reads any more must not end it.
func (*program) asService(ctx context.Context, _ *settings, work func(context.Context) error) error {
	signal.Ignore(syscall.SIGPIPE)
	return work(ctx)
}

// prepareState gives up root for the account that the state folder belongs to: what is written
// there must be the service's own, or the service could not replace it.
func prepareState(stateDir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(stateDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	for _, step := range []func() error{
		func() error { return syscall.Setgroups(nil) },
		func() error { return syscall.Setgid(int(owner.Gid)) },
		func() error { return syscall.Setuid(int(owner.Uid)) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("become user %d, whose state folder %s is: %w", owner.Uid, stateDir, err)
		}
	}
	return nil
}
