package scanner

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner/arp"
	"github.com/muster-itam/muster/scanner/ether"
	"github.com/muster-itam/muster/scanner/snmp"
)

//go:embed fragile.yaml
var builtinFragile []byte

// Fragile says which devices get only the gentlest probes, because more may stop them: no
// connection, no question but SNMP's, and that slowly. The zero value is nobody.
type Fragile struct {
	addresses Set
	cards     [][]byte // beginnings of hardware addresses
	rules     []fragileRule
}

// fragileRule is one of the file.
type fragileRule struct {
	Why    string            `yaml:"why"`
	Makers []string          `yaml:"makers"` // beginnings of names, in lower case
	Types  []inventory.Class `yaml:"types"`
}

// namedFragile is the reason of what a person named.
const namedFragile = "named as fragile"

// ParseFragile is the built-in rules with what words name.
func ParseFragile(words []string) (Fragile, error) {
	var f Fragile
	dec := yaml.NewDecoder(bytes.NewReader(builtinFragile))
	dec.KnownFields(true)
	if err := dec.Decode(&f.rules); err != nil {
		return f, fmt.Errorf("read the list of fragile devices: %w", err)
	}
	return f.And(words)
}

// And is f with what words name: addresses, ranges and prefixes, beginnings of hardware
// addresses (00:0e:8c), and type=TYPE.
func (f Fragile) And(words []string) (Fragile, error) {
	f.cards, f.rules = slices.Clone(f.cards), slices.Clone(f.rules)
	addresses := slices.Clone(f.addresses)
	for _, w := range words {
		w = strings.TrimSpace(w)
		if card, ok := cardPrefix(w); ok {
			f.cards = append(f.cards, card)
			continue
		}
		if class, ok := strings.CutPrefix(w, "type="); ok {
			f.rules = append(f.rules, fragileRule{Why: namedFragile, Types: []inventory.Class{inventory.Class(class)}})
			continue
		}
		r, err := parseRange(w, false)
		if err != nil {
			return f, err
		}
		if !r.From.IsValid() {
			return f, inventory.Errorf(inventory.CodeInvalid,
				"%q is no address, range or prefix, beginning of a hardware address (00:0e:8c) or type=TYPE", w)
		}
		addresses = append(addresses, r)
	}
	f.addresses = NewSet(addresses...)
	return f, nil
}

// String says who is fragile, for the person who asked.
func (f Fragile) String() string {
	var out []string
	if len(f.addresses) > 0 {
		out = append(out, f.addresses.String())
	}
	for _, c := range f.cards {
		out = append(out, net.HardwareAddr(c).String())
	}
	for _, r := range f.rules {
		out = append(out, fmt.Sprintf("%s by %d makers and %d types", r.Why, len(r.Makers), len(r.Types)))
	}
	return strings.Join(out, "; ")
}

// Unasked tells why what has an address is fragile, as far as that is known before it is asked
// anything: by the address, or by the card that this host's own ARP table has for it.
func (f *Fragile) Unasked() func(netip.Addr) string {
	cards, makers := map[netip.Addr]ether.MAC{}, loadMakers()
	table, _ := arp.Table() // without one, addresses alone tell
	for _, s := range table {
		cards[s.Addr] = s.MAC
	}
	return func(a netip.Addr) string {
		m := cards[a]
		return cmp.Or(f.address(a), f.card(m, makers.of(m)))
	}
}

// How a fragile device is read by SNMP: so many values at once, and a pause before each packet.
const (
	gentleBatch = 10
	gentlePause = 100 * time.Millisecond
)

// Gently is how p reads fragile devices: slowly, a few values at a time, and no makers' tables.
func Gently(p *snmp.Prober, clock Clock) *snmp.Prober {
	g := &snmp.Prober{Credentials: p.Credentials, Port: p.Port, Timeout: p.Timeout, Retries: p.Retries, Limits: p.Limits,
		Extra: p.Extra, Needs: p.Needs, Now: p.Now}
	g.Limits.Batch = gentleBatch
	g.Wait = func(ctx context.Context, a netip.Addr) error {
		if err := clock.Sleep(ctx, gentlePause); err != nil || p.Wait == nil {
			return err
		}
		return p.Wait(ctx, a)
	}
	return g
}

// cardPrefix reads three to six bytes with colons or dashes between them.
func cardPrefix(text string) ([]byte, bool) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == '-' })
	if len(parts) < 3 || len(parts) > 6 || len(text) != 3*len(parts)-1 {
		return nil, false
	}
	b, err := hex.DecodeString(strings.Join(parts, ""))
	return b, err == nil && len(b) == len(parts)
}

// address tells why what has a is fragile; "" when it is not known to be.
func (f *Fragile) address(a netip.Addr) string {
	if f.addresses.Contains(a) {
		return namedFragile
	}
	return ""
}

// card tells why what has the card m, made by maker, is fragile.
func (f *Fragile) card(m ether.MAC, maker string) string {
	if !m.Unicast() {
		return ""
	}
	if slices.ContainsFunc(f.cards, func(card []byte) bool { return bytes.HasPrefix(m[:], card) }) {
		return namedFragile
	}
	maker = strings.ToLower(maker)
	for _, r := range f.rules {
		if i := slices.IndexFunc(r.Makers, func(name string) bool { return strings.HasPrefix(maker, name) }); i >= 0 {
			return fmt.Sprintf("%s, by the maker of its card", r.Why)
		}
	}
	return ""
}

// class tells why a device of type t is fragile.
func (f *Fragile) class(t inventory.Class) string {
	for _, r := range f.rules {
		if t != "" && slices.Contains(r.Types, t) {
			return fmt.Sprintf("%s, by its type", r.Why)
		}
	}
	return ""
}

// fragileEntry tells why e's station is fragile.
func (r *run) fragileEntry(e *entry) string {
	if why := r.cfg.Fragile.address(e.addr); why != "" {
		return why
	}
	return r.fragileCard(e.mac())
}

func (r *run) fragileCard(m ether.MAC) string { return r.cfg.Fragile.card(m, r.makers.of(m)) }

// fragileStation tells why st is fragile: one of its addresses is enough.
func (r *run) fragileStation(st *station) string {
	if why := r.fragileCard(st.mac); why != "" {
		return why
	}
	for _, e := range st.entries {
		if why := r.fragileEntry(e); why != "" {
			return why
		}
	}
	return ""
}

// fragileDevice tells why d is fragile, which by now may also be known from what it is.
func (r *run) fragileDevice(d *Device) string {
	if why := r.cfg.Fragile.class(d.Identity.Type); why != "" {
		return why
	}
	for _, m := range d.MACs {
		if why := r.fragileCard(m); why != "" {
			return why
		}
	}
	for _, a := range d.Addresses {
		if why := r.cfg.Fragile.address(a); why != "" {
			return why
		}
	}
	return ""
}
