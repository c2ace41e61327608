package hardware

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// idRange is the range of user ids for people, in /etc/login.defs.
type idRange struct{ low, high int }

// parseLoginDefs reads UID_MIN and UID_MAX of login.defs(5).
func parseLoginDefs(text string) idRange {
	r := idRange{1000, 60000}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, err := strconv.Atoi(f[1])
		if err != nil || n <= 0 {
			continue
		}
		switch f[0] {
		case "UID_MIN":
			r.low = n
		case "UID_MAX":
			r.high = n
		}
	}
	return r
}

// admins are the members of the groups that distributions let do everything, by name and
// by the number of the group.
type admins struct{ names, groups map[string]bool }

// parseAdmins reads group(5). What else /etc/sudoers grants is not looked at.
func parseAdmins(text string) admins {
	out := admins{map[string]bool{}, map[string]bool{}}
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 || f[0] != "sudo" && f[0] != "wheel" && f[0] != "admin" {
			continue
		}
		out.groups[f[2]] = true
		for name := range strings.SplitSeq(f[3], ",") {
			if name != "" && len(out.names) < maxList {
				out.names[name] = true
			}
		}
	}
	return out
}

// parsePasswd reads passwd(5) and keeps those who can sign in: root, and ids in the
// range for people, unless the shell refuses. Passwords and what else is behind the
// name in the comment field (rooms, telephone numbers) are not looked at.
func parsePasswd(r io.Reader, people idRange, admin admins) (inventory.Users, error) {
	list := inventory.Users{}
	lines := bufio.NewScanner(io.LimitReader(r, maxBigFile))
	lines.Buffer(nil, maxSmallFile)
	for lines.Scan() {
		f := strings.Split(lines.Text(), ":")
		if len(f) < 7 {
			continue
		}
		id, err := strconv.Atoi(f[2])
		if err != nil || id != 0 && (id < people.low || id > people.high) || refuses(f[6]) {
			continue
		}
		name, _, _ := strings.Cut(f[4], ",")
		u := inventory.User{
			Name: source.Text(f[0]), ID: strconv.Itoa(id), FullName: source.Text(name),
			Home: source.Text(f[5]), Shell: source.Text(f[6]),
			Admin: id == 0 || admin.names[f[0]] || admin.groups[f[3]],
		}
		if u.Name == "" {
			continue
		}
		if len(list) == maxList {
			return list, fmt.Errorf("passwd: more than %d users", maxList)
		}
		list = append(list, u)
	}
	if err := lines.Err(); err != nil {
		return list, fmt.Errorf("passwd: %w", err)
	}
	return list, nil
}

// refuses says whether a shell lets nobody in. No shell at all means /bin/sh.
func refuses(shell string) bool {
	switch path.Base(shell) {
	case "nologin", "false", "true", "sync", "halt", "shutdown":
		return true
	}
	return false
}
