package software

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
)

const (
	maxHomes = 4096
	nobody   = 65534
)

// home is where a person keeps what only they use.
type home struct{ user, dir string }

// homes are the home directories of root and of people in passwd(5), by user. Accounts of
// services have lower numbers; those of a directory service are not in the file.
func homes(tree *source.Tree) []home {
	b, err := tree.ReadFile("etc/passwd", 4<<20)
	if err != nil {
		return nil
	}
	var list []home
	known := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 7 {
			continue
		}
		id, err := strconv.Atoi(f[2])
		dir := path.Clean("/" + f[5])
		if err != nil || id != 0 && (id < 1000 || id == nobody) || dir == "/" || known[dir] || len(list) == maxHomes {
			continue
		}
		known[dir] = true
		list = append(list, home{source.Text(f[0]), dir[1:]})
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
