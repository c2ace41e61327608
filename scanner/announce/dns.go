package announce

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// maxDNS is the largest message that mDNS allows (RFC 6762 §17).
const maxDNS = 9000

// record is the part of a resource record that matters here. Names are lower case, labels
// are not unescaped.
type record struct {
	name   string
	kind   uint16
	target string     // PTR, SRV
	port   int        // SRV
	addr   netip.Addr // A, AAAA
	txt    string     // TXT: key=value, one record for each
}

// cacheFlush is set in the class of mDNS records (RFC 6762 §10.2).
const cacheFlush = 1 << 15

// parseRecords reads the records of an mDNS or LLMNR response; ok is false for queries
// and for what is neither.
func parseRecords(b []byte) (records []record, ok bool) {
	if len(b) > maxDNS {
		return nil, false
	}
	var m dns.Msg
	if m.Unpack(b) != nil || !m.Response || m.Rcode != dns.RcodeSuccess || m.Opcode != dns.OpcodeQuery {
		return nil, false
	}
	for _, section := range [][]dns.RR{m.Answer, m.Extra} {
		for _, rr := range section {
			if h := rr.Header(); h.Class&^cacheFlush != dns.ClassINET || h.Ttl == 0 { // 0: good-bye
				continue
			}
			records = appendRecord(records, rr)
		}
	}
	return records, true
}

func appendRecord(records []record, rr dns.RR) []record {
	r := record{name: strings.ToLower(rr.Header().Name), kind: rr.Header().Rrtype}
	switch rr := rr.(type) {
	case *dns.A:
		r.addr, _ = netip.AddrFromSlice(rr.A)
		r.addr = r.addr.Unmap()
	case *dns.AAAA:
		r.addr, _ = netip.AddrFromSlice(rr.AAAA)
	case *dns.PTR:
		r.target = rr.Ptr // case is kept: an instance is called by it
	case *dns.SRV:
		r.target, r.port = rr.Target, int(rr.Port)
	case *dns.TXT:
		for _, t := range rr.Txt {
			r.txt = t
			records = append(records, r)
		}
		return records
	default:
		return records
	}
	return append(records, r)
}

// maxRecords and maxZone bound what is kept of one station.
const (
	maxRecords = 1024
	maxZone    = 256 << 10
)

// zone is the records that one station sent, each once, in the order they came.
type zone struct {
	records []record
	seen    map[record]bool
	bytes   int
}

func (z *zone) add(records []record) int {
	before := z.bytes
	for _, r := range records {
		if z.seen[r] || len(z.records) >= maxRecords || z.bytes > maxZone {
			continue
		}
		if z.seen == nil {
			z.seen = map[record]bool{}
		}
		z.seen[r] = true
		z.records = append(z.records, r)
		z.bytes += 2*len(r.name) + 2*len(r.target) + 2*len(r.txt) + 256
	}
	return z.bytes - before
}

// speech is what the station at from says of itself. Services of hosts that have other
// addresses are left out: a sleep proxy or reflector speaks for those.
func (z *zone) speech(from netip.Addr) Speech {
	var s Speech
	if len(z.records) == 0 {
		return s
	}
	own, foreign := map[string]bool{}, map[string]bool{}
	for _, r := range z.records {
		switch {
		case r.kind == dns.TypeA || r.kind == dns.TypeAAAA:
			if r.addr == from {
				own[r.name] = true
			} else {
				foreign[r.name] = true
			}
		case r.kind == dns.TypePTR && r.name == reverse(from):
			own[strings.ToLower(r.target)] = true
		}
	}
	for _, r := range z.records {
		name := r.name
		if r.kind == dns.TypePTR {
			name = strings.ToLower(r.target)
		}
		if own[name] && (r.kind == dns.TypeA || r.kind == dns.TypeAAAA || r.kind == dns.TypePTR) {
			s.name(hostLabel(name))
		}
	}
	accepted := map[string]bool{} // instances
	for _, r := range z.records {
		target := strings.ToLower(r.target)
		if r.kind != dns.TypeSRV || foreign[target] && !own[target] {
			continue
		}
		accepted[r.name] = true
		if kind, proto, ok := serviceType(r.name); ok && r.port > 0 {
			name, _, _ := strings.Cut(kind[1:], ".")
			add(&s.Services, maxServices, Service{proto, r.port, name})
			s.fact("mdns.service", kind)
		}
	}
	alone := true // it speaks for nobody else
	for host := range foreign {
		alone = alone && own[host]
	}
	z.texts(&s, func(instance string) bool { return accepted[instance] || alone && !z.has(instance, dns.TypeSRV) })
	return s
}

