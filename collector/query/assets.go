package query

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Limits on a page.
const (
	DefaultLimit = 1000
	MaxLimit     = 10_000
)

// Inventory answers questions.
type Inventory struct {
	store *store.Store
	now   func() time.Time
}

// New makes an Inventory over a store.
func New(st *store.Store, now func() time.Time) *Inventory { return &Inventory{store: st, now: now} }

// AssetQuery asks for a page of assets.
type AssetQuery struct {
	Filter string
	// When asks for the state that was true, or known, then; zero for now.
	When
	// Sort is one of SortKeys, with a hyphen before it for the other way round; by id when empty.
	Sort string
	// Limit is at most MaxLimit; DefaultLimit when 0.
	Limit int
	// Cursor continues the listing: Next of the page before, with the same Sort.
	Cursor string
}

// AssetPage is a part of a listing.
type AssetPage struct {
	Assets []inventory.Asset
	Next   string // cursor; empty on the last page
	Total  int64  // assets that match, on all pages, as the first of them counted
}

// sortKeys give texts whose order is the order asked for.
var sortKeys = map[string]func(*inventory.Asset) string{
	"id":         func(*inventory.Asset) string { return "" },
	"name":       func(a *inventory.Asset) string { return strings.ToLower(a.Name) },
	"class":      func(a *inventory.Asset) string { return strings.ToLower(string(a.Class)) },
	"vendor":     func(a *inventory.Asset) string { return strings.ToLower(a.Vendor) },
	"model":      func(a *inventory.Asset) string { return strings.ToLower(a.Model) },
	"serial":     func(a *inventory.Asset) string { return strings.ToLower(a.Serial) },
	"os":         func(a *inventory.Asset) string { return strings.ToLower(a.OS + "\x00" + a.OSVersion) },
	"site":       func(a *inventory.Asset) string { return strings.ToLower(a.Site) },
	"user":       func(a *inventory.Asset) string { return strings.ToLower(a.User) },
	"memory":     func(a *inventory.Asset) string { return fmt.Sprintf("%020d", a.MemoryBytes) },
	"disk":       func(a *inventory.Asset) string { return fmt.Sprintf("%020d", a.DiskBytes) },
	"first_seen": func(a *inventory.Asset) string { return fmt.Sprintf("%020d", a.FirstSeen.UnixMilli()) },
	"last_seen":  func(a *inventory.Asset) string { return fmt.Sprintf("%020d", a.LastSeen.UnixMilli()) },
	"address": func(a *inventory.Asset) string {
		if len(a.Addresses) == 0 {
			return ""
		}
		ip, err := netip.ParseAddr(a.Addresses[0])
		if err != nil {
			return a.Addresses[0]
		}
		return fmt.Sprintf("%x%x", ip.BitLen()/64, ip.As16())
	},
}

