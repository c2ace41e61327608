package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/muster-itam/muster/internal/inventory"
)

// override is a person's decision about two observations.
type override struct {
	Op string `json:"op"` // merge, split
	A  string `json:"a"`
	B  string `json:"b"`
}

// overrides are decisions that wait for their observations.
type overrides struct {
	waiting               map[string][]*override
	seen                  map[string]bool
	all, entered, refused int
}

// readOverrides reads decisions, one JSON object a line; none without a file.
func readOverrides(path string) (*overrides, error) {
	o := &overrides{waiting: map[string][]*override{}, seen: map[string]bool{}}
	if path == "" {
		return o, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	for dec := json.NewDecoder(f); ; {
		x := new(override)
		if err := dec.Decode(x); errors.Is(err, io.EOF) {
			return o, nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if x.Op != "merge" && x.Op != "split" {
			return nil, fmt.Errorf("read %s: op %q: merge or split is wanted", path, x.Op)
		}
		o.all++
		o.waiting[x.A] = append(o.waiting[x.A], x)
		o.waiting[x.B] = append(o.waiting[x.B], x)
	}
}

// arrived enters the decisions for which an observation was the one that lacked. One that
// contradicts others is refused, as it would be to a person.
func (o *overrides) arrived(ctx context.Context, b bench, id string) error {
	if len(o.waiting[id]) == 0 {
		return nil
	}
	o.seen[id] = true
	for _, x := range o.waiting[id] {
		if !o.seen[x.A] || !o.seen[x.B] {
			continue
		}
		err := b.pin(ctx, x.A, x.B, x.Op == "merge")
		switch {
		case inventory.CodeOf(err) == inventory.CodeConflict || inventory.CodeOf(err) == inventory.CodeInvalid:
			o.refused++
			fmt.Fprintf(os.Stderr, "%s %s %s: %v\n", x.Op, x.A, x.B, err)
		case err != nil:
			return fmt.Errorf("%s %s %s: %w", x.Op, x.A, x.B, err)
		default:
			o.entered++
		}
	}
	delete(o.waiting, id)
	return nil
}
