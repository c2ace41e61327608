package hardware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Bounds on the look for the processes that hold sockets.
const (
	maxProcesses = 32768
	maxHandles   = 100_000 // of all processes together
)

// listenerReader lists the ports on which something waits. Live it asks the kernel by
// netlink and reads /proc/net where that does not answer: seccomp(2) may not let it, or it
// was built without.
type listenerReader struct{ live bool }

func (r listenerReader) read(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	chosen := parsePortRange(tree.Text("proc/sys/net/ipv4/ip_local_port_range"))
	var list []socket
	var problems []string
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		sockets, more, err := r.sockets(tree, name, chosen)
		if errors.Is(err, fs.ErrNotExist) && name != "tcp" { // a kernel without IPv6
			continue
		}
		if err != nil {
			return nil, err
		}
		if list = append(list, sockets...); more {
			problems = append(problems, "more than "+strconv.Itoa(maxListeners)+" sockets of "+name)
		}
	}
	owners := newOwners(list)
	if err := owners.find(ctx, tree); err != nil {
		return nil, err
	}
	ports := uniquePorts(list, func(inode string) string { return owners.names[inode] })
	if len(problems) > 0 {
		return ports, source.Partial("%s", strings.Join(problems, "; "))
	}
	return ports, nil
}

func (r listenerReader) sockets(tree *source.Tree, name string, chosen portRange) (list []socket, more bool, err error) {
	if r.live {
		if list, more, err = askSockets(name, chosen); err == nil {
			return list, more, nil
		}
	}
	return readSockets(tree, name, chosen)
}

func readSockets(tree *source.Tree, name string, chosen portRange) (list []socket, more bool, err error) {
	f, err := tree.Open("proc/net/" + name)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = f.Close() }() // only read
	list, more, err = parseSockets(strings.TrimSuffix(name, "6"), io.LimitReader(f, maxBigFile), chosen)
	if err != nil {
		return nil, false, fmt.Errorf("read /proc/net/%s: %w", name, err)
	}
	return list, more, nil
}

// owners are the processes that hold sockets. Of several the first one counts, which has
// been there the longest: it opened the socket and left it to the others.
type owners struct {
	wanted map[string]bool   // links in /proc/PID/fd
	names  map[string]string // by inode
	left   int               // handles that may still be looked at
}

func newOwners(list []socket) *owners {
	o := &owners{wanted: map[string]bool{}, names: map[string]string{}, left: maxHandles}
	for _, s := range list {
		if s.inode != "0" {
			o.wanted["socket:["+s.inode+"]"] = true
		}
	}
	return o
}

func (o *owners) find(ctx context.Context, tree *source.Tree) error {
	if len(o.wanted) == 0 {
		return nil
	}
	list, err := tree.ReadDir("proc", maxProcesses)
	if err != nil {
		return nil //nolint:nilerr // the ports are known without
	}
	var pids []int
	for _, e := range list {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch {
		case len(o.wanted) == 0 || o.left <= 0:
			return nil
		}
		o.look(tree, "proc/"+strconv.Itoa(pid))
	}
	return nil
}

// look finds the sockets of one process. Those of others need CAP_DAC_READ_SEARCH and
// CAP_SYS_PTRACE; a list of ports is whole without their programs.
func (o *owners) look(tree *source.Tree, process string) {
	name := ""
	_ = tree.Links(process+"/fd", o.left, func(target []byte) {
		o.left--
		if !o.wanted[string(target)] {
			return
		}
		delete(o.wanted, string(target))
		name = cmp.Or(name, tree.Text(process+"/comm"))
		o.names[strings.TrimSuffix(strings.TrimPrefix(string(target), "socket:["), "]")] = name
	})
}
