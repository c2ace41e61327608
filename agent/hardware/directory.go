package hardware

import (
	"strings"

	"github.com/muster-itam/muster/agent/source"
)

// directory is what manages the machine's accounts, in the words of inventory.Device.
type directory struct{ kind, name string }

// parseINI reads sections of keys and values: sssd.conf(5), smb.conf(5), FreeIPA's
// default.conf(5). Names are in lower case, and in those of Samba spaces do not count.
func parseINI(text string) map[string]map[string]string {
	out := map[string]map[string]string{}
	at := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			at = strings.ToLower(strings.Trim(line, "[]"))
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		if out[at] == nil {
			if len(out) == 256 {
				break
			}
			out[at] = map[string]string{}
		}
		if len(out[at]) < 256 {
			out[at][strings.ToLower(strings.TrimSpace(key))] = source.Text(value)
		}
	}
	return out
}

// sssdDirectory is the first of SSSD's domains that is a directory which machines join. A
// mere LDAP server knows nothing of the machine.
func sssdDirectory(conf map[string]map[string]string) directory {
	for name := range strings.FieldsFuncSeq(conf["sssd"]["domains"], func(r rune) bool { return r == ',' || r == ' ' }) {
		d := conf["domain/"+strings.ToLower(name)]
		switch d["id_provider"] {
		case "ad":
			return directory{"active_directory", strings.ToLower(first(d["ad_domain"], name))}
		case "ipa":
			return directory{"freeipa", strings.ToLower(first(d["ipa_domain"], name))}
		}
	}
	return directory{}
}

// sambaDirectory is the domain that winbind has joined.
func sambaDirectory(conf map[string]map[string]string) directory {
	global := conf["global"]
	switch strings.ToLower(global["security"]) {
	case "ads":
		return directory{"active_directory", strings.ToLower(first(global["realm"], global["workgroup"]))}
	case "domain":
		return directory{"active_directory", strings.ToLower(global["workgroup"])}
	}
	return directory{}
}

// entraDirectory is the tenant's domain that Himmelblau has joined.
func entraDirectory(conf map[string]map[string]string) directory {
	name, _, _ := strings.Cut(first(conf["global"]["domains"], conf["global"]["domain"]), ",")
	if name = strings.ToLower(strings.TrimSpace(name)); name == "" {
		return directory{}
	}
	return directory{"entra_id", name}
}
