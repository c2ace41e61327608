package snmp

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Limits bound what is taken from one device.
type Limits struct {
	Variables int           // in all; 0 means 50,000
	Column    int           // in one column of a table; 0 means 20,000
	Bytes     int           // of names and values; 0 means 16 MiB
	Time      time.Duration // for everything; 0 means 60 s
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
	// next asks for up to n variables after name.
	next(ctx context.Context, name oid, n int) ([]variable, error)
}

// Why a walk ended before its end.
var (
	errVariables = errors.New("more variables than allowed")
	errBytes     = errors.New("more bytes than allowed")
	errTime      = errors.New("took longer than allowed")
	errOrder     = errors.New("object identifiers did not increase")
	errPanic     = errors.New("answer could not be decoded")
)

// reader takes values from one device and counts them against its limits.
type reader struct {
	session session
	limits  Limits
	batch   int // variables asked for at once

	variables, bytes int
	dropped          int // values of a wrong type or outside what was asked for
}

// Sizes of one request: 25 rows of a table with short values fit a packet everywhere;
// devices that choke get a small one.
const (
	normalBatch = 40
	smallBatch  = 10
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

// walk calls row with the index and value of each variable below root. An error means
// that the walk is not complete; rows before it were delivered.
func (r *reader) walk(ctx context.Context, root oid, row func(index oid, v value)) error {
	last := root
	for n := 0; ; {
		vars, err := r.ask(ctx, last)
		if err != nil {
			return fmt.Errorf("walk %s: %w", root, err)
		}
		if len(vars) == 0 {
			return nil
		}
		for _, v := range vars {
			if v.value.kind == kindNone {
				return nil // the end of what this agent has
			}
			index, inside := v.name.under(root)
			if !inside && v.name.compare(root) > 0 {
				return nil // the next table has begun
			}
			if !inside || v.name.compare(last) <= 0 {
				r.dropped++
				return fmt.Errorf("walk %s: %w", root, errOrder)
			}
			last = v.name
			if err := r.count(v); err != nil {
				return fmt.Errorf("walk %s: %w", root, err)
			}
			if n++; n > r.limits.Column {
				return fmt.Errorf("walk %s: %w", root, errVariables)
			}
			row(index, v.value)
		}
	}
}

// ask gets the variables after name, in smaller portions when the device does not manage.
func (r *reader) ask(ctx context.Context, name oid) ([]variable, error) {
	if err := stopped(ctx); err != nil {
		return nil, err
	}
	vars, err := r.session.next(ctx, name, r.batch)
	if err != nil && ctx.Err() == nil && r.batch > smallBatch {
		r.batch = smallBatch // fragmented or oversized answers get lost on the way
		vars, err = r.session.next(ctx, name, r.batch)
	}
	if err != nil {
		if serr := stopped(ctx); serr != nil {
			return nil, serr
		}
		return nil, err
	}
	return vars, nil
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
	out := make(map[string]value, len(vars))
	for _, v := range vars {
		if err := r.count(v); err != nil {
			return out, err
		}
		name := v.name.String()
		if !asked[name] || v.value.kind == kindOther {
			r.dropped++
			continue
		}
		if v.value.kind != kindNone {
			out[name] = v.value
		}
	}
	return out, nil
}
