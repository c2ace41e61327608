package store

import (
	"context"
	"slices"
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
	Kind     inventory.SoftwareKind
	Edition  string
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
		assets, err := v.owners(ctx, at)
		if err != nil {
			return err
		}
		var there titleSet
		if err := v.eachInstall(ctx, 0, at, func(in installed) {
			if _, ok := assets[in.record]; ok {
				there.add(in.title)
			}
		}); err != nil {
			return err
		}
		if titles, total, err = v.page(ctx, part, there, p); err != nil || len(titles) == 0 {
			return err
		}
		place := make(map[int64]int, len(titles))
		var shown titleSet
		for i, t := range titles {
			place[t.ID] = i
			shown.add(t.ID)
		}
		if err := v.eachInstall(ctx, 0, at, func(in installed) {
			if asset, ok := assets[in.record]; ok && shown.has(in.title) {
				t := &titles[place[in.title]]
				t.Assets = append(t.Assets, asset)
			}
		}); err != nil {
			return err
		}
		for i := range titles {
			t := &titles[i]
			slices.Sort(t.Assets)
			t.Assets = slices.Compact(t.Assets) // of several records of an asset
			t.Installs = int64(len(t.Assets))
			t.Assets = slices.Clip(t.Assets[:min(len(t.Assets), 100)])
		}
		return nil
	})
	return titles, total, err
}

// page are some of the titles that are there, and how many there are in all.
func (v view) page(ctx context.Context, part string, there titleSet, p Page) (titles []Title, total int64, err error) {
	rows, err := v.query(ctx, `select id, source, name, version, arch, publisher, kind, edition from title
		where lower(name) like $1 escape '\' order by name, version, id`, likePattern(part))
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = rows.Close() }()
	skip := offset(p.After)
	for rows.Next() {
		var t Title
		if err := rows.Scan(&t.ID, &t.Source, &t.Name, &t.Version, &t.Arch, &t.Publ, &t.Kind, &t.Edition); err != nil {
			return nil, 0, err
		}
		if !there.has(t.ID) {
			continue
		}
		if total++; total > skip && len(titles) < p.Limit {
			titles = append(titles, t)
		}
	}
	return titles, total, rows.Err()
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
		out, err = list(ctx, v, scanQuarantined, `select id, source_kind, source, epoch, seq, received_at, reason, bytes from quarantine order by id desc limit $1`, limit)
		return err
	})
	return out, err
}

func scanQuarantined(row oneRow) (q QuarantinedRow, err error) {
	var at int64
	err = row.Scan(&q.ID, &q.SourceKind, &q.Source, &q.Epoch, &q.Seq, &at, &q.Reason, &q.Bytes)
	q.ReceivedAt = fromMillis(at)
	return q, err
}
