package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/internal/inventory"
)

// since is millis with 0 for a time that has not come.
func since(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return millis(t)
}

// found gives an error its meaning for callers: no row is CodeNotFound.
func found(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return inventory.Errorf(inventory.CodeNotFound, "%s: there is none", what)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// changed runs a statement and says how many rows it changed.
func (t *Tx) changed(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := t.tx.ExecContext(ctx, t.d.sql(query), args...)
	if err != nil {
		return 0, fmt.Errorf("%.60s: %w", query, err)
	}
	return res.RowsAffected()
}

const tokenColumns = `id, hash, site, class, uses, used, created_at, created_by, expires_at, revoked_at`

func scanToken(row oneRow) (identity.Token, error) {
	var t identity.Token
	var created, expires, revoked int64
	err := row.Scan(&t.ID, &t.Hash, &t.Site, &t.Class, &t.Uses, &t.Used, &created, &t.CreatedBy, &expires, &revoked)
	t.CreatedAt, t.ExpiresAt, t.RevokedAt = fromMillis(created), fromMillis(expires), fromMillis(revoked)
	return t, err
}

// Token finds an enrolment token.
func (s *Store) Token(ctx context.Context, id string) (identity.Token, error) {
	t, err := scanToken(s.row(ctx, `select `+tokenColumns+` from enrol_token where id = $1`, id))
	return t, found(err, "enrolment token")
}

// Tokens are all enrolment tokens, newest first.
func (s *Store) Tokens(ctx context.Context) ([]identity.Token, error) {
	out, err := list(ctx, session{s.read, s.d}, scanToken, `select `+tokenColumns+` from enrol_token order by created_at desc, id`)
	if err != nil {
		return nil, fmt.Errorf("read enrolment tokens: %w", err)
	}
	return out, nil
}

// AddToken keeps a new enrolment token.
func (s *Store) AddToken(ctx context.Context, t identity.Token) error {
	return s.Update(ctx, func(tx *Tx) error {
		if err := tx.exec(ctx, `insert into enrol_token (`+tokenColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			t.ID, t.Hash, t.Site, t.Class, t.Uses, t.Used, millis(t.CreatedAt), t.CreatedBy, millis(t.ExpiresAt), since(t.RevokedAt)); err != nil {
			return err
		}
		return tx.Audit(ctx, t.CreatedAt, t.CreatedBy, "token created", "token:"+t.ID, fmt.Sprintf("site %s, %d uses", t.Site, t.Uses))
	})
}

// RevokeToken ends an enrolment token; sources that enrolled with it stay.
func (s *Store) RevokeToken(ctx context.Context, id, by string, at time.Time) error {
	return s.Update(ctx, func(tx *Tx) error {
		n, err := tx.changed(ctx, `update enrol_token set revoked_at = $2 where id = $1 and revoked_at = 0`, id, millis(at))
		if err != nil {
			return err
		}
		if n == 0 {
			return inventory.Errorf(inventory.CodeNotFound, "no enrolment token %q that is not revoked", id)
		}
		return tx.Audit(ctx, at, by, "token revoked", "token:"+id, "")
	})
}

// Enrol takes one use of the source's token and adds the source with its certificate.
func (s *Store) Enrol(ctx context.Context, src identity.Source, cert identity.Certificate) error {
	return s.Update(ctx, func(tx *Tx) error {
		n, err := tx.changed(ctx, `update enrol_token set used = used + 1
			where id = $1 and used < uses and revoked_at = 0 and expires_at > $2`, src.Token, millis(src.EnrolledAt))
		if err != nil {
			return err
		}
		if n == 0 {
			return inventory.Errorf(inventory.CodeUnauthenticated, "the token has no use left")
		}
		if err := tx.exec(ctx, `insert into identity (id, kind, site, class, hostname, version, token, enrolled_at, revoked_at, last_contact, nonce, nonce_before)
			values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9, $9)`,
			src.ID, string(src.Kind), src.Site, src.Class, src.Hostname, src.Version, src.Token, millis(src.EnrolledAt), []byte{}); err != nil {
			return err
		}
		if err := tx.addCertificate(ctx, src.ID, cert); err != nil {
			return err
		}
		return tx.Audit(ctx, src.EnrolledAt, "token:"+src.Token, "source enrolled", string(src.Kind)+":"+src.ID, "site "+src.Site)
	})
}

func (t *Tx) addCertificate(ctx context.Context, id string, c identity.Certificate) error {
	return t.exec(ctx, `insert into certificate (serial, identity_id, key, issued_at, not_after, used_at, ended_at)
		values ($1, $2, $3, $4, $5, 0, 0)`, c.Serial, id, c.Key, millis(c.IssuedAt), millis(c.NotAfter))
}

// Renew adds a certificate to the source and drops those that were never used: their
// answers were lost.
func (s *Store) Renew(ctx context.Context, id string, cert identity.Certificate) error {
	return s.Update(ctx, func(tx *Tx) error {
		var one int
		err := tx.row(ctx, `select 1 from identity where id = $1 and revoked_at = 0`, id).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return inventory.Errorf(inventory.CodeUnauthenticated, "the source is revoked")
		}
		if err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		if err := tx.exec(ctx, `delete from certificate where identity_id = $1 and used_at = 0`, id); err != nil {
			return err
		}
		if err := tx.addCertificate(ctx, id, cert); err != nil {
			return err
		}
		return tx.Audit(ctx, cert.IssuedAt, "source:"+id, "certificate renewed", "source:"+id, "serial "+cert.Serial)
	})
}

