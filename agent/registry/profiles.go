package registry

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/muster-itam/muster/agent/source"
)

// Profile is a person who has signed in on the machine.
type Profile struct {
	SID, Name string
	Home      string
	// SignedIn says that the registry has the person's hive loaded, beneath HKU\SID.
	SignedIn bool
}

// profileList is where the system keeps who has a profile.
const profileList = `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList`

// Profiles lists the people with a profile or a loaded hive; not the system's own accounts,
// whose identifiers begin otherwise. Names come from the registry: asking the system to
// resolve an identifier can ask a domain controller.
func Profiles(r Reader) ([]Profile, error) {
	loaded, err := r.Subkeys("HKU")
	if err != nil {
		return nil, fmt.Errorf("list the users' hives: %w", err)
	}
	known, err := r.Subkeys(profileList)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the users' profiles: %w", err)
	}
	var out []Profile
	at := map[string]int{}
	for _, sid := range known {
		if !person(sid) {
			continue
		}
		p := Profile{SID: sid, Home: withDrive(r, Text(r, profileList+`\`+sid, "ProfileImagePath"))}
		p.Name = source.Text(p.Home[strings.LastIndexByte(p.Home, '\\')+1:])
		at[strings.ToUpper(sid)] = len(out)
		out = append(out, p)
	}
	for _, sid := range loaded {
		if !person(sid) {
			continue
		}
		i, ok := at[strings.ToUpper(sid)]
		if !ok {
			i = len(out)
			out = append(out, Profile{SID: sid})
		}
		p := &out[i]
		p.SignedIn = true
		// The profile's folder can be called jane.CORP.000.
		p.Name = cmp.Or(Text(r, `HKU\`+sid+`\Volatile Environment`, "USERNAME"), p.Name, p.SID)
	}
	return out, nil
}

// withDrive resolves the one variable that installations from an image leave in these paths.
func withDrive(r Reader, path string) string {
	const variable = "%SystemDrive%"
	if len(path) < len(variable) || !strings.EqualFold(path[:len(variable)], variable) {
		return path
	}
	root := Text(r, `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion`, "SystemRoot")
	if len(root) < 2 {
		return path
	}
	return root[:2] + path[len(variable):]
}

// person knows accounts of machines and Windows domains, and of Entra ID
// (https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers).
func person(sid string) bool {
	sid = strings.ToUpper(sid)
	rest, local := strings.CutPrefix(sid, "S-1-5-21-")
	if !local {
		if rest, local = strings.CutPrefix(sid, "S-1-12-1-"); !local {
			return false
		}
	}
	return strings.Trim(rest, "-0123456789") == "" // not S-..._Classes, nor the copy S-....bak of a damaged one
}

// Open gives the person's part of the registry, and the key in it that is theirs: HKU\SID of
// the system's registry r, or a hive on disk, whose root is the key. done releases it.
func (p Profile) Open(r Reader) (own Reader, root string, done func(), err error) {
	if p.SignedIn {
		return r, `HKU\` + p.SID + `\`, func() {}, nil
	}
	tree, err := source.OpenTree(p.Home) // what lies in it is the person's: a link out of it is not followed
	if err != nil {
		return nil, "", nil, err
	}
	f, err := tree.Open("NTUSER.DAT")
	if err := errors.Join(err, tree.Close()); err != nil {
		return nil, "", nil, err
	}
	info, err := f.Stat()
	var h *Hive
	if err == nil {
		h, err = OpenHive(f, info.Size())
	}
	if err != nil {
		return nil, "", nil, errors.Join(err, f.Close())
	}
	return h, "", func() { _ = f.Close() }, nil // only read
}
