package wire_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// bodies is one of each section, every field set to a value of its own.
func bodies(t *testing.T) []inventory.Body {
	t.Helper()
	f := &filler{t: t}
	var out []inventory.Body
	for _, name := range inventory.Sections() {
		v := reflect.New(reflect.TypeOf(inventory.NewBody(name))).Elem()
		f.fill(v)
		body, ok := v.Interface().(inventory.Body)
		if !ok {
			t.Fatalf("section %s has no body", name)
		}
		out = append(out, body)
	}
	return out
}

// filler sets every field by reflection, so that a field the conversion forgets comes back empty.
type filler struct {
	t *testing.T
	n int
}

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1_700_000_000+int64(f.n), 0).UTC()))
		return
	case reflect.TypeFor[netip.Prefix]():
		v.Set(reflect.ValueOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(f.n)}), 24)))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", f.n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.n))
	case reflect.Bool:
		v.SetBool(true)
	default:
		f.t.Fatalf("the test cannot fill a %s", v.Type())
	}
}

func TestRoundTripKeepsEveryField(t *testing.T) {
	want := inventory.Observation{
		NativeKey: "00:00:5e:00:53:01", Epoch: 1_700_000_000_000, Seq: 7,
		SeenAt: time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC), Complete: true, Digest: []byte{1, 2},
	}
	statuses := []inventory.Status{inventory.StatusOK, inventory.StatusPartial}
	for i, b := range bodies(t) {
		want.Sections = append(want.Sections, inventory.Section{
			Name: b.Section(), Status: statuses[i%2], Reason: "reason", Hash: wire.HashSection(b),
			Body: b, Took: time.Duration(i+1) * time.Millisecond,
		})
	}
	encoded, err := proto.Marshal(wire.ToProto(want))
	if err != nil {
		t.Fatal(err)
	}
	var p musterv1.Observation
	if err := proto.Unmarshal(encoded, &p); err != nil {
		t.Fatal(err)
	}
	got, err := wire.FromProto(&p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
}

func TestRoundTripWithoutBody(t *testing.T) {
	want := inventory.Observation{Epoch: 1, Seq: 1, Sections: []inventory.Section{
		{Name: inventory.SectionDisks, Status: inventory.StatusOK, Hash: []byte{1}},
		{Name: inventory.SectionPCI, Status: inventory.StatusFailed, Reason: "no permission"},
		{Name: inventory.SectionUsers, Status: inventory.StatusUnsupported, Reason: "switched off"},
		{Name: inventory.SectionPorts, Status: inventory.StatusOK, Body: inventory.Ports{}},
	}}
	got, err := wire.FromProto(wire.ToProto(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
}

func TestFromProtoRefuses(t *testing.T) {
	section := func(s *musterv1.Section) *musterv1.Observation {
		return &musterv1.Observation{Epoch: 1, Seq: 1, Sections: []*musterv1.Section{s}}
	}
	ok := musterv1.Status_STATUS_OK
	tests := []struct {
		name string
		in   *musterv1.Observation
		want string
	}{
		{"status missing", section(&musterv1.Section{Name: "os"}), `sections[0] "os": status: missing`},
		{"status unknown", section(&musterv1.Section{Name: "os", Status: 99}), `sections[0] "os": status: unknown value 99`},
		{"no name", section(&musterv1.Section{Status: ok}), `name: empty`},
		{"nil section", section(nil), `status: missing`},
		{"other body", section(&musterv1.Section{Name: "os", Status: ok, Body: &musterv1.Section_Disks{}}), `"os": body: is a disks body`},
		{"bad address", section(&musterv1.Section{Name: "interfaces", Status: ok, Body: &musterv1.Section_Interfaces{
			Interfaces: &musterv1.Interfaces{Items: []*musterv1.Interface{{}, {Addresses: []string{"10.0.0.300/8"}}}},
		}}), `"interfaces": items[1].addresses: "10.0.0.300/8"`},
		{"bad seen_at", &musterv1.Observation{SeenAt: &timestamppb.Timestamp{Seconds: 1 << 62}}, `seen_at: not a valid time`},
		{"bad boot time", section(&musterv1.Section{Name: "os", Status: ok, Body: &musterv1.Section_Os{
			Os: &musterv1.OS{BootTime: &timestamppb.Timestamp{Nanos: -1}},
		}}), `boot_time: not a valid time`},
		{"bad duration", section(&musterv1.Section{Name: "os", Status: ok, Took: &durationpb.Duration{Seconds: 1 << 62}}), `took`},
		{"too many sections", &musterv1.Observation{Sections: make([]*musterv1.Section, 65)}, `sections: 65 given, at most 64`},
		{"too many items", section(&musterv1.Section{Name: "disks", Status: ok, Body: &musterv1.Section_Disks{
			Disks: &musterv1.Disks{Items: make([]*musterv1.Disk, inventory.MaxItems+1)},
		}}), `200001 items, at most 200000`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := wire.FromProto(tt.in)
			if inventory.CodeOf(err) != inventory.CodeInvalid || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an invalid error with %q", err, tt.want)
			}
		})
	}
}

