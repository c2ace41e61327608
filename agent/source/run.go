package source

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// Command is a program to run where no file or interface of the system tells the same.
type Command struct {
	// Path is absolute: nothing is looked up in PATH.
	Path string
	Args []string
	// Timeout ends the program and what it started. Zero is 30 seconds.
	Timeout time.Duration
	// Limit is the most bytes that it may write. Zero is 16 MiB.
	Limit int64
}

const (
	defaultRunTimeout = 30 * time.Second
	defaultRunLimit   = 16 << 20
	maxComplaint      = 512 // bytes of standard error that go into an error
)

// Run runs the program and gives what it wrote to standard output. It is the only way in
// which the agent starts programs: no shell, nothing on standard input, the C locale, none
// of the agent's environment. An error names the program and what it complained of; with
// it there is no output, because a part would look like the whole.
func Run(ctx context.Context, c Command) ([]byte, error) {
	if !filepath.IsAbs(c.Path) {
		return nil, fmt.Errorf("run %q: the path is not absolute", c.Path)
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultRunTimeout
	}
	if c.Limit <= 0 {
		c.Limit = defaultRunLimit
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env, cmd.Dir = runEnv(), filepath.Dir(c.Path)
	cmd.WaitDelay = time.Second // for what the program started and left behind with its output
	ownGroup(cmd)
	out, complaint := &limited{left: c.Limit, full: cancel}, &limited{left: maxComplaint}
	cmd.Stdout, cmd.Stderr = out, complaint
	err := cmd.Run()
	switch {
	case out.over:
		return nil, fmt.Errorf("run %s: more than %d bytes of output", c.Path, c.Limit)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("run %s: not done within %v", c.Path, c.Timeout)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("run %s: %w", c.Path, ctx.Err())
	case err != nil:
		if text := Text(string(complaint.kept)); text != "" {
			return nil, fmt.Errorf("run %s: %w: %s", c.Path, err, text)
		}
		return nil, fmt.Errorf("run %s: %w", c.Path, err)
	}
	return out.kept, nil
}

// limited keeps the first bytes and calls full, if there is one, when there are more.
type limited struct {
	kept []byte // no bytes.Buffer: io.Copy would go round Write, by its ReadFrom
	left int64
	over bool
	full func()
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(int64(len(p)), l.left)
	l.left -= n
	l.kept = append(l.kept, p[:n]...)
	if n < int64(len(p)) && !l.over {
		l.over = true
		if l.full != nil {
			l.full()
		}
	}
	return len(p), nil
}
