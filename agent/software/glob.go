package software

import (
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
)

// maxNames bounds the entries of one directory and the paths of one pattern.
const maxNames = 16 << 10

// glob are the paths that match a pattern of path.Match, in order, as far as they can be
// seen. Names that begin with a dot match like others.
func glob(tree *source.Tree, pattern string) []string {
	paths := []string{""}
	for part := range strings.SplitSeq(pattern, "/") {
		var next []string
		for _, dir := range paths {
			if !strings.ContainsAny(part, `*?[`) {
				next = append(next, path.Join(dir, part))
				continue
			}
			at := dir
			if at == "" {
				at = "."
			}
			for _, name := range tree.Names(at, maxNames) {
				if ok, err := path.Match(part, name); ok && err == nil && len(next) < maxNames {
					next = append(next, path.Join(dir, name))
				}
			}
		}
		paths = next
	}
	found := paths[:0]
	for _, p := range paths {
		if tree.Exists(p) {
			found = append(found, p)
		}
	}
	return found
}
