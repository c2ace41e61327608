package hardware

import (
	"crypto/x509"
	"encoding/binary"
	"strings"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// joined is what NetGetJoinInformation says: a status and a domain's or workgroup's name.
type joined struct {
	status uint32
	name   string
}

// Statuses of joined (lmjoin.h, NETSETUP_JOIN_STATUS).
const (
	joinedWorkgroup = 2
	joinedDomain    = 3
)

// setDirectory says what manages the machine's accounts, and adds the identifiers that a
// directory and a device management gave it.
func setDirectory(d *inventory.Device, r registry.Reader, j joined) {
	tenant, device := entraID(r)
	switch {
	case tenant != "" && j.status == joinedDomain:
		d.Directory, d.DirectoryName = "hybrid", j.name
	case tenant != "":
		d.Directory, d.DirectoryName = "entra_id", tenant
	case j.status == joinedDomain:
		d.Directory, d.DirectoryName = "active_directory", j.name
	case j.status == joinedWorkgroup:
		d.Directory, d.DirectoryName = "workgroup", j.name
	}
	add := func(kind inventory.IdentifierType, value, scope string) {
		if value != "" {
			d.Identifiers = append(d.Identifiers, inventory.Identifier{Type: kind, Value: value, Scope: scope})
		}
	}
	add(inventory.IDDirectory, device, tenant)
	add(inventory.IDMDM, intuneID(r), "")
	// Hyper-V tells its guests who they are.
	add(inventory.IDVMInstance, strings.ToLower(registry.Text(r, `HKLM\SOFTWARE\Microsoft\Virtual Machine\Guest\Parameters`, "VirtualMachineId")), "")
}

// entraID finds the tenant that the machine is joined to and its object there: the common
// name of the certificate it got, whose fingerprint names the join's key
// (https://learn.microsoft.com/entra/identity/devices/device-registration-how-it-works).
// The user's address beside them is not read.
func entraID(r registry.Reader) (tenant, device string) {
	const join = `HKLM\SYSTEM\CurrentControlSet\Control\CloudDomainJoin\JoinInfo`
	names, err := r.Subkeys(join)
	if err != nil {
		return "", ""
	}
	for _, fingerprint := range names {
		v, err := r.Values(join + `\` + fingerprint)
		if err != nil || v.Text("tenantid") == "" {
			continue
		}
		tenant = strings.ToLower(v.Text("tenantid"))
		if stored, err := r.Values(`HKLM\SOFTWARE\Microsoft\SystemCertificates\MY\Certificates\` + fingerprint); err == nil {
			device = deviceOfCertificate(stored["blob"].Data)
		}
		return tenant, device
	}
	return "", ""
}

// deviceOfCertificate reads a certificate as the system's store serialises it: properties,
// each with id, encoding and length in four bytes; number 32 is the certificate
// (CERT_CERT_PROP_ID, wincrypt.h).
func deviceOfCertificate(blob []byte) string {
	for len(blob) >= 12 {
		id, n := binary.LittleEndian.Uint32(blob), binary.LittleEndian.Uint32(blob[8:])
		if uint64(n) > uint64(len(blob)-12) {
			return ""
		}
		if id == 32 {
			c, err := x509.ParseCertificate(blob[12 : 12+n])
			if err != nil || !isGUID(c.Subject.CommonName) {
				return ""
			}
			return strings.ToLower(c.Subject.CommonName)
		}
		blob = blob[12+n:]
	}
	return ""
}

// isGUID checks the usual form without braces.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range strings.ToLower(s) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !strings.ContainsRune("0123456789abcdef", c) {
				return false
			}
		}
	}
	return true
}

// intuneID is the device's id in Microsoft's device management: of the enrolment that is
// in force.
func intuneID(r registry.Reader) string {
	const enrolments = `HKLM\SOFTWARE\Microsoft\Enrollments`
	names, err := r.Subkeys(enrolments)
	if err != nil {
		return ""
	}
	for _, name := range names {
		v, err := r.Values(enrolments + `\` + name)
		if err != nil || v.Text("providerid") != "MS DM Server" || !v.Is("enrollmentstate", 1) {
			continue
		}
		if id := registry.Text(r, enrolments+`\`+name+`\DMClient\MS DM Server`, "EntDMID"); id != "" {
			return id
		}
	}
	return ""
}

// lastUser is who signed in last, as the sign-in screen remembers it: DOMAIN\name. On a
// machine of its own the domain is a dot and left out.
func lastUser(r registry.Reader) string {
	v, err := r.Values(`HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\LogonUI`)
	if err != nil {
		return ""
	}
	return source.Text(strings.TrimPrefix(first(v.Text("lastloggedonsamuser"), v.Text("lastloggedonuser")), `.\`))
}
