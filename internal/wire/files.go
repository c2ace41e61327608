package wire

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

const tempPrefix = ".tmp-"

// WriteFile replaces a file so that after a crash at any moment either the old or the new
// content is there, whole: temporary file, fsync, rename, fsync of the folder.
func WriteFile(path string, data []byte, perm fs.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), removeFile(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = SyncDir(dir)
	}
	return err
}

// removeTemps deletes what a crash in the middle of WriteFile left behind.
func removeTemps(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read folder %s: %w", dir, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			if err := removeFile(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove: %w", err)
	}
	return nil
}

// privateDir makes the folder if need be and checks that other local users cannot read it.
// An empty one that they can read is closed to them; in another they may have been already.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	err := checkPrivate(dir)
	if inventory.CodeOf(err) != inventory.CodeForbidden {
		return err
	}
	if entries, readErr := os.ReadDir(dir); readErr != nil || len(entries) > 0 {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil { // a folder needs its x bit
		return fmt.Errorf("close folder to others: %w", err)
	}
	return checkPrivate(dir)
}

// checkPrivate refuses a folder whose keys and spool another local user could read or replace.
func checkPrivate(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if !info.IsDir() {
		return inventory.Errorf(inventory.CodeInvalid, "state folder %s is not a folder", dir)
	}
	if openToOthers(info) {
		return inventory.Errorf(inventory.CodeForbidden, "state folder %s is open to other users (%s): chmod 700 it", dir, info.Mode().Perm())
	}
	return nil
}
