package profiler_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/profiler"
)

const captures = "../../../shared/endpoints/captures/macos/system_profiler/"

func TestText(t *testing.T) {
	r, err := profiler.Parse([]byte(`Hardware:

    Hardware Overview:

      Model Name: iMac
      Serial Number: 
      Note: a: b
      Sensor:
          State: Enabled

Graphics/Displays:

    Radeon:

      Displays:
        Left:
          Online: Yes
        Right:
          Online: No
`))
	if err != nil {
		t.Fatal(err)
	}
	want := profiler.Report{
		{Name: "SPHardwareDataType", Entries: []*profiler.Entry{{
			Name: "Hardware Overview", Values: map[string]string{"model name": "iMac", "serial number": "", "note": "a: b"},
			Entries: []*profiler.Entry{{Name: "Sensor", Values: map[string]string{"state": "Enabled"}}},
		}}},
		{Name: "SPDisplaysDataType", Entries: []*profiler.Entry{{Name: "Radeon", Entries: []*profiler.Entry{{Name: "Displays", Entries: []*profiler.Entry{
			{Name: "Left", Values: map[string]string{"online": "Yes"}}, {Name: "Right", Values: map[string]string{"online": "No"}},
		}}}}}},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestXML(t *testing.T) {
	r, err := profiler.Parse([]byte(`<plist><array><dict><key>_dataType</key><string>SPXDataType</string><key>_items</key><array>
		<dict><key>_name</key><string>a</string><key>Size</key><integer>5</integer><key>list</key><array><string>x</string><string>y</string></array>
			<key>part</key><dict><key>k</key><true/></dict>
			<key>things</key><array><dict><key>one</key><dict><key>Address</key><string> z </string></dict></dict></array></dict>
	</array></dict></array></plist>`))
	if err != nil {
		t.Fatal(err)
	}
	want := profiler.Report{{Name: "SPXDataType", Entries: []*profiler.Entry{{
		Name: "a", Kind: "_items", Values: map[string]string{"size": "5", "list": "x, y"},
		Entries: []*profiler.Entry{
			{Name: "part", Kind: "part", Values: map[string]string{"k": "yes"}},
			{Kind: "things", Entries: []*profiler.Entry{{Name: "one", Kind: "one", Values: map[string]string{"address": "z"}}}},
		},
	}}}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	e := r.Type("SPXDataType").Entries[0]
	if e.Sub("part").Get("none", "k") != "yes" || e.Sub("none").Get("k") != "" || len(e.All()) != 4 || len(r.Type("none").Entries) != 0 {
		t.Error("what is found below an entry")
	}
	if err := r.Without("none", "SPXDataType"); err != nil {
		t.Error(err)
	}
	if err := r.Without("SPYDataType"); err == nil || !strings.Contains(err.Error(), "SPYDataType") {
		t.Errorf("error %v for a type that is not there", err)
	}
	for _, bad := range []string{"<plist><dict/></plist>", "<plist><array><dict/></array></plist>", "<plist><array>"} {
		if _, err := profiler.Parse([]byte(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
	if _, err := profiler.Parse([]byte(strings.Repeat("a:\n b:\n  c: d\n", 100_000))); err == nil {
		t.Error("no error for too many entries")
	}
}

func TestValues(t *testing.T) {
	for text, want := range map[string]int64{
		"121332826112": 121332826112, "500.11 GB (500\u00a0107\u00a0862\u00a0016 bytes)": 500107862016, "1 TB (1,000,204,886,016 bytes)": 1000204886016,
		"465,76 GB": 500105991946, "8 GB": 8 << 30, "619,9 MB": 650012262, "16 KB": 16384, "512 B": 512, "-5": 0, "": 0, "Empty": 0, "99999999 PB": 0,
		"(99999999999999999999999 bytes)": 0, "1e9 GB": 0, "4 GiB": 4 << 30,
	} {
		if got := profiler.Bytes(text, 1024); got != want {
			t.Errorf("Bytes(%q) = %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int64{"0x05ac  (Apple)": 0x5ac, " 125 cycles": 125, "": 0, "x": 0, "0x": 0, "99999999999999999999": 0} {
		if got := profiler.Number(text); got != want {
			t.Errorf("Number(%q) = %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]bool{"Yes": true, "spdisplays_yes": true, "attrib_Yes": true, "true": true, "no": false, "": false, "Bayes": false} {
		if got := profiler.Yes(text); got != want {
			t.Errorf("Yes(%q) = %v", text, got)
		}
	}
	for text, want := range map[string]string{"sppci_vendor_amd": "amd", "Intel": "Intel", "a_b c": "a_b c", "": ""} {
		if got := profiler.Word(text); got != want {
			t.Errorf("Word(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"10*", "SP*.xml", "dual*"} {
		names, err := filepath.Glob(captures + pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("no captures at %s: %v", pattern, err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if len(b) < 32<<10 {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := profiler.Parse(b)
		if err != nil {
			return
		}
		for _, top := range r {
			for _, e := range top.All() {
				for k, v := range e.Values {
					if k != strings.ToLower(k) {
						t.Errorf("key %q", k)
					}
					if profiler.Bytes(v, 1024) < 0 {
						t.Errorf("size %q", v)
					}
					_ = profiler.Number(v)
				}
			}
		}
	})
}
