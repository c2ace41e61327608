package software

import (
	"context"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const (
	snapd      = "var/lib/snapd"
	assertions = snapd + "/assertions/asserts-v0"
)

// snap lists the active revisions: those that snapd's state names, which only root may
// read, and those that /snap/<name>/current links to.
func snap(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	if !tree.Exists(snapd) {
		return nil, source.Unsupported("no snaps: /%s does not exist", snapd)
	}
	snaps := snapLinks(tree)
	b, err := tree.ReadFile(snapd+"/state.json", 32<<20)
	if err == nil {
		state, err := ParseSnapState(b)
		if err != nil {
			return nil, err
		}
		for name, s := range state {
			if s.Revision != "" {
				snaps[name] = s
			}
		}
	}
	list := inventory.SoftwareList{}
	for _, name := range sortedKeys(snaps) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s := snapInstalled(tree, name, snaps[name]); s.Name != "" && len(list) < inventory.MaxItems {
			list = append(list, s)
		}
	}
	if err != nil && tree.Exists(snapd+"/state.json") {
		return list, source.Partial("publishers of snaps are not known: %v; run as root", err)
	}
	return list, nil
}

// snapLinks are the revisions in /snap, or /var/lib/snapd/snap, where the distribution
// has no /snap; one may link to the other.
func snapLinks(tree *source.Tree) map[string]SnapState {
	snaps := map[string]SnapState{}
	for _, dir := range []string{"snap", snapd + "/snap"} {
		for _, name := range tree.Names(dir, 4096) {
			if revision, err := tree.Readlink(dir + "/" + name + "/current"); err == nil {
				snaps[name] = SnapState{Revision: revision}
			}
		}
	}
	return snaps
}

// snapInstalled is a snap as its own metadata name it, if it is mounted.
func snapInstalled(tree *source.Tree, name string, state SnapState) inventory.Software {
	s := inventory.Software{Source: "snap", Name: source.Text(name)}
	kind := state.Type
	for _, dir := range []string{"snap", snapd + "/snap"} {
		f, err := tree.Open(dir + "/" + name + "/" + state.Revision + "/meta/snap.yaml")
		if err != nil {
			continue
		}
		mounted, mountedKind, err := ParseSnap(f)
		_ = f.Close() // only read
		if err == nil && mounted.Name != "" {
			s.Version, kind = mounted.Version, mountedKind
			break
		}
	}
	switch kind {
	case "base", "os", "core", "snapd", "kernel", "gadget":
		s.Kind = inventory.KindSystemComponent
	}
	s.Path = source.Text("/" + snapd + "/snaps/" + name + "_" + state.Revision + ".snap")
	if file, err := tree.Lstat(s.Path); err == nil {
		s.Bytes = file.Size()
	}
	s.Publisher = snapPublisher(tree, state.ID)
	return s
}

// snapPublisher is the name of the account that the store's declaration of a snap names.
func snapPublisher(tree *source.Tree, id string) string {
	account := assertion(tree, "snap-declaration/16/"+id, "publisher-id")
	return assertion(tree, "account/"+account, "display-name")
}

// assertion is a field of the newest form of an assertion: files active, active.1, ...
func assertion(tree *source.Tree, dir, field string) string {
	if strings.HasSuffix(dir, "/") {
		return ""
	}
	value := ""
	for _, name := range tree.Names(assertions+"/"+dir, 64) {
		if b, err := tree.ReadFile(assertions+"/"+dir+"/"+name, 1<<20); err == nil && strings.HasPrefix(name, "active") {
			if v := AssertionHeader(b, field); v != "" {
				value = v
			}
		}
	}
	return value
}
