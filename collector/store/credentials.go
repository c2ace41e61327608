package store

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// CredentialSNMP is the kind of the YAML that scanners read SNMP credentials from.
const CredentialSNMP = "snmp"

// Credential is a set of credentials, without what is secret in it: that is apart, and
// encrypted by a key that the inventory does not have.
type Credential struct {
	Name, Kind string
	Sites      []string // whose scanners may have it; none is every one
	Targets    []string // prefixes that it may be sent to; none is every address
	ChangedAt  time.Time
	ChangedBy  string
	LastUsed   time.Time
}

// SealedCredential is one with its encrypted secret.
type SealedCredential struct {
	Credential
	Sealed []byte
}

const credentialColumns = `name, kind, sites, targets, changed_at, changed_by, last_used`

func scanCredential(row oneRow) (SealedCredential, error) {
	var x SealedCredential
	var sites, targets string
	var changed, used int64
	if err := row.Scan(&x.Name, &x.Kind, &sites, &targets, &changed, &x.ChangedBy, &used, &x.Sealed); err != nil {
		return x, err
	}
	x.ChangedAt, x.LastUsed = fromMillis(changed), fromMillis(used)
	return x, fromJSON(sites, &x.Sites, targets, &x.Targets)
}

// Validate reports the first field that cannot be, and writes targets as prefixes.
func (x *Credential) Validate() error {
	if err := CheckName("credential", x.Name); err != nil {
		return err
	}
	if x.Kind != CredentialSNMP {
		return inventory.Errorf(inventory.CodeInvalid, "kind %.40q: %s is the kind there is", x.Kind, CredentialSNMP)
	}
	if len(x.Sites) > 256 || len(x.Targets) > maxScanTargets {
		return inventory.Errorf(inventory.CodeInvalid, "scope: %d sites and %d targets given, at most 256 and %d allowed", len(x.Sites), len(x.Targets), maxScanTargets)
	}
	for _, site := range x.Sites {
		if site == "" || len(site) > 255 {
			return inventory.Errorf(inventory.CodeInvalid, "site %.80q: not the name of one", site)
		}
	}
	for i, text := range x.Targets {
		p, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); aerr == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return inventory.Errorf(inventory.CodeInvalid, "target %.80q: an address or a prefix is wanted", text)
		}
		x.Targets[i] = p.Masked().String()
	}
	return nil
}

// Covers tells whether a scanner of the site may have the credential for a scan of targets:
// one of them at least lies in its scope, or is a name.
func (x *Credential) Covers(site string, targets []string) bool {
	if len(x.Sites) > 0 && !slices.Contains(x.Sites, site) {
		return false
	}
	return len(x.Targets) == 0 || slices.ContainsFunc(targets, func(t string) bool {
		return slices.ContainsFunc(x.Targets, func(scope string) bool { return meets(scope, t) })
	})
}

// meets tells whether a prefix has an address of a target, which may be a prefix, a range or a name.
func meets(scope, target string) bool {
	p, err := netip.ParsePrefix(scope)
	if err != nil {
		return false
	}
	if t, err := netip.ParsePrefix(target); err == nil {
		return p.Overlaps(t)
	}
	first, last, isRange := strings.Cut(target, "-")
	from, err := netip.ParseAddr(first)
	if err != nil {
		return true // a name: the scanner knows where it leads, and keeps to the scope
	}
	to := from
	if isRange {
		if to, err = netip.ParseAddr(last); err != nil { // 10.0.0.1-50 ends in the same /24
			net, _ := from.Prefix(24)
			return p.Overlaps(net)
		}
	}
	return p.Contains(from) || p.Contains(to) || !p.Addr().Less(from) && !to.Less(p.Addr())
}

