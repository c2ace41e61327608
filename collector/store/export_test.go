package store

import "context"

// InMigration is called in each migration before it is committed.
func InMigration(fn func(name string)) Option { return func(s *Store) { s.inMigration = fn } }

// LoseLog makes the next sync of SQLite's log fail.
func LoseLog(s *Store) { _ = s.log.log.Close() }

// Exec runs a statement in the transaction.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) error {
	return t.exec(ctx, query, args...)
}

// Ahead is how deciding asks: before all is written.
func (t *Tx) Ahead(ctx context.Context) (end func(), err error) { return t.ahead(ctx) }

// ReadLine lets tests look at it alone.
var ReadLine = readLine

// Install is an install as tests see it.
type Install struct {
	Title, From, Day int64
	Own              bool
	Bytes            int64
	Path, User       string
}

// Pack packs installs.
func Pack(list []Install) (packed []byte, obs string) {
	all := make([]install, len(list))
	for i, in := range list {
		all[i] = install{in.Title, in.From, detail{in.Day, in.Own, in.Bytes, in.Path, in.User}}
	}
	p := pack(all)
	return p.list, p.obs
}

// Unpack is the reverse of Pack.
func Unpack(list []byte, obs string) (out []Install, err error) {
	err = packed{list, obs}.unpack(func(in install) {
		out = append(out, Install{in.title, in.from, in.day, in.own, in.bytes, in.path, in.user})
	})
	return out, err
}

// Bulk are rows of one text each as one parameter and as several.
func Bulk(texts []string) (text string, portions []string) {
	var b bulk
	for _, s := range texts {
		b.row(s)
	}
	return b.text(), b.portions()
}
