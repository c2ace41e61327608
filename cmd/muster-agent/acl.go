package main

import (
	"crypto/sha1" // Windows derives service SIDs with it
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Well-known accounts as SDDL writes them, by SID.
// https://learn.microsoft.com/windows/win32/secauthz/sid-strings
var sidAliases = map[string]string{
	"SY": "S-1-5-18",
	"BA": "S-1-5-32-544",
	"CO": "S-1-3-0",
	"OW": "S-1-3-4",
}

// serviceSID is the SID of the account NT SERVICE\name: the SHA-1 of the name in capitals as
// UTF-16, in five numbers. It exists before the service does.
func serviceSID(name string) string {
	var text []byte
	for _, unit := range utf16.Encode([]rune(strings.ToUpper(name))) {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	sum := sha1.Sum(text)
	sid := "S-1-5-80"
	for i := 0; i < len(sum); i += 4 {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(sum[i:]))
	}
	return sid
}

// Access of the service's account.
const (
	aclRead   = "0x1200a9" // read and run
	aclModify = "0x1301bf" // read, write and delete, not change the list itself
)

// folderACL describes a folder of the administrators' that the service has the given access
// to, and that takes nothing over from the folder above.
func folderACL(access string) string {
	return "O:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;" + access + ";;;" + serviceSID(serviceName) + ")"
}

// openTo names the first account beside the trusted SIDs that owns what has this security
// descriptor, or may do anything with it; empty when there is none. What it cannot read it
// names too. https://learn.microsoft.com/windows/win32/secauthz/security-descriptor-string-format
func openTo(sddl string, trusted ...string) string {
	allowed := map[string]bool{sidAliases["SY"]: true, sidAliases["BA"]: true, sidAliases["CO"]: true, sidAliases["OW"]: true}
	for _, sid := range trusted {
		allowed[sid] = true
	}
	body, dacl, ok := strings.Cut(sddl, "D:")
	if !ok {
		return "everyone (there is no access list)"
	}
	owner, _, _ := strings.Cut(strings.TrimPrefix(body, "O:"), "G:")
	if !strings.HasPrefix(body, "O:") || !allowed[fullSID(owner)] {
		return "its owner " + owner
	}
	flags, entries, _ := strings.Cut(dacl, "(")
	flags, _, audited := strings.Cut(flags, "S:")
	if audited { // the list is empty
		return ""
	}
	if strings.Contains(flags, "NO_ACCESS_CONTROL") {
		return "everyone (the access list is void)"
	}
	entries, _, _ = strings.Cut(entries, ")S:") // what is audited
	if entries == "" {
		return ""
	}
	for ace := range strings.SplitSeq(strings.TrimSuffix(entries, ")"), ")(") {
		fields := strings.Split(ace, ";")
		if len(fields) != 6 {
			return "an entry that cannot be read: " + ace
		}
		if denies := fields[0] == "D" || fields[0] == "OD" || fields[0] == "XD"; !denies && !allowed[fullSID(fields[5])] {
			return fields[5]
		}
	}
	return ""
}

func fullSID(sid string) string {
	if full, ok := sidAliases[sid]; ok {
		return full
	}
	return sid
}
