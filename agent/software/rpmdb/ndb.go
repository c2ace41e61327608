package rpmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The parts of Packages.db, as rpm's lib/backend/ndb/rpmpkg.c lays them out, little-endian.
const (
	ndbMagic  = "RpmP"
	slotMagic = "Slot"
	blobStart = "BlbS"
	blobEnd   = "BlbE"

	ndbPage   = 4096
	ndbBlock  = 16 // unit of a blob's place and size
	slotSize  = 16 // magic, package index, first block, blocks
	blobHead  = 16 // magic, package index, generation, length
	blobTail  = 12 // checksum, length, magic
	maxNDBTab = 16 << 20
)

// ReadNDB calls visit with each header in Packages.db.
func ReadNDB(file io.ReaderAt, size int64, visit func(header []byte) error) error {
	r := reader{r: file, size: size, budget: 2 * size}
	var head [2 * slotSize]byte // magic, version, generation, pages of slots; as large as two slots
	if err := r.read(head[:], 0); err != nil {
		return err
	}
	if string(head[:4]) != ndbMagic {
		return errors.New("not an ndb database of packages")
	}
	if v := binary.LittleEndian.Uint32(head[4:]); v != 0 {
		return fmt.Errorf("ndb version %d", v)
	}
	length := int64(binary.LittleEndian.Uint32(head[12:])) * ndbPage
	if length == 0 || length > maxNDBTab || length > size {
		return fmt.Errorf("table of packages has %d bytes, the file %d, at most %d are read", length, size, maxNDBTab)
	}
	table := make([]byte, length)
	if err := r.read(table, 0); err != nil {
		return err
	}
	var blob []byte
	for slot := table[len(head):]; len(slot) > 0; slot = slot[slotSize:] {
		if string(slot[:4]) != slotMagic {
			return errors.New("damaged table of packages")
		}
		if binary.LittleEndian.Uint32(slot[8:]) == 0 {
			continue // free
		}
		var err error
		if blob, err = r.blob(blob, slot); err != nil {
			return fmt.Errorf("package %d: %w", binary.LittleEndian.Uint32(slot[4:]), err)
		}
		if err := visit(blob[blobHead:][:binary.LittleEndian.Uint32(blob[12:])]); err != nil {
			return err
		}
	}
	return nil
}

// blob reads what a slot describes, into b if that is large enough.
func (r *reader) blob(b, slot []byte) ([]byte, error) {
	at := int64(binary.LittleEndian.Uint32(slot[8:])) * ndbBlock
	length := int64(binary.LittleEndian.Uint32(slot[12:])) * ndbBlock
	if length < blobHead+blobTail || length > maxHeader {
		return b, fmt.Errorf("%d bytes, at most %d are read", length, maxHeader)
	}
	b = grow(b, int(length))
	if err := r.read(b, at); err != nil {
		return b, err
	}
	used := int64(binary.LittleEndian.Uint32(b[12:]))
	if string(b[:4]) != blobStart || string(b[len(b)-4:]) != blobEnd ||
		string(b[4:8]) != string(slot[4:8]) || used > length-blobHead-blobTail {
		return b, errors.New("damaged")
	}
	return b, nil
}
