package repository_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/agent/upgrade/repository"
)

const (
	current = release.OutcomeCurrent
	refused = release.OutcomeRefused
	failed  = release.OutcomeFailed
)

func TestCheck(t *testing.T) {
	for name, where := range map[string]func(*lab){
		"server":    func(*lab) {},
		"slash":     func(l *lab) { l.ask.Repository += "/" },
		"folder":    func(l *lab) { l.ask.Repository = l.repo.Dir },
		"file URL":  func(l *lab) { l.ask.Repository = "file://" + l.repo.Dir },
		"subfolder": func(l *lab) { l.serve(filepath.Dir(l.repo.Dir)); l.ask.Repository += "/repo" },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			where(l)
			l.not(current, "")
			l.add("stable", "1.1.0")
			l.add("stable", "1.2.0")
			l.add("beta", "1.3.0-rc.1")
			l.installed("1.2.0")
			l.ask.Running = "1.2.0"
			l.not(current, "")
			l.ask.Channel = "beta"
			l.installed("1.3.0-rc.1")
			l.ask.Channel, l.ask.Running, l.ask.Pin = "stable", "1.3.0-rc.1", "1.1.0"
			l.installed("1.1.0")
			l.ask.Pin = "9.9.9"
			l.not(current, "pinned version 9.9.9 is not in channel stable")
			l.must(l.repo.Remove("stable", "1.2.0"))
			l.ask.Running, l.ask.Pin = "1.0.0", ""
			l.installed("1.1.0")
		})
	}
}

func TestCheckForOtherMachines(t *testing.T) {
	l := newLab(t)
	l.add("stable", "1.1.0")
	for _, platform := range [][2]string{{"linux", "arm64"}, {"windows", "amd64"}, {"darwin", "amd64"}} {
		r := repository.Check(t.Context(), l.ask, platform[0], platform[1], l.now)
		if r.Outcome != current || !strings.Contains(r.Reason, "nothing for "+platform[0]+"/"+platform[1]) {
			t.Errorf("%v: %+v", platform, r)
		}
	}
}

// target is where the program of version 1.1.0 lies.
func target(l *lab) string {
	l.t.Helper()
	found, err := filepath.Glob(filepath.Join(l.repo.Dir, "targets/stable/1.1.0/linux-amd64/*"))
	if err != nil || len(found) != 1 {
		l.t.Fatalf("programs %q, %v", found, err)
	}
	return found[0]
}

func TestA39TamperedTarget(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*lab)
		outcome release.Outcome
		why     string
	}{
		"other bytes": {func(l *lab) { l.write(target(l), strings.Replace(program("1.1.0"), ".", "!", 1)) }, refused, "sha256 differs"},
		"older":       {func(l *lab) { l.write(target(l), program("1.0.0")) }, refused, "sha256 differs"},
		"longer":      {func(l *lab) { l.write(target(l), program("1.1.0")+"!") }, refused, "does not have"},
		"shorter":     {func(l *lab) { l.write(target(l), program("1.1.0")[1:]) }, refused, "does not have"},
		"empty":       {func(l *lab) { l.write(target(l), "") }, refused, "does not have"},
		"gone":        {func(l *lab) { l.must(os.Remove(target(l))) }, failed, "not exist"},
		"a link out of the folder": {func(l *lab) {
			l.ask.Repository = l.repo.Dir
			secret := filepath.Join(l.t.TempDir(), "secret")
			l.write(secret, program("1.1.0"))
			at := target(l)
			l.must(os.Remove(at))
			l.must(os.Symlink(secret, at))
		}, failed, "escapes"},
		"endless":                          {func(l *lab) { l.handler = endless(l, "/targets/") }, refused, "does not have"},
		"endless without a length, slowly": {func(l *lab) { l.handler = trickle(l, "/targets/") }, failed, "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.add("stable", "1.1.0")
			whole := l.copied()
			tt.change(l)
			if strings.Contains(name, "slowly") {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				defer cancel()
				if r := repository.Check(ctx, l.ask, "linux", "amd64", l.now); r.Outcome != tt.outcome || !strings.Contains(r.Reason, tt.why) {
					t.Errorf("got %+v", r)
				}
			} else {
				l.not(tt.outcome, tt.why)
			}
			l.ask.Repository = whole
			l.installed("1.1.0") // once nobody interferes
		})
	}
}

