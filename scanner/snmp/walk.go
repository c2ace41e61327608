package snmp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Limits bound what is taken from one device.
type Limits struct {
	Variables int           // in all; 0 means 50,000
	Column    int           // in one column of a table; 0 means 20,000
	Bytes     int           // of names and values; 0 means 16 MiB
	Time      time.Duration // for everything; 0 means 60 s
	Batch     int           // asked for at once; 0 means 40
}

func (l Limits) orDefault() Limits {
	if l.Variables == 0 {
		l.Variables = 50_000
	}
	if l.Column == 0 {
		l.Column = 20_000
	}
	if l.Bytes == 0 {
		l.Bytes = 16 << 20
	}
	if l.Time == 0 {
		l.Time = 60 * time.Second
	}
	if l.Batch == 0 {
		l.Batch = normalBatch
	}
	return l
}

// variable is one name and value as a device sent it.
type variable struct {
	name  oid
	value value
	size  int // bytes that it took
}

// session is a way to ask one device; gosnmp is the real one.
type session interface {
	get(ctx context.Context, names []oid) ([]variable, error)
	// next asks for up to so many variables after each name: a row with one for each name,
	// then the next row. The last row may be cut short.
	next(ctx context.Context, names []oid, rows int) ([]variable, error)
}

// Why a walk ended before its end.
var (
	errVariables = errors.New("more variables than allowed")
	errBytes     = errors.New("more bytes than allowed")
	errTime      = errors.New("took longer than allowed")
	errOrder     = errors.New("object identifiers did not increase")
	errPanic     = errors.New("answer could not be decoded")
	errDropped   = errors.New("no row could be used")
)

// reader takes values from one device and counts them against its limits.
type reader struct {
	session session
	limits  Limits
	batch   int // variables asked for at once

	oneByOne bool            // columns side by side confuse this agent
	absent   map[string]bool // roots below which there is nothing
	gaps     []gap
	lost     int // walks in a row that got no answer

	variables, bytes int
	dropped          int // values of a wrong type or outside what was asked for

	// unlisted says that it is not known which makers' objects the device has.
	unlisted bool

	ports *bridgePorts // nil before they are read
	vtp   []int        // VLANs that the device keeps apart, as Cisco's do
	// inVLAN runs read on the device's bridge for one VLAN; nil where there is none, as in a
	// recording.
	inVLAN func(ctx context.Context, vlan int, read func(*reader) error) error
}

// gap is where a device has nothing: what follows from is to, and nothing at all when to is nil.
// It spares a request for every table that is not there and lies in it.
type gap struct{ from, to oid }

// maxGaps bounds what is remembered; there are some sixty tables to look for.
const maxGaps = 256

// missing tells whether there is nothing below root.
func (r *reader) missing(root oid) bool {
	return r.absent[root.String()] || slices.ContainsFunc(r.gaps, func(g gap) bool {
		if g.from.compare(root) > 0 {
			return false
		}
		if g.to == nil {
			return true
		}
		_, inside := g.to.under(root)
		return !inside && g.to.compare(root) > 0
	})
}

func (r *reader) gap(from, to oid) {
	if len(r.gaps) < maxGaps {
		r.gaps = append(r.gaps, gap{slices.Clone(from), slices.Clone(to)})
	}
}

// Sizes of one request, in variables: of a table with short values normalBatch fits a packet
// everywhere. Devices that choke get less, those that do not get what fits a packet.
const (
	normalBatch = 40
	smallBatch  = 10
	largeBatch  = 80
	// maxAnswer is what an answer may take on the wire to travel in one piece.
	maxAnswer = 1300
	// maxLost is after how many tables in a row without an answer the device is taken to be
	// gone: one alone may be what its agent hangs at.
	maxLost = 2
)

func (r *reader) count(v variable) error {
	r.variables++
	r.bytes += v.size
	switch {
	case r.variables > r.limits.Variables:
		return errVariables
	case r.bytes > r.limits.Bytes:
		return errBytes
	}
	return nil
}

