package snmp_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/snmp"
)

const recording = `# a switch
1.3.6.1.2.1.1.5.0|4|sw1.example
1.3.6.1.2.1.1.1.0|4e|Example Switch\nVersion 1.2\x2e3 \\ S/N
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.4294967.1
1.3.6.1.2.1.1.3.0|67|4200
1.3.6.1.2.1.1.7.0|2|2
1.3.6.1.2.1.1.7.0|2|78
1.3.6.1.2.1.2.2.1.3.1|2|6
1.3.6.1.2.1.2.2.1.6.1|4x|001AA1000001
1.3.6.1.2.1.4.20.1.2.192.0.2.7|2|1
1.3.6.1.2.1.4.20.1.3.192.0.2.7|64|255.255.255.0
1.3.6.1.2.1.4.20.1.3.<blanked>|64|255.255.255.0
1.3.6.1.4.1.4294967.1.1.0|4|SW-24
1.3.6.1.4.1.4294967.1.2.0|4|SW00012345
1.3.6.1.4.1.4294967.1.3.0|2|-7
1.3.6.1.4.1.8072.1.0|5|
`

func TestRecording(t *testing.T) {
	rec, err := snmp.ReadRecording(strings.NewReader(recording))
	if err != nil {
		t.Fatal(err)
	}
	if rec.Skipped != 2 || !strings.Contains(rec.Problem, "line 12 ") {
		t.Errorf("skipped %d lines: %s", rec.Skipped, rec.Problem)
	}
	f, err := rec.Facts(t.Context(), func(snmp.System) []string {
		return []string{"1.3.6.1.4.1.4294967.1.1.0", "1.3.6.1.4.1.4294967.1.*", "1.3.6.1.4.1.4294967.9.0"}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := snmp.System{Description: `Example Switch Version 1.2.3 \ S/N`, ObjectID: "1.3.6.1.4.1.4294967.1", Name: "sw1.example",
		Services: 2, UpTime: f.System.UpTime, Enterprises: []int{4294967}}
	if d := cmp.Diff(want, f.System); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"1.3.6.1.4.1.4294967.1.1.0": "SW-24", "1.3.6.1.4.1.4294967.1.*": "SW-24"}, f.Extra); d != "" {
		t.Error(d)
	}
	if len(f.Interfaces) != 1 || f.Interfaces[0].MAC.String() != "00:1a:a1:00:00:01" || f.Interfaces[0].Addresses[0].String() != "192.0.2.7/24" {
		t.Errorf("interfaces: %+v", f.Interfaces)
	}
	if len(f.Private) != 2 || f.Private[1].Text != "SW00012345" {
		t.Errorf("private: %+v", f.Private)
	}
	var text bytes.Buffer
	if err := rec.Write(&text); err != nil {
		t.Fatal(err)
	}
	again, err := snmp.ReadRecording(&text)
	if err != nil {
		t.Fatal(err)
	}
	g, err := again.Facts(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(f.System, g.System); d != "" {
		t.Errorf("written and read again: %s", d)
	}
}

func TestRecordingRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "no line of the form",
		"sysDescr.0 = STRING: x":         "is not OID|TYPE|VALUE",
		"1.3.6.1|x|1":                    "no number",
		"1.3.6.1|4xe|1":                  "unknown mark",
		"1.3.6.1|4x|zz":                  "hex digits",
		"1.3.6.1|5|":                     "has no value",
		strings.Repeat("1", 1<<16) + "|": "line of more than",
	} {
		_, err := snmp.ReadRecording(strings.NewReader(in))
		if code := inventory.CodeOf(err); code != inventory.CodeInvalid && code != inventory.CodeTooLarge || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %q", in, err, want)
		}
	}
}

func FuzzReadRecording(f *testing.F) {
	f.Add(recording)
	f.Add("1.3.6.1.4.1.9|64x|c0000207\n1.3.6.1.4.1.9.1|70|18446744073709551615")
	f.Fuzz(func(t *testing.T, text string) {
		rec, err := snmp.ReadRecording(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := rec.Facts(t.Context(), func(s snmp.System) []string { return []string{s.ObjectID + ".*", s.ObjectID} }); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var first, second bytes.Buffer
		if err := rec.Write(&first); err != nil {
			t.Fatal(err)
		}
		if first.Len() == 0 {
			return
		}
		again, err := snmp.ReadRecording(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("%q: what was written cannot be read: %v", text, err)
		}
		if err := again.Write(&second); err != nil || first.String() != second.String() {
			t.Fatalf("%q: written twice: %q, %q, %v", text, first.String(), second.String(), err)
		}
	})
}