func endless(l *lab, under string) http.Handler {
	next := l.handler
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, under) {
			next.ServeHTTP(w, r)
			return
		}
		for chunk := make([]byte, 64<<10); r.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
}

func trickle(l *lab, under string) http.Handler {
	next := l.handler
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, under) {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
}

func TestA39TamperedMetadata(t *testing.T) {
	newest := map[string]string{ // after Init and two Adds
		"timestamp": "metadata/timestamp.json", "snapshot": "metadata/3.snapshot.json", "targets": "metadata/3.targets.json",
	}
	for role, file := range newest {
		for name, change := range map[string]func(*lab){
			"later expiry":  func(l *lab) { l.change(file, `"expires": "2026`, `"expires": "2036`) },
			"higher":        func(l *lab) { l.change(file, `"version": 3`, `"version": 4`) },
			"another role":  func(l *lab) { l.change(file, `"_type": "`+role, `"_type": "root`) },
			"unsigned":      func(l *lab) { l.put(file, unsigned(l.read(file))) },
			"no signatures": func(l *lab) { l.put(file, strings.SplitN(l.read(file), `"signatures"`, 2)[0]+`"signatures": []}`) },
			"null":          func(l *lab) { l.put(file, "null") },
			"empty":         func(l *lab) { l.put(file, "") },
			"page":          func(l *lab) { l.put(file, "<html>sign in to our network</html>") },
			"nested":        func(l *lab) { l.put(file, strings.Repeat("[", 10000)) },
			"of another repository": func(l *lab) {
				other := otherLab(l.t)
				other.add("stable", "1.1.0")
				l.put(file, other.read(file))
			},
		} {
			t.Run(role+"/"+name, func(t *testing.T) {
				l := newLab(t)
				l.add("stable", "1.1.0")
				whole := l.copied()
				change(l)
				l.not(refused, "")
				l.serve(whole)
				l.installed("1.1.0") // the attempt left nothing behind that hinders
			})
		}
	}
}

// unsigned makes every signature one of zeros.
func unsigned(text string) string {
	before, sig, _ := strings.Cut(text, `"sig": "`)
	return before + `"sig": "` + strings.Repeat("0", 128) + sig[128:]
}

func TestA39EndlessMetadata(t *testing.T) {
	for _, under := range []string{"/metadata/2.root.json", "/metadata/timestamp.json", "/metadata/3.snapshot.json", "/metadata/3.targets.json", "/"} {
		t.Run(under, func(t *testing.T) {
			l := newLab(t)
			l.add("stable", "1.1.0")
			l.handler = endless(l, under)
			l.not(refused, "is larger than")
		})
	}
}

func TestA39OlderState(t *testing.T) {
	for name, known := range map[string]bool{"known": true, "never seen": false} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.add("stable", "1.1.0")
			old := l.copied()
			l.now = l.now.Add(time.Hour)
			l.add("stable", "1.2.0")
			if known {
				l.installed("1.2.0")
				l.serve(old)
				l.not(refused, "timestamp")
			} else {
				l.serve(old)
				l.installed("1.1.0") // nothing tells yet that there is more
				l.serve(l.repo.Dir)
				l.ask.Running = "1.1.0"
				l.installed("1.2.0")
				l.serve(old)
				l.not(refused, "timestamp")
			}
		})
	}
}

// Who has the key of the timestamp, which has to be online, cannot bring an older snapshot back.
func TestA39OlderSnapshotFreshlyStamped(t *testing.T) {
	l := newLab(t)
	old := l.copied()
	l.add("stable", "1.1.0")
	l.installed("1.1.0")
	thief := *l.repo
	thief.Dir = old
	for range 3 {
		l.must(thief.Refresh())
	}
	l.serve(old)
	l.not(refused, "snapshot version")
}

func TestA39OlderTarget(t *testing.T) {
	l := newLab(t)
	l.ask.Running = "2.0.0"
	l.add("stable", "1.9.9")
	l.not(current, "")
	l.ask.Pin = "1.9.9" // unless the host's administrator says so
	l.installed("1.9.9")
}