// SortKeys are what assets can be sorted by.
func SortKeys() []string {
	out := make([]string, 0, len(sortKeys))
	for name := range sortKeys {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// place is where an asset stands in a listing; as a cursor, where a page ended.
type place struct {
	Sort string `json:"s"`
	Key  string `json:"k"`
	Num  int64  `json:"i"`
	// Total is how many assets there are on all pages, which each takes from the one before.
	Total int64 `json:"t,omitempty"`
}

// order compares places in the direction of the listing.
type order struct {
	name string
	key  func(*inventory.Asset) string
	down bool
}

func newOrder(sort string) (order, error) {
	name, down := strings.CutPrefix(cmp.Or(sort, "id"), "-")
	key, ok := sortKeys[name]
	if !ok {
		return order{}, inventory.Errorf(inventory.CodeInvalid, "sort: unknown key %.40q; the keys are %s", name, strings.Join(SortKeys(), ", "))
	}
	return order{name: sort, key: key, down: down}, nil
}

// inOrder reports whether the listing has the order in which assets are read.
func (o order) inOrder() bool { return o.name == "" || o.name == "id" }

// dated reports whether the order is one of times.
func (o order) dated() bool { return strings.HasSuffix(o.name, "_seen") }

func (o order) place(a *inventory.Asset) place {
	return place{Sort: o.name, Key: o.key(a), Num: int64(a.ID)}
}

func (o order) compare(a, b place) int {
	c := cmp.Or(strings.Compare(a.Key, b.Key), cmp.Compare(a.Num, b.Num))
	if o.down {
		return -c
	}
	return c
}

func (p place) cursor() string {
	b, err := json.Marshal(p)
	if err != nil {
		return "" // two texts and a number marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads a cursor that a listing in this order gave.
func (o order) parseCursor(text string) (*place, error) {
	if text == "" {
		return nil, nil
	}
	var p place
	b, err := base64.RawURLEncoding.DecodeString(text)
	if len(text) > 16<<10 || err != nil || json.Unmarshal(b, &p) != nil || p.Num <= 0 || p.Total < 0 {
		return nil, inventory.Errorf(inventory.CodeInvalid, "cursor: not one that a listing gave")
	}
	if p.Sort != o.name {
		return nil, inventory.Errorf(inventory.CodeInvalid, "cursor: of a listing sorted by %.40q, not by %.40q", p.Sort, o.name)
	}
	return &p, nil
}

// Assets lists the assets that match a filter.
func (q *Inventory) Assets(ctx context.Context, ask AssetQuery) (AssetPage, error) {
	limit, err := pageLimit(ask.Limit)
	if err != nil {
		return AssetPage{}, err
	}
	by, err := newOrder(ask.Sort)
	if err != nil {
		return AssetPage{}, err
	}
	after, err := by.parseCursor(ask.Cursor)
	if err != nil {
		return AssetPage{}, err
	}
	match, lines, err := q.filter(ctx, ask.Filter, ask.When)
	if err != nil {
		return AssetPage{}, err
	}
	lines.Dated = lines.Dated || by.dated()
	l := listing{best: first{by: by, limit: limit + 1}, after: after, match: match, lines: lines} // one more shows that there is another page
	err = q.store.List(ctx, ask.When, func(s store.Listing) error {
		l.Listing = s
		if err := l.count(ctx, ask); err != nil {
			return err
		}
		return l.read(ctx)
	})
	if err != nil {
		return AssetPage{}, fmt.Errorf("list assets: %w", err)
	}
	return l.page, nil
}

// listing is the making of a page.
type listing struct {
	store.Listing
	best    first
	after   *place
	match   func(*inventory.Asset) bool
	lines   store.Lines // what it takes to choose and to sort
	counted bool        // page.Total is
	page    AssetPage
}

// count counts all assets that match, where that takes no look at each. A page that is not the first has the
// number from the one before.
func (l *listing) count(ctx context.Context, ask AssetQuery) (err error) {
	switch {
	case l.after != nil && l.after.Total > 0:
		l.page.Total, l.counted = l.after.Total, true
	case strings.TrimSpace(ask.Filter) == "" && ask.IsZero():
		l.page.Total, err = l.Count(ctx)
		l.counted = true
	}
	return err
}

var errEnough = errors.New("the page is full")

// read reads the page. In the order of ids it begins where the page before ended and, where
// the number of all is known, ends when it is full.
func (l *listing) read(ctx context.Context) error {
	inOrder := l.best.by.inOrder()
	if inOrder && l.after != nil && l.counted {
		l.lines.After = inventory.AssetID(l.after.Num)
	}
	err := l.Assets(ctx, l.lines, func(a inventory.Asset) error {
		if !l.match(&a) {
			return nil
		}
		if !l.counted {
			l.page.Total++
		}
		if p := l.best.by.place(&a); l.after == nil || l.best.by.compare(p, *l.after) > 0 {
			l.best.add(p, a)
		}
		if inOrder && l.counted && len(l.best.rows) == l.best.limit {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	rows := l.best.sorted()
	if full := l.best.limit - 1; len(rows) > full {
		rows = rows[:full]
		end := rows[full-1].place
		end.Total = l.page.Total
		l.page.Next = end.cursor()
	}
	for i := range rows {
		l.page.Assets = append(l.page.Assets, rows[i].asset)
	}
	if l.lines.Dated {
		return nil
	}
	return l.Date(ctx, l.page.Assets)
}

// filter is the condition of a filter, and what it looks at.
func (q *Inventory) filter(ctx context.Context, text string, at When) (match func(*inventory.Asset) bool, lines store.Lines, err error) {
	now := q.now()
	if err := checkWhen(at, now); err != nil {
		return nil, lines, err
	}
	if !at.IsZero() {
		now = at.Time()
	}
	f, err := Parse(text, now)
	if err != nil {
		return nil, lines, err
	}
	match, err = f.Prepare(ctx, q.store, at)
	return match, f.lines, err
}

// When is a time to look from; see store.When.
type When = store.When

// checkWhen refuses the future; a little of it is a clock that is ahead.
func checkWhen(at When, now time.Time) error {
	for name, t := range map[string]time.Time{"as_of": at.AsOf, "known_on": at.KnownOn} {
		if t.After(now.Add(5 * time.Minute)) {
			return inventory.Errorf(inventory.CodeInvalid, "%s: %s is in the future", name, t.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

func pageLimit(n int) (int, error) {
	if n < 0 || n > MaxLimit {
		return 0, inventory.Errorf(inventory.CodeInvalid, "limit: %d given, 1 to %d allowed", n, MaxLimit)
	}
	return cmp.Or(n, DefaultLimit), nil
}

// first keeps the first rows of a listing that arrives in another order, without
// holding all of it.
type first struct {
	by    order
	limit int
	rows  []placed
}

type placed struct {
	place place
	asset inventory.Asset
}

func (f *first) add(p place, a inventory.Asset) {
	f.rows = append(f.rows, placed{p, a})
	if len(f.rows) >= 2*f.limit {
		f.cut()
	}
}

func (f *first) cut() {
	slices.SortFunc(f.rows, func(a, b placed) int { return f.by.compare(a.place, b.place) })
	if len(f.rows) > f.limit {
		clear(f.rows[f.limit:])
		f.rows = f.rows[:f.limit]
	}
}

func (f *first) sorted() []placed {
	f.cut()
	return f.rows
}
