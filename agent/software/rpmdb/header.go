package rpmdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Package is what a header says about an installed package. Texts are as they were
// written, of any encoding; empty and 0 mean that the header does not say.
type Package struct {
	Name, Version, Release, Arch string
	Vendor, Packager             string
	Epoch, Installed, Bytes      int64 // Installed in seconds since 1970
}

// Tags and types of the header
// (https://rpm-software-management.github.io/rpm/manual/tags.html,
// https://rpm-software-management.github.io/rpm/manual/format_header.html).
const (
	tagName        = 1000
	tagVersion     = 1001
	tagRelease     = 1002
	tagEpoch       = 1003
	tagInstallTime = 1008
	tagSize        = 1009
	tagVendor      = 1011
	tagPackager    = 1015
	tagArch        = 1022
	tagLongSize    = 5009

	typeInt32      = 4
	typeInt64      = 5
	typeString     = 6
	typeI18NString = 9

	entrySize  = 16
	maxEntries = 0xffff // as rpm
	maxText    = 64 << 10
)

// ParseHeader reads a header as databases hold it: two counts, index entries of tag, type,
// offset and count, and the data, all big-endian. A tag that the installation added or
// changed comes after the package's own and holds.
func ParseHeader(b []byte) (Package, error) {
	var p Package
	if len(b) < 8 {
		return p, errors.New("header is cut")
	}
	entries, length := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if entries == 0 || entries > maxEntries || 8+int64(entries)*entrySize+int64(length) != int64(len(b)) {
		return p, fmt.Errorf("header of %d bytes with %d entries and %d bytes of data", len(b), entries, length)
	}
	index, data := b[8:8+entries*entrySize], b[8+entries*entrySize:]
	for ; len(index) > 0; index = index[entrySize:] {
		p.take(index[:entrySize], data)
	}
	if p.Name == "" {
		return p, errors.New("header without a name")
	}
	return p, nil
}

// take keeps an entry's value if it is of interest and as it should be.
func (p *Package) take(entry, data []byte) {
	kind, at := binary.BigEndian.Uint32(entry[4:]), int64(binary.BigEndian.Uint32(entry[8:]))
	if at > int64(len(data)) {
		return
	}
	data = data[at:]
	switch binary.BigEndian.Uint32(entry) {
	case tagName:
		setText(&p.Name, kind, data)
	case tagVersion:
		setText(&p.Version, kind, data)
	case tagRelease:
		setText(&p.Release, kind, data)
	case tagArch:
		setText(&p.Arch, kind, data)
	case tagVendor:
		setText(&p.Vendor, kind, data)
	case tagPackager:
		setText(&p.Packager, kind, data)
	case tagEpoch:
		setNumber(&p.Epoch, kind, data)
	case tagInstallTime:
		setNumber(&p.Installed, kind, data)
	case tagSize, tagLongSize:
		setNumber(&p.Bytes, kind, data)
	}
}

// setText takes a text that ends in NUL; of translations the first, which is English.
func setText(to *string, kind uint32, data []byte) {
	if kind != typeString && kind != typeI18NString {
		return
	}
	if end := bytes.IndexByte(data[:min(len(data), maxText)], 0); end >= 0 {
		*to = string(data[:end])
	}
}

func setNumber(to *int64, kind uint32, data []byte) {
	switch {
	case kind == typeInt32 && len(data) >= 4:
		*to = int64(binary.BigEndian.Uint32(data))
	case kind == typeInt64 && len(data) >= 8 && data[0] < 0x80:
		*to = int64(binary.BigEndian.Uint64(data))
	}
}
