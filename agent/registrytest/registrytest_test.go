package registrytest_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/registrytest"
)

const export = "Windows Registry Editor Version 5.00\r\n\r\n" +
	"[HKEY_LOCAL_MACHINE\\SOFTWARE\\One]\r\n" +
	"@=\"own\"\r\n" +
	"\"Path\"=\"C:\\\\Program Files\\\\\\\"One\\\"\"\r\n" +
	"\"Lines\"=\"first\r\nsecond\"\r\n" +
	"\"Number\"=dword:0000002a\r\n" +
	"\"Long\"=hex(b):00,00,00,80,00,00,00,00\r\n" +
	"\"List\"=hex(7):61,00,\\\r\n  00,00,62,00,00,00,00,00\r\n\r\n" +
	"[HKEY_LOCAL_MACHINE\\SOFTWARE\\One\\Sub]\r\n"

func TestParse(t *testing.T) {
	wide := []byte("\xff\xfe")
	for _, u := range utf16.Encode([]rune(export)) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	for name, b := range map[string][]byte{"UTF-8": []byte(export), "with mark": []byte("\xef\xbb\xbf" + export), "UTF-16": wide} {
		t.Run(name, func(t *testing.T) {
			tree, err := registrytest.Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			v, err := tree.Values(`hklm\software\ONE`)
			if err != nil {
				t.Fatal(err)
			}
			number, _ := v.Number("number")
			long, _ := v.Number("long")
			got := []any{v.Text(""), v.Text("path"), v.Text("lines"), number, long, v.Texts("list")}
			want := []any{"own", `C:\Program Files\"One"`, "first second", uint64(42), uint64(1 << 31), []string{"a", "b"}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			sub, err := tree.Subkeys(`HKLM\SOFTWARE\One`)
			if err != nil || len(sub) != 1 || sub[0] != "Sub" {
				t.Errorf("Subkeys = %q, %v", sub, err)
			}
			if _, err := tree.Values(`HKLM\SOFTWARE\Two`); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a key that is not there: %v", err)
			}
		})
	}
	for _, bad := range []string{`"a"="b"`, "[HKLM]\n\"a\"=what:1", "[HKLM]\n\"a\"=hex:zz", "[HKLM]\n\"open"} {
		if _, err := registrytest.Parse([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(export)
	f.Add("REGEDIT4\n[HKEY_USERS\\S-1]\n\"x\"=hex(7):\\")
	f.Fuzz(func(t *testing.T, s string) {
		tree, err := registrytest.Parse([]byte(s))
		if err != nil {
			return
		}
		for _, key := range tree.Keys() {
			if v, err := tree.Values(key); err == nil {
				for name := range v {
					_, _, _ = v.Text(name), v.Texts(name), strings.ToLower(name)
				}
			}
			if _, err := tree.Subkeys(key); err != nil {
				t.Errorf("%q: %v", key, err)
			}
		}
	})
}
