// Package storetest runs a test on every engine that the store has.
//
// It is for tests only, of the store and of those who use it.
package storetest

import (
	"path/filepath"
	"testing"

	"github.com/muster-itam/muster/internal/testkit"
)

// Each runs fn as a subtest for each engine, with the data source name of a new, empty store.
func Each(t *testing.T, fn func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, testkit.Postgres(t)) })
}

// SQLite is the data source name of a new file.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "muster.db")
}
