package upgrade

import (
	"fmt"
	"io"
	"os/exec"
	"time"
)

// child is a running version. It ends when its standard input does, so that it also does
// when the supervisor is killed, on every system.
type child struct {
	cmd   *exec.Cmd
	input io.Closer
	done  chan struct{} // closed at its end
	err   error         // how it ended
}

func startChild(path string, args []string, out, errs io.Writer) (*child, error) {
	cmd := exec.Command(path, args...) //nolint:noctx // stop ends it in order, a context would kill it
	cmd.Stdout, cmd.Stderr = out, errs
	cmd.WaitDelay = 5 * time.Second
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start version: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start version: %w", err)
	}
	c := &child{cmd: cmd, input: input, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.err = cmd.Wait()
	}()
	return c, nil
}

// stop lets the child finish what it does, and kills it when that takes too long.
func (c *child) stop(grace time.Duration) {
	_ = c.input.Close()
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-c.done:
	case <-t.C:
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}
