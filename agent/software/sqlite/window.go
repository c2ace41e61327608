package sqlite

import (
	"errors"
	"io"
)

// window reads ahead, because pages that follow each other in a table mostly do so in the
// file: one system call brings many.
type window struct {
	r     io.ReaderAt
	size  int64
	start int64
	data  []byte
}

// windowSize holds a page of the largest size, with its frame's header.
const windowSize = 64<<10 + frameHeaderSize

// read fills p, which is not longer than the window, with what is at offset at.
func (w *window) read(p []byte, at int64) error {
	if at < 0 || at+int64(len(p)) > w.size {
		return io.ErrUnexpectedEOF
	}
	if at < w.start || at+int64(len(p)) > w.start+int64(len(w.data)) {
		if w.data == nil {
			w.data = make([]byte, windowSize)
		}
		n, err := w.r.ReadAt(w.data[:min(windowSize, w.size-at)], at)
		w.start, w.data = at, w.data[:n]
		if n < len(p) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	copy(p, w.data[at-w.start:])
	return nil
}