// column is one column of a table and what to do with its values.
type column struct {
	root oid
	row  func(index oid, v value)
}

// walk calls row with the index and value of each variable below root. An error means
// that the walk is not complete; rows before it were delivered.
func (r *reader) walk(ctx context.Context, root oid, row func(index oid, v value)) error {
	return r.all(ctx, column{root, row})
}

// columns walks the columns of a table. One whose first column has no rows is taken to be
// absent.
func (r *reader) columns(ctx context.Context, cols ...column) error {
	if r.missing(cols[0].root) {
		return nil
	}
	return r.sideBySide(ctx, cols, true)
}

// all walks columns of which any may be missing.
func (r *reader) all(ctx context.Context, cols ...column) error {
	return r.sideBySide(ctx, cols, false)
}

// cursor is how far the walk of a column is.
type cursor struct {
	column
	last oid // the name after which to ask
	done bool
	rows []cell // not delivered yet
	n    int
}

type cell struct {
	index oid
	value value
}

// sideBySide walks columns at the same time, so that a small table takes one request. They
// are delivered one after the other, as if they had been walked so.
func (r *reader) sideBySide(ctx context.Context, cols []column, table bool) error {
	cursors := make([]*cursor, len(cols))
	for i, c := range cols {
		cursors[i] = &cursor{column: c, last: c.root, done: r.missing(c.root)}
	}
	defer func() {
		for _, c := range cursors {
			for _, cell := range c.rows {
				c.row(cell.index, cell.value)
			}
		}
	}()
	for {
		open := slices.DeleteFunc(slices.Clone(cursors), func(c *cursor) bool { return c.done })
		if table && cursors[0].done && cursors[0].n == 0 {
			cursors = nil // and what others had is of no table
			return nil
		}
		if len(open) == 0 {
			return nil
		}
		if err := r.step(ctx, open); err != nil {
			return err
		}
	}
}

// step makes one request for the columns that are not at their end.
func (r *reader) step(ctx context.Context, open []*cursor) error {
	names := make([]oid, len(open))
	for i, c := range open {
		names[i] = c.last
	}
	vars, asked, err := r.ask(ctx, names...)
	if err != nil {
		return fmt.Errorf("walk %s: %w", open[0].root, err)
	}
	gaps := len(r.gaps) // what an answer in no order says of these is worth nothing
	if len(vars) == 0 {
		for _, c := range open[:asked] {
			c.done = true
		}
	}
	for i, v := range vars {
		c := open[i%asked]
		index, inside := v.name.under(c.root)
		back := c.done && inside && v.value.kind != kindNone // after what comes behind the column
		switch {
		case c.done && !back:
			continue
		case v.value.kind == kindNone:
			if c.done = true; v.value.end {
				r.gap(c.last, nil)
			}
			continue
		case !inside && v.name.compare(c.root) > 0: // the next table
			c.done = true
			r.gap(c.last, v.name)
			continue
		case (back || !inside || v.name.compare(c.last) <= 0) && asked > 1:
			r.oneByOne = true // it may only mix up what is asked for together
			r.gaps = r.gaps[:gaps]
			for _, c := range open {
				c.done = false
			}
			return nil
		case back || !inside || v.name.compare(c.last) <= 0:
			r.gaps = r.gaps[:gaps]
			r.dropped++
			return fmt.Errorf("walk %s: %w", c.root, errOrder)
		}
		c.last = v.name
		if err := r.count(v); err != nil {
			return fmt.Errorf("walk %s: %w", c.root, err)
		}
		if c.n++; c.n > r.limits.Column {
			return fmt.Errorf("walk %s: %w", c.root, errVariables)
		}
		c.rows = append(c.rows, cell{index, v.value})
	}
	return nil
}

