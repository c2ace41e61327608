package hardware

import (
	"bytes"
	"fmt"

	"github.com/muster-itam/muster/internal/plist"
)

// Bounds on one answer of ioreg(8).
const (
	maxNodes     = 100_000
	maxNodeDepth = 64
)

var errNodes = fmt.Errorf("ioreg: more than %d entries, or %d levels", maxNodes, maxNodeDepth)

// regNode is an entry of the I/O Registry: what a driver or the firmware says of a device.
type regNode struct {
	name, class string
	id          int64
	props       plist.Dict
	children    []*regNode
}

// parseRegistry reads what ioreg prints: with -a a property list, of which there is
// nothing at all when no entry matches, without it a tree drawn with characters.
func parseRegistry(b []byte) ([]*regNode, error) {
	trimmed := bytes.TrimSpace(b)
	if len(trimmed) == 0 {
		return nil, nil
	}
	if !bytes.HasPrefix(trimmed, []byte("<")) && !bytes.HasPrefix(trimmed, []byte("bplist")) {
		return parseRegistryText(b)
	}
	v, err := plist.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("ioreg: %w", err)
	}
	list := plist.Dicts(v)
	if d, ok := v.(plist.Dict); ok { // the root, when it was not asked for subtrees
		list = []plist.Dict{d}
	}
	count := 0
	return regNodes(list, 0, &count)
}

func regNodes(list []plist.Dict, depth int, count *int) ([]*regNode, error) {
	if *count += len(list); *count > maxNodes || depth > maxNodeDepth {
		return nil, errNodes
	}
	var out []*regNode
	for _, d := range list {
		children, err := regNodes(d.Dicts("IORegistryEntryChildren"), depth+1, count)
		if err != nil {
			return nil, err
		}
		delete(d, "IORegistryEntryChildren")
		out = append(out, &regNode{
			name: d.Text("IORegistryEntryName"), class: d.Text("IOObjectClass"), id: d.Int("IORegistryEntryID"),
			props: d, children: children,
		})
	}
	return out, nil
}

// allNodes are all entries, each once: a subtree that matches may be part of another.
func allNodes(roots []*regNode) []*regNode {
	list := append([]*regNode(nil), roots...)
	for i := 0; i < len(list); i++ { // grows while it runs
		list = append(list, list[i].children...)
	}
	seen := map[int64]bool{}
	out := list[:0]
	for _, n := range list {
		if n.id != 0 && seen[n.id] {
			continue
		}
		seen[n.id] = true
		out = append(out, n)
	}
	return out
}
