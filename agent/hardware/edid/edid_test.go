package edid_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware/edid"
	"github.com/muster-itam/muster/internal/inventory"
)

// captures are blocks of real monitors, kept beside the repository.
const captures = "../../../../shared/endpoints/captures/generic/edid"

// block makes a base block of revision 3 with four descriptors and a right checksum.
func block(maker string, product uint16, number uint32, week, year byte, descriptors ...string) []byte {
	b := make([]byte, edid.BlockSize)
	copy(b, "\x00\xff\xff\xff\xff\xff\xff\x00")
	binary.BigEndian.PutUint16(b[8:], uint16(maker[0]-'@')<<10|uint16(maker[1]-'@')<<5|uint16(maker[2]-'@'))
	binary.LittleEndian.PutUint16(b[10:], product)
	binary.LittleEndian.PutUint32(b[12:], number)
	b[16], b[17], b[18], b[19], b[21], b[22] = week, year-90, 1, 3, 60, 34
	for i, d := range descriptors {
		copy(b[54+18*i:72+18*i], d)
	}
	return sum(b)
}

func sum(b []byte) []byte {
	b[127] = 0
	for _, v := range b[:127] {
		b[127] -= v
	}
	return b
}

const (
	timing     = "\x56\x5e\x00\xa0\xa0\xa0\x29\x50\x30\x20\x35\x00\x55\x50\x21\x00\x00\x1a" // 2560x1440, 597x336 mm
	interlaced = "\x01\x1d\x80\xd0\x72\x1c\x16\x20\x10\x2c\x25\x80\x00\x00\x00\x00\x00\x9e" // 1920x540 twice
)

func text(tag byte, s string) string {
	if len(s) < 13 {
		s += "\n            "
	}
	return "\x00\x00\x00" + string([]byte{tag, 0}) + s[:13]
}

