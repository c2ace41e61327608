// Package rpmdb reads the headers of installed packages from rpm's databases: Berkeley DB
// hash files ("Packages", until 2020), ndb ("Packages.db", SUSE) and SQLite
// ("rpmdb.sqlite", Fedora 33, RHEL 9 and later).
//
// It owns these formats and the header's. It refuses to search, to verify signatures and
// to write. Nothing is locked: who reads compares the files' sizes and times before and
// after. agent/software calls it.
package rpmdb

import (
	"errors"
	"fmt"
	"io"

	"github.com/muster-itam/muster/agent/software/sqlite"
)

// maxHeader bounds one package's header; those with most files have some MiB, and rpm
// itself allows 256.
const maxHeader = 64 << 20

// ReadSQLite calls visit with each header in rpmdb.sqlite and the write-ahead log beside
// it, which may be nil. The slice is valid during the call; an error from visit ends it.
func ReadSQLite(file io.ReaderAt, size int64, wal io.ReaderAt, walSize int64, visit func(header []byte) error) error {
	db, err := sqlite.Open(file, size, wal, walSize)
	if err != nil {
		return err
	}
	// Packages: hnum INTEGER PRIMARY KEY, blob BLOB (rpm, lib/backend/sqlite.c).
	return db.Rows("Packages", func(r *sqlite.Row) error { return visit(r.Bytes(1)) })
}

// reader bounds what is read of a file: in a sound database each byte belongs to one
// thing, so one that asks for more is damaged or means harm.
type reader struct {
	r            io.ReaderAt
	size, budget int64
}

func (r *reader) read(p []byte, at int64) error {
	if at < 0 || at+int64(len(p)) > r.size {
		return fmt.Errorf("%d bytes at %d leave the file of %d", len(p), at, r.size)
	}
	if r.budget -= int64(len(p)); r.budget < 0 {
		return errors.New("parts of the file belong to several packages")
	}
	if n, err := r.r.ReadAt(p, at); n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read %d bytes at %d: %w", len(p), at, err)
	}
	return nil
}

// grow is b with length n, in the same memory if it is large enough.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
