//go:build unix

package identity

import (
	"fmt"
	"os"
)

func checkPrivate(path string, info os.FileInfo) error {
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return fmt.Errorf("%s has mode %v: it must be a plain file that only its owner can read (chmod 600)", path, mode)
	}
	return nil
}

// syncDir makes a new name in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}
