package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/muster-itam/muster/collector/store"
)

// rows reads a parameter of rows of one text.
func rows(t *testing.T, parameter string) (out []string) {
	t.Helper()
	var list [][]string
	if err := json.Unmarshal([]byte(parameter), &list); err != nil {
		t.Fatalf("%v: %.200s", err, parameter)
	}
	for _, row := range list {
		out = append(out, row...)
	}
	return out
}

func TestBulk(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 129, 256, 300} {
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint("row ", i))
		}
		text, portions := store.Bulk(want)
		if got := rows(t, text); !slices.Equal(got, want) {
			t.Errorf("%d rows as one: %d", n, len(got))
		}
		var got []string
		for _, p := range portions {
			got = append(got, rows(t, p)...)
		}
		if !slices.Equal(got, want) || len(portions) != (n+127)/128 {
			t.Errorf("%d rows: %d in %d portions", n, len(got), len(portions))
		}
	}
}

// FuzzBulk: any text comes out as encoding/json would write it.
func FuzzBulk(f *testing.F) {
	f.Add("a\"b\\c\x00\x1f\x7f<&>\u2028é")
	f.Add("\xff\xc3(\ufffd\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := json.Marshal([][]string{{s}})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := store.Bulk([]string{s})
		if got, want := rows(t, text), rows(t, string(b)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	})
}