// texts adds what TXT records and the names of instances say.
func (z *zone) texts(s *Speech, mine func(instance string) bool) {
	for _, r := range z.records {
		switch r.kind {
		case dns.TypePTR:
			kind, _, ok := serviceType(r.target)
			if ok && mine(strings.ToLower(r.target)) && strings.EqualFold(kind+".local.", r.name) {
				s.fact("mdns.instance."+kind, unescape(firstLabel(r.target)))
			}
		case dns.TypeTXT:
			kind, _, ok := serviceType(r.name)
			key, value, eq := strings.Cut(r.txt, "=")
			if ok && eq && txtKey(key) && mine(r.name) {
				s.fact("mdns.txt."+kind+"."+strings.ToLower(key), unescape(value))
			}
		}
	}
}

func (z *zone) has(name string, kind uint16) bool {
	for _, r := range z.records {
		if r.kind == kind && r.name == name {
			return true
		}
	}
	return false
}

// txtKey tells whether k can be the key of a TXT record (RFC 6763 §6.4).
func txtKey(k string) bool {
	for _, c := range []byte(k) {
		if c <= ' ' || c > '~' || c == '\\' || c == '.' {
			return false
		}
	}
	return len(k) > 0 && len(k) <= 32
}

// serviceType is the type in the name of a service or of an instance of one: _ipp._tcp and
// tcp of HP\ LaserJet._ipp._tcp.local.
func serviceType(name string) (kind, proto string, ok bool) {
	labels := dns.SplitDomainName(name)
	if n := len(labels); n >= 3 && strings.EqualFold(labels[n-1], "local") {
		kind, proto = strings.ToLower(labels[n-3]), strings.ToLower(labels[n-2])
		if (proto == "_tcp" || proto == "_udp") && serviceLabel(kind) {
			return kind + "." + proto, proto[1:], true
		}
	}
	return "", "", false
}

func serviceLabel(l string) bool {
	if len(l) < 2 || len(l) > 16+1 || l[0] != '_' {
		return false
	}
	return strings.Trim(l[1:], "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

func firstLabel(name string) string {
	if labels := dns.SplitDomainName(name); len(labels) > 0 {
		return labels[0]
	}
	return ""
}

// hostLabel is the host part of an mDNS or LLMNR name: both have no domain.
func hostLabel(name string) string {
	return unescape(firstLabel(name))
}

// unescape undoes the presentation format of RFC 1035 §5.1: \DDD and \X.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			out = append(out, s[i])
			continue
		}
		if i+3 < len(s) && digits(s[i+1:i+4]) {
			if n := int(s[i+1]-'0')*100 + int(s[i+2]-'0')*10 + int(s[i+3]-'0'); n <= 0xff {
				out = append(out, byte(n))
				i += 3
				continue
			}
		}
		i++
		out = append(out, s[i])
	}
	return string(out)
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// reverse is the name that stands for an address in PTR queries.
func reverse(a netip.Addr) string {
	name, err := dns.ReverseAddr(a.WithZone("").String())
	if err != nil {
		return ""
	}
	return name
}

// metaQuery asks for the types of services (RFC 6763 §9).
const metaQuery = "_services._dns-sd._udp.local."

// question is one query of kind for names; unicast asks for answers to the asker alone
// (RFC 6762 §5.4).
func question(id uint16, kind uint16, unicast bool, names ...string) ([]byte, error) {
	m := dns.Msg{MsgHdr: dns.MsgHdr{Id: id}}
	for _, n := range names {
		q := dns.Question{Name: n, Qtype: kind, Qclass: dns.ClassINET}
		if unicast {
			q.Qclass |= cacheFlush // the same bit means this in questions
		}
		m.Question = append(m.Question, q)
	}
	b, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("build DNS question for %q: %w", names, err)
	}
	return b, nil
}
