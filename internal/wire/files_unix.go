//go:build unix

package wire

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/internal/inventory"
)

func openToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// WritableByOthers says whether every local user could change a file or folder.
func WritableByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }

// ofAnother says whether a file belongs to somebody else than root and us. Root may look at anybody's.
func ofAnother(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && os.Geteuid() != 0 && stat.Uid != 0 && int(stat.Uid) != os.Geteuid()
}

// FreeBytes is what an ordinary user may still write to the disk of a folder.
func FreeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(min(st.Bavail, 1<<40)) * int64(st.Bsize), nil //nolint:unconvert // not an int64 on Darwin
}

// SyncDir makes a rename in the folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// LockDir takes the folder for this process; closing the file gives it back.
func LockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	closeErr := f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, inventory.Errorf(inventory.CodeConflict, "another process is using %s", dir)
	}
	return nil, fmt.Errorf("lock %s: %w", path, errors.Join(err, closeErr))
}
