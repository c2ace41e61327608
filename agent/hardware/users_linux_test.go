package hardware_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/internal/inventory"
)

// wide says whether this architecture's records of logins have times of 64 bits.
func wide() bool {
	return runtime.GOARCH == "arm64" || runtime.GOARCH == "riscv64" || runtime.GOARCH == "loong64"
}

func seconds(t time.Time, wide bool) []byte {
	if wide {
		return binary.NativeEndian.AppendUint64(nil, uint64(t.Unix()))
	}
	return binary.NativeEndian.AppendUint32(nil, uint32(t.Unix()))
}

// session is a record of wtmp.
func session(kind uint16, user string, at time.Time, wide bool) []byte {
	size, offset := 384, 340
	if wide {
		size, offset = 400, 344
	}
	b := make([]byte, size)
	binary.NativeEndian.PutUint16(b, kind)
	copy(b[44:76], user)
	copy(b[offset:], seconds(at, wide))
	return b
}

func day(s string) time.Time {
	t, _ := time.Parse(time.DateOnly, s)
	return t
}

func TestUsers(t *testing.T) {
	wtmp := bytes.Join([][]byte{
		session(7, "ann", day("2024-03-01"), wide()), session(7, "ann", day("2024-03-05"), wide()), session(8, "ann", day("2024-04-01"), wide()),
		session(7, "bob", day("2024-01-01"), wide()), {1, 2, 3},
	}, nil)
	root := plant(t, map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/bash\nann:x:1001:1001::/home/ann:/bin/bash\nbob:x:1002:1002::/home/bob:/bin/bash\n" +
			"eve:x:1003:27::/home/eve:/bin/bash\nnew:x:1004:1004::/home/new:/bin/bash\n",
		"etc/group":    "root:x:0:\nsudo:x:27:ann,other\nusers:x:100:bob\nbroken\n",
		"var/log/wtmp": string(wtmp),
	})
	lastlog, err := os.Create(filepath.Join(root, "var/log/lastlog"))
	if err != nil {
		t.Fatal(err)
	}
	size := int64(292)
	if wide() {
		size = 296
	}
	for id, at := range map[int64]string{1001: "2024-03-04", 1002: "2024-02-02"} {
		if _, err := lastlog.WriteAt(seconds(day(at), wide()), id*size); err != nil {
			t.Fatal(err)
		}
	}
	if err := lastlog.Close(); err != nil {
		t.Fatal(err)
	}
	want := inventory.Users{
		{Name: "root", ID: "0", Shell: "/bin/bash", Home: "/root", Admin: true},
		{Name: "ann", ID: "1001", Shell: "/bin/bash", Home: "/home/ann", Admin: true, LastLogin: "2024-03-05"},
		{Name: "bob", ID: "1002", Shell: "/bin/bash", Home: "/home/bob", LastLogin: "2024-02-02"},
		{Name: "eve", ID: "1003", Shell: "/bin/bash", Home: "/home/eve", Admin: true},
		{Name: "new", ID: "1004", Shell: "/bin/bash", Home: "/home/new"},
	}
	if diff := cmp.Diff(want, collect(t, root, "passwd")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLastUser(t *testing.T) {
	wtmp := bytes.Join([][]byte{
		session(7, "ann", day("2024-03-01"), wide()), session(7, "EXAMPLE\\bob", day("2024-03-05"), wide()), session(2, "reboot", day("2024-04-01"), wide()),
		session(7, "eve", day("2024-03-05"), wide()), session(7, "old", day("2023-03-05"), wide()),
	}, nil)
	root := plant(t, map[string]string{"var/log/wtmp": string(wtmp)})
	if diff := cmp.Diff(inventory.Body(&inventory.Device{User: "EXAMPLE\\bob"}), collect(t, root, "last-user")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if body, err := look(t, t.TempDir(), "last-user"); err == nil || body != nil {
		t.Errorf("without a file: %v, %v", body, err)
	}
}

// Both layouts of records, whatever this machine's is.
func TestSessions(t *testing.T) {
	for _, wide := range []bool{false, true} {
		got := hardware.Sessions(append(session(7, "ann", day("2040-01-01"), wide), session(7, "bob", day("1970-01-01"), wide)...), wide)
		if diff := cmp.Diff(map[string]time.Time{"ann": day("2040-01-01")}, got); diff != "" {
			t.Errorf("wide %v: -want +got:\n%s", wide, diff)
		}
	}
}

func FuzzSessions(f *testing.F) {
	f.Add(session(7, "ann", day("2024-03-01"), false), true)
	f.Fuzz(func(t *testing.T, b []byte, wide bool) {
		for name, at := range hardware.Sessions(b, wide) {
			if y := at.Year(); y < 1970 || y > 2300 {
				t.Errorf("%q signed in in %d", name, y)
			}
		}
	})
}

// A tree that has just been made was installed today, wherever files know their birth.
func TestInstalled(t *testing.T) {
	root := plant(t, map[string]string{"etc/os-release": "NAME=Debian\n", "var/log/installer/status": ""})
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, filepath.Join(root, "var/log/installer"), 0, unix.STATX_BTIME, &st); err != nil {
		t.Fatal(err)
	}
	want := ""
	if st.Mask&unix.STATX_BTIME != 0 {
		want = time.Unix(st.Btime.Sec, 0).UTC().Format(time.DateOnly)
	}
	if got := collect(t, root, "os-release").(*inventory.OS).Installed; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	inContainer := plant(t, map[string]string{"etc/os-release": "NAME=Debian\n", "run/systemd/container": "podman\n"})
	if got := collect(t, inContainer, "os-release").(*inventory.OS).Installed; got != "" {
		t.Errorf("an image was installed on %q", got)
	}
}
