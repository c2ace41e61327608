package plist_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/plist"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Both files were written by Python's plistlib, of one dictionary.
func TestBothFormats(t *testing.T) {
	long := make([]any, 20)
	for i := range long {
		long[i] = int64(i)
	}
	want := plist.Dict{
		"text": "a<b", "umlaut": "Größe €", "small": int64(7), "negative": int64(-3), "big": int64(-1<<63 + 5), "real": 1.5, "yes": true, "no": false,
		"date": time.Date(2024, 3, 21, 6, 13, 23, 0, time.UTC), "data": []byte("Mac\x00mini\x00"), "list": []any{int64(1), "x", plist.Dict{"k": "v"}},
		"long": long, "empty": plist.Dict{},
	}
	for _, name := range []string{"sample.bin.plist", "sample.xml.plist"} {
		t.Run(name, func(t *testing.T) {
			got, err := plist.ParseDict(sample(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestValues(t *testing.T) {
	d, err := plist.ParseDict([]byte(`<?xml version="1.0"?><plist><dict><key>a</key><data>BRkA</data><key>b</key><string> 0x10 </string>
		<key>c</key><real>2.9</real><key>d</key><string>YES</string><key>e</key><array><dict/><string>x</string></array><key>f</key><true/>
		<key>g</key><data>AAAAAAAAAAAAAA==</data><key>h</key><integer>0x1F</integer></dict></plist>`))
	if err != nil {
		t.Fatal(err)
	}
	ints := map[string]int64{"a": 0x1905, "b": 16, "c": 2, "d": 0, "f": 0, "g": 0, "h": 31, "none": 0}
	for key, want := range ints {
		if got := d.Int(key); got != want {
			t.Errorf("Int(%q) = %d, want %d", key, got, want)
		}
	}
	if !d.Bool("d") || !d.Bool("f") || d.Bool("a") || !d.Bool("h") {
		t.Error("truth values")
	}
	if len(d.Dicts("e")) != 1 || len(d.Texts("e")) != 1 || d.Dict("e") != nil || d.Text("f") != "yes" || d.Text("c") != "2.9" || !d.Time("a").IsZero() {
		t.Errorf("parts of %v", d)
	}
}

func TestRefused(t *testing.T) {
	table := func(count, top, offset uint64, objects ...byte) []byte {
		b := append([]byte("bplist00"), objects...)
		at := uint64(len(b))
		b = append(b, 8, 10)
		trailer := make([]byte, 32)
		trailer[6], trailer[7] = 1, 1
		binary.BigEndian.PutUint64(trailer[8:], count)
		binary.BigEndian.PutUint64(trailer[16:], top)
		binary.BigEndian.PutUint64(trailer[24:], at+offset)
		return append(b, trailer...)
	}
	tests := []struct {
		name, want string
		list       []byte
	}{
		{"empty", "neither", nil},
		{"text format", "neither", []byte(`{ key = value; }`)},
		{"cut", "ends inside <array>", []byte("<plist><array><true/>")},
		{"cut in a text", "ends inside <string>", []byte("<plist><string>x")},
		{"own entities", "document type", []byte(`<!DOCTYPE plist [<!ENTITY a "aaaa">]><plist><string>&a;</string></plist>`)},
		{"unknown entity", "entity", []byte(`<plist><string>a &nbsp; b</string></plist>`)},
		{"no entity", "entity", []byte(`<plist><string>Bed & Breakfast with no end</string></plist>`)},
		{"comment without an end", "without an end", []byte(`<plist><!-- <string/></plist>`)},
		{"unknown element", "element <set>", []byte("<plist><set></set></plist>")},
		{"element in a text", "<a> inside <string>", []byte("<plist><string><a/></string></plist>")},
		{"depth", "levels", []byte("<plist>" + strings.Repeat("<array>", 200))},
		{"values", "too many", []byte("<plist><array>" + strings.Repeat("<true/>", 3<<20) + "</array></plist>")},
		{"bad integer", `integer "x"`, []byte("<plist><integer>x</integer></plist>")},
		{"bad date", `date "x"`, []byte("<plist><date>x</date></plist>")},
		{"bad data", "data", []byte("<plist><data>!</data></plist>")},
		{"binary: short", "shorter", []byte("bplist00")},
		{"binary: contains itself", "levels", table(1, 0, 0, 0xa1, 0)},
		{"binary: table behind the end", "table of offsets", table(1, 0, 99, 0x08)},
		{"binary: more objects than offsets", "do not fit", table(1<<60, 0, 0, 0x08)},
		{"binary: no such object", "object 1 of 1", table(1, 1, 0, 0x08)},
		{"binary: longer than the file", "left", table(1, 0, 0, 0x5f, 0x12, 0x00, 0xff, 0xff, 0xff)},
		{"binary: far too long", "length", table(1, 0, 0, 0x5f, 0x13, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)},
		{"binary: unknown kind", "kind", table(1, 0, 0, 0x70)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := plist.Parse(tt.list)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("value %v, error %v; want one with %q", v, err, tt.want)
			}
		})
	}
	if _, err := plist.ParseDict([]byte("<plist><array/></plist>")); err == nil {
		t.Error("an array passed for a dictionary")
	}
}

// Objects that share objects grow to 16 to the power of their depth when they are copied.
func TestSharedObjectsAreBounded(t *testing.T) {
	b := []byte("bplist00")
	for level := range byte(32) {
		b = append(b, 0xae)
		for range 14 {
			b = append(b, level+1)
		}
	}
	last := len(b)
	b = append(b, 0x09)
	at := len(b)
	for i := range 32 {
		b = binary.BigEndian.AppendUint16(b, uint16(8+15*i))
	}
	b = binary.BigEndian.AppendUint16(b, uint16(last))
	trailer := make([]byte, 32)
	trailer[6], trailer[7] = 2, 1
	binary.BigEndian.PutUint64(trailer[8:], 33)
	binary.BigEndian.PutUint64(trailer[24:], uint64(at))
	if _, err := plist.Parse(append(b, trailer...)); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("error %v", err)
	}
}

func TestXMLText(t *testing.T) {
	for inside, want := range map[string]string{
		"a\x01b\xff": "a\x01b?", "&lt;&gt;&amp;&quot;&apos;&#65;&#x20AC;": "<>&\"'A€", "a<![CDATA[<b>&amp;]]>c": "a<b>&amp;c", "a<!-- x -->b": "ab", "": "",
	} {
		d, err := plist.ParseDict([]byte("\xef\xbb\xbf<plist version='1.0'><dict ><key>k</key ><string>" + inside + "</string></dict></plist>"))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Text("k"); got != want {
			t.Errorf("%q gives %q, want %q", inside, got, want)
		}
	}
}

func BenchmarkXML(b *testing.B) {
	one := "<dict><key>_name</key><string>Terminal</string><key>path</key><string>/System/Applications/Utilities/Terminal.app</string></dict>\n"
	list := []byte("<plist><array>" + strings.Repeat(one, 40_000) + "</array></plist>")
	b.SetBytes(int64(len(list)))
	for b.Loop() {
		if _, err := plist.Parse(list); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample(f, "sample.bin.plist"))
	f.Add(sample(f, "sample.xml.plist"))
	f.Add([]byte("<plist><dict><key>a</key><array><data>AA==</data></array></dict></plist>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := plist.Parse(b)
		if (v == nil) != (err != nil) {
			t.Errorf("value %v with error %v", v, err)
		}
		if d, ok := v.(plist.Dict); ok {
			for k := range d {
				_, _, _, _ = d.Text(k), d.Int(k), d.Bool(k), d.Dicts(k)
			}
		}
	})
}
