package store

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/internal/inventory"
)

const accessColumns = `id, hash, person, role, token, created_at, expires_at, revoked_at`

func scanAccess(row oneRow) (identity.Access, error) {
	var x identity.Access
	var created, expires, revoked int64
	err := row.Scan(&x.ID, &x.Hash, &x.Person, &x.Role, &x.Token, &created, &expires, &revoked)
	x.CreatedAt, x.ExpiresAt, x.RevokedAt = fromMillis(created), fromMillis(expires), fromMillis(revoked)
	return x, err
}

// Access finds a person's token, or a session whose token still stands.
func (s *Store) Access(ctx context.Context, id string) (identity.Access, error) {
	x, err := scanAccess(s.row(ctx, `select `+accessColumns+` from access a where id = $1
		and (token = '' or exists (select 1 from access b where b.id = a.token and b.revoked_at = 0))`, id))
	return x, found(err, "token")
}

// People are the persons' tokens, without sessions, newest first.
func (s *Store) People(ctx context.Context) ([]identity.Access, error) {
	out, err := list(ctx, session{s.read, s.d}, scanAccess, `select `+accessColumns+` from access where token = '' order by created_at desc, id`)
	if err != nil {
		return nil, fmt.Errorf("read persons' tokens: %w", err)
	}
	return out, nil
}

// AddAccess keeps a person's token or session, and drops sessions that are over.
func (s *Store) AddAccess(ctx context.Context, x identity.Access, by string) error {
	return s.Update(ctx, func(tx *Tx) error {
		if err := tx.exec(ctx, `delete from access where token <> '' and expires_at < $1`, millis(x.CreatedAt)); err != nil {
			return err
		}
		return tx.addAccess(ctx, x, by)
	})
}

func (t *Tx) addAccess(ctx context.Context, x identity.Access, by string) error {
	if err := t.exec(ctx, `insert into access (`+accessColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		x.ID, x.Hash, x.Person, int(x.Role), x.Token, millis(x.CreatedAt), since(x.ExpiresAt), since(x.RevokedAt)); err != nil {
		return err
	}
	action := "person's token created"
	if x.Token != "" {
		action = "signed in"
	}
	return t.Audit(ctx, x.CreatedAt, by, action, "access:"+x.ID, "person:"+x.Person+" "+x.Role.String())
}

// AddFirstAccess keeps x when there is no person's token at all, and says whether it did.
func (s *Store) AddFirstAccess(ctx context.Context, x identity.Access) (added bool, err error) {
	err = s.Update(ctx, func(tx *Tx) error {
		var n int
		if err := tx.row(ctx, `select count(*) from access where token = ''`).Scan(&n); err != nil || n > 0 {
			return err
		}
		added = true
		return tx.addAccess(ctx, x, "collector")
	})
	return added && err == nil, err
}

// RevokeAccess ends a person's token, with its sessions, or one session.
func (s *Store) RevokeAccess(ctx context.Context, id, by string, at time.Time) error {
	return s.Update(ctx, func(tx *Tx) error {
		n, err := tx.changed(ctx, `update access set revoked_at = $2 where id = $1 and revoked_at = 0`, id, millis(at))
		if err != nil {
			return err
		}
		if n == 0 {
			return inventory.Errorf(inventory.CodeNotFound, "no token %q that is not revoked", id)
		}
		return tx.Audit(ctx, at, by, "access revoked", "access:"+id, "")
	})
}
