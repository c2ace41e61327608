package smbios_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware/smbios"
)

// structure builds one structure: fields are the formatted area after the header.
func structure(kind byte, handle uint16, fields []byte, texts ...string) []byte {
	b := []byte{kind, byte(4 + len(fields)), byte(handle), byte(handle >> 8)}
	b = append(b, fields...)
	for _, s := range texts {
		b = append(append(b, s...), 0)
	}
	if len(texts) == 0 {
		b = append(b, 0)
	}
	return append(b, 0)
}

// fields builds a formatted area of n bytes after the header; offsets are those of the
// specification, which counts the header.
func fields(n int, set map[int]any) []byte {
	b := make([]byte, n)
	for at, v := range set {
		switch v := v.(type) {
		case int:
			b[at-4] = byte(v)
		case uint16:
			binary.LittleEndian.PutUint16(b[at-4:], v)
		case uint32:
			binary.LittleEndian.PutUint32(b[at-4:], v)
		case []byte:
			copy(b[at-4:], v)
		}
	}
	return b
}

func entryPoint(major, minor byte) []byte {
	b := make([]byte, 24)
	copy(b, "_SM3_")
	b[6], b[7], b[8] = 24, major, minor
	var sum byte
	for _, x := range b {
		sum += x
	}
	b[5] = -sum
	return b
}

func entryPoint32(major, minor, length byte) []byte {
	b := make([]byte, 31)
	copy(b, "_SM_")
	b[5], b[6], b[7] = length, major, minor
	copy(b[16:], "_DMI_")
	var sum byte
	for _, x := range b {
		sum += x
	}
	b[4] = -sum
	return b
}

func laptop() []byte {
	uuid := []byte{0x54, 0x66, 0x8c, 0xd6, 0xfc, 0x33, 0x3d, 0x33, 0x88, 0xeb, 0xc2, 0x95, 0xc3, 0x88, 0x23, 0xc4}
	return bytes.Join([][]byte{
		structure(0, 0, fields(20, map[int]any{4: 1, 5: 2, 8: 3}), "LENOVO", "N32ET75W (1.51 )", "03/14/2023"),
		structure(218, 0xda00, []byte{1, 2, 3, 0, 0, 9}),
		structure(1, 1, fields(23, map[int]any{4: 1, 5: 2, 6: 3, 7: 4, 8: uuid, 0x19: 5, 0x1a: 6}),
			"LENOVO", "20XW00A9GE  ", "ThinkPad X1 Carbon Gen 9", "PF3ABC12", "LENOVO_MT_20XW", "ThinkPad X1"),
		structure(2, 2, fields(11, map[int]any{4: 1, 5: 2, 7: 3}), "LENOVO", "20XW00A9GE", "L1HF18"),
		structure(3, 3, fields(18, map[int]any{4: 1, 5: 0x80 | 10, 7: 2, 8: 3}), "LENOVO", "PF3ABC12", "No Asset"),
		structure(4, 4, fields(44, map[int]any{
			4: 1, 5: 3, 7: 2, 0x10: 3, 0x14: uint16(4800), 0x18: 0x41, 0x23: 8, 0x25: 0xff, 0x2e: uint16(16),
		}), "U3E1", "Intel(R) Corporation", "11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz"),
		structure(4, 5, fields(44, map[int]any{4: 1, 5: 3, 0x18: 0}), "empty socket"),
		structure(17, 7, fields(80, map[int]any{
			4: uint16(6), 0xc: uint16(8192), 0x10: 1, 0x11: 2, 0x12: 0x1a, 0x15: uint16(3200), 0x17: 3, 0x18: 4, 0x1a: 5,
		}), "ChannelA-DIMM0", "BANK 0", "Samsung", "00000001", "M471A1K43DB1-CWE"),
		structure(17, 8, fields(90, map[int]any{
			4: uint16(6), 0xc: uint16(0x7fff), 0x10: 1, 0x12: 0x22, 0x15: uint16(0xffff), 0x1c: uint32(65536), 0x54: uint32(70000),
		}), "ChannelB-DIMM0"),
		structure(17, 9, fields(23, map[int]any{4: uint16(6), 0xc: uint16(0), 0x10: 1}), "empty slot"),
		structure(17, 10, fields(23, map[int]any{4: uint16(99), 0xc: uint16(0x8000 | 512), 0x10: 1, 0x12: 9}), "firmware flash"),
		structure(16, 6, fields(11, map[int]any{4: 3, 5: 3})),
		structure(16, 99, fields(11, map[int]any{4: 3, 5: 5})),
		structure(9, 0x20, fields(13, map[int]any{4: 1, 5: 0xb6, 7: 4}), "SLOT1"),
		structure(9, 0x21, fields(13, map[int]any{4: 1, 5: 0xa5, 7: 3}), "SLOT2"),
		structure(9, 0x22, fields(13, map[int]any{4: 1, 5: 0xff, 7: 2}), "odd"),
		structure(39, 0x30, fields(18, map[int]any{5: 1, 6: 2, 7: 3, 8: 4, 0xa: 5, 0xb: 6, 0xc: uint16(750), 0xe: uint16(0x3a3)}), "Bay 1", "PWR", "DELL", "CN1", "0NTCWP", "A01"),
		structure(39, 0x31, fields(18, map[int]any{6: 1, 0xc: uint16(0x8000), 0xe: uint16(0x2)}), "unrated"),
		structure(39, 0x32, fields(18, map[int]any{6: 1, 0xe: uint16(0x1)}), "absent"),
		structure(127, 0xfeff, nil),
	}, nil)
}

