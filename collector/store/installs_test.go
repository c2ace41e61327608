package store_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/collector/store"
)

func TestPackedInstalls(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		var list []store.Install
		title := int64(0)
		for range n {
			title += 1 + r.Int64N(1<<r.IntN(30))
			in := store.Install{Title: title, From: 1 + r.Int64N(5), Day: max(0, r.Int64N(30000)-3000)}
			if r.IntN(4) == 0 {
				in.Own, in.Bytes, in.Path, in.User = true, r.Int64(), "/opt/\u00fcber", "eve"
			}
			list = append(list, in)
		}
		packed, obs := store.Pack(list)
		got, err := store.Unpack(packed, obs)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list, got); diff != "" {
			t.Fatalf("%d installs (-want +got):\n%s", n, diff)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	packed, obs := store.Pack([]store.Install{{Title: 1, From: 7}, {Title: 900, From: 8, Day: 20000, Own: true, Bytes: 5, Path: "/x"}})
	f.Add(packed, obs)
	f.Add([]byte{0xff}, "[1]")
	f.Fuzz(func(t *testing.T, packed []byte, obs string) {
		list, err := store.Unpack(packed, obs)
		if err == nil && len(list) > len(packed) {
			t.Errorf("%d installs of %d bytes", len(list), len(packed))
		}
	})
}
