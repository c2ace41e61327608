package identity

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxPrivate bounds what is read from a file that should hold a few keys.
const maxPrivate = 1 << 20

// ReadPrivate reads a file with a secret in it and refuses one that others may read.
func ReadPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxPrivate))
}

// WritePrivate writes a file only its owner may read, whole or not at all and durable.
// Without replace an existing file stays and the error is fs.ErrExist.
func WritePrivate(path string, text []byte, replace bool) error {
	return writeFile(path, text, 0o600, replace)
}

func writeFile(path string, text []byte, mode os.FileMode, replace bool) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	temp := f.Name()
	defer func() { _ = os.Remove(temp) }()
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", temp, err)
	}
	if replace {
		err = os.Rename(temp, path)
	} else {
		err = os.Link(temp, path) // unlike a rename it never replaces
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}
