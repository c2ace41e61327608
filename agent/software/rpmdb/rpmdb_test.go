package rpmdb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software/rpmdb"
)

type entry struct {
	tag, kind uint32
	value     []byte
}

// header lays entries out as rpm does.
func header(entries ...entry) []byte {
	var index, data []byte
	for _, e := range entries {
		for _, n := range []uint32{e.tag, e.kind, uint32(len(data)), 1} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		data = append(data, e.value...)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(len(entries)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(append(b, index...), data...)
}

func text(tag uint32, s string) entry { return entry{tag, 6, append([]byte(s), 0)} }
func number(tag, n uint32) entry      { return entry{tag, 4, binary.BigEndian.AppendUint32(nil, n)} }

var bash = header(
	entry{63, 7, make([]byte, 16)}, // region
	text(1000, "bash"), text(1001, "5.1.8"), text(1002, "6.el9"), number(1003, 2), number(1009, 7_000_000),
	text(1011, "Example"), entry{1015, 9, []byte("Someone\x00Jemand\x00")}, text(1022, "x86_64"),
	number(1008, 1), number(1008, 1_714_000_000), // what the installation set comes last
	entry{5009, 5, binary.BigEndian.AppendUint64(nil, 5<<30)},
)

func TestParseHeader(t *testing.T) {
	want := rpmdb.Package{
		Name: "bash", Version: "5.1.8", Release: "6.el9", Arch: "x86_64", Vendor: "Example", Packager: "Someone",
		Epoch: 2, Installed: 1_714_000_000, Bytes: 5 << 30,
	}
	got, err := rpmdb.ParseHeader(bash)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	outside := header(text(1000, "x"))
	binary.BigEndian.PutUint32(outside[8+8:], 1<<31)
	tests := []struct {
		name, want string
		header     []byte
	}{
		{"empty", "cut", nil},
		{"cut", "entries", bash[:len(bash)-1]},
		{"longer than it says", "entries", append(bytes.Clone(bash), 0)},
		{"no entries", "0 entries", header()},
		{"too many entries", "entries", binary.BigEndian.AppendUint64(nil, 0xffff_ffff_0000_0000)},
		{"name outside", "without a name", outside},
		{"name of another type", "without a name", header(number(1000, 5))},
		{"name without an end", "without a name", header(entry{1000, 6, []byte("bash")})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := rpmdb.ParseHeader(tt.header); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func ndb(slots ...[3]uint32) []byte {
	le := binary.LittleEndian
	b := append([]byte("RpmP"), make([]byte, 28)...)
	le.PutUint32(b[12:], 1)
	for _, s := range slots {
		b = append(b, "Slot"...)
		for _, n := range s {
			b = le.AppendUint32(b, n)
		}
	}
	for len(b) < 4096 {
		b = append(b, "Slot\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	}
	b = append(b, "BlbS\x01\x00\x00\x00\x00\x00\x00\x00"...)
	b = le.AppendUint32(b, uint32(len(bash)))
	b = append(b, bash...)
	for len(b)%16 != 12 {
		b = append(b, 0)
	}
	return append(b, "BlbE"...)
}

// blocks is how many the one blob of ndb has.
var blocks = uint32(len(ndb())-4096) / 16

func TestNDBRefuses(t *testing.T) {
	change := func(at int, b ...byte) []byte {
		c := ndb([3]uint32{1, 256, blocks})
		copy(c[at:], b)
		return c
	}
	var thrice [][3]uint32
	for range 30 {
		thrice = append(thrice, [3]uint32{1, 256, blocks})
	}
	tests := []struct {
		name, want string
		file       []byte
	}{
		{"sound", "", change(0, 'R')},
		{"empty", "leave the file", nil},
		{"other file", "not an ndb", make([]byte, 5000)},
		{"version", "ndb version 9", change(4, 9)},
		{"table longer than the file", "table of packages", change(12, 99)},
		{"no table", "table of packages has 0", change(12, 0)},
		{"slot", "damaged table", change(4096-16, 'X')},
		{"blob outside", "leave the file", ndb([3]uint32{1, 9999, blocks})},
		{"blob of another package", "package 2: damaged", ndb([3]uint32{2, 256, blocks})},
		{"blob without an end", "damaged", ndb([3]uint32{1, 256, blocks - 1})},
		{"blob of no length", "0 bytes", ndb([3]uint32{1, 256, 0})},
		{"blob of great length", "at most", ndb([3]uint32{1, 256, 1 << 30})},
		{"one blob for many", "several packages", ndb(thrice...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := count(rpmdb.ReadNDB, tt.file)
			if tt.want == "" && (err != nil || n != 1) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%d headers, %v, want %q", n, err, tt.want)
			}
		})
	}
}

func count(read func(io.ReaderAt, int64, func([]byte) error) error, file []byte) (n int, err error) {
	err = read(bytes.NewReader(file), int64(len(file)), func(header []byte) error {
		if n++; n > 1<<20 {
			return errors.New("endless")
		}
		_, _ = rpmdb.ParseHeader(header)
		return nil
	})
	return n, err
}

// hash is a Berkeley DB file with headers that fit a page and some that do not.
func hash(t testing.TB) []byte {
	t.Helper()
	load, err := exec.LookPath("db5.3_load")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("%v: see tools/setup.sh", err)
	}
	name := filepath.Join(t.TempDir(), "Packages")
	cmd := exec.CommandContext(t.Context(), load, "-t", "hash", "-c", "db_pagesize=512", name)
	dump := "VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n 00000000\n 0c000000\n"
	for i := 1; i <= 12; i++ {
		dump += fmt.Sprintf(" %02x000000\n %x\n", i, header(text(1000, fmt.Sprint("p", i)), text(1004, strings.Repeat("x", i*i*20))))
	}
	cmd.Stdin = strings.NewReader(dump + "DATA=END\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBDBRefuses(t *testing.T) {
	good := hash(t)
	change := func(at int, b ...byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return c
	}
	// The chains of the longest header's pages and of the first bucket, made circles.
	circle := bytes.Clone(good)
	for page := 512; page < len(circle); page += 512 {
		if circle[page+25] == 7 && binary.LittleEndian.Uint32(circle[page+16:]) != 0 {
			binary.LittleEndian.PutUint32(circle[page+16:], uint32(page/512))
		}
	}
	tests := []struct {
		name, want string
		file       []byte
	}{
		{"sound", "", good},
		{"empty", "leave the file", nil},
		{"other file", "not a Berkeley DB", make([]byte, 5000)},
		{"version", "version 99", change(16, 99)},
		{"page size", "page size 513", change(20, 1, 2)},
		{"encrypted", "encrypted", change(24, 1)},
		{"buckets", "buckets", change(72, 255, 255, 255, 255)},
		{"cut", "leave the file", good[:len(good)-512]},
		{"circle", "continue a header", circle},
		{"bucket's circle", "several packages", change(512+16, 1)},
		{"entries", "entries on a page", change(512+20, 255, 255)},
		{"kind", "page 1 is of kind 5", change(512+25, 5)},
		{"item", "leaves its page", change(512+26, 3, 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, err := count(rpmdb.ReadBDB, tt.file)
			if tt.want == "" && (err != nil || n != 12) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%d headers, %v, want %q", n, err, tt.want)
			}
		})
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(bash)
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := rpmdb.ParseHeader(b); err == nil && (p.Name == "" || len(p.Vendor) > len(b)) {
			t.Errorf("%+v", p)
		}
	})
}

func FuzzNDB(f *testing.F) {
	f.Add(ndb([3]uint32{1, 256, blocks}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := count(rpmdb.ReadNDB, b); err == nil && n > len(b)/16 {
			t.Errorf("%d headers in %d bytes", n, len(b))
		}
	})
}

func FuzzBDB(f *testing.F) {
	f.Add(hash(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := count(rpmdb.ReadBDB, b); err == nil && n > len(b) {
			t.Errorf("%d headers in %d bytes", n, len(b))
		}
	})
}
