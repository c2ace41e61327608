package sqlite

import (
	"encoding/binary"
	"fmt"
)

const (
	logHeaderSize   = 32
	frameHeaderSize = 24
	logVersion      = 3007000
	maxLog          = 256 << 20
)

// readLog finds the newest copy of each page in the write-ahead log, up to its last
// commit. A frame whose salt or checksum is wrong is left from before the log was last
// begun anew, or was being written: it ends the log.
func (d *DB) readLog() error {
	head := make([]byte, logHeaderSize)
	if d.wal.size < logHeaderSize {
		return nil // created and not used yet
	}
	if d.wal.size > maxLog {
		return fmt.Errorf("%d bytes, at most %d are read", d.wal.size, maxLog)
	}
	if err := d.wal.read(head, 0); err != nil {
		return err
	}
	var order binary.ByteOrder
	switch binary.BigEndian.Uint32(head) {
	case 0x377f0682:
		order = binary.LittleEndian
	case 0x377f0683:
		order = binary.BigEndian
	default:
		return nil // SQLite takes such a log for empty, as after a crash while it was made
	}
	if v := binary.BigEndian.Uint32(head[4:]); v != logVersion {
		return fmt.Errorf("version %d", v)
	}
	pageSize := int(binary.BigEndian.Uint32(head[8:]))
	sum := logChecksum(order, [2]uint32{}, head[:24])
	if !validPageSize(pageSize) || sum != sums(head[24:]) {
		return nil
	}
	d.pageSize = pageSize
	return d.readFrames(order, sum, [8]byte(head[16:24]))
}

func (d *DB) readFrames(order binary.ByteOrder, sum [2]uint32, salt [8]byte) error {
	d.frames = map[uint32]int64{}
	pending := map[uint32]int64{}
	frame := make([]byte, frameHeaderSize+d.pageSize)
	for at := int64(logHeaderSize); at+int64(len(frame)) <= d.wal.size; at += int64(len(frame)) {
		if err := d.wal.read(frame, at); err != nil {
			return err
		}
		sum = logChecksum(order, sum, frame[:8])
		sum = logChecksum(order, sum, frame[frameHeaderSize:])
		if [8]byte(frame[8:16]) != salt || sum != sums(frame[16:]) {
			return nil
		}
		pending[binary.BigEndian.Uint32(frame)] = at + frameHeaderSize
		if pages := binary.BigEndian.Uint32(frame[4:]); pages != 0 { // commits what is before it
			for n, at := range pending {
				d.frames[n] = at
			}
			clear(pending)
			d.pages = pages
		}
	}
	return nil
}

func sums(b []byte) [2]uint32 {
	return [2]uint32{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
}

// logChecksum goes on with the log's checksum over b, whose length is a multiple of 8.
func logChecksum(order binary.ByteOrder, s [2]uint32, b []byte) [2]uint32 {
	for ; len(b) >= 8; b = b[8:] {
		s[0] += order.Uint32(b) + s[1]
		s[1] += order.Uint32(b[4:]) + s[0]
	}
	return s
}
