package software

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds on one ZIP archive. The directory of 20,000 classes has about 2 MiB.
const (
	maxZipDirectory = 4 << 20
	maxZipMember    = 256 << 10
	maxZipMembers   = 64 // that are wanted
)

var errNoZip = errors.New("not a ZIP archive")

// zipMembers reads the members of a ZIP archive that are wanted, by name, each up to
// maxZipMember bytes. It goes by the central directory and keeps none of it, where
// archive/zip would make a record for each of many thousand classes. ZIP64 is refused:
// none of what is read here has that many members
// (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT 4.3).
func zipMembers(r io.ReaderAt, size int64, wanted func(name []byte) bool) (map[string][]byte, error) {
	directory, err := zipDirectory(r, size)
	if err != nil {
		return nil, err
	}
	members := map[string][]byte{}
	for len(directory) >= 46 && binary.LittleEndian.Uint32(directory) == 0x02014b50 {
		u16 := func(at int) int { return int(binary.LittleEndian.Uint16(directory[at:])) }
		name, next := u16(28), 46+u16(28)+u16(30)+u16(32)
		if next > len(directory) {
			return nil, errNoZip
		}
		if path := directory[46 : 46+name]; wanted(path) {
			if len(members) == maxZipMembers {
				return nil, fmt.Errorf("more than %d descriptions in one archive", maxZipMembers)
			}
			b, err := zipMember(r, int64(binary.LittleEndian.Uint32(directory[42:])), int64(binary.LittleEndian.Uint32(directory[20:])), u16(10))
			if err != nil {
				return nil, fmt.Errorf("member %q: %w", path, err)
			}
			members[string(path)] = b
		}
		directory = directory[next:]
	}
	return members, nil
}

// zipDirectory is the central directory, to which the record at the end leads.
func zipDirectory(r io.ReaderAt, size int64) ([]byte, error) {
	const record = 22
	// Most archives have no comment behind the record; a comment has at most 64 KiB.
	for _, back := range []int64{record, record + 1<<16} {
		b := make([]byte, min(back, size))
		if _, err := r.ReadAt(b, size-int64(len(b))); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		at := bytes.LastIndex(b, []byte("PK\x05\x06"))
		if at < 0 || len(b)-at < record {
			continue
		}
		length, offset := binary.LittleEndian.Uint32(b[at+12:]), binary.LittleEndian.Uint32(b[at+16:])
		if int64(offset)+int64(length) > size {
			return nil, errNoZip
		}
		if length > maxZipDirectory {
			return nil, fmt.Errorf("a directory of more than %d bytes", maxZipDirectory)
		}
		directory := make([]byte, length)
		if _, err := r.ReadAt(directory, int64(offset)); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return directory, nil
	}
	return nil, errNoZip
}

func zipMember(r io.ReaderAt, offset, packed int64, method int) ([]byte, error) {
	header := make([]byte, 30)
	if _, err := r.ReadAt(header, offset); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(header) != 0x04034b50 {
		return nil, errNoZip
	}
	offset += 30 + int64(binary.LittleEndian.Uint16(header[26:])) + int64(binary.LittleEndian.Uint16(header[28:]))
	var content io.Reader = io.NewSectionReader(r, offset, packed)
	switch method {
	case 0:
	case 8:
		content = flate.NewReader(content)
	default:
		return nil, fmt.Errorf("packed by method %d, which is not read", method)
	}
	return io.ReadAll(io.LimitReader(content, maxZipMember))
}
