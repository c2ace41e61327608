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
		return r.day.Time().Format(time.DateOnly)
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

// Accumulate adds what an observation claims, each once, to what its record claimed before.
// changed holds the claims that are new or whose days grew: what a store writes, and
// the sign that Resolve must run.
func Accumulate(have, fresh []Claim) (all, changed []Claim) {
	find := finder(have, len(fresh))
	at, more := make([]int, len(fresh)), 0
	for n := range fresh {
		if at[n] = find(fresh[n].Key); at[n] < 0 {
			more++
		}
	}
	all = append(make([]Claim, 0, len(have)+more), have...) // is kept: no larger than it need be
	changed = make([]Claim, 0, len(fresh))
	for n, c := range fresh {
		i := at[n]
		if i < 0 {
			all, changed = append(all, c), append(changed, c)
			continue
		}
		old := all[i]
		if c.First < old.First {
			all[i].First = c.First
		}
		if c.Last > old.Last {
			all[i].Last = c.Last
		}
		all[i].Days |= c.Days
		all[i].Tier = min(old.Tier, c.Tier)
		if all[i] != old {
			changed = append(changed, all[i])
		}
	}
	return all, changed
}

// finder finds claims by key, -1 where there is none. An index over all of them pays for
// many questions only; those of the usual few come in the claims' own order.
func finder(claims []Claim, questions int) func(Key) int {
	if len(claims)*questions > 1<<12 {
		at := make(map[Key]int, len(claims))
		for i := range claims {
			at[claims[i].Key] = i
		}
		return func(k Key) int {
			if i, ok := at[k]; ok {
				return i
			}
			return -1
		}
	}
	next := 0
	return func(k Key) int {
		for range claims {
			i := next % len(claims)
			if next = i + 1; claims[i].Key == k {
				return i
			}
		}
		return -1
	}
}
