package hardware

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"strconv"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

func readUsers(_ context.Context, tree *source.Tree) (inventory.Body, error) {
	f, err := tree.Open("etc/passwd")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("no /etc/passwd")
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	users, err := parsePasswd(f, parseLoginDefs(contents(tree, "etc/login.defs")), parseAdmins(contents(tree, "etc/group")))
	if err != nil {
		return nil, err
	}
	setLogins(tree, users)
	return users, nil
}

// setLogins fills in the day on which each user last signed in: the later of what the two
// old files say. Systems that keep a database instead (lastlog2, wtmpdb) tell nothing here.
func setLogins(tree *source.Tree, users inventory.Users) {
	layout := systemLogins()
	sessions := readSessions(tree)
	lastlog, err := tree.Open("var/log/lastlog")
	if err == nil {
		defer func() { _ = lastlog.Close() }() // only read
	}
	for i := range users {
		u := &users[i]
		t := sessions[u.Name]
		if id, wrong := strconv.Atoi(u.ID); err == nil && wrong == nil {
			if other := layout.last(lastlog, id); other.After(t) {
				t = other
			}
		}
		if !t.IsZero() {
			u.LastLogin = t.Format("2006-01-02")
		}
	}
}

// systemLogins is how this architecture's records of logins are laid out.
func systemLogins() loginLayout {
	switch runtime.GOARCH { // of the architectures that Linux has with 64 bits, these never had 32
	case "arm64", "loong64", "riscv64":
		return loginLayout64
	}
	return loginLayout32
}

// readSessions are the last sessions by user, of a directory's users as well.
func readSessions(tree *source.Tree) map[string]time.Time {
	const tail = 4 << 20 // some 10,000 sessions
	layout := systemLogins()
	return layout.sessions(readTail(tree, "var/log/wtmp", tail, layout.wtmp))
}

// readLastUser names who signed in last.
func readLastUser(_ context.Context, tree *source.Tree) (inventory.Body, error) {
	d := &inventory.Device{}
	var last time.Time
	for name, at := range readSessions(tree) {
		if at.After(last) || at.Equal(last) && name < d.User {
			d.User, last = name, at
		}
	}
	if d.User == "" {
		return nil, source.Unsupported("who signed in last is not known: /var/log/wtmp names nobody")
	}
	return clean(d), nil
}

// readTail is the end of a file of records.
func readTail(tree *source.Tree, name string, most int64, record int) []byte {
	f, err := tree.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	start := max(info.Size()-most, 0)
	start += (int64(record) - start%int64(record)) % int64(record)
	b, err := io.ReadAll(io.NewSectionReader(f, start, most))
	if err != nil {
		return nil
	}
	return b
}
