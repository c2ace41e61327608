package output_test

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/output"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"web1":                        "web1",
		"Zürich 東京 a\u200cb 👩\u200d💻": "Zürich 東京 a\u200cb 👩\u200d💻",
		"a\x1b[2Jb":                   `a\x1b[2Jb`,
		"a\r\nb\tc":                   "a  b c",
		"a\u009b31m":                  `a\x9b31m`,
		"abc\u202etxt.exe":            `abc\u202etxt.exe`,
		"\u2066x\u2069\u200f\ufeff":   `\u2066x\u2069\u200f\ufeff`,
		"a\u2028b":                    "a b",
		"bad\xffbyte \ufffd":          "bad\\xffbyte \ufffd",
		"\U000e0041":                  `\U000e0041`,
		"\x7f\x00":                    `\x7f\x00`,
	} {
		if got := output.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	columns := []output.Column{{Title: "id", Keep: true}, {Title: "name"}, {Title: "memory", Right: true}}
	rows := [][]string{
		{"a1", "web1", "32 GiB"},
		{"a2", "a-very-long-name.of.a-host.example", "8 GiB"},
		{"a3", "東京-サーバー-一号機", ""},
		{"a4", "evil\x1b[31m\nname"},
	}
	for width, want := range map[int]string{
		0: `ID  NAME                                MEMORY
a1  web1                                32 GiB
a2  a-very-long-name.of.a-host.example   8 GiB
a3  東京-サーバー-一号機
a4  evil\x1b[31m name
`,
		28: `ID  NAME              MEMORY
a1  web1              32 GiB
a2  a-very-long-nam…   8 GiB
a3  東京-サーバー-…
a4  evil\x1b[31m na…
`,
		5: `ID  NAME    MEMORY
a1  web1    32 GiB
a2  a-ver…   8 GiB
a3  東京-…
a4  evil\…
`,
	} {
		var b strings.Builder
		if err := output.Table(&b, width, columns, rows); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("width %d: %s", width, diff)
		}
	}
}

func TestCSVNeutralisesFormulas(t *testing.T) {
	var b strings.Builder
	cells := []string{"=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "＝1", "a,\"b", "plain"}
	if err := output.CSV(&b, []string{"c"}, [][]string{cells}); err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(strings.NewReader(b.String()))
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"c"}, {"'=1+1", "'+1", "'-1", "'@x", "' =1", "' =1", "'  =1", "'＝1", "a,\"b", "plain"}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
}

// A list that is written item by item is written as the whole.
func TestJSONList(t *testing.T) {
	for _, list := range [][]map[string]any{{}, {{"a": "<\u202e>"}}, {{}, {"b": []int{1, 2}}, {"c": nil}}} {
		var whole, parts strings.Builder
		if err := output.JSON(&whole, list); err != nil {
			t.Fatal(err)
		}
		if err := output.JSONList(&parts, len(list), func(i int) map[string]any { return list[i] }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(whole.String(), parts.String()); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzInert(f *testing.F) {
	f.Add("a\x1b[2J\u202e\u009b\xff\U000e0041")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range output.Clean(s) {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("Clean(%q) leaves %U", s, r)
			}
		}
		var b strings.Builder
		if err := output.JSON(&b, s); err != nil {
			t.Fatal(err)
		}
		for _, r := range strings.TrimSuffix(b.String(), "\n") {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("JSON(%q) leaves %U", s, r)
			}
		}
		var back string
		if err := json.Unmarshal([]byte(b.String()), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && strings.ToValidUTF8(s, "") == s {
			t.Fatalf("JSON of %q reads back as %q: %v", s, back, err)
		}
	})
}
