package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// beneath opens files beneath a directory with one call of the kernel each (openat2(2), Linux
// 5.6): it follows links as if the directory were the root of the file system, which os.Root
// would do by opening every part of a name by itself.
type beneath struct {
	fd int // -1 where the kernel cannot
}

func openBeneath(dir string) beneath {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return beneath{-1}
	}
	b := beneath{fd}
	probe, err := b.openat2(".", unix.O_PATH)
	if err != nil { // an old kernel, or a sandbox that does not know the call
		b.close()
		return beneath{-1}
	}
	_ = unix.Close(probe)
	return b
}

func (b beneath) usable() bool { return b.fd >= 0 }

func (b beneath) close() {
	if b.fd >= 0 {
		_ = unix.Close(b.fd) // only read
	}
}

func (b beneath) openat2(name string, flags uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(b.fd, local(name), &how)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) { // something was renamed meanwhile
			return fd, err
		}
	}
}

// sub is the directory beneath.
func (b beneath) sub(name string) beneath {
	fd, err := b.openat2(name, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return beneath{-1}
	}
	return beneath{fd}
}

// open opens anything without waiting for it.
func (b beneath) open(name string) (*os.File, error) {
	fd, err := b.openat2(name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (b beneath) exists(name string) bool {
	fd, err := b.openat2(name, unix.O_PATH)
	if err != nil {
		return false
	}
	_ = unix.Close(fd) // it was never opened for more
	return true
}

// lstat looks at a file directly in the directory.
func (b beneath) lstat(name string) (fs.FileInfo, error) {
	info := fileInfo{name: name}
	if err := unix.Fstatat(b.fd, name, &info.st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: err}
	}
	return &info, nil
}

// fileInfo is what the kernel says of a file.
type fileInfo struct {
	name string
	st   unix.Stat_t
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.st.Size }
func (i *fileInfo) ModTime() time.Time { return time.Unix(i.st.Mtim.Unix()) }
func (i *fileInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i *fileInfo) Sys() any           { return nil }

func (i *fileInfo) Mode() fs.FileMode {
	mode := fs.FileMode(i.st.Mode & 0o777)
	switch i.st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	default:
		mode |= fs.ModeIrregular
	}
	return mode
}

// read reads a regular file of at most limit bytes.
func (b beneath) read(name string, limit int64) ([]byte, error) {
	fd, err := b.openat2(name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer func() { _ = unix.Close(fd) }() // only read
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("look at %s: %w", name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("open %s: not a regular file", name)
	}
	// Files of the kernel say that they are empty or a page long.
	text := make([]byte, 0, min(max(st.Size, 0), limit)+512)
	for {
		n, err := unix.Read(fd, text[len(text):cap(text)])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: name, Err: err}
		case n == 0:
			return text, nil
		}
		if text = text[:len(text)+n]; int64(len(text)) > limit {
			return nil, fmt.Errorf("read %s: more than %d bytes", name, limit)
		}
		if len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
	}
}

// links visits the targets of the links in a directory.
func (b beneath) links(dir string, limit int, visit func(target []byte)) error {
	fd, err := b.openat2(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer func() { _ = unix.Close(fd) }() // only read
	block, target := make([]byte, 8192), make([]byte, unix.PathMax)
	for {
		n, err := unix.ReadDirent(fd, block)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "list", Path: dir, Err: err}
		}
		if n == 0 {
			return nil
		}
		_, _, names := unix.ParseDirent(block[:n], -1, nil)
		for _, name := range names {
			if limit--; limit < 0 {
				return nil
			}
			n, err := unix.Readlinkat(fd, name, target)
			switch {
			case errors.Is(err, fs.ErrPermission):
				return &fs.PathError{Op: "readlink", Path: dir + "/" + name, Err: err}
			case err == nil:
				visit(target[:n])
			}
		}
	}
}