const identityColumns = `i.id, i.kind, i.site, i.class, i.hostname, i.version, i.token, i.enrolled_at, i.revoked_at`

func identityFields(src *identity.Source, enrolled, revoked *int64) []any {
	return []any{&src.ID, &src.Kind, &src.Site, &src.Class, &src.Hostname, &src.Version, &src.Token, enrolled, revoked}
}

// SourceBySerial finds a certificate and the source it was issued to.
func (s *Store) SourceBySerial(ctx context.Context, serial string) (identity.Source, identity.Certificate, error) {
	var src identity.Source
	c := identity.Certificate{Serial: serial}
	var enrolled, revoked, issued, until, used, ended int64
	fields := append(identityFields(&src, &enrolled, &revoked), &c.Key, &issued, &until, &used, &ended)
	err := s.row(ctx, `select `+identityColumns+`, c.key, c.issued_at, c.not_after, c.used_at, c.ended_at
		from certificate c join identity i on i.id = c.identity_id where c.serial = $1`, serial).Scan(fields...)
	src.EnrolledAt, src.RevokedAt = fromMillis(enrolled), fromMillis(revoked)
	c.IssuedAt, c.NotAfter, c.UsedAt, c.EndedAt = fromMillis(issued), fromMillis(until), fromMillis(used), fromMillis(ended)
	return src, c, found(err, "certificate")
}

// UseCertificate records a certificate's first use and ends the source's older ones.
func (s *Store) UseCertificate(ctx context.Context, id, serial string, at time.Time) error {
	return s.Update(ctx, func(tx *Tx) error { return tx.useCertificates(ctx, map[string]string{id: serial}, at) })
}

// useCertificates is UseCertificate for the serials of several sources.
func (t *Tx) useCertificates(ctx context.Context, serials map[string]string, at time.Time) error {
	if len(serials) == 0 {
		return nil
	}
	var b bulk
	for _, id := range sortedKeys(serials, strings.Compare) {
		b.row(id, serials[id])
	}
	for _, q := range []string{
		`update certificate set used_at = $2 where used_at = 0 and serial in (select value->>1 from json_each($1))`,
		`update certificate set ended_at = $2 from (select value->>0 as id, value->>1 as serial from json_each($1)) n
			where certificate.identity_id = n.id and certificate.serial <> n.serial and used_at > 0 and ended_at = 0`,
	} {
		if err := t.exec(ctx, q, b.text(), millis(at)); err != nil {
			return err
		}
	}
	return nil
}

// FlagSource notes on a source what a person should look at.
func (s *Store) FlagSource(ctx context.Context, id, flag string, at time.Time) error {
	var one int
	err := s.row(ctx, `select 1 from identity_flag where identity_id = $1 and flag = $2`, id, flag).Scan(&one)
	if err == nil {
		return nil // known: a source that keeps trying costs no write
	}
	return s.Update(ctx, func(tx *Tx) error { return tx.flagSource(ctx, id, flag, at) })
}

func (t *Tx) flagSource(ctx context.Context, id, flag string, at time.Time) error {
	n, err := t.changed(ctx, `insert into identity_flag (identity_id, flag, at) values ($1, $2, $3) on conflict do nothing`, id, flag, millis(at))
	if err != nil || n == 0 {
		return err
	}
	return t.Audit(ctx, at, "collector", "source flagged", "source:"+id, flag)
}

// possibleDuplicates are agents of one asset that were each heard after the other had
// enrolled: an agent that replaces another, as after an installation anew, is none.
const possibleDuplicates = `
	select distinct a.id, 'possible duplicate'
	from identity a
	join source sa on sa.kind = a.kind and sa.name = a.id
	join record ra on ra.source_id = sa.id and ra.kind = a.kind
	join record rb on rb.asset_id = ra.asset_id and rb.source_id <> ra.source_id and rb.kind = ra.kind
	join source sb on sb.id = rb.source_id
	join identity b on b.kind = sb.kind and b.id = sb.name
	where a.kind = 'agent' and a.revoked_at = 0 and b.revoked_at = 0
	and a.last_contact > b.enrolled_at and b.last_contact > a.enrolled_at`

