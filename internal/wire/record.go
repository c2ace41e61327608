package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// A record is one file of the spool:
//
//	0   4  magic "MSTR"
//	4   4  version, little-endian
//	8   4  length of the content
//	12  4  CRC32C of the twelve bytes before and of the content
//	16  n  content, zstd
const (
	recordMagic   = "MSTR"
	recordVersion = 1
	recordHeader  = 16
	// maxRecord bounds one record, before and after decompression.
	maxRecord = 64 << 20
)

// errDamaged says that a record is not what was written.
var errDamaged = errors.New("damaged record")

func encodeRecord(content []byte) ([]byte, error) {
	if len(content) > maxRecord {
		return nil, fmt.Errorf("a record of %d bytes, at most %d allowed", len(content), maxRecord)
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	b := w.EncodeAll(content, make([]byte, recordHeader, recordHeader+len(content)/4))
	body := b[recordHeader:]
	copy(b, recordMagic)
	binary.LittleEndian.PutUint32(b[4:], recordVersion)
	binary.LittleEndian.PutUint32(b[8:], uint32(len(body))) // zstd of at most maxRecord
	binary.LittleEndian.PutUint32(b[12:], checksum(b[:12], body))
	return b, w.Close()
}

// decodeRecord is the content of a record. Whatever is wrong with it is errDamaged.
func decodeRecord(b []byte) ([]byte, error) {
	switch {
	case len(b) < recordHeader || len(b) > recordHeader+maxRecord || string(b[:4]) != recordMagic:
		return nil, fmt.Errorf("%w: no header", errDamaged)
	case binary.LittleEndian.Uint32(b[4:]) != recordVersion:
		return nil, fmt.Errorf("%w: version %d", errDamaged, binary.LittleEndian.Uint32(b[4:]))
	case int64(binary.LittleEndian.Uint32(b[8:])) != int64(len(b)-recordHeader):
		return nil, fmt.Errorf("%w: %d bytes long", errDamaged, len(b))
	case binary.LittleEndian.Uint32(b[12:]) != checksum(b[:12], b[recordHeader:]):
		return nil, fmt.Errorf("%w: wrong checksum", errDamaged)
	}
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxRecord))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	defer r.Close()
	content, err := r.DecodeAll(b[recordHeader:], nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return content, nil
}

// checksum covers the header too, so that every flipped bit shows.
func checksum(header, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(header, table), table, body)
}
