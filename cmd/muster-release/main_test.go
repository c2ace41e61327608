package main

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"muster-release": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, time.Now)) }})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"agent": func(ts *testscript.TestScript, _ bool, args []string) {
			cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", ts.MkAbs(args[1]), "../muster-agent")
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+args[0])
			if out, err := cmd.CombinedOutput(); err != nil {
				ts.Fatalf("go build: %v\n%s", err, out)
			}
		},
	}})
}
