package snmp

import (
	"cmp"
	"context"
	"regexp"
	"strconv"
)

// Columns about ports: IF-MIB (RFC 2863), EtherLike-MIB (RFC 3635), IEEE8023-LAG-MIB,
// POWER-ETHERNET-MIB (RFC 3621), and CISCO-POWER-ETHERNET-EXT-MIB and ENTITY-MIB (RFC 6933) for the
// way from one to the other.
var (
	ifAdminStatus             = mustOID("1.3.6.1.2.1.2.2.1.7")
	ifStackStatus             = mustOID("1.3.6.1.2.1.31.1.2.1.3")
	dot3StatsDuplexStatus     = mustOID("1.3.6.1.2.1.10.7.2.1.19")
	dot3adAggPortAttachedAgg  = mustOID("1.2.840.10006.300.43.1.2.1.1.13")
	pethPsePortEntry          = mustOID("1.3.6.1.2.1.105.1.1.1")
	cpeExtPsePortEntPhyIndex  = mustOID("1.3.6.1.4.1.9.9.402.1.2.1.11")
	entAliasMappingIdentifier = mustOID("1.3.6.1.2.1.47.1.3.2.1.2")
	ifIndexColumn             = mustOID("1.3.6.1.2.1.2.2.1.1")
)

// Values of those columns.
const (
	adminDown  = 2
	stackLives = 1
	typeLAG    = 161 // ieee8023adLag of IANAifType
)

var duplexes = map[int]string{2: "half", 3: "full"}

// poeStates are pethPsePortDetectionStatus.
var poeStates = map[int]string{1: "disabled", 2: "searching", 3: "delivering", 4: "fault", 5: "testing", 6: "fault"}

func (f *Facts) readPortDetails(ctx context.Context, r *reader) error {
	if len(f.Interfaces) == 0 {
		return nil
	}
	at := make(map[int]*Interface, len(f.Interfaces))
	lags := false
	for i := range f.Interfaces {
		at[f.Interfaces[i].Index] = &f.Interfaces[i]
		lags = lags || f.Interfaces[i].Type == typeLAG
	}
	err := r.all(ctx,
		column{ifAdminStatus, func(index oid, v value) {
			if i := at[row{index: index}.first()]; i != nil {
				n, _ := v.small()
				i.Disabled = n == adminDown
			}
		}},
		column{dot3StatsDuplexStatus, func(index oid, v value) {
			if i := at[row{index: index}.first()]; i != nil {
				n, _ := v.small()
				i.Duplex = duplexes[n]
			}
		}},
		column{dot3adAggPortAttachedAgg, func(index oid, v value) {
			n, _ := v.small()
			aggregate(at, row{index: index}.first(), n)
		}},
	)
	if err == nil && lags {
		// The table of layers also knows bundles that are not negotiated.
		err = r.walk(ctx, ifStackStatus, func(index oid, v value) {
			n, _ := v.small()
			if higher := at[row{index: index}.first()]; n == stackLives && len(index) == 2 && higher != nil && higher.Type == typeLAG {
				aggregate(at, row{index: index}.last(), higher.Index)
			}
		})
	}
	if err == nil {
		err = f.readPoE(ctx, r, at)
	}
	return err
}

func aggregate(at map[int]*Interface, port, bundle int) {
	if i, b := at[port], at[bundle]; i != nil && b != nil && i != b {
		i.Aggregate = b.Name
	}
}

func (f *Facts) readPoE(ctx context.Context, r *reader, at map[int]*Interface) error {
	rows, err := r.table(ctx, pethPsePortEntry.child(6), pethPsePortEntry.child(3), pethPsePortEntry.child(10)) // state, admin, class
	if err != nil || len(rows) == 0 {
		return err
	}
	known, err := f.entityPorts(ctx, r)
	bridge, perr := r.bridgePorts(ctx)
	err = cmp.Or(err, perr)
	place := f.placePoE(rows, known, bridge, at)
	for _, row := range rows {
		i := at[place(row)]
		if i == nil || len(row.index) != 2 {
			continue
		}
		i.PoE = poeStates[row.number(0)]
		if row.number(1) == 2 { // pethPsePortAdminEnable, a TruthValue
			i.PoE = "disabled"
		}
		if class := row.number(2); i.PoE == "delivering" && class > 0 {
			i.PoEClass = class - 1
		}
	}
	return err
}

// entityPorts is the ifIndex of powered ports by index of pethPsePortTable, as Cisco tells it: each
// has an entity, which stands for an interface.
func (f *Facts) entityPorts(ctx context.Context, r *reader) (map[string]int, error) {
	out := map[string]int{}
	if !f.canHave(r, enterpriseCisco) {
		return out, nil
	}
	entities, err := r.table(ctx, cpeExtPsePortEntPhyIndex)
	if err != nil || len(entities) == 0 {
		return out, err
	}
	alias := map[int]int{}
	err = r.walk(ctx, entAliasMappingIdentifier, func(index oid, v value) {
		if rest, ok := v.oid.under(ifIndexColumn); ok && len(rest) == 1 {
			alias[row{index: index}.first()] = row{index: rest}.first()
		}
	})
	for _, e := range entities {
		if n := alias[e.number(0)]; n > 0 {
			out[e.index.String()] = n
		}
	}
	return out, err
}

// portNumbers is an interface name that ends in slot and port, with something between them in some.
var portNumbers = regexp.MustCompile(`(?:^|\D)(\d+)/(?:\d+/)?(\d+)$`)

// placePoE says which interface a powered port is. RFC 3621 leaves that open, so it must follow
// for all ports in one way: by what the device says itself, by slot and port in the names of
// interfaces, or because port numbers of a single group are those of interfaces or bridge ports.
// Where none holds, nothing is said.
func (f *Facts) placePoE(rows []row, known map[string]int, bridge map[int]int, at map[int]*Interface) func(row) int {
	byName := map[[2]int]int{}
	for _, i := range f.Interfaces {
		m := portNumbers.FindStringSubmatch(i.Name)
		if m == nil || i.Type != typeEthernet {
			continue
		}
		slot, _ := strconv.Atoi(m[1])
		port, _ := strconv.Atoi(m[2])
		if k := [2]int{slot, port}; byName[k] != 0 {
			byName[k] = -1 // Fa1/1 and Gi1/1
		} else {
			byName[k] = i.Index
		}
	}
	ways := []func(row) int{
		func(r row) int { return known[r.index.String()] },
		func(r row) int { return byName[[2]int{r.first(), r.last()}] },
	}
	if rows[0].first() == rows[len(rows)-1].first() { // they are sorted
		ways = append(ways,
			func(r row) int { return r.last() },
			func(r row) int { return bridge[r.last()] })
	}
	for _, way := range ways {
		fits := true
		for _, row := range rows {
			i := at[way(row)]
			fits = fits && i != nil && i.Type == typeEthernet
		}
		if fits {
			return way
		}
	}
	return func(row) int { return 0 }
}

// typeEthernet is ethernetCsmacd of IANAifType.
const typeEthernet = 6