func TestParse(t *testing.T) {
	plain := inventory.Monitor{Vendor: "Dell", WidthMM: 600, HeightMM: 340}
	with := func(change func(*inventory.Monitor)) inventory.Monitor {
		m := plain
		change(&m)
		return m
	}
	tests := []struct {
		name  string
		block []byte
		want  inventory.Monitor
	}{
		{
			"everything", block("DEL", 1, 7, 9, 2021-1900, timing, text(0xfc, "DELL U2723QE"), text(0xff, "ABC1234")),
			inventory.Monitor{
				Vendor: "Dell", Model: "DELL U2723QE", Serial: "ABC1234", Manufactured: "2021-W09",
				WidthMM: 597, HeightMM: 336, Resolution: "2560x1440",
			},
		},
		{"no texts", block("QQQ", 0xab, 0x2a, 0, 120), with(func(m *inventory.Monitor) {
			m.Vendor, m.Model, m.Serial, m.Manufactured = "QQQ", "QQQ00AB", "0000002a", "2020"
		})},
		{"year of the model", block("DEL", 1, 0, 255, 119, text(0xfc, "X")), with(func(m *inventory.Monitor) {
			m.Model, m.Manufactured = "X", "2019"
		})},
		{"number that is none", block("DEL", 1, 0x01010101, 1, 119, text(0xfc, "X"), text(0xff, "000000")),
			with(func(m *inventory.Monitor) { m.Model, m.Manufactured = "X", "2019-W01" })},
		{"name in two parts", block("GSM", 1, 0, 1, 119, text(0xfc, "Studioworks N"), text(0xfc, "2200P")),
			with(func(m *inventory.Monitor) { m.Vendor, m.Model, m.Manufactured = "LG", "Studioworks N2200P", "2019-W01" })},
		{"panel", block("AUO", 1, 0, 1, 119, timing, text(0xfe, "AUO"), text(0xfe, "B140HAN03.1 ")),
			with(func(m *inventory.Monitor) {
				m.Vendor, m.Model, m.Manufactured, m.Resolution = "AU Optronics", "B140HAN03.1", "2019-W01", "2560x1440"
				m.WidthMM, m.HeightMM = 597, 336
			})},
		{"panel for Dell", block("LGD", 1, 0, 1, 119, text(0xfe, "F8FGD\x80140WF6"), text(0xfe, "\x00\x00\x00\x02A1\x98")),
			with(func(m *inventory.Monitor) { m.Vendor, m.Model, m.Manufactured = "LG Display", "140WF6", "2019-W01" })},
		{"interlaced", block("SNY", 1, 0, 1, 119, interlaced, text(0xfc, "TV")), with(func(m *inventory.Monitor) {
			m.Vendor, m.Model, m.Manufactured, m.Resolution = "Sony", "TV", "2019-W01", "1920x1080"
		})},
		{"serial in halves", block("ACR", 1, 0x12abcdef, 1, 119, text(0xfc, "K"), text(0xff, "T2JEE0144223")),
			with(func(m *inventory.Monitor) {
				m.Vendor, m.Model, m.Serial, m.Manufactured = "Acer", "K", "T2JEE01412abcdef4223", "2019-W01"
			})},
		{"serial in halves, older", block("ACR", 1, 0x12abcdef, 1, 119, text(0xfc, "K"), text(0xff, "ETL2508043")),
			with(func(m *inventory.Monitor) {
				m.Vendor, m.Model, m.Serial, m.Manufactured = "Acer", "K", "ETL250804312abcdef", "2019-W01"
			})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := edid.Parse(tt.block)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseDamaged(t *testing.T) {
	good := block("DEL", 1, 7, 9, 121, timing, text(0xfc, "U2723QE"))
	change := func(at int, to byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = to
		return b
	}
	tests := []struct {
		name, want string
		block      []byte
	}{
		{"short", "127 bytes, at least 128", good[:127]},
		{"nothing", "0 bytes", nil},
		{"header", "not its header", change(1, 0)},
		{"version 2", "structure version 2", change(18, 2)},
		{"checksum", "checksum is wrong", change(20, 9)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := edid.Parse(tt.block)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got error %v, want %q", err, tt.want)
			}
			if sums := errors.Is(err, edid.ErrChecksum); sums != (m.Model == "U2723QE") {
				t.Errorf("checksum error %v came with model %q", sums, m.Model)
			}
		})
	}
}

// Blocks of real monitors: what each must have, and some of them whole.
func TestCaptures(t *testing.T) {
	want := map[string]inventory.Monitor{
		"acer-k242hql": {
			Vendor: "Acer", Model: "Acer K242HQL", Serial: "T2JEE0140160e81f4223", Manufactured: "2020-W16",
			WidthMM: 521, HeightMM: 293, Resolution: "1920x1080",
		},
		"iiyama-PL2779A": {
			Vendor: "iiyama", Model: "PL2779Q", Manufactured: "2013", WidthMM: 597, HeightMM: 336, Resolution: "2560x1440",
		},
		"lcd.blino": {
			Vendor: "AU Optronics", Model: "B150PG01", Serial: "00000291", Manufactured: "2004-W35",
			WidthMM: 305, HeightMM: 228, Resolution: "1400x1050",
		},
		"lcd.presario-R4000": {
			Vendor: "LG Philips LCD", Model: "LP154W01-A5", Manufactured: "2004", WidthMM: 330, HeightMM: 210, Resolution: "1280x800",
		},
		"acer-x125h": {
			Vendor: "Acer", Model: "Acer X125H", Serial: "JN91100100000f435900", Manufactured: "2017-W10", Resolution: "1024x768",
		},
		"crt.emc0313": {
			Vendor: "EMC", Model: "EMC0313", Serial: "0000198a", Manufactured: "2001-W21", WidthMM: 310, HeightMM: 230,
		},
		"lenovo-T24v-10": {
			Vendor: "Lenovo", Model: "T24v-10", Serial: "V905BAYH", Manufactured: "2019-W51",
			WidthMM: 527, HeightMM: 296, Resolution: "1920x1080",
		},
	}
	entries, err := os.ReadDir(captures)
	if err != nil {
		t.Fatal(err)
	}
	dates := regexp.MustCompile(`^(19|20)\d\d(-W\d\d)?$`)
	serials := map[string]string{}
	for _, e := range entries {
		got, err := edid.Parse(read(t, e.Name()))
		if err != nil && (!errors.Is(err, edid.ErrChecksum) || e.Name() != "crt.E55") {
			t.Errorf("%s: %v", e.Name(), err)
			continue
		}
		if w, ok := want[e.Name()]; ok {
			if diff := cmp.Diff(w, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", e.Name(), diff)
			}
			delete(want, e.Name())
		}
		if got.Vendor == "" || got.Model == "" || !dates.MatchString(got.Manufactured) || got.Resolution == "" && !strings.HasPrefix(e.Name(), "crt.") {
			t.Errorf("%s: %+v", e.Name(), got)
		}
		if other := serials[got.Vendor+got.Serial]; other != "" && got.Serial != "" {
			t.Errorf("%s and %s have the same serial number %s", e.Name(), other, got.Serial)
		}
		serials[got.Vendor+got.Serial] = e.Name()
	}
	if len(entries) < 80 || len(want) > 0 {
		t.Errorf("%d captures; without %v", len(entries), want)
	}
}

// read reads a block that is kept as it is or as hexadecimal digits.
func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(captures, name))
	if err != nil {
		t.Fatal(err)
	}
	if decoded, err := hex.DecodeString(strings.Join(strings.Fields(string(b)), "")); err == nil {
		return decoded
	}
	return b
}

func FuzzParse(f *testing.F) {
	f.Add(block("DEL", 1, 7, 9, 121, timing, text(0xfc, "U2723QE"), text(0xff, "ABC1234"), text(0xfe, "F8FGD\x80140WF6")))
	f.Add(block("ACR", 1, 0x12abcdef, 1, 119, interlaced, text(0xfc, "K"), text(0xff, "T2JEE0144223")))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, _ := edid.Parse(b)
		o := inventory.Observation{Epoch: 1, Seq: 1, Sections: []inventory.Section{{
			Name: inventory.SectionMonitors, Status: inventory.StatusOK, Body: inventory.Monitors{m},
		}}}
		if err := o.Validate(); err != nil {
			t.Error(err)
		}
	})
}