func TestA39Frozen(t *testing.T) {
	l := newLab(t)
	l.not(current, "")
	l.add("stable", "1.1.0")
	frozen := l.copied()
	l.now = l.now.Add(8 * 24 * time.Hour)
	l.not(refused, "timestamp.json expired at 2026-05-11T12:00:00Z")
	l.not(refused, "timestamp.json expired") // known by now, still not taken
	l.must(l.repo.Refresh())
	l.serve(frozen)
	l.not(refused, "timestamp.json expired")
	l.serve(l.repo.Dir)
	l.installed("1.1.0")
	l.now = l.now.Add(365 * 24 * time.Hour)
	l.must(l.repo.Refresh())
	l.not(refused, "root.json expired")
	l.must(l.repo.Renew())
	l.ask.Running = "1.0.0"
	l.installed("1.1.0")
	l.now = noon.Add(-10 * 365 * 24 * time.Hour) // a clock that is years late notices nothing, and takes nothing old
	l.ask.Running = "1.1.0"
	l.not(current, "")
}

// Parts of two states, each signed, are not a third state.
func TestA39MixAndMatch(t *testing.T) {
	for name, mix := range map[string]struct{ file, from string }{
		"older snapshot":                 {"metadata/3.snapshot.json", "metadata/2.snapshot.json"},
		"older targets":                  {"metadata/3.targets.json", "metadata/2.targets.json"},
		"targets in place of a snapshot": {"metadata/3.snapshot.json", "metadata/3.targets.json"},
		"snapshot in place of timestamp": {"metadata/timestamp.json", "metadata/3.snapshot.json"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.add("stable", "1.1.0")
			l.put(mix.file, l.read(mix.from))
			l.not(refused, "")
		})
	}
}

// After a key was replaced, who has the former one and all others signs in vain.
func TestA39RootRotation(t *testing.T) {
	for role, file := range map[string]string{
		"root": "timestamp.json", "targets": ".targets.json", "snapshot": ".snapshot.json", "timestamp": "timestamp.json",
	} {
		t.Run(role, func(t *testing.T) {
			l := newLab(t)
			l.not(current, "") // a host that knows the state before
			thief := *l.repo
			thief.Dir = l.copied()
			l.must(l.repo.Rotate(role))
			l.add("stable", "1.1.0")
			l.installed("1.1.0")
			l.ask.Running = "1.1.0"

			if role == "root" { // its key makes the others
				l.must(thief.Rotate("timestamp"))
			}
			honest := l.repo
			l.repo = &thief
			for i := range 9 {
				l.add("stable", fmt.Sprintf("6.6.%d", i))
			}
			l.serve(thief.Dir)
			l.not(refused, file+" is not trusted")
			l.repo = honest
			l.serve(honest.Dir)
			// What the thief's good keys signed counted on as far as it went; new ones undo it (5.3.11).
			for _, r := range []string{"timestamp", "snapshot", role, role} {
				l.must(l.repo.Rotate(r))
			}
			l.not(current, "")
			l.add("stable", "1.2.0")
			l.installed("1.2.0")
		})
	}
}

func TestA39RootNotSignedByItsFormer(t *testing.T) {
	for name, next := range map[string]func(l *lab) string{
		"another repository's": func(l *lab) string { return otherLab(l.t).read("metadata/1.root.json") },
		"the same again":       func(l *lab) string { return l.read("metadata/1.root.json") },
		"unsigned": func(l *lab) string {
			l.must(l.repo.Renew())
			return unsigned(l.read("metadata/2.root.json"))
		},
		"only by its own keys": func(l *lab) string {
			other := otherLab(l.t)
			other.must(other.repo.Renew())
			return other.read("metadata/2.root.json")
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.add("stable", "1.1.0")
			l.put("metadata/2.root.json", next(l))
			l.not(refused, "2.root.json is not trusted")
		})
	}
}

