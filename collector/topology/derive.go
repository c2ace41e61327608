package topology

// maxSeers is how many bridges may see one station before it stops telling bridges apart: it
// is a router's, and all of them see it.
const maxSeers = 64

// shared counts the stations that two bridges both see, by the ports at which they do.
type shared map[[2]string]int

// derive finds on which port of a bridge another one is where neither speaks of itself and
// its own address is in nobody's table. In a network without loops this follows from
// stations that both see:
//
//   - Two that one bridge has behind one port and the other one behind two are told apart by
//     the other, which therefore is behind that port.
//   - When it is known that B is behind a port of A, a station that A has behind another one
//     reaches B by way of A: the port at which B sees it leads to A.
func (n *Network) derive() map[pair]string {
	if n.didDerive {
		return n.derived
	}
	n.didDerive, n.derived = true, map[pair]string{}
	both := n.inCommon()
	for k, ports := range both {
		for _, turned := range []bool{false, true} {
			if p := splits(ports, turned); p != "" {
				n.learn(k, turned, p)
			}
		}
	}
	for k, ports := range both {
		for _, turned := range []bool{false, true} {
			ab := n.known(k, turned)
			if ab == "" || n.known(k, !turned) != "" {
				continue
			}
			if p := others(ports, turned, ab); p != "" {
				n.learn(k, !turned, p)
			}
		}
	}
	return n.derived
}

// inCommon pairs the bridges that see a station now.
func (n *Network) inCommon() map[pair]shared {
	seers := map[string][]*Sighting{}
	for i := range n.rows {
		if r := &n.rows[i]; r.Via == ViaBridge && r.MAC != "" && r.at(n.now) && !n.partial(r.Bridge) {
			seers[r.MAC] = append(seers[r.MAC], r)
		}
	}
	both := map[pair]shared{}
	for _, list := range seers {
		if len(list) > maxSeers {
			continue
		}
		for _, a := range list {
			for _, b := range list {
				if a.Bridge >= b.Bridge || a.Owner == a.Bridge || a.Owner == b.Bridge && a.Owner != 0 {
					continue
				}
				k := pair{a.Bridge, b.Bridge}
				if both[k] == nil {
					both[k] = shared{}
				}
				both[k][[2]string{a.Name, b.Name}]++
			}
		}
	}
	return both
}

func turn(ports [2]string, turned bool) (own, other string) {
	if turned {
		return ports[1], ports[0]
	}
	return ports[0], ports[1]
}

// splits is the one port whose stations the other bridge has behind several.
func splits(ports shared, turned bool) string {
	others := map[string]map[string]bool{}
	for p := range ports {
		own, other := turn(p, turned)
		if others[own] == nil {
			others[own] = map[string]bool{}
		}
		others[own][other] = true
	}
	found := ""
	for own, list := range others {
		if len(list) < 2 {
			continue
		}
		if found != "" {
			return "" // a table that is out of date: nothing follows
		}
		found = own
	}
	return found
}

// others is the one port at which the other bridge sees the stations that are not behind
// the port that leads to it.
func others(ports shared, turned bool, toOther string) string {
	found := ""
	for p := range ports {
		own, other := turn(p, turned)
		if own == toOther || other == found {
			continue
		}
		if found != "" {
			return ""
		}
		found = other
	}
	return found
}

func (k pair) turned(turned bool) pair {
	if turned {
		return pair{k.to, k.from}
	}
	return k
}

// known is the port of the pair's first, or turned its second, that leads to the other.
func (n *Network) known(k pair, turned bool) string {
	k = k.turned(turned)
	if len(n.toward[k]) > 0 {
		return n.Toward(k.from, k.to, n.now)
	}
	return n.derived[k]
}

func (n *Network) learn(k pair, turned bool, port string) {
	if k = k.turned(turned); len(n.toward[k]) == 0 {
		if n.derived[k] == "" {
			n.met[k.from] = append(n.met[k.from], k.to)
		}
		n.derived[k] = port
	}
}
