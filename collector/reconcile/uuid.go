package reconcile

import (
	"encoding/hex"
	"strings"
)

type uuid [16]byte

// UUID is a system UUID so that both byte orders agree: the smaller of the value and
// the one with its first three fields swapped. SMBIOS before 2.6 stored them little
// endian (DSP0134 section 7.2.1), and systems and hypervisors still differ in what they
// show. False for what is no UUID or what firmware ships with.
func UUID(s string) (string, bool) {
	u, ok := parseUUID(s)
	if !ok || u.placeholder() {
		return "", false
	}
	c := u.canonical()
	return c, !badUUIDs[c]
}

func parseUUID(s string) (u uuid, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimPrefix(s, "urn:uuid:")
	s = strings.Trim(s, "{}")
	s = strings.ReplaceAll(s, "-", "")
	if len(s) != 2*len(u) {
		return u, false
	}
	_, err := hex.Decode(u[:], []byte(s))
	return u, err == nil
}

func (u uuid) swapped() uuid {
	u[0], u[1], u[2], u[3] = u[3], u[2], u[1], u[0]
	u[4], u[5] = u[5], u[4]
	u[6], u[7] = u[7], u[6]
	return u
}

func (u uuid) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (u uuid) canonical() string {
	return min(u.String(), u.swapped().String())
}

// placeholder tells by its shape a value that no maker drew for one machine.
func (u uuid) placeholder() bool {
	octets := map[byte]bool{}
	zeros := 0
	for _, b := range u {
		octets[b] = true
		if b>>4 == 0 {
			zeros++
		}
		if b&15 == 0 {
			zeros++
		}
	}
	if strings.Trim(string(u[:10]), "\x00") == "" {
		// Some makers (Supermicro) fill in nothing but the card's address.
		mac, ok := MAC(hex.EncodeToString(u[10:]))
		return !ok || classOf(mac) != macBurnedIn || len(octets) < 5
	}
	return len(octets) < 6 || zeros > 20 || u.blankDell() || u.swapped().blankDell()
}

// blankDell tells Dell's form without a service tag: "DELL", then the seven characters of
// the tag spread over octets 5, 6, 9 and the last three, then blank or zero.
func (u uuid) blankDell() bool {
	if string(u[:4]) != "LLED" && string(u[:4]) != "DELL" {
		return false
	}
	blank := 0
	for _, b := range []byte{u[5], u[6], u[9], u[13], u[14], u[15]} {
		if b == 0 || b == ' ' || b == 0x20|0x80 {
			blank++
		}
	}
	return blank >= 4
}

// vmwareUUID reads the system UUID out of a VMware serial number, which is the same
// value written "VMware-56 4d ..-.. ..".
func vmwareUUID(serial string) (string, bool) {
	s := strings.ToLower(strings.TrimSpace(serial))
	s, ok := strings.CutPrefix(s, "vmware-")
	if !ok {
		return "", false
	}
	return UUID(strings.NewReplacer(" ", "", "-", "").Replace(s))
}
