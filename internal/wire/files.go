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
	if ofAnother(info) {
		return inventory.Errorf(inventory.CodeForbidden, "state folder %s belongs to another user: run as that user, or chown it", dir)
	}
	return checkParents(dir)
}

// CheckState refuses a state folder with anything in it that another local user could read or
// replace: the folder guards what is in it, but a key may have been copied there by hand, and
// a link may lead elsewhere.
func CheckState(dir string) error {
	if err := checkPrivate(dir); err != nil {
		return err
	}
	for _, name := range []string{keyFile, nextKeyFile, certFile, caFile, identityFile, spoolDir} {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("state folder: %w", err)
		}
		secret := name == keyFile || name == nextKeyFile || name == spoolDir
		switch {
		case info.IsDir() != (name == spoolDir) || info.Mode().Type()&^fs.ModeDir != 0:
			return inventory.Errorf(inventory.CodeForbidden, "%s is a %s: put the real one there, or enrol again", path, info.Mode().Type())
		case secret && openToOthers(info):
			return inventory.Errorf(inventory.CodeForbidden, "%s is open to other users (%s): chmod go= it, and enrol again if others may have read it", path, info.Mode().Perm())
		case WritableByOthers(info) || ofAnother(info):
			return inventory.Errorf(inventory.CodeForbidden, "%s can be changed by other users (%s): chmod go-w it", path, info.Mode().Perm())
		}
	}
	return nil
}

// checkParents refuses a folder above which another user could put another one in its place.
func checkParents(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	for parent := filepath.Dir(abs); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return fmt.Errorf("state folder: %w", err)
		}
		if WritableByOthers(info) && info.Mode()&fs.ModeSticky == 0 {
			return inventory.Errorf(inventory.CodeForbidden, "%s above the state folder can be changed by other users (%s): chmod go-w it", parent, info.Mode().Perm())
		}
		if parent == filepath.Dir(parent) {
			return nil
		}
	}
}
