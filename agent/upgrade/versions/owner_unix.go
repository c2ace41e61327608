//go:build unix

package versions

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// writableByOthers says why someone besides root and this user could write, "" if nobody can.
// In a folder like /tmp others can make files, but not touch ours.
func writableByOthers(_ string, info fs.FileInfo, _ bool) string {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != 0 && int(s.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to user %d", s.Uid)
	}
	if mode := info.Mode(); mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0 {
		return fmt.Sprintf("may be written by others (%s)", mode.Perm())
	}
	return ""
}
