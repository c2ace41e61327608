package snmp_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gosnmp/gosnmp"

	"github.com/muster-itam/muster/scanner/snmp"
)

const root = "1.3.6.1.2.1.2.2.1.2"

func text(name, value string) snmp.Variable {
	return snmp.Variable{Name: name, Type: gosnmp.OctetString, Value: []byte(value)}
}

// list answers GETNEXT from a fixed list of variables, as a device with nothing else would.
func list(vars ...snmp.Variable) *snmp.FakeSession {
	at := map[string]int{}
	for i, v := range vars {
		at[v.Name] = i + 1
	}
	return &snmp.FakeSession{Next: func(name string, n int) ([]snmp.Variable, error) {
		from := at[name]
		out := slices.Clone(vars[from:min(len(vars), from+n)])
		if len(out) < n {
			last := name
			if len(out) > 0 {
				last = out[len(out)-1].Name
			}
			out = append(out, snmp.Variable{Name: last, Type: gosnmp.EndOfMibView})
		}
		return out, nil
	}}
}

func TestWalk(t *testing.T) {
	for _, c := range []struct {
		name    string
		session *snmp.FakeSession
		want    []string
		err     error
	}{
		{"to the end of the view", list(text(root+".1", "a"), text(root+".2", "b")), []string{"1", "2"}, nil},
		{"to the next table", list(text(root+".1", "a"), text("1.3.6.1.2.1.2.2.1.3.1", "x")), []string{"1"}, nil},
		{"absent", list(text("1.3.6.1.2.1.2.2.1.3.1", "x")), nil, nil},
		{"repeats", list(text(root+".1", "a"), text(root+".1", "a")), []string{"1"}, snmp.ErrOrder},
		{"decreases", list(text(root+".2", "a"), text(root+".1", "a")), []string{"2"}, snmp.ErrOrder},
		{"goes back before the table", list(text(root+".2", "a"), text("1.3.6.1.2.1.1.1.0", "a")), []string{"2"}, snmp.ErrOrder},
		{"answers with the root itself", &snmp.FakeSession{Next: func(string, int) ([]snmp.Variable, error) {
			return []snmp.Variable{text(root, "a")}, nil
		}}, nil, snmp.ErrOrder},
		{"empty answer", &snmp.FakeSession{Next: func(string, int) ([]snmp.Variable, error) { return nil, nil }}, nil, nil},
	} {
		rows, _, err := snmp.WalkFake(t.Context(), c.session, root, snmp.Limits{})
		if !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
		if d := cmp.Diff(c.want, rows); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

// endless never comes to an end: every answer has more rows.
func endless(size int) *snmp.FakeSession {
	value := strings.Repeat("x", size)
	return &snmp.FakeSession{Next: func(name string, n int) ([]snmp.Variable, error) {
		if !strings.HasPrefix(name, root+".") {
			name = root + ".0"
		}
		var i int
		if _, err := fmt.Sscanf(strings.TrimPrefix(name, root+"."), "%d", &i); err != nil {
			return nil, err
		}
		var out []snmp.Variable
		for k := range n {
			out = append(out, text(fmt.Sprintf("%s.%d", root, i+k+1), value))
		}
		return out, nil
	}}
}

func TestWalkLimits(t *testing.T) {
	rows, n, err := snmp.WalkFake(t.Context(), endless(10), root, snmp.Limits{Column: 1 << 30})
	if !errors.Is(err, snmp.ErrVariables) || len(rows) != 50_000 || n != 50_001 {
		t.Errorf("endless: %d rows, %d variables, %v", len(rows), n, err)
	}
	rows, _, err = snmp.WalkFake(t.Context(), endless(10), root, snmp.Limits{})
	if !errors.Is(err, snmp.ErrVariables) || len(rows) != 20_000 {
		t.Errorf("endless column: %d rows, %v", len(rows), err)
	}
	rows, _, err = snmp.WalkFake(t.Context(), endless(4000), root, snmp.Limits{})
	if !errors.Is(err, snmp.ErrBytes) || len(rows) > 16<<20/4000 {
		t.Errorf("endless bytes: %d rows, %v", len(rows), err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, snmp.ErrTime)
	defer cancel()
	s := endless(1)
	next := s.Next
	s.Next = func(name string, n int) ([]snmp.Variable, error) {
		<-ctx.Done()
		return next(name, n)
	}
	if _, _, err = snmp.WalkFake(ctx, s, root, snmp.Limits{}); !errors.Is(err, snmp.ErrTime) {
		t.Errorf("time: %v", err)
	}
}

// Large answers that get lost on the way are asked for again in smaller portions.
func TestWalkSmallerPortions(t *testing.T) {
	s := list(text(root+".1", "a"), text(root+".2", "b"))
	next := s.Next
	var asked []int
	s.Next = func(name string, n int) ([]snmp.Variable, error) {
		asked = append(asked, n)
		if n > 10 {
			return nil, snmp.ErrNoAnswer
		}
		return next(name, n)
	}
	rows, _, err := snmp.WalkFake(t.Context(), s, root, snmp.Limits{})
	if err != nil || len(rows) != 2 || len(asked) < 2 || asked[1] != 10 {
		t.Errorf("rows %v, asked for %v, %v", rows, asked, err)
	}
}
