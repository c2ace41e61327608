package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// The parts of a Berkeley DB hash file (dbinc/db_page.h of Berkeley DB 4 and 5). Numbers
// are in the byte order of the machine that made it.
const (
	hashMagic   = 0x061561
	metaSize    = 224
	spares      = 32 // pages before each doubling of the buckets
	pageHeader  = 26
	minPage     = 512
	maxPage     = 64 << 10
	hashMeta    = 8
	unsorted    = 2
	sorted      = 13
	overflow    = 7
	itemInline  = 1
	itemOffPage = 3
)

// bdb is a hash file that is being read.
type bdb struct {
	reader
	order  binary.ByteOrder
	meta   []byte
	page   []byte // of a bucket
	more   []byte // of an item that has pages of its own
	header []byte
}

// ReadBDB calls visit with each header in a Berkeley DB "Packages" file, in the order of
// its buckets.
func ReadBDB(file io.ReaderAt, size int64, visit func(header []byte) error) error {
	d := bdb{reader: reader{r: file, size: size, budget: 2*size + metaSize}, meta: make([]byte, metaSize)}
	if err := d.read(d.meta, 0); err != nil {
		return err
	}
	switch {
	case binary.LittleEndian.Uint32(d.meta[12:]) == hashMagic:
		d.order = binary.LittleEndian
	case binary.BigEndian.Uint32(d.meta[12:]) == hashMagic:
		d.order = binary.BigEndian
	default:
		return errors.New("not a Berkeley DB hash file")
	}
	version, pageSize := d.order.Uint32(d.meta[16:]), d.order.Uint32(d.meta[20:])
	buckets := d.order.Uint32(d.meta[72:]) // the last one's number
	switch {
	case version < 7 || version > 10:
		return fmt.Errorf("hash file version %d", version)
	case d.meta[25] != hashMeta || d.meta[24] != 0 || d.meta[26] != 0:
		return errors.New("encrypted, partitioned or checksummed hash file")
	case pageSize < minPage || pageSize > maxPage || pageSize&(pageSize-1) != 0:
		return fmt.Errorf("page size %d", pageSize)
	case int64(buckets)*int64(pageSize) >= size:
		return fmt.Errorf("%d buckets of %d bytes in a file of %d", buckets, pageSize, size)
	}
	d.page, d.more = make([]byte, pageSize), make([]byte, pageSize)
	for bucket := range buckets + 1 {
		if err := d.bucket(bucket, visit); err != nil {
			return fmt.Errorf("bucket %d: %w", bucket, err)
		}
	}
	return nil
}

func (d *bdb) readPage(p []byte, n uint32) error { return d.read(p, int64(n)*int64(len(p))) }

// bucket visits the packages in a bucket's chain of pages.
func (d *bdb) bucket(n uint32, visit func(header []byte) error) error {
	next := n + d.order.Uint32(d.meta[96+4*min(bits.Len32(n), spares-1):])
	for first := true; first || next != 0; first = false {
		if err := d.readPage(d.page, next); err != nil {
			return err
		}
		if kind := d.page[25]; kind != sorted && kind != unsorted {
			if first && kind == 0 { // laid out for buckets to come
				return nil
			}
			return fmt.Errorf("page %d is of kind %d", next, kind)
		}
		next = d.order.Uint32(d.page[16:])
		if err := d.pairs(visit); err != nil {
			return err
		}
	}
	return nil
}

// pairs visits the packages on the page: keys and values take turns in its array.
func (d *bdb) pairs(visit func(header []byte) error) error {
	entries := int(d.order.Uint16(d.page[20:]))
	if pageHeader+2*entries > len(d.page) {
		return fmt.Errorf("%d entries on a page", entries)
	}
	for i := 0; i+1 < entries; i += 2 {
		key, err := d.item(i)
		if err != nil {
			return err
		}
		if len(key) == 5 && key[0] == itemInline && d.order.Uint32(key[1:]) == 0 {
			continue // its value is the last number given to a package
		}
		value, err := d.item(i + 1)
		if err != nil {
			return err
		}
		header, err := d.value(value)
		if err != nil {
			return err
		}
		if err := visit(header); err != nil {
			return err
		}
	}
	return nil
}

// item is the bytes of the i-th entry. Items fill a page from its end.
func (d *bdb) item(i int) ([]byte, error) {
	at := func(i int) int { return int(d.order.Uint16(d.page[pageHeader+2*i:])) }
	end := len(d.page)
	if i > 0 {
		end = at(i - 1)
	}
	if start := at(i); start >= pageHeader && start < end && end <= len(d.page) {
		return d.page[start:end], nil
	}
	return nil, errors.New("an entry leaves its page")
}

// value is what an item holds, or what the pages that it names hold.
func (d *bdb) value(item []byte) ([]byte, error) {
	switch {
	case item[0] == itemInline:
		return item[1:], nil
	case item[0] != itemOffPage || len(item) < 12: // kind, 3 unused, page, length
		return nil, fmt.Errorf("entry of kind %d with %d bytes", item[0], len(item))
	}
	next, length := d.order.Uint32(item[4:]), d.order.Uint32(item[8:])
	if length > maxHeader || int64(length) > d.size {
		return nil, fmt.Errorf("header of %d bytes, at most %d are read", length, maxHeader)
	}
	d.header = grow(d.header, int(length))[:0]
	for next != 0 {
		if err := d.readPage(d.more, next); err != nil {
			return nil, err
		}
		used := int(d.order.Uint16(d.more[22:]))
		if d.more[25] != overflow || pageHeader+used > len(d.more) || len(d.header)+used > int(length) {
			return nil, fmt.Errorf("page %d does not continue a header", next)
		}
		d.header = append(d.header, d.more[pageHeader:pageHeader+used]...)
		next = d.order.Uint32(d.more[16:])
	}
	if len(d.header) < int(length) {
		return nil, fmt.Errorf("header of %d bytes ends after %d", length, len(d.header))
	}
	return d.header, nil
}
