package reconcile

import (
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// incarnation is the strongest thing that no two machines share though a source may call
// them by one name.
func (r *reader) incarnation() string {
	for _, t := range []Type{inventory.IDContainer, inventory.IDCloudInstance, inventory.IDVMInstance} {
		if v := r.lowest(t, nil); v != "" {
			return string(t) + ":" + v
		}
	}
	serial := r.lowest(inventory.IDSerial, func(c Claim) bool { return c.Tier == tierSerial })
	id := ""
	switch u := r.lowest(inventory.IDSMBIOS, nil); {
	case serial != "":
		id = "serial:" + serial
	case u != "":
		id = "uuid:" + u
	}
	if r.src.Kind == inventory.KindAgent && r.role != inventory.RoleContainer {
		mac := r.lowest(inventory.IDMAC, func(c Claim) bool { return c.Scope == "" })
		disk := r.lowest(TypeDisk, nil)
		switch {
		case r.virtual: // whoever copies a virtual machine copies its serial number and UUID too
			return strings.TrimSuffix(id+"/"+mac, "/")
		case id == "" && disk != "":
			return "disk:" + disk
		case id == "" && mac != "":
			return "mac:" + mac
		}
	}
	if id != "" || r.src.Kind != inventory.KindScanner {
		return id
	}
	for _, t := range []Type{inventory.IDSNMPEngine, inventory.IDSSHHostKey} {
		if v := r.lowest(t, nil); v != "" {
			return string(t) + ":" + v
		}
	}
	if r.addressOnly() {
		return r.day.Format(time.DateOnly)
	}
	if v := r.lowest(TypeName, func(c Claim) bool { return c.Scope == "" }); v != "" {
		return "name:" + v
	}
	return ""
}

// lowest is the smallest claimed value of a type.
func (r *reader) lowest(t Type, admit func(Claim) bool) string {
	v := ""
	for _, c := range r.claims {
		if c.Type == t && (admit == nil || admit(c)) && (v == "" || c.Value < v) {
			v = c.Value
		}
	}
	return v
}

// Accumulate adds what an observation claims to what its record claimed before.
// changed holds the claims that are new or whose days grew: what a store writes, and
// the sign that Resolve must run.
func Accumulate(have, fresh []Claim) (all, changed []Claim) {
	at := make(map[Key]int, len(have)+len(fresh))
	all = append(make([]Claim, 0, len(have)+len(fresh)), have...)
	for i := range all {
		at[all[i].Key] = i
	}
	for _, c := range fresh {
		i, known := at[c.Key]
		if !known {
			at[c.Key] = len(all)
			all, changed = append(all, c), append(changed, c)
			continue
		}
		old := all[i]
		if c.First.Before(old.First) {
			all[i].First = c.First
		}
		if c.Last.After(old.Last) {
			all[i].Last = c.Last
		}
		all[i].Tier = min(old.Tier, c.Tier)
		if all[i] != old {
			changed = append(changed, all[i])
		}
	}
	return all, changed
}
