package registry_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/registry"
)

func openHive(t *testing.T, b []byte) *registry.Hive {
	t.Helper()
	h, err := registry.OpenHive(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// testdata/user.hive was written by hivexregedit (libguestfs), so another program's view of the format.
func TestHiveOfAnotherWriter(t *testing.T) {
	b, err := os.ReadFile("testdata/user.hive")
	if err != nil {
		t.Fatal(err)
	}
	h := openHive(t, b)
	const uninstall = `software\MICROSOFT\Windows\CurrentVersion\Uninstall`
	names, err := h.Subkeys(uninstall)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Zoëdraw", "Λόγος"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	v, err := h.Values(uninstall + `\zoëDraw`)
	if err != nil {
		t.Fatal(err)
	}
	size, _ := v.Number("estimatedsize")
	got := []any{v.Text("displayname"), v.Text("publisher"), size, v.Texts("languages")}
	if diff := cmp.Diff([]any{"Zoëdraw 2", "Zoë GmbH", uint64(1024), []string{"de", "en"}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := registry.Text(h, uninstall+`\Λόγος`, "DisplayName"); got != "Λόγος" {
		t.Errorf("DisplayName = %q", got)
	}
	for _, missing := range []string{`Software\Nothing`, uninstall + `\Zoëdraw\deeper`} {
		if _, err := h.Values(missing); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", missing, err)
		}
	}
}

// builder lays out cells as the system itself does, in the forms that other writers do not use.
type builder struct{ cells []byte }

func (b *builder) cell(parts ...[]byte) uint32 {
	data := bytes.Join(parts, nil)
	offset := uint32(len(b.cells))
	b.cells = append(b.cells, u32(uint32(-int32(len(data)+4)))...)
	b.cells = append(b.cells, data...)
	return offset
}

func u32(list ...uint32) []byte {
	var b []byte
	for _, n := range list {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

func (b *builder) key(name string, subkeys, list, values, valueList uint32) uint32 {
	head := make([]byte, 76)
	copy(head, "nk\x20\x00")
	for at, n := range map[int]uint32{20: subkeys, 28: list, 36: values, 40: valueList, 72: uint32(len(name))} {
		copy(head[at:], u32(n))
	}
	return b.cell(head, []byte(name))
}

func (b *builder) value(name string, kind, size, data uint32) uint32 {
	return b.cell([]byte("vk"), []byte{byte(len(name)), 0}, u32(size, data, kind, 1), []byte(name))
}

func (b *builder) file(root uint32) []byte {
	h := make([]byte, 4096)
	copy(h, "regf")
	copy(h[36:], u32(root, uint32(len(b.cells))))
	return append(h, b.cells...)
}

// nested has a root with keys in lists of lists, and a value in several cells.
func nested() []byte {
	b := &builder{}
	segment := func(c string, n int) uint32 { return b.cell([]byte(strings.Repeat(c, n))) }
	parts := b.cell(u32(segment("A", 16344+4), segment("B", 16344+4), segment("C", 312)))
	big := b.value("Big", 3, 33000, b.cell([]byte("db\x03\x00"), u32(parts)))
	huge := b.value("Huge", 3, 1<<20, 0)
	small := b.value("Small", 4, 1<<31|4, 0x01020304)
	values := b.cell(u32(big, huge, small))
	leaf := func(name string) uint32 { return b.key(name, 0, 0, 0, 0) }
	lh := b.cell([]byte("lh\x02\x00"), u32(leaf("one"), 7, leaf("two"), 7))
	li := b.cell([]byte("li\x01\x00"), u32(leaf("three")))
	ri := b.cell([]byte("ri\x02\x00"), u32(lh, li))
	return b.file(b.key("ROOT", 3, ri, 3, values))
}

func TestHiveForms(t *testing.T) {
	h := openHive(t, nested())
	names, err := h.Subkeys("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one", "two", "three"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	v, err := h.Values("")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("A", 16344) + strings.Repeat("B", 16344) + strings.Repeat("C", 312)
	if got := string(v["big"].Data); got != want {
		t.Errorf("a value in segments has %d bytes", len(got))
	}
	if n, ok := v.Number("small"); !ok || n != 0x01020304 {
		t.Errorf("Small = %#x, %t", n, ok)
	}
	if _, there := v["huge"]; there {
		t.Error("a value longer than the bound was kept")
	}
}

func TestHiveDamage(t *testing.T) {
	circle := &builder{}
	list := uint32(0)
	circle.cell([]byte("ri\x01\x00"), u32(list)) // refers to itself
	whole := nested()
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"no hive", []byte(strings.Repeat("MZ", 100)), "does not begin with regf"},
		{"short", whole[:100], "between 4096"},
		{"circle", circle.file(circle.key("ROOT", 1, list, 0, 0)), "no list of keys"},
		{"cut", whole[:len(whole)-40], "ends at"},
		{"many values", func() []byte { b := &builder{}; return b.file(b.key("R", 0, 0, 1<<30, 0)) }(), "at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := registry.OpenHive(bytes.NewReader(tt.file), int64(len(tt.file)))
			if err == nil {
				if _, err = h.Subkeys(""); err == nil {
					_, err = h.Values("")
				}
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ...%s...", err, tt.want)
			}
		})
	}
}

func FuzzHive(f *testing.F) {
	b, err := os.ReadFile("testdata/user.hive")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(nested())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := registry.OpenHive(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		names, _ := h.Subkeys("")
		if len(names) > registry.MaxSubkeys {
			t.Errorf("%d keys", len(names))
		}
		for _, name := range append(names[:min(len(names), 16)], `Software\Microsoft\Windows\CurrentVersion\Uninstall`, "") {
			v, _ := h.Values(name)
			for value, x := range v {
				if len(x.Data) > registry.MaxValue {
					t.Errorf("value %q of %d bytes", value, len(x.Data))
				}
				_, _, _ = v.Text(value), v.Texts(value), value
			}
		}
	})
}
