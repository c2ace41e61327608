//go:build !linux

package source

import (
	"errors"
	"io/fs"
	"os"
)

// beneath is for kernels that follow links beneath a directory by themselves.
type beneath struct{}

func openBeneath(string) beneath                      { return beneath{} }
func (beneath) usable() bool                          { return false }
func (beneath) close()                                {}
func (b beneath) sub(string) beneath                  { return b }
func (beneath) links(string, int, func([]byte)) error { return errors.ErrUnsupported }
func (beneath) exists(string) bool                    { return false }
func (beneath) lstat(string) (fs.FileInfo, error)     { return nil, errors.ErrUnsupported }
func (beneath) open(string) (*os.File, error)         { return nil, errors.ErrUnsupported }
func (beneath) read(string, int64) ([]byte, error)    { return nil, errors.ErrUnsupported }