// PutCredential keeps a credential under its name.
func (s *Store) PutCredential(ctx context.Context, x SealedCredential, by string, now time.Time) (Credential, error) {
	if err := x.Validate(); err != nil {
		return x.Credential, err
	}
	lists, err := toJSON(x.Sites, x.Targets)
	if err != nil {
		return x.Credential, err
	}
	x.ChangedAt, x.ChangedBy = fromMillis(millis(now)), by
	return x.Credential, s.Update(ctx, func(tx *Tx) error {
		if err := tx.room(ctx, "credential", x.Name, Put{}); err != nil {
			return err
		}
		if err := tx.exec(ctx, `insert into credential (`+credentialColumns+`, sealed) values ($1, $2, $3, $4, $5, $6, 0, $7) on conflict (name) do update set
			kind = excluded.kind, sites = excluded.sites, targets = excluded.targets, changed_at = excluded.changed_at,
			changed_by = excluded.changed_by, sealed = excluded.sealed`,
			x.Name, x.Kind, lists[0], lists[1], millis(now), by, x.Sealed); err != nil {
			return err
		}
		return tx.Audit(ctx, now, "person:"+by, "credential set", "credential:"+x.Name, x.Kind)
	})
}

// Credentials are all sets by name.
func (s *Store) Credentials(ctx context.Context) ([]Credential, error) {
	list, err := s.SealedCredentials(ctx)
	out := make([]Credential, len(list))
	for i := range list {
		out[i] = list[i].Credential
	}
	return out, err
}

// SealedCredentials are all sets by name, with what is encrypted.
func (s *Store) SealedCredentials(ctx context.Context) ([]SealedCredential, error) {
	return session{s.read, s.d}.sealedCredentials(ctx, allCredentials)
}

const allCredentials = `select ` + credentialColumns + `, sealed from credential order by name`

func (s session) sealedCredentials(ctx context.Context, query string, args ...any) ([]SealedCredential, error) {
	out, err := list(ctx, s, scanCredential, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	return out, nil
}

// DeleteCredential forgets a set.
func (s *Store) DeleteCredential(ctx context.Context, name, by string, now time.Time) error {
	return s.Update(ctx, func(tx *Tx) error { return tx.deleteNamed(ctx, "credential", "credential", name, by, now) })
}

// CredentialsFor are the sets that a job names and that its scanner may have. They count as used.
func (s *Store) CredentialsFor(ctx context.Context, scanner inventory.Source, j *ScanJob, now time.Time) ([]SealedCredential, error) {
	if len(j.Options.Credentials) == 0 {
		return nil, nil
	}
	names, err := textList(j.Options.Credentials)
	if err != nil {
		return nil, err
	}
	list, err := session{s.read, s.d}.sealedCredentials(ctx, `select `+credentialColumns+`, sealed from credential where name in (select value->>'v' from json_each($1)) order by name`, names)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(x SealedCredential) bool { return !x.Covers(scanner.Site, j.Targets) })
	if len(list) == 0 {
		return nil, nil
	}
	given := make([]string, len(list))
	for i := range list {
		given[i] = list[i].Name
	}
	if names, err = textList(given); err != nil {
		return nil, err
	}
	return list, s.Update(ctx, func(tx *Tx) error {
		if err := tx.exec(ctx, `update credential set last_used = $2 where name in (select value->>'v' from json_each($1))`, names, millis(now)); err != nil {
			return err
		}
		return tx.Audit(ctx, now, "collector", "credentials handed out", "scan:"+j.ID, "to scanner "+scanner.ID+": "+strings.Join(given, " "))
	})
}

// Reseal replaces what is encrypted in each credential, all or none.
func (s *Store) Reseal(ctx context.Context, by string, now time.Time, again func(name string, sealed []byte) ([]byte, error)) (n int, err error) {
	err = s.Update(ctx, func(tx *Tx) error {
		n = 0
		if err := tx.alone(ctx); err != nil {
			return err
		}
		list, err := tx.sealedCredentials(ctx, allCredentials)
		if err != nil {
			return err
		}
		for _, x := range list {
			sealed, err := again(x.Name, x.Sealed)
			if err != nil {
				return err
			}
			changed, err := tx.changed(ctx, `update credential set sealed = $2 where name = $1 and changed_at = $3`, x.Name, sealed, millis(x.ChangedAt))
			if err != nil {
				return err
			}
			if changed == 0 {
				return inventory.Errorf(inventory.CodeConflict, "credential %q was changed in the meantime: try again", x.Name)
			}
			n++
		}
		return tx.Audit(ctx, now, by, "credentials encrypted anew", "", fmt.Sprint(n))
	})
	return n, err
}
