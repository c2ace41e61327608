package reconcile

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"
)

// privateDomains tell nothing about where a name belongs: a router's or mDNS's invention.
var privateDomains = map[string]bool{
	"local": true, "localdomain": true, "lan": true, "home": true, "home.arpa": true, "internal": true, "intranet": true,
	"fritz.box": true, "workgroup": true, "mshome": true, "mshome.net": true, "box": true, "router": true, "private": true,
}

var (
	trailingNumber = regexp.MustCompile(`[-_ ]*\(?[0-9]{1,2}\)?$`)
	// ip-10-0-0-7, dhcp-192-168-1-5, 10-0-0-7: the address, not the machine.
	addressName = regexp.MustCompile(`(^|[^0-9])[0-9]{1,3}([-.x_][0-9]{1,3}){3}($|[^0-9])`)
)

// netbiosLength is how much of a name Windows and directories keep in places.
const netbiosLength = 15

// Name splits and folds a host name. The domain is empty when it is none that others
// would understand. False for names that an installer gives or that are an address.
func Name(host, domain string) (name, inDomain string, ok bool) {
	host = strings.Map(func(r rune) rune {
		switch {
		case r == '\'' || r == '’' || r == '"' || !unicode.IsPrint(r):
			return -1
		case unicode.IsSpace(r):
			return '-'
		}
		return unicode.ToLower(r)
	}, strings.TrimSpace(host))
	host = strings.Trim(host, ".-$")
	if _, err := netip.ParseAddr(host); err == nil {
		return "", "", false
	}
	name, rest, _ := strings.Cut(host, ".")
	name = strings.Trim(name, "-$")
	if rest != "" && !privateDomains[rest] {
		domain = rest
	}
	domain = strings.Trim(strings.ToLower(strings.TrimSpace(domain)), ".")
	if !strings.Contains(domain, ".") || privateDomains[domain] || len(domain) > 253 {
		domain = "" // a NetBIOS domain or a work group
	}
	stem := trailingNumber.ReplaceAllString(name, "")
	common := commonNames[name] || domain == "" && commonNames[stem]
	if len(name) < 2 || len(name) > 63 || stem == "" || common || addressName.MatchString(name) {
		return "", "", false
	}
	return name, domain, true
}
