package identify_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/identify"
	"github.com/muster-itam/muster/scanner/service"
	"github.com/muster-itam/muster/scanner/snmp"
)

func recog(t testing.TB) *identify.Recog {
	t.Helper()
	g, err := identify.LoadRecog(os.DirFS("testdata/recog"))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestLoadRecog(t *testing.T) {
	g := recog(t)
	if g.Fingerprints != 5 {
		t.Errorf("%d fingerprints", g.Fingerprints)
	}
	if d := cmp.Diff(map[string]int{"smb.native_os": 1}, g.Unused); d != "" {
		t.Errorf("unused: %s", d)
	}
	if d := cmp.Diff([]string{"http_servers.xml: Looks ahead"}, g.Refused); d != "" {
		t.Errorf("refused: %s", d)
	}
}

// A fingerprint fills what nothing else knows, and gives way to every rule.
func TestRecog(t *testing.T) {
	rules, err := identify.BuiltinServices()
	if err != nil {
		t.Fatal(err)
	}
	rules.Recog = recog(t)
	camera := service.Facts{"http.server": "examplecam/2.1 (00A0B0C0D0E0)"}
	for _, c := range []struct {
		name  string
		known identify.Identity
		ports []service.Port
		want  identify.Identity
		sure  []int
	}{
		{"a camera", identify.Identity{}, []service.Port{{Number: 80, Answer: service.Answer{Facts: camera}}},
			identify.Identity{Vendor: "Example", Type: inventory.ClassCamera, Model: "ExampleCam", Serial: "00A0B0C0D0E0", OS: inventory.OS{Name: "CamOS", Version: "2.1"}}, []int{45}},
		{"beside another maker's sign", identify.Identity{}, []service.Port{{Number: 22, Answer: service.Answer{Facts: service.Facts{"ssh.software": "ROSSSH"}}}, {Number: 80, Answer: service.Answer{Facts: camera}}},
			identify.Identity{Vendor: "MikroTik", Type: inventory.ClassRouter, OS: inventory.OS{Name: "RouterOS"}}, []int{90, 45}},
		{"of a known maker", identify.Identity{Vendor: "Other"}, []service.Port{{Number: 80, Answer: service.Answer{Facts: camera}}},
			identify.Identity{Vendor: "Other"}, []int{45}},
		{"sysDescr, lines as Ruby sees them", identify.Identity{}, identify.Told(snmp.System{Description: "Agent 1\nExample  Frobnicator F-12"}),
			identify.Identity{Vendor: "Example", Type: inventory.ClassSwitch, Model: "F-12"}, []int{45}},
		{"nothing", identify.Identity{}, identify.Told(snmp.System{Description: "Router"}), identify.Identity{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.known
			var sure []int
			for _, e := range rules.Identify(&got, nil, c.ports) {
				sure = append(sure, e.Confidence)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(c.sure, sure); d != "" {
				t.Errorf("confidence: %s", d)
			}
		})
	}
}

func TestLoadRecogRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		dir  fstest.MapFS
		code inventory.Code
		want string
	}{
		"no files":        {fstest.MapFS{"x.txt": {}}, inventory.CodeInvalid, "no *.xml"},
		"no XML":          {fstest.MapFS{"x.xml": {Data: []byte("<fingerprints><fingerprint")}}, inventory.CodeInvalid, "x.xml"},
		"no fingerprints": {fstest.MapFS{"x.xml": {Data: []byte("<page/>")}}, inventory.CodeInvalid, "no element fingerprints"},
		"a huge file":     {fstest.MapFS{"x.xml": {Data: append([]byte("<fingerprints>"), bytes.Repeat([]byte(" "), 9<<20)...)}}, inventory.CodeTooLarge, "8388608 bytes"},
		"an entity":       {fstest.MapFS{"x.xml": {Data: []byte(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><fingerprints matches="&e;"/>`)}}, inventory.CodeInvalid, "x.xml"},
		"too many": {fstest.MapFS{"x.xml": {Data: []byte("<fingerprints matches='x'>" + strings.Repeat("<fingerprint pattern='x'/>", 50_001) + "</fingerprints>")}},
			inventory.CodeTooLarge, "50000"},
	} {
		_, err := identify.LoadRecog(c.dir)
		if inventory.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s %q", name, err, c.code, c.want)
		}
	}
}

func FuzzRecog(f *testing.F) {
	for _, name := range []string{"http_servers.xml", "snmp_sysdescr.xml"} {
		text, err := os.ReadFile("testdata/recog/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "ExampleCam/2 (000000000000)")
	}
	f.Fuzz(func(_ *testing.T, text []byte, told string) {
		g, err := identify.LoadRecog(fstest.MapFS{"x.xml": {Data: text}})
		if err != nil {
			return
		}
		var id identify.Identity
		rules := identify.ServiceRules{Recog: g}
		rules.Identify(&id, nil, []service.Port{{Number: 80, Answer: service.Answer{Facts: service.Facts{"http.server": told}}}})
	})
}
