package versions

import (
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Rights that let somebody change what is in a file or folder, or who may.
const (
	changes = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.FILE_WRITE_EA | windows.DELETE | fileDeleteChild |
		windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_WRITE | windows.GENERIC_ALL
	// Further up: making new folders is everybody's right in C:\ProgramData.
	replaces        = windows.DELETE | fileDeleteChild | windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_ALL
	fileDeleteChild = 0x40 // https://learn.microsoft.com/windows/win32/fileio/file-access-rights-constants
	accessAllowed   = 0    // ACCESS_ALLOWED_ACE_TYPE
	inheritOnly     = 8    // INHERIT_ONLY_ACE
)

// TrustedInstaller owns what comes with Windows.
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

// writableByOthers says why someone besides the system, administrators and this user could
// write, "" if nobody can: the access list counts, mode bits say nothing here.
func writableByOthers(path string, _ fs.FileInfo, near bool) string {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Sprintf("has an access list that cannot be read (%v)", err)
	}
	owner, _, err := sd.Owner()
	if err != nil || !trusted(owner) {
		return fmt.Sprintf("belongs to %s", owner)
	}
	dacl, _, err := sd.DACL()
	if err != nil || dacl == nil {
		return "has no access list"
	}
	mask := windows.ACCESS_MASK(replaces)
	if near {
		mask = changes
	}
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &ace); err != nil {
			return fmt.Sprintf("has an access list that cannot be read (%v)", err)
		}
		if ace.Header.AceType != accessAllowed || ace.Header.AceFlags&inheritOnly != 0 || ace.Mask&mask == 0 {
			continue
		}
		if sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)); !trusted(sid) {
			return fmt.Sprintf("may be written by %s", sid)
		}
	}
	return ""
}

func trusted(sid *windows.SID) bool {
	if sid.IsWellKnown(windows.WinLocalSystemSid) || sid.IsWellKnown(windows.WinBuiltinAdministratorsSid) ||
		sid.IsWellKnown(windows.WinCreatorOwnerSid) || sid.String() == trustedInstaller {
		return true
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	return err == nil && sid.Equals(user.User.Sid)
}