func TestDecode(t *testing.T) {
	want := &smbios.Info{
		Major: 3, Minor: 2,
		BIOS: smbios.BIOS{Vendor: "LENOVO", Version: "N32ET75W (1.51 )", Date: "2023-03-14"},
		System: smbios.System{
			Vendor: "LENOVO", Product: "20XW00A9GE", Version: "ThinkPad X1 Carbon Gen 9", Serial: "PF3ABC12",
			SKU: "LENOVO_MT_20XW", Family: "ThinkPad X1",
			UUID: "d68c6654-33fc-333d-88eb-c295c38823c4", UUIDSwapped: "54668cd6-fc33-3d33-88eb-c295c38823c4",
		},
		Boards:  []smbios.Board{{Vendor: "LENOVO", Product: "20XW00A9GE", Serial: "L1HF18"}},
		Chassis: []smbios.Chassis{{Vendor: "LENOVO", Serial: "PF3ABC12", AssetTag: "No Asset", Type: 10}},
		Processors: []smbios.Processor{{
			Socket: "U3E1", Vendor: "Intel(R) Corporation", Version: "11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz",
			MaxMHz: 4800, Cores: 8, Threads: 16,
		}},
		Memory: []smbios.MemoryDevice{
			{
				Locator: "ChannelA-DIMM0", Bank: "BANK 0", Vendor: "Samsung", Serial: "00000001",
				Part: "M471A1K43DB1-CWE", Type: "DDR4", Bytes: 8 << 30, SpeedMTs: 3200,
			},
			{Locator: "ChannelB-DIMM0", Type: "DDR5", Bytes: 64 << 30, SpeedMTs: 70000},
		},
		Slots: []smbios.Slot{
			{Handle: 0x20, Name: "SLOT1", Kind: "PCI Express 3 x16", Usage: "in use"}, {Handle: 0x21, Name: "SLOT2", Kind: "PCI Express", Usage: "available"},
			{Handle: 0x22, Name: "odd"},
		},
		Supplies: []smbios.PowerSupply{
			{Handle: 0x30, Location: "Bay 1", Name: "PWR", Vendor: "DELL", Serial: "CN1", Part: "0NTCWP", Revision: "A01", Watts: 750},
			{Handle: 0x31, Name: "unrated"},
		},
	}
	got, err := smbios.Decode(entryPoint(3, 2), laptop())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDecodeUUIDOrder(t *testing.T) {
	const little, big = "d68c6654-33fc-333d-88eb-c295c38823c4", "54668cd6-fc33-3d33-88eb-c295c38823c4"
	broken := entryPoint(2, 3)
	broken[5]++
	tests := []struct {
		name  string
		entry []byte
		want  string
	}{
		{"3.2", entryPoint(3, 2), little},
		{"2.6", entryPoint32(2, 6, 0x1f), little},
		{"2.5", entryPoint32(2, 5, 0x1f), big},
		{"2.1 with its wrong length", entryPoint32(2, 1, 0x1e), big},
		{"no entry point", nil, little},
		{"wrong sum", broken, little},
		{"2.0 alone", append([]byte("_DMI_"), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20), big},
		{"length beyond", entryPoint32(2, 5, 0x80), little},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := smbios.Decode(tt.entry, laptop())
			if err != nil || got.System.UUID != tt.want {
				t.Errorf("got %q, %v", got.System.UUID, err)
			}
		})
	}
}

func TestDecodeUnsetUUID(t *testing.T) {
	for _, c := range []byte{0, 0xff} {
		f := fields(23, map[int]any{8: bytes.Repeat([]byte{c}, 16)})
		got, err := smbios.Decode(nil, structure(1, 1, f))
		if err != nil || got.System.UUID != "" {
			t.Errorf("%02x: got %q, %v", c, got.System.UUID, err)
		}
	}
}

// A cut table gives what came before the cut, and an error that says where.
func TestDecodeDamaged(t *testing.T) {
	whole := laptop()
	for n := range whole {
		got, err := smbios.Decode(nil, whole[:n])
		if got == nil {
			t.Fatalf("cut at %d: no info", n)
		}
		if n > 500 && got.System.Serial != "PF3ABC12" {
			t.Errorf("cut at %d: the serial before the cut is lost", n)
		}
		_ = err // a cut between two structures is not an error: old tables have no end mark
	}
	for name, table := range map[string][]byte{
		"empty":              {},
		"header cut":         {1, 27, 0},
		"length too small":   {1, 3, 0, 0, 0, 0},
		"length beyond":      {1, 27, 0, 0, 1, 2, 0, 0},
		"endless strings":    {1, 4, 0, 0, 'a', 'b', 'c'},
		"longer than limits": make([]byte, smbios.MaxTable+1),
	} {
		if _, err := smbios.Decode(nil, table); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestChassisName(t *testing.T) {
	for n, want := range map[int]string{-1: "", 0: "", 2: "", 10: "Notebook", 23: "Rack Mount Chassis", 99: ""} {
		if got := smbios.ChassisName(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(entryPoint(3, 2), laptop())
	f.Add(entryPoint32(2, 5, 0x1f), []byte{1, 4, 0, 0, 'a', 0, 0, 127, 4, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, entry, table []byte) {
		info, err := smbios.Decode(entry, table)
		if info == nil {
			t.Fatalf("no info, %v", err)
		}
		for _, m := range info.Memory {
			if m.Bytes < 0 || m.SpeedMTs < 0 {
				t.Errorf("negative size: %+v", m)
			}
		}
	})
}
