package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// collector is a running muster-collector.
type collector struct {
	cmd *exec.Cmd
	url string
}

// build makes the program.
func build(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "muster-collector")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/muster-collector").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build muster-collector: %w\n%s", err, out)
	}
	return program, nil
}

// start starts a collector on a data directory of its own, or with the authority of another one.
func start(ctx context.Context, program, data string, o options) (*collector, error) {
	cmd := exec.CommandContext(ctx, program, "serve", "--data-dir", data, "--store", o.store, "--listen", "127.0.0.1:0",
		"--metrics-listen", o.metrics, "--report-interval", o.interval.String(), "--log-level", "info")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	logs, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan string, 1)
	go func() {
		defer close(ready)
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			line := lines.Text()
			if _, after, ok := strings.Cut(line, "address="); ok && strings.Contains(line, "msg=ready") {
				ready <- strings.Fields(after)[0]
			} else if strings.Contains(line, "level=ERROR") {
				fmt.Fprintln(os.Stderr, "collector:", line)
			}
		}
	}()
	select {
	case address, ok := <-ready:
		if !ok {
			return nil, errors.Join(errors.New("the collector did not start"), cmd.Wait())
		}
		return &collector{cmd: cmd, url: "https://" + address}, nil
	case <-time.After(time.Minute):
		return nil, errors.Join(errors.New("the collector is not ready after a minute"), cmd.Process.Kill())
	}
}

// stop ends the collector in order.
func (c *collector) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return c.cmd.Wait()
}

// startAll starts the collectors, all with one authority, and makes a token.
func startAll(ctx context.Context, o options) (list []*collector, token string, err error) {
	program, err := build(ctx, o.dir)
	if err != nil {
		return nil, "", err
	}
	data := filepath.Join(o.dir, "data")
	for range o.collectors {
		c, err := start(ctx, program, data, o)
		if err != nil {
			return list, "", err
		}
		o.metrics = "off" // the first one's
		list = append(list, c)
	}
	out, err := exec.CommandContext(ctx, program, "token", "create", "--data-dir", data, "--store", o.store, "--uses", strconv.Itoa(o.agents)).Output()
	if err != nil {
		return list, "", fmt.Errorf("token create: %w", err)
	}
	return list, strings.TrimSpace(string(out)), nil
}

// usage is what a process used.
type usage struct {
	cpu  time.Duration
	peak int64 // bytes resident at most
}

func (c *collector) usage() (usage, error) { return usageOfProcess(c.cmd.Process.Pid) }

func usageOfProcess(id int) (usage, error) {
	pid := strconv.Itoa(id)
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return usage{}, err
	}
	// Fields after the name in parentheses begin with the third (proc(5)); 14 and 15 are the times in ticks of 10 ms.
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	u := usage{cpu: time.Duration(user+system) * 10 * time.Millisecond}
	status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	for line := range strings.Lines(string(status)) {
		if after, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
			u.peak = kib << 10
		}
	}
	return u, errors.Join(err, err1, err2)
}

// usageOf is the sum over collectors.
func usageOf(list []*collector) (sum usage, err error) {
	for _, c := range list {
		u, err := c.usage()
		if err != nil {
			return sum, err
		}
		sum.cpu += u.cpu
		sum.peak += u.peak
	}
	return sum, nil
}

// measurement is of a stretch of time.
type measurement struct {
	list         []*collector
	theirs, ours usage
	begun        time.Time
}

func measure(list []*collector) (m measurement, err error) {
	m.list = list
	if m.theirs, err = usageOf(list); err != nil {
		return m, err
	}
	m.ours, err = usageOfProcess(os.Getpid())
	m.begun = time.Now()
	return m, err
}

// stop adds what it took and what was used meanwhile, by the collectors and by this program.
func (m measurement) stop(took *time.Duration, theirs, ours *usage) error {
	*took += time.Since(m.begun)
	after, err := measure(m.list)
	theirs.cpu += after.theirs.cpu - m.theirs.cpu
	ours.cpu += after.ours.cpu - m.ours.cpu
	theirs.peak, ours.peak = after.theirs.peak, after.ours.peak
	return err
}

// load is how many programs want to run, in the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
