package software

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// Bounds on one bolt database: how much of it is read and how deep its trees are.
const (
	maxBoltPages = 8192
	maxBoltDepth = 24
	maxBoltPage  = 16 << 20 // with its overflow
)

var errBoltDamaged = errors.New("damaged, or not a bolt database")

// boltDB reads a database of bolt (https://github.com/etcd-io/bbolt), which containerd
// keeps its records in, without the lock that its owner holds. What is read belongs to one
// transaction: pages of the last one are not written to before another is committed, and
// whole says whether that has happened meanwhile.
type boltDB struct {
	r    io.ReaderAt
	page int64 // bytes
	tx   uint64
	root uint64
	read int // pages so far
}

// boltBucket is a bucket in a page of its own, or within its parent's value.
type boltBucket struct {
	db     *boltDB
	root   uint64
	inline []byte
}

func openBolt(r io.ReaderAt) (*boltDB, error) {
	db := &boltDB{r: r}
	// The page size is in the first page; where that is torn, it is what most machines have.
	for _, at := range []int64{0, 4 << 10, 16 << 10, 64 << 10} {
		if db.meta(at) {
			db.meta(db.page)
			return db, nil
		}
	}
	return nil, errBoltDamaged
}

// meta takes one of the two records that begin the file, if it is sound and newer.
func (db *boltDB) meta(at int64) bool {
	b := make([]byte, 16+64)
	if _, err := db.r.ReadAt(b, at); err != nil {
		return false
	}
	b = b[16:]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:56]) // never fails
	size := binary.LittleEndian.Uint32(b[8:])
	if binary.LittleEndian.Uint32(b) != 0xED0CDAED || binary.LittleEndian.Uint32(b[4:]) != 2 ||
		binary.LittleEndian.Uint64(b[56:]) != sum.Sum64() || size < 1<<10 || size > 64<<10 {
		return false
	}
	if tx := binary.LittleEndian.Uint64(b[48:]); db.page == 0 || tx > db.tx {
		db.page, db.tx, db.root = int64(size), tx, binary.LittleEndian.Uint64(b[16:])
	}
	return true
}

// whole says whether everything that was read is of the same transaction.
func (db *boltDB) whole() bool {
	now, err := openBolt(db.r)
	return err == nil && now.tx == db.tx
}

// bucket is the one in which the path of names ends; nil when there is none.
func (db *boltDB) bucket(names ...string) (*boltBucket, error) {
	return (&boltBucket{db: db, root: db.root}).bucket(names...)
}

func (b *boltBucket) bucket(names ...string) (*boltBucket, error) {
	for _, name := range names {
		var found *boltBucket
		err := b.each(func(key, _ []byte, sub *boltBucket) error {
			if string(key) == name {
				found = sub
			}
			return nil
		})
		if err != nil || found == nil {
			return nil, err
		}
		b = found
	}
	return b, nil
}

// each calls visit with every key of a bucket, and its value or the bucket that it is.
func (b *boltBucket) each(visit func(key, value []byte, sub *boltBucket) error) error {
	if b.inline != nil {
		return b.walk(b.inline, 0, visit)
	}
	page, err := b.db.load(b.root)
	if err != nil {
		return err
	}
	return b.walk(page, 0, visit)
}

func (b *boltBucket) walk(page []byte, depth int, visit func(key, value []byte, sub *boltBucket) error) error {
	const branch, leaf = 1, 2
	if len(page) < 16 || depth > maxBoltDepth {
		return errBoltDamaged
	}
	kind, count := binary.LittleEndian.Uint16(page[8:]), int(binary.LittleEndian.Uint16(page[10:]))
	if len(page) < 16+16*count {
		return errBoltDamaged
	}
	for i := range count {
		at := 16 + 16*i
		word := func(n int) int { return int(binary.LittleEndian.Uint32(page[at+4*n:])) }
		switch kind {
		case branch:
			child, err := b.db.load(binary.LittleEndian.Uint64(page[at+8:]))
			if err != nil {
				return err
			}
			if err := b.walk(child, depth+1, visit); err != nil {
				return err
			}
		case leaf:
			key, value := at+word(1), at+word(1)+word(2)
			end := value + word(3)
			if key < 0 || end > len(page) {
				return errBoltDamaged
			}
			sub, err := b.sub(word(0), page[value:end])
			if err != nil {
				return err
			}
			if err := visit(page[key:value], page[value:end], sub); err != nil {
				return err
			}
		default:
			return errBoltDamaged
		}
	}
	return nil
}

// sub is the bucket that a value with the bucket's flag holds.
func (b *boltBucket) sub(flags int, value []byte) (*boltBucket, error) {
	if flags&1 == 0 {
		return nil, nil
	}
	if len(value) < 16 {
		return nil, errBoltDamaged
	}
	sub := &boltBucket{db: b.db, root: binary.LittleEndian.Uint64(value)}
	if sub.root == 0 {
		sub.inline = value[16:]
	}
	return sub, nil
}

// load reads a page with what it overflows into.
func (db *boltDB) load(id uint64) ([]byte, error) {
	if db.read++; db.read > maxBoltPages {
		return nil, fmt.Errorf("more than %d pages", maxBoltPages)
	}
	if id < 2 || id > 1<<40 {
		return nil, errBoltDamaged
	}
	header := make([]byte, 16)
	if _, err := db.r.ReadAt(header, int64(id)*db.page); err != nil {
		return nil, errBoltDamaged
	}
	size := (int64(binary.LittleEndian.Uint32(header[12:])) + 1) * db.page
	if binary.LittleEndian.Uint64(header) != id || size > maxBoltPage {
		return nil, errBoltDamaged
	}
	page := make([]byte, size)
	if n, err := db.r.ReadAt(page, int64(id)*db.page); err != nil && n < len(page) {
		return nil, errBoltDamaged
	}
	return page, nil
}
