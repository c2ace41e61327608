// Package versions keeps the agent's versions in folders beside each other, DIR/versions/1.2.3/muster-agent,
// and checks a program before anybody starts it.
//
// A folder with a version's name is whole: it is written elsewhere, flushed and renamed. What
// others could have written is never handed out. Package repository installs, package upgrade starts.
package versions

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

const tempPrefix = ".tmp-"

// Installed is a version on disk as it was when it was verified.
type Installed struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Bytes   int64  `json:"bytes"`
}

// Store is the folder of the versions.
type Store struct {
	Dir  string            // of the upgrades
	OS   string            // the programs' system
	Step func(name string) // told before each step of Install; nil for nobody
}

func (s Store) folder() string { return filepath.Join(s.Dir, "versions") }

// Path is where a version's program is or would be. The version must be one.
func (s Store) Path(version string) (string, error) {
	v, err := release.ParseVersion(version)
	if err != nil {
		return "", err
	}
	return filepath.Join(s.folder(), v.String(), release.Program(s.OS)), nil
}

// Install puts a version in place of what was there. Fetch writes the program and fails
// unless it is the one that was signed; only then does the file become a program.
func (s Store) Install(version string, fetch func(io.Writer) error) (in Installed, err error) {
	path, err := s.Path(version)
	if err != nil {
		return in, err
	}
	if err := os.MkdirAll(s.folder(), 0o700); err != nil {
		return in, fmt.Errorf("make folder of versions: %w", err)
	}
	if err := CheckSafe(s.folder()); err != nil {
		return in, err
	}
	if err := s.removeTemps(); err != nil {
		return in, err
	}
	s.step("make")
	temp, err := os.MkdirTemp(s.folder(), tempPrefix)
	if err != nil {
		return in, fmt.Errorf("make folder of version %s: %w", version, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	in, err = s.write(filepath.Join(temp, filepath.Base(path)), fetch)
	if err != nil {
		return in, fmt.Errorf("write version %s: %w", version, err)
	}
	in.Version = filepath.Base(filepath.Dir(path))
	s.step("remove")
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		return in, fmt.Errorf("remove former version %s: %w", version, err)
	}
	s.step("rename")
	if err := os.Rename(temp, filepath.Dir(path)); err != nil {
		return in, fmt.Errorf("put version %s in its place: %w", version, err)
	}
	s.step("sync")
	return in, wire.SyncDir(s.folder())
}

// write makes the file, whole and on disk, with what it is.
func (s Store) write(path string, fetch func(io.Writer) error) (in Installed, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return in, err
	}
	s.step("fetch")
	sum := sha256.New()
	err = fetch(io.MultiWriter(f, sum))
	s.step("flush")
	if err == nil {
		err = f.Sync()
	}
	s.step("chmod")
	if err == nil {
		err = f.Chmod(0o500)
	}
	var info fs.FileInfo
	if err == nil {
		info, err = f.Stat()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = wire.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return in, err
	}
	return Installed{SHA256: hex.EncodeToString(sum.Sum(nil)), Bytes: info.Size()}, nil
}

func (s Store) step(name string) {
	if s.Step != nil {
		s.Step(name)
	}
}

// Open checks a version that was installed and returns its program: nobody else could have
// written it, and it still has the bytes that were verified.
func (s Store) Open(in Installed) (path string, err error) {
	path, err = s.Path(in.Version)
	if err != nil {
		return "", err
	}
	if err := CheckSafe(path); err != nil {
		return "", fmt.Errorf("version %s: %w", in.Version, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("version %s: %w", in.Version, err)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(f, release.MaxBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("version %s: %w", in.Version, err)
	}
	if n != in.Bytes || hex.EncodeToString(sum.Sum(nil)) != in.SHA256 {
		return "", inventory.Errorf(inventory.CodeForbidden, "version %s: %s is not the program that was verified", in.Version, path)
	}
	return path, nil
}

// Prune removes every version but those to keep, and what a crash left behind.
func (s Store) Prune(keep ...string) error {
	entries, err := os.ReadDir(s.folder())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read folder of versions: %w", err)
	}
	kept := map[string]bool{}
	for _, k := range keep {
		kept[k] = true
	}
	for _, e := range entries {
		if !kept[e.Name()] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.folder(), e.Name())))
		}
	}
	return err
}

func (s Store) removeTemps() error {
	entries, err := os.ReadDir(s.folder())
	if err != nil {
		return fmt.Errorf("read folder of versions: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.folder(), e.Name())))
		}
	}
	return err
}

// CheckSafe refuses a file or folder that another user could write, replace, or put somewhere
// else: the path without its links and every folder above it.
func CheckSafe(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("check who may write: %w", err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("check who may write: %w", err)
	}
	for at := real; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil {
			return fmt.Errorf("check who may write: %w", err)
		}
		if !info.IsDir() && (at != real || !info.Mode().IsRegular()) {
			return inventory.Errorf(inventory.CodeForbidden, "%s is neither a file nor a folder", at)
		}
		if why := writableByOthers(at, info, at == real || at == filepath.Dir(real)); why != "" {
			return inventory.Errorf(inventory.CodeForbidden, "%s %s: nothing is started from there", at, why)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}
