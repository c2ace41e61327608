package store

import "context"

// InMigration is called in each migration before it is committed.
func InMigration(fn func(name string)) Option { return func(s *Store) { s.inMigration = fn } }

// Exec runs a statement in the transaction.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) error {
	return t.exec(ctx, query, args...)
}
