package software

import (
	"errors"
	"io/fs"
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
// services have lower numbers; those of a directory service are not in the file. The error
// is partial: it says that some cannot be looked into.
func homes(tree *source.Tree) (list []home, err error) {
	b, err := tree.ReadFile("etc/passwd", 4<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, source.Partial("users' own software is not known: %v", err)
	}
	closed := 0
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
		// Where nothing may be looked for, no name is denied for not being there.
		if _, err := tree.Lstat(dir[1:] + "/.local"); errors.Is(err, fs.ErrPermission) {
			closed++
			continue
		}
		list = append(list, home{source.Text(f[0]), dir[1:]})
	}
	if closed > 0 {
		return list, source.Partial("%d home directories can only be read by root", closed)
	}
	return list, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
