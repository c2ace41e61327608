package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// perPage is the length of a list on one page.
const perPage = 200

// moment reads the time that a page was asked for.
func (s *Site) moment(r *http.Request, name string) (time.Time, error) {
	text := strings.TrimSpace(r.FormValue(name))
	if text == "" {
		return time.Time{}, nil
	}
	return inventory.ParseTime(text, s.now())
}

// belongs reports whether an error is about what a person typed, to be shown beside it.
func belongs(err error) bool { return inventory.CodeOf(err) == inventory.CodeInvalid }

// again is the address of the page with some of its parameters changed; a cursor is
// only kept when it is given.
func again(r *http.Request, pairs ...string) string {
	q := url.Values{}
	for k, v := range r.URL.Query() {
		if k != "cursor" && len(v) > 0 && v[0] != "" {
			q.Set(k, v[0])
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Del(pairs[i])
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return r.URL.Path
	}
	return r.URL.Path + "?" + q.Encode()
}

// heading is a column's title, which sorts by it.
type heading struct{ Title, Href, Class, Arrow string }

type assetsPage struct {
	frame
	Filter, AsOf string
	Fields       []string
	Headings     []heading
	Assets       []inventory.Asset
	Total        int64
	First, Next  string // addresses of other pages
	None         bool   // there is nothing at all yet
}

func (s *Site) assets(r *http.Request) (content, error) {
	p := &assetsPage{frame: frame{Title: "Assets", Nav: "assets"}, Filter: r.FormValue("q"), AsOf: r.FormValue("as_of"), Fields: query.FieldNames()}
	sort := r.FormValue("sort")
	for _, h := range []heading{{Title: "Name", Href: "name"}, {Title: "Class", Href: "class"}, {Title: "Address", Href: "address"},
		{Title: "System", Href: "os"}, {Title: "Model", Href: "model"}, {Title: "Serial", Href: "serial"},
		{Title: "Memory", Href: "memory", Class: "num"}, {Title: "Sources"}, {Title: "Last seen", Href: "last_seen"}} {
		if key := h.Href; key != "" {
			to := key
			switch sort {
			case key:
				h.Arrow, to = "▲", "-"+key
			case "-" + key:
				h.Arrow = "▼"
			}
			h.Href = again(r, "sort", to)
		}
		p.Headings = append(p.Headings, h)
	}
	at, err := s.moment(r, "as_of")
	var page query.AssetPage
	if err == nil {
		page, err = s.query.Assets(r.Context(), query.AssetQuery{Filter: p.Filter, When: query.When{AsOf: at}, Sort: sort, Limit: perPage, Cursor: r.FormValue("cursor")})
	}
	if err != nil && !belongs(err) {
		return nil, err
	}
	if err != nil {
		p.Error, p.status = err.Error(), http.StatusBadRequest
	}
	p.Assets, p.Total = page.Assets, page.Total
	p.None = page.Total == 0 && strings.TrimSpace(p.Filter) == "" && p.AsOf == "" && err == nil
	if page.Next != "" {
		p.Next = again(r, "cursor", page.Next)
	}
	if r.FormValue("cursor") != "" {
		p.First = again(r)
	}
	return p, nil
}

type assetPage struct {
	frame
	query.Explanation
	AsOf        time.Time
	Software    inventory.SoftwareList // those that match
	SoftwareAll int
	Filter      string // for software
	Changes     []store.Change
	MoreChanges string
	Stays       []topology.Stay // all places
}

func (s *Site) asset(r *http.Request) (content, error) {
	at, err := s.moment(r, "as_of")
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	p := &assetPage{AsOf: at, Filter: r.FormValue("software")}
	if at.IsZero() {
		p.Explanation, err = s.query.Why(r.Context(), id, "")
	} else {
		p.Detail, err = s.query.Asset(r.Context(), id, query.When{AsOf: at})
	}
	if err != nil {
		return nil, err
	}
	p.frame = frame{Title: p.Asset().String(), Nav: "assets"}
	p.SoftwareAll = len(p.Detail.Software)
	wanted := strings.ToLower(strings.TrimSpace(p.Filter))
	for _, sw := range p.Detail.Software {
		if strings.Contains(strings.ToLower(sw.Name), wanted) || strings.Contains(strings.ToLower(sw.Publisher), wanted) {
			p.Software = append(p.Software, sw)
		}
	}
	changes, next, err := s.query.Changes(r.Context(), query.ChangeQuery{Asset: id, Until: at, Page: query.Page{Limit: 50}})
	if err != nil {
		return nil, err
	}
	if len(p.Places.Places) > 0 {
		w, err := s.query.Where(r.Context(), query.WhereQuery{What: p.ID.String(), When: query.When{AsOf: at}, History: true})
		if err != nil {
			return nil, err
		}
		p.Stays = w.Stays
	}
	if p.Changes = changes; next != "" {
		p.MoreChanges = "/changes?asset=" + url.QueryEscape(p.ID.String())
	}
	return p, nil
}

// Asset names the asset for a title.
func (p *assetPage) Asset() named { return named{p.Name, p.ID} }

type named struct {
	name string
	id   inventory.AssetID
}

func (n named) String() string {
	if n.name == "" {
		return n.id.String()
	}
	return n.name
}

type softwarePage struct {
	frame
	Name        string
	Titles      []store.Title
	Total       int64
	First, Next string
}

func (s *Site) software(r *http.Request) (content, error) {
	p := &softwarePage{frame: frame{Title: "Software", Nav: "software"}, Name: r.FormValue("name")}
	page, err := s.query.Software(r.Context(), p.Name, query.When{}, query.Page{Limit: perPage, Cursor: r.FormValue("cursor")})
	if err != nil && !belongs(err) {
		return nil, err
	}
	if err != nil {
		p.Error, p.status = err.Error(), http.StatusBadRequest
	}
	p.Titles, p.Total = page.Titles, page.Total
	if page.Next != "" {
		p.Next = again(r, "cursor", page.Next)
	}
	if r.FormValue("cursor") != "" {
		p.First = again(r)
	}
	return p, nil
}

type changesPage struct {
	frame
	Asset, Since string
	Changes      []store.Change
	First, Next  string
}

func (s *Site) changes(r *http.Request) (content, error) {
	p := &changesPage{frame: frame{Title: "Changes", Nav: "changes"}, Asset: strings.TrimSpace(r.FormValue("asset")), Since: r.FormValue("since")}
	since, err := s.moment(r, "since")
	var next string
	if err == nil {
		p.Changes, next, err = s.query.Changes(r.Context(), query.ChangeQuery{Asset: p.Asset, Since: since, Page: query.Page{Limit: perPage, Cursor: r.FormValue("cursor")}})
	}
	if err != nil && !belongs(err) && inventory.CodeOf(err) != inventory.CodeNotFound {
		return nil, err
	}
	if err != nil {
		p.Error, p.status = err.Error(), http.StatusBadRequest
	}
	if next != "" {
		p.Next = again(r, "cursor", next)
	}
	if r.FormValue("cursor") != "" {
		p.First = again(r)
	}
	return p, nil
}

type topologyPage struct {
	frame
	query.Topology
	Site, Around string
	Depth        int
}

func (s *Site) topology(r *http.Request) (content, error) {
	p := &topologyPage{frame: frame{Title: "Topology", Nav: "topology"}, Site: strings.TrimSpace(r.FormValue("site")),
		Around: strings.TrimSpace(r.FormValue("around")), Depth: 1}
	var err error
	if text := r.FormValue("depth"); text != "" && p.Around != "" {
		if p.Depth, err = strconv.Atoi(text); err != nil {
			err = inventory.Errorf(inventory.CodeInvalid, "depth %.20q is no number", text)
		}
	}
	if err == nil {
		p.Topology, err = s.query.Topology(r.Context(), query.TopologyQuery{Site: p.Site, Around: p.Around, Depth: p.Depth})
	}
	switch code := inventory.CodeOf(err); {
	case err == nil:
	case belongs(err), code == inventory.CodeNotFound, code == inventory.CodeConflict:
		p.Error, p.status = err.Error(), wire.HTTPStatus(code)
	default:
		return nil, err
	}
	return p, nil
}

type sourcesPage struct {
	frame
	Sources []store.SourceState
}

func (s *Site) sources(r *http.Request) (content, error) {
	list, err := s.query.Sources(r.Context())
	return &sourcesPage{frame: frame{Title: "Sources", Nav: "sources"}, Sources: list}, err
}
