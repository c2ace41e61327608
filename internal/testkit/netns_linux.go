package testkit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// netnsEnv names the test that a process was started for, inside its namespace.
const netnsEnv = "MUSTER_TEST_NETNS"

// Network describes network namespaces for a test.
type Network struct {
	// Hosts are the names of the namespaces; the test runs in the first.
	Hosts []string
	// Setup is one command a line, HOST: COMMAND..., run inside that host's namespace, with
	// {name} standing for the namespace of a host. Empty lines and those with # are left out.
	Setup string
	// Wrap is put before the test's own program, as in setpriv --bounding-set -net_raw.
	Wrap []string
}

// InNetwork runs body in a process of its own inside the network's first host; sockets opened
// by any goroutine are then in that namespace. It needs root.
func InNetwork(t *testing.T, n Network, body func(t *testing.T)) {
	t.Helper()
	if os.Getenv(netnsEnv) == t.Name() {
		body(t)
		return
	}
	if os.Geteuid() != 0 {
		Missing(t, "network namespaces need root")
	}
	names := n.up(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"netns", "exec", names[n.Hosts[0]]}, n.Wrap...)
	args = append(args, self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	for _, a := range os.Args[1:] { // coverage of the inner process goes where that of the outer does
		if strings.HasPrefix(a, "-test.gocoverdir=") {
			args = append(args, a)
		}
	}
	cmd := exec.CommandContext(t.Context(), "ip", args...)
	cmd.Env = append(os.Environ(), netnsEnv+"="+t.Name())
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Fatalf("inside the namespace: %v\n%s", err, out)
	case !bytes.Contains(out, []byte("--- PASS: "+t.Name())):
		t.Fatalf("inside the namespace the test did not run:\n%s", out)
	case testing.Verbose(): // figures that it printed
		t.Logf("inside the namespace:\n%s", out)
	}
}

// Namespace is the name of that of another host, for a test inside its network.
func Namespace(t *testing.T, host int) string {
	t.Helper()
	own, err := exec.CommandContext(t.Context(), "ip", "netns", "identify").Output()
	if err != nil {
		t.Fatal(err)
	}
	base, _, ok := strings.Cut(strings.TrimSpace(string(own)), "-")
	if !ok {
		t.Fatalf("not in a namespace of the test: %q", own)
	}
	return fmt.Sprintf("%s-%d", base, host)
}

// Elsewhere runs open in another host's namespace, for a test inside its network. Sockets that it
// opens itself, not in goroutines, are that host's for good.
func Elsewhere(t *testing.T, host int, open func() error) {
	t.Helper()
	ns, err := os.Open("/run/netns/" + Namespace(t, host))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ns.Close() }()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			err = open()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// up makes the namespaces and answers with their names by host.
func (n Network) up(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	var replace []string
	for i, h := range n.Hosts {
		names[h] = fmt.Sprintf("mt%d-%d", os.Getpid(), i)
		replace = append(replace, "{"+h+"}", names[h])
		ip(t, "netns", "add", names[h])
		t.Cleanup(func() {
			// The test's own context has ended by now.
			if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "ip", "netns", "del", names[h]).CombinedOutput(); err != nil {
				t.Errorf("delete namespace of %s: %v: %s", h, err, out)
			}
		})
		ip(t, "-n", names[h], "link", "set", "lo", "up")
		// Addresses are usable at once, and nobody makes up further ones.
		ip(t, "netns", "exec", names[h], "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0",
			"net.ipv6.conf.default.accept_ra=0", "net.ipv4.ping_group_range=0 2147483647")
	}
	expand := strings.NewReplacer(replace...)
	for _, line := range strings.Split(n.Setup, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		host, command, ok := strings.Cut(line, ":")
		if !ok || names[host] == "" {
			t.Fatalf("set-up line %q names no host", line)
		}
		ip(t, append([]string{"netns", "exec", names[host]}, strings.Fields(expand.Replace(command))...)...)
	}
	return names
}

// ip runs the program of iproute2.
func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
