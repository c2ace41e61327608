package store

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// syncedLog makes SQLite's commits durable: SQLite itself leaves its log to the operating system, so that the
// next transaction begins while the one before is still on its way to the disk.
type syncedLog struct {
	file    string
	commits atomic.Int64

	mu     sync.Mutex
	log    *os.File
	synced int64 // of commits
	failed error
}

// errDisk ends a transaction that could not be brought to the disk, or not begin there.
var errDisk = errors.New("the disk does not take the inventory")

// committed notes a commit, which a later sync makes durable.
func (l *syncedLog) committed() { l.commits.Add(1) }

// sync returns when all that was committed before is on the disk. After an error nobody knows what is: the
// kernel may have dropped what it could not write, so there is no second try.
func (l *syncedLog) sync() error {
	want := l.commits.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil || l.synced >= want {
		return l.failed
	}
	want = l.commits.Load()
	if l.failed = l.write(); l.failed == nil {
		l.synced = want
	}
	return l.failed
}

func (l *syncedLog) write() (err error) {
	if l.log == nil { // SQLite made it with the first commit and keeps it until the store is closed
		if l.log, err = os.OpenFile(l.file, os.O_RDWR, 0); err != nil {
			return fmt.Errorf("%w: open its log: %w", errDisk, err)
		}
	}
	if err := l.log.Sync(); err != nil {
		return fmt.Errorf("%w: sync its log, start again when the disk is well: %w", errDisk, err)
	}
	return nil
}

// lost is the error after which nothing more is written, nil mostly.
func (l *syncedLog) lost() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

func (l *syncedLog) close() error {
	if l.log == nil {
		return nil
	}
	return errors.Join(l.sync(), l.log.Close())
}
