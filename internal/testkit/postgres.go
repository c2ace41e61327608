//go:build unix

package testkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Server is a PostgreSQL server of a test's own, on a Unix socket and nothing else.
type Server struct {
	dir   string // of everything; the socket is in it
	bin   string
	user  *account
	input *os.File // while it is open, the server's keeper lives
	ended chan error
	made  atomic.Int64
}

// serverUser owns all databases.
const serverUser = "muster"

// shared is the server that a test process's tests share.
var shared = sync.OnceValues(func() (*Server, error) { return startServer() })

// Postgres is the data source name of a new, empty database. All tests of a process
// share one server, which ends with the process, however that ends.
func Postgres(t testing.TB) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s.Database(t)
}

// NewServer starts a server that the test may stop and start.
func NewServer(t testing.TB) *Server {
	t.Helper()
	s, err := startServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.end(t) })
	return s
}

// end stops the server and removes what is its.
func (s *Server) end(t testing.TB) {
	_ = s.input.Close()
	if err := <-s.ended; err != nil {
		t.Logf("PostgreSQL ended: %v", err)
	}
}

// Database makes an empty database and returns its data source name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.made.Add(1))
	if err := s.sql("postgres", "create database "+name+" template template0 strategy file_copy"); err != nil {
		t.Fatal(err)
	}
	return s.dsn(name)
}

func (s *Server) dsn(database string) string {
	return "postgres://" + serverUser + "@/" + database + "?host=" + s.dir
}

// Standby starts a server that follows this one, until it is promoted. Failover names
// databases on whichever of the two takes writes.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	standby, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { standby.end(t) })
	if err = standby.follow(s); err == nil {
		err = standby.up()
	}
	if err != nil {
		t.Fatal(err)
	}
	return standby
}

// follow makes a copy of a server that goes on to take what that one writes.
func (s *Server) follow(primary *Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := s.run(ctx, "pg_basebackup", "-h", primary.dir, "-U", serverUser, "-D", s.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync"); err != nil {
		return err
	}
	return s.settings()
}

// Follows waits until a statement succeeds on the standby, for what the primary wrote to get there.
func (s *Server) Follows(t testing.TB, dsn, statement string) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = s.sql(databaseOf(dsn), statement); err == nil {
			return
		}
	}
	t.Fatalf("the standby does not follow: %v", err)
}

// databaseOf is the name in a data source name.
func databaseOf(dsn string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(dsn, "postgres://"+serverUser+"@/"), "?")
	return name
}

// Promote ends a standby's following.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	if err := s.run(context.Background(), "pg_ctl", "promote", "-w", "-s", "-D", s.data()); err != nil {
		t.Fatal(err)
	}
}

// Failover is a data source name that leads to whichever of a server and its standby takes writes.
func (s *Server) Failover(dsn string) string {
	return dsn + "," + s.dir + "&target_session_attrs=read-write"
}

// SQL runs a statement in a database named by its data source name, as its owner.
func (s *Server) SQL(t testing.TB, dsn, statement string) {
	t.Helper()
	if err := s.sql(databaseOf(dsn), statement); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) sql(database, statement string) error {
	cmd := exec.Command(filepath.Join(s.bin, "psql"), "-X", "-q", "-h", s.dir, "-U", serverUser, "-d", database, "-v", "ON_ERROR_STOP=1", "-c", statement)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w: %s", err, out)
	}
	return nil
}

// Stop stops the server at once, as a crash would; databases survive it.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.run(context.Background(), "pg_ctl", "stop", "-m", "immediate", "-D", s.data()); err != nil {
		t.Fatal(err)
	}
}

// Start starts it again after Stop.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.up(); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// binaries is where the distribution keeps the server's programs, newest version first.
func binaries() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("PostgreSQL's server programs are missing: tools/setup.sh gets them")
	}
	slices.SortFunc(found, func(a, b string) int { return strings.Compare(pad(b), pad(a)) })
	return filepath.Dir(found[0]), nil
}

// pad makes paths with version numbers of up to three digits sort by number.
func pad(path string) string {
	dir := filepath.Base(filepath.Dir(filepath.Dir(path)))
	return strings.Repeat("0", max(0, 3-len(dir))) + dir
}

// startServer makes a cluster and starts it.
func startServer() (*Server, error) {
	s, err := newServer()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	err = s.run(ctx, "initdb", "-D", s.data(), "-U", serverUser, "-A", "trust", "-E", "UTF8", "--locale=C",
		"--no-sync", "--wal-segsize=1", "--no-instructions")
	if err == nil {
		err = s.settings()
	}
	if err == nil {
		err = s.up()
	}
	if err != nil {
		_ = s.input.Close()
		return nil, errors.Join(err, <-s.ended)
	}
	return s, nil
}

// newServer makes the place of a server, and starts its keeper.
func newServer() (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	user, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "muster-pg")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin, user: user, ended: make(chan error, 1)}
	if err = user.give(dir); err == nil {
		err = s.keep()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// settings are those of production, fsync included, with little memory. Later ones count.
func (s *Server) settings() error {
	return appendTo(filepath.Join(s.data(), "postgresql.conf"), fmt.Sprintf("listen_addresses = ''\nunix_socket_directories = '%s'\n"+
		"shared_buffers = 32MB\nmax_connections = 100\nmin_wal_size = 4MB\nmax_wal_size = 256MB\ndeadlock_timeout = 100ms\n"+
		"log_min_messages = fatal\n", s.dir))
}

// up starts the server and waits until it answers.
func (s *Server) up() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.run(ctx, "pg_ctl", "start", "-w", "-s", "-D", s.data(), "-l", filepath.Join(s.dir, "log"))
}

// keep starts the server's keeper: a process that ends server and files when its input
// ends, which happens when this process ends, even by a kill.
func (s *Server) keep() error {
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", `cat >/dev/null; "$1/pg_ctl" stop -m immediate -D "$2/data" >/dev/null 2>&1; rm -rf "$2"`, "keeper", s.bin, s.dir)
	cmd.Stdin, cmd.Dir = in, "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	s.user.apply(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = in.Close()
	s.input = out
	go func() { s.ended <- cmd.Wait() }()
	return nil
}

// run runs one of PostgreSQL's programs as the server's user.
func (s *Server) run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.Dir = s.dir
	s.user.apply(cmd)
	// A file, not a pipe: the server inherits it and would keep a pipe open.
	out, err := os.CreateTemp(s.dir, "out")
	if err != nil {
		return err
	}
	defer func() { _ = out.Close(); _ = os.Remove(out.Name()) }()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%s: %w\n%s%s", name, err, bytes.TrimSpace(text), bytes.TrimSpace(log))
	}
	return nil
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
