package store

import (
	"context"
	"fmt"
	"time"
)

// Sources are all sources: those that enrolled, and those that delivered without, such
// as imports; by kind and name.
func (s *Store) Sources(ctx context.Context) ([]SourceState, error) {
	var out []SourceState
	err := s.look(ctx, func(v view) error {
		flags, err := v.sourceFlags(ctx)
		if err != nil {
			return err
		}
		rows, err := v.query(ctx, `select k.kind, k.name, coalesce(i.site, s.site), coalesce(i.version, ''), coalesce(s.version, ''),
				coalesce(s.first_contact, 0), coalesce(s.last_contact, 0), coalesce(i.last_contact, 0), coalesce(s.observations, 0),
				(select count(*) from record r where r.source_id = s.id), coalesce(s.skew_ms, 0), coalesce(i.hostname, ''),
				coalesce(i.enrolled_at, 0), coalesce(i.revoked_at, 0),
				coalesce((select max(c.not_after) from certificate c where c.identity_id = i.id and c.ended_at = 0), 0)
			from (select kind, name from source where kind <> 'collector' union select kind, id from identity) k
			left join source s on s.kind = k.kind and s.name = k.name
			left join identity i on i.kind = k.kind and i.id = k.name
			order by k.kind, k.name`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var x SourceState
			var version string
			var first, last, contact, skew, enrolled, revoked, until int64
			if err := rows.Scan(&x.Kind, &x.Name, &x.Site, &x.Version, &version, &first, &last, &contact, &x.Observations,
				&x.Records, &skew, &x.Hostname, &enrolled, &revoked, &until); err != nil {
				return err
			}
			if version != "" {
				x.Version = version
			}
			x.FirstContact, x.LastContact = fromMillis(first), fromMillis(max(last, contact))
			x.Skew = time.Duration(skew) * time.Millisecond
			x.EnrolledAt, x.CertificateEnd, x.Revoked = fromMillis(enrolled), fromMillis(until), revoked != 0
			x.Flags = flags[x.Name]
			out = append(out, x)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	return out, nil
}

func (v view) sourceFlags(ctx context.Context) (map[string][]string, error) {
	rows, err := v.query(ctx, `select identity_id, flag from identity_flag union `+possibleDuplicates+` order by 1, 2`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[string][]string{}
	for rows.Next() {
		var id, flag string
		if err := rows.Scan(&id, &flag); err != nil {
			return nil, err
		}
		out[id] = append(out[id], flag)
	}
	return out, rows.Err()
}