func TestFromProtoLeavesOutWhatItDoesNotKnow(t *testing.T) {
	in := &musterv1.Observation{Epoch: 1, Seq: 1, Sections: []*musterv1.Section{
		{Name: "horoscopes", Status: musterv1.Status_STATUS_OK, Hash: []byte{1}},
		{Name: "disks", Status: musterv1.Status_STATUS_OK, Hash: []byte{2}},
	}}
	got, err := wire.FromProto(in)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Sections) != 1 || got.Sections[0].Name != inventory.SectionDisks {
		t.Errorf("got %+v, want only the disks", got.Sections)
	}
}

func TestHashSection(t *testing.T) {
	one := inventory.Disks{{Name: "sda", Serial: "1"}, {Name: "sdb", Serial: "2"}}
	other := inventory.Disks{{Name: "sdb", Serial: "2"}, {Name: "sda", Serial: "1"}}
	if a, b := wire.HashSection(one), wire.HashSection(other); len(a) != 16 || !cmp.Equal(a, b) {
		t.Errorf("the order of items changed the hash: %x, %x", a, b)
	}
	seen := map[string]string{}
	for _, b := range bodies(t) {
		h := string(wire.HashSection(b))
		if prior, ok := seen[h]; ok {
			t.Errorf("%s and %s have one hash", prior, b.Section())
		}
		seen[h] = string(b.Section())
	}
	one[0].Bytes = 1
	if cmp.Equal(wire.HashSection(one), wire.HashSection(other)) {
		t.Error("a changed field did not change the hash")
	}
	if a, b := wire.HashSection(inventory.Disks{}), wire.HashSection(inventory.Ports{}); cmp.Equal(a, b) {
		t.Error("two empty sections of different names have one hash")
	}
	if wire.HashSection(nil) != nil {
		t.Error("no body must have no hash")
	}
}

func FuzzFromProto(f *testing.F) {
	seed, err := proto.Marshal(wire.ToProto(inventory.Observation{NativeKey: "k", Epoch: 1, Seq: 1, Sections: []inventory.Section{
		{Name: inventory.SectionInterfaces, Status: inventory.StatusOK, Body: inventory.Interfaces{
			{Name: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("::ffff:192.0.2.1/120"), netip.MustParsePrefix("fe80::1/64")}},
		}},
		{Name: inventory.SectionOS, Status: inventory.StatusPartial, Body: &inventory.OS{Name: "x", BootTime: time.Unix(1, 0)}},
	}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p musterv1.Observation
		if proto.Unmarshal(b, &p) != nil {
			return
		}
		o, err := wire.FromProto(&p)
		if err != nil {
			if inventory.CodeOf(err) != inventory.CodeInvalid {
				t.Fatalf("error without the invalid code: %v", err)
			}
			return
		}
		again, err := wire.FromProto(wire.ToProto(o))
		if err != nil {
			t.Fatalf("what was accepted does not convert back: %v", err)
		}
		if diff := cmp.Diff(o, again, cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("round trip (-first +second):\n%s", diff)
		}
	})
}

func BenchmarkToProtoSoftware(b *testing.B) {
	list := make(inventory.SoftwareList, 3000)
	for i := range list {
		list[i] = inventory.Software{Source: "deb", Name: fmt.Sprint("package-", i), Version: "1.2.3-4", Arch: "amd64"}
		list[i].PURL = "pkg:deb/debian/" + list[i].Name + "@1.2.3-4?arch=amd64"
	}
	o := inventory.Observation{Epoch: 1, Seq: 1, Sections: []inventory.Section{{Name: inventory.SectionSoftware, Status: inventory.StatusOK, Body: list}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.FromProto(wire.ToProto(o)); err != nil {
			b.Fatal(err)
		}
	}
}
