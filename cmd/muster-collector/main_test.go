package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/muster-itam/muster/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"muster-collector": func() {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		p := &program{out: os.Stdout, err: os.Stderr, env: os.LookupEnv, now: time.Now}
		os.Exit(p.main(ctx, os.Args[1:]))
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfor":  waitFor,
			"tokenof":  tokenOf,
			"filemode": fileMode,
			"postgres": func(ts *testscript.TestScript, _ bool, args []string) { ts.Setenv(args[0], testkit.Postgres(t)) },
		},
	})
}

// waitFor FILE TEXT waits until the file has the text: a program writes it when it is ready.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), args[1]) {
			return
		}
	}
	b, _ := os.ReadFile(path)
	ts.Fatalf("%s never had %q: %s", args[0], args[1], b)
}

// tokenOf NAME FILE sets NAME to the id and NAME_SECRET to the secret of the token in the file.
func tokenOf(ts *testscript.TestScript, _ bool, args []string) {
	parts := strings.Split(strings.TrimSpace(ts.ReadFile(args[1])), "_")
	if len(parts) < 3 {
		ts.Fatalf("%s holds no token", args[1])
	}
	ts.Setenv(args[0], parts[1])
	ts.Setenv(args[0]+"_SECRET", parts[2])
}

// fileMode MODE FILE... checks the files' permissions.
func fileMode(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := info.Mode().Perm().String(); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", name, got, args[0])
		}
	}
}

func TestParseTTL(t *testing.T) {
	for text, want := range map[string]time.Duration{"7d": 168 * time.Hour, "12h": 12 * time.Hour, "0": 0, "90m": 90 * time.Minute} {
		if got, err := parseTTL(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "-1d", "week", "7", "99999999d"} {
		if got, err := parseTTL(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
