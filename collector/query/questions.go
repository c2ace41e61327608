package query

import (
	"context"
	"strconv"
	"time"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Page asks for a part of a listing. Limit and Cursor are as in AssetQuery.
type Page struct {
	Limit  int
	Cursor string
}

// check gives the page as the store takes it: its cursors are numbers.
func (p Page) check() (store.Page, error) {
	limit, err := pageLimit(p.Limit)
	if err != nil {
		return store.Page{}, err
	}
	if p.Cursor != "" {
		if n, err := strconv.ParseInt(p.Cursor, 10, 64); err != nil || n < 0 {
			return store.Page{}, inventory.Errorf(inventory.CodeInvalid, "cursor: not one that a listing gave")
		}
	}
	return store.Page{Limit: limit, After: p.Cursor}, nil
}

// TitlePage is a part of a listing of software.
type TitlePage struct {
	Titles []store.Title
	Next   string
	Total  int64
}

// Software lists the titles that are installed somewhere, by name and version, with the
// number of assets that have them. name is a part of their names.
func (q *Inventory) Software(ctx context.Context, name string, at When, p Page) (TitlePage, error) {
	page, err := p.check()
	if err != nil {
		return TitlePage{}, err
	}
	if err := checkWhen(at, q.now()); err != nil {
		return TitlePage{}, err
	}
	if len(name) > 512 {
		return TitlePage{}, inventory.Errorf(inventory.CodeInvalid, "name: %d bytes, at most 512 allowed", len(name))
	}
	titles, total, err := q.store.Titles(ctx, name, at, page)
	if err != nil {
		return TitlePage{}, err
	}
	out := TitlePage{Titles: titles, Total: total}
	skipped, _ := strconv.ParseInt(page.After, 10, 64)
	if end := skipped + int64(len(titles)); end < total && len(titles) > 0 {
		out.Next = strconv.FormatInt(end, 10)
	}
	return out, nil
}

// ChangeQuery asks for differences, newest first.
type ChangeQuery struct {
	// Asset is an asset's id; empty for all assets.
	Asset string
	// Since and Until bound the time, [Since, Until); zero for no bound.
	Since, Until time.Time
	// KnownOn leaves out what was received later; zero for nothing.
	KnownOn time.Time
	Page
}

// Changes lists what changed, newest first. next continues the listing; empty at its end.
func (q *Inventory) Changes(ctx context.Context, ask ChangeQuery) (changes []store.Change, next string, err error) {
	page, err := ask.check()
	if err != nil {
		return nil, "", err
	}
	var id inventory.AssetID
	if ask.Asset != "" {
		if id, err = inventory.ParseAssetID(ask.Asset); err != nil {
			return nil, "", err
		}
	}
	if !ask.Since.IsZero() && !ask.Until.IsZero() && !ask.Since.Before(ask.Until) {
		return nil, "", inventory.Errorf(inventory.CodeInvalid, "until: must be after since")
	}
	return q.store.Changes(ctx, store.ChangeAsk{Asset: id, Since: ask.Since, Until: ask.Until, KnownOn: ask.KnownOn, Page: page})
}

// Sources lists all sources with their state.
func (q *Inventory) Sources(ctx context.Context) ([]store.SourceState, error) {
	return q.store.Sources(ctx)
}

// Reviews are what somebody should look at, oldest first; all, also what is done.
func (q *Inventory) Reviews(ctx context.Context, all bool, p Page) (list []store.Review, next string, err error) {
	page, err := p.check()
	if err != nil {
		return nil, "", err
	}
	return q.store.Reviews(ctx, all, page)
}
