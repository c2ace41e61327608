package source_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/agent/source"
)

func TestRun(t *testing.T) {
	t.Setenv("MUSTER_SECRET", "hidden")
	sh := func(script string) source.Command {
		return source.Command{Path: "/bin/sh", Args: []string{"-c", script}}
	}
	with := func(c source.Command, timeout time.Duration, limit int64) source.Command {
		c.Timeout, c.Limit = timeout, limit
		return c
	}
	tests := []struct {
		name, want, wantErr string
		command             source.Command
	}{
		{"output", "hello\n", "", sh("echo hello")},
		{"arguments are no shell's", "$(id);`id`", "", source.Command{Path: "/usr/bin/printf", Args: []string{"%s", "$(id);`id`"}}},
		{"environment", "C//\n", "", sh(`echo "$LC_ALL/$MUSTER_SECRET/$HOME"`)},
		{"no input", "", "", sh("cat")},
		{"exactly the limit", "12345", "", with(sh("printf 12345"), 0, 5)},
		{"more than the limit", "", "run /bin/sh: more than 5 bytes of output", with(sh("printf 123456"), 0, 5)},
		{"endless output", "", "run /bin/sh: more than 1000 bytes of output", with(sh("exec yes"), 0, 1000)},
		{"fails", "", "run /bin/sh: exit status 3: no such thing", sh("echo out; echo 'no such\tthing' >&2; exit 3")},
		{"time-out", "", "run /bin/sh: not done within 50ms", with(sh("sleep 60; echo late"), 50*time.Millisecond, 0)},
		{"relative path", "", `run "sh": the path is not absolute`, source.Command{Path: "sh"}},
		{"missing", "", "no such file or directory", source.Command{Path: "/does/not/exist"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := source.Run(t.Context(), tt.command)
			if string(got) != tt.want || (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("got %q, %v, want %q, %q", got, err, tt.want, tt.wantErr)
			}
		})
	}
}

// What a program started does not outlive it.
func TestRunEndsTheWholeGroup(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	start := time.Now()
	_, err := source.Run(t.Context(), source.Command{
		Path: "/bin/sh", Timeout: 100 * time.Millisecond,
		Args: []string{"-c", `(sleep 0.4; : >"$0") & wait`, mark},
	})
	if err == nil || time.Since(start) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if _, err := os.Stat(mark); err == nil {
		t.Error("the child went on")
	}
}
