package hardware

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"strconv"

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
	layout := loginLayout32
	switch runtime.GOARCH { // of the architectures that Linux has with 64 bits, these never had 32
	case "arm64", "loong64", "riscv64":
		layout = loginLayout64
	}
	const tail = 4 << 20 // some 10,000 sessions
	sessions := layout.sessions(readTail(tree, "var/log/wtmp", tail, layout.wtmp))
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
