package hardware

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// readUsers lists the accounts of the machine's own database. On a domain controller that is
// the domain's, which may be large and is not the machine's.
func readUsers(ctx context.Context) (inventory.Body, error) {
	if isDomainController(registry.System{}) {
		return nil, source.Unsupported("a domain controller has no local accounts; its domain's are not listed")
	}
	accounts, err := localAccounts(ctx)
	if err != nil {
		return nil, err
	}
	admins, adminErr := administrators()
	list := inventory.Users{}
	for _, a := range accounts {
		if u, ok := a.user(registry.System{}, admins); ok {
			list = append(list, u)
		}
	}
	if adminErr != nil {
		return list, source.Partial("who is an administrator is unknown: %v", adminErr)
	}
	return list, nil
}

// isDomainController says that the local accounts are the domain's.
func isDomainController(r registry.Reader) bool {
	return registry.Text(r, `HKLM\SYSTEM\CurrentControlSet\Control\ProductOptions`, "ProductType") == "LanmanNT"
}

// netBuffer frees what the network management functions allocate.
func netBuffer(b *byte) {
	if b != nil {
		_ = windows.NetApiBufferFree(b)
	}
}

const allOfThem = 0xffffffff // MAX_PREFERRED_LENGTH

func localAccounts(ctx context.Context) ([]account, error) {
	type userInfo23 struct {
		name, fullName, comment *uint16
		flags                   uint32
		sid                     *windows.SID
	}
	const normalAccounts = 2
	var out []account
	for resume := uint32(0); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var buffer *byte
		var n, total uint32
		err := windows.NetUserEnum(nil, 23, normalAccounts, &buffer, 1<<16, &n, &total, &resume)
		if err != nil && !errors.Is(err, windows.ERROR_MORE_DATA) {
			netBuffer(buffer)
			return nil, fmt.Errorf("list local accounts: %w", err)
		}
		if buffer != nil {
			for _, u := range unsafe.Slice((*userInfo23)(unsafe.Pointer(buffer)), n) {
				a := account{name: windows.UTF16PtrToString(u.name), fullName: windows.UTF16PtrToString(u.fullName), flags: u.flags}
				if u.sid != nil {
					a.sid = u.sid.String()
				}
				out = append(out, a)
			}
		}
		netBuffer(buffer)
		switch {
		case len(out) > maxList:
			return nil, fmt.Errorf("list local accounts: more than %d", maxList)
		case err == nil || n == 0:
			return out, nil
		}
	}
}

// administrators are the identifiers in the local group of administrators, whatever its name in
// the system's language. They are not resolved: that can ask a domain controller.
func administrators() (map[string]bool, error) {
	sid, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return nil, err
	}
	group, _, _, err := sid.LookupAccount("")
	if err != nil {
		return nil, fmt.Errorf("name the group of administrators: %w", err)
	}
	name, err := windows.UTF16PtrFromString(group)
	if err != nil {
		return nil, err
	}
	members := windows.NewLazySystemDLL("netapi32.dll").NewProc("NetLocalGroupGetMembers")
	if err := members.Find(); err != nil {
		return nil, err
	}
	var buffer *byte
	var n, total uint32
	status, _, _ := members.Call(0, uintptr(unsafe.Pointer(name)), 0, uintptr(unsafe.Pointer(&buffer)), allOfThem,
		uintptr(unsafe.Pointer(&n)), uintptr(unsafe.Pointer(&total)), 0)
	defer func() { netBuffer(buffer) }()
	if status != 0 {
		return nil, fmt.Errorf("list the members of %s: %w", group, syscall.Errno(status))
	}
	out := map[string]bool{}
	if buffer != nil { // LOCALGROUP_MEMBERS_INFO_0
		for _, member := range unsafe.Slice((**windows.SID)(unsafe.Pointer(buffer)), min(n, maxList)) {
			out[member.String()] = true
		}
	}
	return out, nil
}

// joinState says whether the machine is in a domain or a workgroup, as it knows itself.
func joinState() joined {
	var name *uint16
	var j joined
	if windows.NetGetJoinInformation(nil, &name, &j.status) != nil {
		return joined{}
	}
	j.name = source.Text(windows.UTF16PtrToString(name))
	_ = windows.NetApiBufferFree((*byte)(unsafe.Pointer(name)))
	return j
}
