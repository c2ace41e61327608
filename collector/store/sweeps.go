package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Sweeps knows which addresses were swept completely, and when. It shows that something is
// not there any more: whatever was not swept completely shows nothing.
type Sweeps map[string][]sweptRange // by site, in order of their first address

type sweptRange struct {
	inventory.Range
	reach  netip.Addr // the largest last address of this and all before it, of the family
	sweeps []sweepOf
}

type sweepOf struct {
	job     string
	started time.Time
}

// Sweeps are the complete sweeps of a site, "" for all, until a time, as far back as they are kept.
func (s *Store) Sweeps(ctx context.Context, site string, at When) (Sweeps, error) {
	until := int64(1<<63 - 1)
	if !at.IsZero() {
		until = min(millis(at.Time()), at.known())
	}
	rows, err := s.rows(ctx, `select site, first, last, job, started_at from sweep where finished_at <= $1 and ($2 = '' or site = $2) order by site, first, last`, until, site)
	if err != nil {
		return nil, fmt.Errorf("read sweeps: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := Sweeps{}
	for rows.Next() {
		var site, first, last, job string
		var started int64
		if err := rows.Scan(&site, &first, &last, &job, &started); err != nil {
			return nil, fmt.Errorf("read sweeps: %w", err)
		}
		r, err := inventory.ParseRange(first + "-" + last)
		if err != nil {
			return nil, fmt.Errorf("read sweeps: %w", err)
		}
		list := out[site]
		if n := len(list); n == 0 || list[n-1].Range != r {
			list = append(list, sweptRange{Range: r})
		}
		end := &list[len(list)-1]
		end.sweeps = append(end.sweeps, sweepOf{job, fromMillis(started)})
		out[site] = list
	}
	for _, list := range out {
		order(list)
	}
	return out, rows.Err()
}

func order(list []sweptRange) {
	slices.SortFunc(list, func(a, b sweptRange) int { return a.From.Compare(b.From) })
	for i := range list {
		list[i].reach = list[i].To
		if i > 0 && list[i-1].reach.BitLen() == list[i].To.BitLen() && list[i].To.Less(list[i-1].reach) {
			list[i].reach = list[i-1].reach
		}
	}
}

// Missed is how many complete sweeps of all of an asset's addresses began after it was last
// seen, and when the last of them did. Link-local addresses are left aside: no sweep asks
// for them. An asset without other addresses was never swept.
func (w Sweeps) Missed(a *inventory.Asset) (n int, at time.Time) {
	asked := false
	for _, text := range a.Addresses {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return 0, time.Time{}
		}
		if addr = addr.Unmap().WithZone(""); addr.IsLinkLocalUnicast() {
			continue
		}
		count, last := w.after(a.Site, addr, a.LastSeen)
		if count == 0 {
			return 0, time.Time{}
		}
		if !asked || count < n {
			n = count
		}
		if !asked || last.Before(at) {
			at = last
		}
		asked = true
	}
	return n, at
}

// after counts the scans that swept an address from a later time on.
func (w Sweeps) after(site string, a netip.Addr, seen time.Time) (n int, last time.Time) {
	list := w[site]
	end, _ := slices.BinarySearchFunc(list, a, func(r sweptRange, a netip.Addr) int {
		if r.From.Compare(a) <= 0 {
			return -1
		}
		return 1
	})
	jobs := map[string]bool{}
	for i := end - 1; i >= 0 && list[i].reach.Compare(a) >= 0; i-- {
		if !list[i].Contains(a) {
			continue
		}
		for _, x := range list[i].sweeps {
			if !x.started.After(seen) {
				continue
			}
			jobs[x.job] = true
			if x.started.After(last) {
				last = x.started
			}
		}
	}
	return len(jobs), last
}

// Unidentified is a thing that a scan met and of which class, vendor or model is not known.
type Unidentified struct {
	inventory.Asset
	Unknown []string
	Reason  string // as the scanner told it
}

// Unidentified calls fn for each of them, in the order of their ids.
func (s *Store) Unidentified(ctx context.Context, fn func(Unidentified) error) error {
	rows, err := s.rows(ctx, `select a.id, a.doc, r.site, r.last_seen, c.reason from asset a
		join record r on r.asset_id = a.id and r.kind = 'scanner' join section c on c.record_id = r.id and c.name = 'device'
		order by a.id, r.last_seen desc, r.id`)
	if err != nil {
		return fmt.Errorf("read what is not identified: %w", err)
	}
	defer func() { _ = rows.Close() }()
	before := inventory.AssetID(0)
	for rows.Next() {
		var u Unidentified
		var id, seen int64
		var doc string
		if err := rows.Scan(&id, &doc, &u.Site, &seen, &u.Reason); err != nil {
			return fmt.Errorf("read what is not identified: %w", err)
		}
		if inventory.AssetID(id) == before { // an older sighting
			continue
		}
		before = inventory.AssetID(id)
		site := u.Site
		if err := json.Unmarshal([]byte(doc), &u.Asset); err != nil {
			return fmt.Errorf("asset %d: %w", id, err)
		}
		u.ID, u.LastSeen, u.Site = before, fromMillis(seen), site
		if u.unknown(); len(u.Unknown) == 0 {
			continue
		}
		u.Reason = inventory.UnknownReason(u.Reason)
		if err := fn(u); err != nil {
			return err
		}
	}
	return rows.Err()
}

// unknown fills in what is not known. A shared address has no maker.
func (u *Unidentified) unknown() {
	if u.Class == inventory.ClassVirtualIP {
		return
	}
	for name, value := range map[string]string{"class": string(u.Class), "vendor": u.Vendor, "model": u.Model} {
		if strings.TrimSpace(value) == "" {
			u.Unknown = append(u.Unknown, name)
		}
	}
	slices.Sort(u.Unknown)
}
