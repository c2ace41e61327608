package wire

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/muster-itam/muster/internal/inventory"
)

// openToOthers: Windows guards the folder by the access list that the installer sets; mode
// bits say nothing there.
func openToOthers(fs.FileInfo) bool { return false }

// WritableByOthers and ofAnother: the same.
func WritableByOthers(fs.FileInfo) bool { return false }

func ofAnother(fs.FileInfo) bool { return false }

// FreeBytes is what we may still write to the disk of a folder.
func FreeBytes(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	var free, size, unused uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, &size, &unused); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(min(free, 1<<62)), nil
}

// SyncDir: NTFS journals renames itself; a folder cannot be flushed.
func SyncDir(string) error { return nil }

// LockDir takes the folder for this process; closing the file gives it back.
func LockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{})
	if err == nil {
		return f, nil
	}
	closeErr := f.Close()
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return nil, inventory.Errorf(inventory.CodeConflict, "another process is using %s", dir)
	}
	return nil, fmt.Errorf("lock %s: %w", path, errors.Join(err, closeErr))
}
