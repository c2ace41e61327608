//go:build unix

package versions_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/upgrade/versions"
)

// TestMain is also the process that is killed in the middle of an installation.
func TestMain(m *testing.M) {
	if at := os.Getenv("KILL_AT"); at != "" {
		store := versions.Store{Dir: os.Getenv("KILL_DIR"), OS: runtime.GOOS, Step: func(name string) {
			if name == at {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}}
		_, err := store.Install("1.1.0", program("new"))
		fmt.Println("not killed:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func program(says string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "#!/bin/sh\necho %s\n", says)
		return err
	}
}

func newStore(t *testing.T) versions.Store {
	t.Helper()
	return versions.Store{Dir: t.TempDir(), OS: runtime.GOOS}
}

func install(t *testing.T, s versions.Store, version string) versions.Installed {
	t.Helper()
	in, err := s.Install(version, program(version))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func says(t *testing.T, s versions.Store, in versions.Installed) string {
	t.Helper()
	path, err := s.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func names(t *testing.T, s versions.Store) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.Dir, "versions"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestInstall(t *testing.T) {
	s := newStore(t)
	in := install(t, s, "v1.0.0")
	if got := says(t, s, in); got != "v1.0.0" || in.Version != "1.0.0" || in.Bytes == 0 {
		t.Errorf("%+v says %q", in, got)
	}
	path, err := s.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	install(t, s, "1.1.0")
	install(t, s, "1.2.0")
	if err := s.Prune("1.0.0", "1.2.0"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1.0.0", "1.2.0"}, names(t, s)); diff != "" {
		t.Error(diff)
	}
	for _, version := range []string{"../1.0.0", "dev", ""} {
		if in, err := s.Install(version, program("x")); err == nil {
			t.Errorf("installed %+v", in)
		}
	}
}

func TestInstallOfWhatIsNotSigned(t *testing.T) {
	s := newStore(t)
	old := install(t, s, "1.1.0")
	no := errors.New("not the program that was signed")
	var perm os.FileMode
	if _, err := s.Install("1.1.0", func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		if found, _ := filepath.Glob(filepath.Join(s.Dir, "versions", ".tmp-*", "muster-agent")); len(found) == 1 {
			info, err := os.Stat(found[0])
			if err != nil {
				return err
			}
			perm = info.Mode().Perm()
		}
		return no
	}); !errors.Is(err, no) {
		t.Errorf("error %v", err)
	}
	if perm != 0o600 {
		t.Errorf("mode %v while it is not verified", perm)
	}
	if got := says(t, s, old); got != "1.1.0" {
		t.Errorf("the old one says %q", got)
	}
	if diff := cmp.Diff([]string{"1.1.0"}, names(t, s)); diff != "" {
		t.Error(diff)
	}
}

// A kill at each step leaves the running version whole, and the next try succeeds.
func TestA39KilledWhileInstalling(t *testing.T) {
	for _, replaces := range []bool{false, true} {
		for _, step := range []string{"make", "fetch", "flush", "chmod", "remove", "rename", "sync"} {
			t.Run(fmt.Sprintf("%s/%v", step, replaces), func(t *testing.T) {
				s := newStore(t)
				running := install(t, s, "1.0.0")
				if replaces {
					install(t, s, "1.1.0")
				}
				cmd := exec.CommandContext(t.Context(), os.Args[0])
				cmd.Env = append(os.Environ(), "KILL_AT="+step, "KILL_DIR="+s.Dir)
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("not killed: %v\n%s", err, out)
				}
				if got := says(t, s, running); got != "1.0.0" {
					t.Errorf("what ran says %q", got)
				}
				if got := says(t, s, install(t, s, "1.1.0")); got != "1.1.0" {
					t.Errorf("the next try says %q", got)
				}
				if diff := cmp.Diff([]string{"1.0.0", "1.1.0"}, names(t, s)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestA39ProgramChangedOnDisk(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"other bytes": func(p string) error { return os.WriteFile(p, []byte("#!/bin/sh\necho 1.0.1\n"), 0o500) },
		"cut off":     func(p string) error { return os.Truncate(p, 5) },
		"longer":      func(p string) error { return os.Truncate(p, 5000) },
		"gone":        os.Remove,
		"a folder":    func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) },
		"a pipe":      func(p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o600)) },
		"elsewhere": func(p string) error {
			other := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(p))), "other")
			return errors.Join(os.Remove(p), os.WriteFile(other, []byte("x"), 0o700), os.Symlink(other, p))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			in := install(t, s, "1.0.0")
			path, err := s.Open(in)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if path, err := s.Open(in); err == nil {
				t.Errorf("%s would be started", path)
			}
		})
	}
}

func TestA35OthersMayWrite(t *testing.T) {
	in := func(part string, mode os.FileMode) func(dir string) error {
		return func(dir string) error { return os.Chmod(filepath.Join(dir, part), mode) }
	}
	for name, open := range map[string]func(dir string) error{
		"program":            in("versions/1.0.0/muster-agent", 0o720),
		"folder of it":       in("versions/1.0.0", 0o777),
		"folder of versions": in("versions", 0o770),
		"folder above":       in(".", 0o707),
		"belongs to another": func(dir string) error { return os.Chown(filepath.Join(dir, "versions/1.0.0/muster-agent"), 65534, -1) },
		"folder of another":  func(dir string) error { return os.Chown(filepath.Join(dir, "versions"), 65534, -1) },
		"reached by their link": func(dir string) error {
			theirs := filepath.Join(dir, "theirs")
			at := filepath.Join(dir, "versions/1.0.0")
			return errors.Join(os.Mkdir(theirs, 0o700), os.Chmod(theirs, 0o777), os.Rename(at, filepath.Join(theirs, "1.0.0")),
				os.Symlink(filepath.Join(theirs, "1.0.0"), at))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			version := install(t, s, "1.0.0")
			if err := open(s.Dir); err != nil {
				if errors.Is(err, os.ErrPermission) {
					t.Skip("giving files away needs root")
				}
				t.Fatal(err)
			}
			if path, err := s.Open(version); err == nil {
				t.Errorf("%s would be started", path)
			} else if !strings.Contains(err.Error(), "nothing is started from there") {
				t.Errorf("error %v", err)
			}
		})
	}
	s := newStore(t)
	install(t, s, "1.0.0")
	if err := in("versions", 0o777)(s.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Install("1.1.0", program("x")); err == nil {
		t.Error("installed where others may write")
	}
}
