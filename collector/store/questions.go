package store

import (
	"context"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Title is a software title with what has it.
type Title struct {
	ID       int64
	Source   string
	Name     string
	Version  string
	Arch     string
	Publ     string
	Installs int64
	Assets   []inventory.AssetID // up to 100
}

// Page bounds a listing. After is the cursor of the last page, empty for the first.
type Page struct {
	Limit int
	After string
}

// Titles lists software titles that are installed somewhere, now or at a time, whose
// name contains part in any case, by name and version.
func (s *Store) Titles(ctx context.Context, part string, at When, p Page) (titles []Title, total int64, err error) {
	err = s.look(ctx, func(v view) error {
		const group = `group by t.id`
		from, args := ` from title t join install i on i.title_id = t.id join record r on r.id = i.record_id
			where lower(t.name) like $1 escape '\' and i.to_obs is null `, []any{likePattern(part)}
		if !at.IsZero() { // r is what the record belonged to then
			from, args = ` from title t join install i on i.title_id = t.id
				join observation b on b.id = i.from_obs left join observation e on e.id = i.to_obs
				join member r on r.record_id = i.record_id
				join observation mb on mb.id = r.from_obs left join observation me on me.id = r.to_obs
				where `+during+` and mb.seen_at <= $1 and mb.received_at <= $2 and (me.id is null or me.seen_at > $1 or me.received_at > $2)
				and lower(t.name) like $3 escape '\' `, at.args(likePattern(part))
		}
		if err := v.row(ctx, `select count(distinct t.id)`+from, args...).Scan(&total); err != nil {
			return err
		}
		n := len(args)
		rows, err := v.query(ctx, `select t.id, t.source, t.name, t.version, t.arch, t.publisher, count(distinct r.asset_id),
			`+v.d.list("r.asset_id")+from+group+` order by t.name, t.version, t.id limit `+
			placeholders(n+1, 1)+` offset `+placeholders(n+2, 1), append(args, p.Limit, offset(p.After))...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var t Title
			var assets string
			if err := rows.Scan(&t.ID, &t.Source, &t.Name, &t.Version, &t.Arch, &t.Publ, &t.Installs, &assets); err != nil {
				return err
			}
			for _, a := range strings.SplitN(assets, ",", 101) {
				if id, err := inventory.ParseAssetID(a); err == nil && len(t.Assets) < 100 {
					t.Assets = append(t.Assets, id)
				}
			}
			titles = append(titles, t)
		}
		return rows.Err()
	})
	return titles, total, err
}

// likePattern is a LIKE pattern for "contains part", with \ as the escape.
func likePattern(part string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(part)) + "%"
}

// SourceState is one source with its deliveries and, for enrolled ones, its identity.
type SourceState struct {
	Kind, Name, Site, Version  string
	FirstContact, LastContact  time.Time
	Observations, Records      int64
	Skew                       time.Duration
	Hostname                   string
	EnrolledAt, CertificateEnd time.Time
	Revoked                    bool
	Flags                      []string
}

// Change is one difference between two reports on the same thing.
type Change struct {
	Obs           int64
	At            time.Time
	Asset         inventory.AssetID
	AssetName     string
	Section       string
	Kind          string // added, removed, changed, appeared
	Item          string
	Before, After string // JSON values; for software, versions
	Source        string // kind of the source
}

// QuarantinedRow is one observation that could not be processed.
type QuarantinedRow struct {
	ID                 int64
	SourceKind, Source string
	Epoch, Seq         int64
	ReceivedAt         time.Time
	Reason             string
	Bytes              []byte
}

// Quarantined lists observations that could not be processed, newest first.
func (s *Store) Quarantined(ctx context.Context, limit int) (out []QuarantinedRow, err error) {
	err = s.look(ctx, func(v view) error {
		rows, err := v.query(ctx, `select id, source_kind, source, epoch, seq, received_at, reason, bytes from quarantine order by id desc limit $1`, limit)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var q QuarantinedRow
			var at int64
			if err := rows.Scan(&q.ID, &q.SourceKind, &q.Source, &q.Epoch, &q.Seq, &at, &q.Reason, &q.Bytes); err != nil {
				return err
			}
			q.ReceivedAt = fromMillis(at)
			out = append(out, q)
		}
		return rows.Err()
	})
	return out, err
}
