package store

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
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