func TestA39NoRootNoTrust(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*lab)
		outcome release.Outcome
		why     string
	}{
		"not there":     {func(l *lab) { l.must(os.Remove(l.ask.Root)) }, failed, "trusted root"},
		"not given":     {func(l *lab) { l.ask.Root = "" }, failed, "trusted root"},
		"open to all":   {func(l *lab) { l.must(os.Chmod(l.ask.Root, 0o666)) }, refused, "written by others"},
		"of another":    {func(l *lab) { l.write(l.ask.Root, otherLab(l.t).read("metadata/1.root.json")) }, refused, "timestamp.json is not trusted"},
		"changed":       {func(l *lab) { l.write(l.ask.Root, strings.Replace(l.read("metadata/1.root.json"), "2027", "2037", 1)) }, refused, "installed root"},
		"a timestamp":   {func(l *lab) { l.write(l.ask.Root, l.read("metadata/timestamp.json")) }, refused, "installed root"},
		"too large":     {func(l *lab) { l.write(l.ask.Root, strings.Repeat(" ", 1<<20)) }, failed, "at most"},
		"folder shared": {func(l *lab) { l.must(os.Chmod(l.ask.Dir, 0o777)) }, refused, "nothing is started from there"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.add("stable", "1.1.0")
			tt.change(l)
			l.not(tt.outcome, tt.why)
		})
	}
}

// A host whose administrator installs the root of another repository trusts that one only.
func TestAnotherRootInstalled(t *testing.T) {
	l, other := newLab(t), otherLab(t)
	for range 5 {
		l.must(l.repo.Renew())
		l.must(l.repo.Refresh())
	}
	l.add("stable", "1.1.0")
	l.installed("1.1.0")
	other.add("stable", "1.2.0")
	l.write(l.ask.Root, other.read("metadata/1.root.json"))
	l.ask.Repository = other.ask.Repository
	l.installed("1.2.0")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	l := newLab(t)
	l.add("stable", "1.1.0")
	called := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		l.handler = http.RedirectHandler(other.URL+"/metadata/timestamp.json", status)
		l.not(failed, "redirects are not followed")
	}
	if called {
		t.Error("the other host was called")
	}
}

func TestNoServer(t *testing.T) {
	l := newLab(t)
	for _, status := range []int{401, 500, 503} {
		l.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		l.not(failed, fmt.Sprint(status))
	}
	l.handler = http.NotFoundHandler()
	l.not(failed, "timestamp.json")
	l.ask.Repository = "http://127.0.0.1:1"
	l.not(failed, "fetch metadata/2.root.json")
	l.ask.Repository = filepath.Join(t.TempDir(), "gone")
	l.not(failed, "open repository")
	l.ask.Repository = "http://example.org/muster"
	l.not(failed, "want https")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	l.ask.Repository = "https://127.0.0.1:1/x"
	l.not(failed, "connection refused")
}

// Damage to what a host remembers costs a download.
func TestDamagedCache(t *testing.T) {
	for _, name := range []string{"root.json", "timestamp.json", "snapshot.json", "targets.json", "installed"} {
		for how, text := range map[string]string{"empty": "", "cut off": `{"signed": {"_type": "`, "huge": strings.Repeat(" ", 3<<20)} {
			t.Run(name+"/"+how, func(t *testing.T) {
				l := newLab(t)
				l.must(l.repo.Renew())
				l.not(current, "")
				l.write(filepath.Join(l.ask.Dir, "tuf", name), text)
				l.add("stable", "1.1.0")
				l.installed("1.1.0")
			})
		}
	}
}

// A repository says whatever it wants; without its keys nothing of it counts.
func FuzzMetadata(f *testing.F) {
	l := newLab(f)
	l.add("stable", "1.1.0")
	l.ask.Repository = l.repo.Dir
	names := []string{"metadata/2.root.json", "metadata/timestamp.json", "metadata/3.snapshot.json", "metadata/3.targets.json"}
	for i, name := range names[1:] {
		f.Add(uint8(i+1), []byte(unsigned(l.read(name))))
	}
	f.Add(uint8(0), []byte(unsigned(l.read("metadata/1.root.json"))))
	f.Add(uint8(1), []byte(`{"signed":{"_type":"timestamp","meta":{"snapshot.json":null}},"signatures":null}`))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		l.t = t
		name := names[which%4]
		before, err := os.ReadFile(filepath.Join(l.repo.Dir, name))
		l.put(name, string(data))
		if r := l.check(); r.Outcome == release.OutcomeInstalled && string(data) != string(before) {
			t.Errorf("installed by %q", data)
		}
		if err == nil {
			l.put(name, string(before))
		} else {
			l.must(os.Remove(filepath.Join(l.repo.Dir, name)))
		}
		l.must(os.RemoveAll(filepath.Join(l.ask.Dir, "tuf")))
	})
}
