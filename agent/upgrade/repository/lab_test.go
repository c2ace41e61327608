package repository_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/agent/upgrade/repository"
	"github.com/muster-itam/muster/internal/publish"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// lab is a publisher with a repository behind a web server, and a host that takes upgrades.
type lab struct {
	t    testing.TB
	repo *publish.Repository
	now  time.Time // of both

	handler http.Handler
	ask     release.Request
}

// fresh is a repository with keys of its own and one release.
func fresh(t testing.TB, dir string) *lab {
	t.Helper()
	l := &lab{t: t, now: noon}
	l.use(dir)
	l.must(l.repo.Init(1, 1))
	l.add("stable", "1.0.0")
	return l
}

func (l *lab) use(dir string) {
	l.repo = &publish.Repository{
		Dir: filepath.Join(dir, "repo"), Keys: filepath.Join(dir, "keys"), RootKeys: filepath.Join(dir, "offline"),
		Lives: publish.DefaultLives, Now: func() time.Time { return l.now },
	}
}

var template = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "muster-repository-") })

// newLab is a copy of one repository: making keys and flushing files takes its time.
func newLab(t testing.TB) *lab {
	t.Helper()
	made, err := template()
	l := &lab{t: t, now: noon}
	l.must(err)
	if _, err := os.Stat(filepath.Join(made, "repo")); err != nil {
		fresh(t, made)
	}
	dir := t.TempDir()
	l.must(os.CopyFS(dir, os.DirFS(made)))
	l.use(dir)
	l.host(dir)
	return l
}

// otherLab is one whose keys are unknown to all others.
func otherLab(t testing.TB) *lab {
	t.Helper()
	dir := t.TempDir()
	l := fresh(t, dir)
	l.host(dir)
	return l
}

func (l *lab) host(dir string) {
	l.t.Helper()
	l.handler = http.FileServerFS(os.DirFS(l.repo.Dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.handler.ServeHTTP(w, r) }))
	l.t.Cleanup(server.Close)
	host := filepath.Join(dir, "host")
	l.must(os.Mkdir(host, 0o700))
	l.ask = release.Request{
		Repository: server.URL, Root: filepath.Join(dir, "root.json"), Dir: host, Channel: "stable", Running: "1.0.0",
	}
	l.write(l.ask.Root, l.read("metadata/1.root.json"))
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := template(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) read(name string) string {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.repo.Dir, name))
	l.must(err)
	return string(text)
}

func (l *lab) write(path, text string) {
	l.t.Helper()
	l.must(os.WriteFile(path, []byte(text), 0o600))
}

func (l *lab) put(name, text string) { l.t.Helper(); l.write(filepath.Join(l.repo.Dir, name), text) }

// change edits a file of the repository as somebody without its keys can.
func (l *lab) change(name, from, to string) {
	l.t.Helper()
	text := l.read(name)
	if !strings.Contains(text, from) {
		l.t.Fatalf("no %q in %s:\n%s", from, name, text)
	}
	l.put(name, strings.Replace(text, from, to, 1))
}

// program is what a release's file has in it.
func program(version string) string { return "program " + version + strings.Repeat(".", 1000) }

func (l *lab) add(channel, version string) {
	l.t.Helper()
	file := filepath.Join(l.t.TempDir(), "muster-agent")
	l.write(file, program(version))
	l.must(l.repo.Add(release.Release{Version: version, Channel: channel, OS: "linux", Arch: "amd64"}, file))
}

// copied is the repository as it is now, for an attacker to bring back.
func (l *lab) copied() string {
	l.t.Helper()
	dir := filepath.Join(l.t.TempDir(), "copy")
	l.must(os.CopyFS(dir, os.DirFS(l.repo.Dir)))
	return dir
}

func (l *lab) serve(dir string) { l.handler = http.FileServerFS(os.DirFS(dir)) }

func (l *lab) check() release.Result {
	l.t.Helper()
	return repository.Check(context.Background(), l.ask, "linux", "amd64", l.now)
}

// installed checks that a version was taken whole.
func (l *lab) installed(version string) {
	l.t.Helper()
	result := l.check()
	if result.Outcome != release.OutcomeInstalled || result.Version != version {
		l.t.Fatalf("got %+v, want %s installed", result, version)
	}
	path := filepath.Join(l.ask.Dir, "versions", version, "muster-agent")
	text, err := os.ReadFile(path)
	l.must(err)
	info, err := os.Stat(path)
	l.must(err)
	if string(text) != program(version) || info.Mode().Perm() != 0o500 {
		l.t.Errorf("%s: %.30q, mode %v", path, text, info.Mode())
	}
}

// not checks that nothing was taken, and why.
func (l *lab) not(outcome release.Outcome, why string) {
	l.t.Helper()
	before := l.versions()
	result := l.check()
	if result.Outcome != outcome || !strings.Contains(result.Reason, why) || result.Version != "" {
		l.t.Errorf("got %+v, want %s with %q", result, outcome, why)
	}
	if after := l.versions(); after != before {
		l.t.Errorf("versions %q became %q", before, after)
	}
}

func (l *lab) versions() string {
	entries, _ := os.ReadDir(filepath.Join(l.ask.Dir, "versions"))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}
