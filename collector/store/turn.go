package store

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

// turn is whose transaction begins next, of all programs that have a SQLite file open. SQLite lets who waits
// try again now and then, and a collector that writes all the time would have the file again
// before: whoever holds the turn begins before anybody else does.
type turn struct {
	file string

	mu   sync.Mutex
	lock *os.File
}

func (t *turn) take() error {
	t.mu.Lock()
	if t.lock == nil {
		var err error
		if t.lock, err = os.OpenFile(t.file, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
			t.mu.Unlock()
			return fmt.Errorf("%w: open its turn: %w", errDisk, err)
		}
	}
	for {
		err := syscall.Flock(int(t.lock.Fd()), syscall.LOCK_EX)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			t.mu.Unlock()
			return fmt.Errorf("%w: wait for its turn: %w", errDisk, err)
		}
		return nil
	}
}

// give lets the next one begin.
func (t *turn) give() {
	_ = syscall.Flock(int(t.lock.Fd()), syscall.LOCK_UN)
	t.mu.Unlock()
}

func (t *turn) close() error {
	if t.lock == nil {
		return nil
	}
	return t.lock.Close()
}
