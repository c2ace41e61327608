package software

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/muster-itam/muster/agent/source"
)

// maxDatabaseFile bounds database files, of which only parts are read at a time.
const maxDatabaseFile = 4 << 30

// files are a database file and, if it is there, its write-ahead log.
type files struct {
	main, log     *os.File
	size, walSize int64
}

// wal is the log as a reader; nil when there is none.
func (f files) wal() io.ReaderAt {
	if f.log == nil {
		return nil
	}
	return f.log
}

// settled reads a database file that other programs may be writing: it is read anew when
// its size or time changed meanwhile, and so was its log's.
func settled(ctx context.Context, tree *source.Tree, name string, read func(files) error) error {
	const attempts = 3
	for range attempts {
		if err := ctx.Err(); err != nil {
			return err
		}
		changed, err := readOnce(tree, name, read)
		if !changed {
			return err
		}
	}
	return errors.New("it changed each time it was read; packages are probably being installed, the next look will tell")
}

func readOnce(tree *source.Tree, name string, read func(files) error) (changed bool, err error) {
	f := files{}
	if f.main, err = tree.Open(name); err != nil {
		return false, err
	}
	defer func() { _ = f.main.Close() }() // only read
	switch f.log, err = tree.Open(name + "-wal"); {
	case err == nil:
		defer func() { _ = f.log.Close() }() // only read
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if unfinished(tree, name+"-journal") {
		return false, errors.New("a transaction is under way or was interrupted: its rollback journal is beside it")
	}
	before, err := f.stamp()
	if err != nil {
		return false, err
	}
	f.size, f.walSize = before[0].size, before[1].size
	if f.size > maxDatabaseFile {
		return false, fmt.Errorf("%d bytes, at most %d are read", f.size, int64(maxDatabaseFile))
	}
	err = read(f)
	after, statErr := f.stamp()
	return before != after, errors.Join(err, statErr)
}

// unfinished says whether an SQLite rollback journal holds something to roll back.
func unfinished(tree *source.Tree, name string) bool {
	f, err := tree.Open(name)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read
	magic := make([]byte, 8)
	_, err = io.ReadFull(f, magic)
	return err == nil && string(magic) == "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
}

type stamp struct{ size, time int64 }

func (f files) stamp() (s [2]stamp, err error) {
	for i, file := range []*os.File{f.main, f.log} {
		if file == nil {
			continue
		}
		info, err := file.Stat()
		if err != nil {
			return s, err
		}
		s[i] = stamp{info.Size(), info.ModTime().UnixNano()}
	}
	return s, nil
}
