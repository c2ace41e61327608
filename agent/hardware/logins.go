package hardware

import (
	"bytes"
	"encoding/binary"
	"io"
	"time"
)

// loginLayout is how a C library lays out the records of logins: wtmp's (utmp(5)) and
// lastlog's (lastlog(8)). Architectures that began with 32 bits keep their sizes.
type loginLayout struct {
	wtmp, wtmpTime int // size of a record, offset of its seconds
	lastlog        int // size of a record, which begins with its seconds
	wide           bool
}

var (
	loginLayout32 = loginLayout{wtmp: 384, wtmpTime: 340, lastlog: 292}
	loginLayout64 = loginLayout{wtmp: 400, wtmpTime: 344, lastlog: 296, wide: true}
)

// seconds is a time, or none for what is not one.
func (l loginLayout) seconds(b []byte) time.Time {
	n := int64(binary.NativeEndian.Uint32(b)) // without a sign it lasts until 2106
	if l.wide {
		n = int64(binary.NativeEndian.Uint64(b))
	}
	if n <= 0 || n > 1<<33 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

// last is when a user id last signed in, by lastlog: a sparse file with a record for each id.
func (l loginLayout) last(lastlog io.ReaderAt, id int) time.Time {
	b := make([]byte, 4, 8)
	if l.wide {
		b = b[:8]
	}
	if _, err := lastlog.ReadAt(b, int64(id)*int64(l.lastlog)); err != nil {
		return time.Time{}
	}
	return l.seconds(b)
}

// sessions reads when each user last began a session, by name, from whole records of wtmp.
func (l loginLayout) sessions(wtmp []byte) map[string]time.Time {
	const userProcess, user, userSize = 7, 44, 32
	out := map[string]time.Time{}
	for ; len(wtmp) >= l.wtmp; wtmp = wtmp[l.wtmp:] {
		if binary.NativeEndian.Uint16(wtmp) != userProcess {
			continue
		}
		name, _, _ := bytes.Cut(wtmp[user:user+userSize], []byte{0})
		if t := l.seconds(wtmp[l.wtmpTime:]); t.After(out[string(name)]) && len(out) < maxList {
			out[string(name)] = t
		}
	}
	return out
}
