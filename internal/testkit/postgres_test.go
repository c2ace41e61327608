//go:build unix

package testkit_test

import (
	"os"
	"strings"
	"testing"

	"github.com/muster-itam/muster/internal/testkit"
)

func TestPostgres(t *testing.T) {
	a, b := testkit.Postgres(t), testkit.Postgres(t)
	if a == b {
		t.Errorf("%s was given twice", a)
	}
	_, dir, _ := strings.Cut(a, "host=")
	if _, err := os.Stat(dir + "/.s.PGSQL.5432"); err != nil {
		t.Errorf("socket: %v", err)
	}
}

func TestServerSurvivesStop(t *testing.T) {
	s := testkit.NewServer(t)
	dsn := s.Database(t)
	s.SQL(t, dsn, "create table x (y int)")
	s.Stop(t)
	s.Start(t)
	s.SQL(t, dsn, "insert into x values (1)")
}
