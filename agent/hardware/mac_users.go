package hardware

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/plist"
)

// record is one of Directory Services: attributes with lists of values, under names with
// the prefix of their kind, dsAttrTypeStandard:, or in the files of dslocal without it and
// in other words.
type record plist.Dict

func (r record) all(names ...string) []string {
	for _, name := range names {
		for _, key := range []string{"dsAttrTypeStandard:" + name, "dsAttrTypeNative:" + name, name} {
			if list := plist.Dict(r).Texts(key); len(list) > 0 {
				return list
			}
		}
	}
	return nil
}

func (r record) get(names ...string) string {
	if list := r.all(names...); len(list) > 0 {
		return list[0]
	}
	return ""
}

// macUsers reads "dscl -plist . -readall /Users", and with "-read /Groups/admin" who of
// them administers. People have ids from 501 on; accounts that are hidden at sign-in, and
// those of services with an underscore, are not people's. root counts when it has a password.
func macUsers(users, admins []byte) (inventory.Users, error) {
	v, err := plist.Parse(users)
	if err != nil {
		return nil, fmt.Errorf("dscl: %w", err)
	}
	records := plist.Dicts(v)
	if d, ok := v.(plist.Dict); ok { // of a single user
		records = []plist.Dict{d}
	}
	group, err := plist.ParseDict(admins)
	if err != nil {
		return nil, fmt.Errorf("dscl: group admin: %w", err)
	}
	members := record(group).all("GroupMembership", "users")
	list := inventory.Users{}
	for _, d := range records {
		u, ok := macUser(record(d))
		if !ok {
			continue
		}
		if len(list) == maxList {
			return nil, fmt.Errorf("dscl: more than %d users", maxList)
		}
		u.Admin = u.ID == "0" || slices.Contains(members, u.Name)
		list = append(list, *clean(&u))
	}
	return list, nil
}

func macUser(r record) (inventory.User, bool) {
	u := inventory.User{
		Name: r.get("RecordName", "name"), ID: r.get("UniqueID", "uid"), FullName: r.get("RealName", "realname"),
		Home: r.get("NFSHomeDirectory", "home"), Shell: r.get("UserShell", "shell"),
	}
	id, err := strconv.Atoi(u.ID)
	authorities := r.all("AuthenticationAuthority", "authentication_authority")
	hasPassword := slices.ContainsFunc(authorities, func(a string) bool { return strings.Contains(a, ";ShadowHash;") })
	u.Disabled = slices.ContainsFunc(authorities, func(a string) bool { return strings.Contains(a, ";DisabledUser;") })
	switch hidden := r.get("IsHidden"); {
	case err != nil || u.Name == "" || strings.HasPrefix(u.Name, "_") || refuses(u.Shell):
		return u, false
	case id == 0:
		return u, hasPassword && !u.Disabled
	case id < 501 || hidden == "1" || strings.EqualFold(hidden, "yes") || strings.EqualFold(hidden, "true"):
		return u, false
	}
	return u, true
}
