package hardware

import (
	"strings"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/internal/inventory"
)

// account is a local account as the account database has it (USER_INFO_23, lmaccess.h).
type account struct {
	name, fullName, sid string
	flags               uint32
}

// user makes one of an account that a person can sign in with; the system's own, which it
// makes and disables by itself, are left out. Comments are not read.
func (a account) user(r registry.Reader, admins map[string]bool) (u inventory.User, ok bool) {
	const disabled = 0x2                                   // UF_ACCOUNTDISABLE
	for _, own := range []string{"-502", "-503", "-504"} { // krbtgt, DefaultAccount, WDAGUtilityAccount
		if strings.HasSuffix(a.sid, own) {
			return u, false
		}
	}
	u = inventory.User{Name: a.name, ID: a.sid, FullName: a.fullName, Admin: admins[a.sid], Disabled: a.flags&disabled != 0}
	if a.sid != "" {
		u.Home = registry.Text(r, ntKey+`\ProfileList\`+a.sid, "ProfileImagePath")
	}
	clean(&u)
	return u, u.Name != ""
}
