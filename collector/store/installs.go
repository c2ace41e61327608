package store

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A record's software is one row: the titles that it has now, each with the observation
// that brought it, packed into some 1 to 3 bytes a title. What is no longer there moves to
// the table install. A row for each present title would cost ten times the space and time, and the
// questions that go by title (who has openssl?) read all lists instead of an index: a list is
// read in some microseconds, a hundred thousand in less than a second.
//
// The packed list is, for each title in order of ids:
//
//	uvarint  id - id before << 3 | flags
//	uvarint  place of its observation in the row's list of them    flag 1, else place 0
//	varint   day of installation, in days since 1970 - day before  flag 2, else none
//	uvarint  bytes                                                 flag 4, else as the title has it
//	text     path: length (uvarint) and bytes                      flag 4
//	text     user                                                  flag 4
const (
	flagFrom = 1 << iota
	flagDay
	flagOwn
	flagBits = 3
)

// install is one title of a record's software.
type install struct {
	title int64
	from  int64 // the observation that brought it
	detail
}

// detail is what is not the same wherever a title is installed. Most often all but the
// day is as it was where the title was first seen, and then own is false and bytes and path are
// not kept here.
type detail struct {
	day   int64 // since 1970, 0 when unknown
	own   bool
	bytes int64
	path  string
	user  string
}

// packed is a record's software as the database has it.
type packed struct {
	list []byte
	obs  string // the observations that brought titles, as a JSON array
}

// pack packs installs, which it sorts.
func pack(installs []install) packed {
	slices.SortFunc(installs, func(a, b install) int { return cmp.Compare(a.title, b.title) })
	out := make([]byte, 0, 4*len(installs))
	obs := []byte{'['}
	places := map[int64]uint64{}
	var title, day int64
	for i := range installs {
		in := &installs[i]
		place, known := places[in.from]
		if !known {
			place = uint64(len(places))
			places[in.from] = place
			if place > 0 {
				obs = append(obs, ',')
			}
			obs = fmt.Appendf(obs, "%d", in.from)
		}
		head := uint64(in.title-title) << flagBits
		if place > 0 {
			head |= flagFrom
		}
		if in.day != 0 {
			head |= flagDay
		}
		if in.own {
			head |= flagOwn
		}
		out = binary.AppendUvarint(out, head)
		if place > 0 {
			out = binary.AppendUvarint(out, place)
		}
		if in.day != 0 {
			out = binary.AppendVarint(out, in.day-day)
			day = in.day
		}
		if in.own {
			out = binary.AppendUvarint(out, uint64(in.bytes))
			for _, text := range [...]string{in.path, in.user} {
				out = binary.AppendUvarint(out, uint64(len(text)))
				out = append(out, text...)
			}
		}
		title = in.title
	}
	return packed{out, string(append(obs, ']'))}
}

var errPacked = errors.New("a packed software list is damaged")

// unpack calls fn for each install of a list.
func (p packed) unpack(fn func(install)) error {
	var obs []int64
	if err := json.Unmarshal([]byte(p.obs), &obs); err != nil {
		return fmt.Errorf("%w: %w", errPacked, err)
	}
	r := packedReader{rest: p.list}
	var title, day int64
	for len(r.rest) > 0 {
		head := r.uvarint()
		title += int64(head >> flagBits)
		in := install{title: title}
		place := uint64(0)
		if head&flagFrom != 0 {
			place = r.uvarint()
		}
		if place >= uint64(len(obs)) {
			return errPacked
		}
		in.from = obs[place]
		if head&flagDay != 0 {
			day += r.varint()
			in.day = day
		}
		if head&flagOwn != 0 {
			in.own, in.bytes = true, int64(r.uvarint())
			in.path, in.user = r.text(), r.text()
		}
		if r.bad || in.title <= 0 {
			return errPacked
		}
		fn(in)
	}
	return nil
}

// packedReader takes numbers and texts off a list; bad is set when it ends too soon.
type packedReader struct {
	rest []byte
	bad  bool
}

func (r *packedReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	return v * r.took(n)
}

func (r *packedReader) varint() int64 {
	v, n := binary.Varint(r.rest)
	return v * int64(r.took(n))
}

// took moves past n bytes; it is 0 when there was no number.
func (r *packedReader) took(n int) uint64 {
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return 1
}

func (r *packedReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

const secondsOfDay = 24 * 60 * 60

// dayNumber is a day, YYYY-MM-DD, in days since 1970; 0 for what is no day.
func dayNumber(text string) int64 {
	if text == "" {
		return 0
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0
	}
	return t.Unix() / secondsOfDay
}

// dayText is the reverse of dayNumber.
func dayText(day int64) string {
	if day == 0 {
		return ""
	}
	return time.Unix(day*secondsOfDay, 0).UTC().Format(time.DateOnly)
}