// ask gets variables after each of the first names, in smaller portions when the device does
// not manage. It answers how many of the names it asked about: as many as a portion has.
func (r *reader) ask(ctx context.Context, names ...oid) (vars []variable, asked int, err error) {
	for batch := r.batch; ; {
		if err := stopped(ctx); err != nil {
			return nil, 0, err
		}
		if r.lost == maxLost {
			return nil, 0, ErrNoAnswer
		}
		if asked = min(len(names), batch); r.oneByOne {
			asked = 1
		}
		rows := max(1, batch/asked)
		vars, err = r.session.next(ctx, names[:asked], rows)
		if err == nil {
			r.lost = 0
			r.adapt(batch, asked*rows, vars)
			return vars, asked, nil
		}
		switch {
		case stopped(ctx) != nil:
			return nil, 0, stopped(ctx)
		case batch > smallBatch:
			batch = smallBatch // fragmented or oversized answers get lost on the way
		case batch > 1 && !errors.Is(err, ErrNoAnswer):
			batch = 1
		default: // not the size: what is there hurts the agent
			if r.lost++; !errors.Is(err, ErrNoAnswer) {
				r.lost = 0
			}
			return nil, 0, err
		}
	}
}

// adapt takes from an answer how much to ask for next: no more than an agent that cut the
// answer short had room for, and else what fits a packet.
func (r *reader) adapt(batch, wanted int, vars []variable) {
	size := 0
	for _, v := range vars {
		if v.value.kind == kindNone {
			r.batch = batch
			return // the end, not the room, may have cut it short
		}
		size += 12 + len(v.name) + len(v.value.bytes) + len(v.value.oid)
	}
	switch {
	case batch < r.batch:
		r.batch = batch
	case len(vars) > 0 && len(vars) < wanted:
		r.batch = max(smallBatch, min(batch, len(vars)))
	case len(vars) > 0 && batch >= normalBatch:
		r.batch = min(max(normalBatch, maxAnswer*len(vars)/size), largeBatch)
	}
}

// look finds out, with one request, below which of the roots there is anything. What the
// agent does not say stays open.
func (r *reader) look(ctx context.Context, roots ...oid) {
	roots = slices.SortedFunc(slices.Values(roots), oid.compare)
	vars, err := r.session.next(ctx, roots, 1)
	if err != nil || !slices.IsSortedFunc(vars, func(a, b variable) int { return a.name.compare(b.name) }) {
		return // what comes after a later name comes later; who mixes that up is not believed
	}
	for i, v := range vars[:min(len(vars), len(roots))] {
		_, inside := v.name.under(roots[i])
		if v.value.kind == kindNone || !inside && v.name.compare(roots[i]) > 0 {
			r.absent[roots[i].String()] = true
		}
	}
}

// stopped tells the device's own time limit from the end of the scan.
func stopped(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errTime) {
		return errTime
	}
	return ctx.Err()
}

// get asks for single values. The answer has those names that were asked for and have a
// value, by their dotted name.
func (r *reader) get(ctx context.Context, names ...oid) (map[string]value, error) {
	vars, err := r.session.get(ctx, names)
	if err != nil {
		if serr := stopped(ctx); serr != nil {
			return nil, serr
		}
		return nil, err
	}
	asked := make(map[string]bool, len(names))
	for _, n := range names {
		asked[n.String()] = true
	}
	answered := false
	out := make(map[string]value, len(vars))
	for _, v := range vars {
		if err := r.count(v); err != nil {
			return out, err
		}
		name := v.name.String()
		answered = answered || asked[name]
		if !asked[name] || v.value.kind == kindOther {
			r.dropped++
			continue
		}
		if v.value.kind != kindNone {
			out[name] = v.value
		}
	}
	if !answered {
		return nil, errOthers
	}
	return out, nil
}

func newReader(s session, limits Limits) *reader {
	return &reader{session: s, limits: limits, batch: limits.Batch, absent: map[string]bool{}}
}