// UnflagSource takes back a source's flags: a person has looked.
func (s *Store) UnflagSource(ctx context.Context, id, by string, at time.Time) error {
	return s.Update(ctx, func(tx *Tx) error {
		n, err := tx.changed(ctx, `delete from identity_flag where identity_id = $1`, id)
		if err != nil || n == 0 {
			return err
		}
		return tx.Audit(ctx, at, by, "source flags cleared", "source:"+id, "")
	})
}

// RevokeSource ends a source's right to report.
func (s *Store) RevokeSource(ctx context.Context, id, by, reason string, at time.Time) error {
	return s.Update(ctx, func(tx *Tx) error {
		n, err := tx.changed(ctx, `update identity set revoked_at = $2 where id = $1 and revoked_at = 0`, id, millis(at))
		if err != nil {
			return err
		}
		if n == 0 {
			return inventory.Errorf(inventory.CodeNotFound, "no source %q that is not revoked", id)
		}
		return tx.Audit(ctx, at, by, "source revoked", "source:"+id, reason)
	})
}

// Contacts adds each contact to its source's chain, in one transaction, and says which
// Contacts adds contacts to the chains of their sources, in order, and says which of them show
// a copied key. A source without an identity has no chain.
func (t *Tx) Contacts(ctx context.Context, at time.Time, ids []string, contacts []identity.Contact) ([]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	chains, err := t.chains(ctx, ids)
	if err != nil {
		return nil, wrap("read contacts", err)
	}
	copied := make([]bool, len(ids))
	versions, fresh := map[string]string{}, map[string]string{}
	for i, id := range ids {
		chain, ok := chains[id]
		if !ok {
			continue
		}
		if chains[id], copied[i] = chain.Next(contacts[i]); copied[i] {
			if err := t.flagSource(ctx, id, identity.FlagCopiedKey, at); err != nil {
				return nil, err
			}
		}
		versions[id] = contacts[i].Version
		if serial := contacts[i].Certificate; serial != "" {
			fresh[id] = serial
		}
	}
	if err := t.useCertificates(ctx, fresh, at); err != nil {
		return nil, wrap("note use of certificates", err)
	}
	var b bulk
	for _, id := range sortedKeys(chains, strings.Compare) {
		b.row(id, notNil(chains[id].Last), notNil(chains[id].Before), millis(at), versions[id])
	}
	return copied, wrap("add contacts", t.exec(ctx, `update identity set nonce = n.nonce, nonce_before = n.before, last_contact = n.at, version = n.version
		from (select value->>0 as id, `+t.d.bytes("value->>1")+` as nonce, `+t.d.bytes("value->>2")+` as before, cast(value->>3 as bigint) as at,
			value->>4 as version from json_each($1)) n where identity.id = n.id`, b.text()))
}

// chains are those of sources; nobody else adds to them until the transaction ends.
func (t *Tx) chains(ctx context.Context, ids []string) (map[string]identity.Chain, error) {
	list, err := textList(ids)
	if err != nil {
		return nil, err
	}
	rows, err := t.query(ctx, `select id, nonce, nonce_before from identity where id in (select value->>'v' from json_each($1)) order by id`+t.d.forUpdate, list)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := make(map[string]identity.Chain, len(ids))
	for rows.Next() {
		var id string
		var c identity.Chain
		if err := rows.Scan(&id, &c.Last, &c.Before); err != nil {
			return nil, err
		}
		out[id] = c
	}
	return out, rows.Err()
}

// ForgetContacts begins the chain of contacts of every source anew: the inventory is an
// older copy, and what the sources say of their last contact is not in it.
func (s *Store) ForgetContacts(ctx context.Context, by string, at time.Time) error {
	return s.Update(ctx, func(tx *Tx) error {
		if err := tx.exec(ctx, `update identity set nonce = $1, nonce_before = $1`, []byte{}); err != nil {
			return err
		}
		return tx.Audit(ctx, at, by, "contacts forgotten", "sources", "the inventory was restored")
	})
}

// notNil keeps an empty byte string from becoming null.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Audit notes who did what.
func (s *Store) Audit(ctx context.Context, at time.Time, actor, action, target, detail string) error {
	return s.Update(ctx, func(tx *Tx) error { return tx.Audit(ctx, at, actor, action, target, detail) })
}
