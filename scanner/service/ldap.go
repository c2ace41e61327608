package service

import (
	"strings"
)

// ldapAttributes are what is asked of the root DSE (RFC 4512, 5.1; [MS-ADTS] 3.1.1.3.2).
var ldapAttributes = []string{
	"namingContexts", "defaultNamingContext", "dnsHostName", "vendorName", "vendorVersion", "serverName",
	"domainFunctionality", "domainControllerFunctionality", "forestFunctionality", "isGlobalCatalogReady", "supportedLDAPVersion",
	"objectClass", "configContext",
}

// askLDAP reads the root DSE, which a directory tells anybody, without a bind (RFC 4511).
func askLDAP(c *conn) Answer {
	return parseLDAP(c.ask(rootDSE(), exchangeRoom, func(b []byte) bool {
		r := &cursor{b: b}
		for !r.bad && len(r.b) > 0 {
			if _, content := r.element(); !r.bad && isDone(content) {
				return true
			}
		}
		return false
	}))
}

const (
	ldapEntry = 0x64 // [APPLICATION 4]
	ldapDone  = 0x65 // [APPLICATION 5]
)

func isDone(message []byte) bool {
	c := &cursor{b: message}
	c.element()
	tag, _ := c.element()
	return tag != ldapEntry
}

func rootDSE() []byte {
	var names []byte
	for _, a := range ldapAttributes {
		names = append(names, der(0x04, []byte(a))...)
	}
	search := der(0x04, nil)                        // the root
	search = append(search, 0x0a, 1, 0, 0x0a, 1, 0) // itself only, no aliases
	search = append(search, 0x02, 1, 1, 0x02, 1, 5, 0x01, 1, 0)
	search = append(search, der(0x87, []byte("objectClass"))...)
	search = append(search, der(0x30, names)...)
	return der(0x30, append([]byte{0x02, 1, 1}, der(0x63, search)...))
}

// maxValues is how many values of an attribute, and attributes, are read.
const maxValues = 64

// parseLDAP reads the answer to the search: an entry, or an error that also is an answer.
func parseLDAP(b []byte) Answer {
	c := &cursor{b: b}
	message := c.inside(0x30)
	if tag, id := message.element(); c.bad || tag != 0x02 || len(id) == 0 {
		return Answer{}
	}
	tag, op := message.element()
	if message.bad || tag != ldapEntry && tag != ldapDone && tag != 0x78 {
		return Answer{}
	}
	a := Answer{Service: "ldap", Banner: "LDAP", Facts: Facts{}}
	if tag != ldapEntry {
		return a
	}
	entry := &cursor{b: op}
	entry.element()
	list := entry.inside(0x30)
	for n := 0; n < maxValues && len(list.b) > 0 && !list.bad; n++ {
		attribute := list.inside(0x30)
		_, name := attribute.element()
		values := attribute.inside(0x31)
		if attribute.bad {
			break
		}
		a.attribute(strings.ToLower(string(name)), values)
	}
	for _, name := range []string{"ldap.vendor", "ldap.version", "ldap.dns_host", "ldap.context"} {
		if text := a.Facts[name]; text != "" {
			a.Banner += ", " + text
		}
	}
	a.Banner = Clean(a.Banner, maxBanner)
	return a
}

var ldapFacts = map[string]string{
	"namingcontexts": "ldap.contexts", "defaultnamingcontext": "ldap.context", "dnshostname": "ldap.dns_host",
	"vendorname": "ldap.vendor", "vendorversion": "ldap.version", "servername": "ldap.server",
	"domaincontrollerfunctionality": "ldap.dc_level", "objectclass": "ldap.class", "configcontext": "ldap.config",
}

func (a *Answer) attribute(name string, values *cursor) {
	fact := ldapFacts[name]
	if fact == "" {
		return
	}
	var texts []string
	for n := 0; n < maxValues && len(values.b) > 0; n++ {
		_, v := values.element()
		if values.bad {
			break
		}
		texts = append(texts, string(v))
	}
	a.Facts.set(fact, strings.Join(texts, "; "))
}
