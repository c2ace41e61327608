package server

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/muster-itam/muster/collector/identity"
)

// Routes collects what is to be served. Add and Mount refuse nothing; New does.
type Routes struct {
	policies map[string]Policy
	routes   map[string]route
	problems []error
}

type route struct {
	handler http.Handler
	check   func([]byte) error
}

// NewRoutes begins with the policy table.
func NewRoutes() *Routes {
	return &Routes{policies: Policies(), routes: map[string]route{}}
}

// Allow adds lines to the policy table: for pages, which bring their own. A pattern that
// has a policy already keeps it and is a problem.
func (rs *Routes) Allow(policies map[string]Policy) {
	for pattern, p := range policies {
		if _, taken := rs.policies[pattern]; taken {
			rs.problems = append(rs.problems, fmt.Errorf("route %q has two policies", pattern))
			continue
		}
		rs.policies[pattern] = p
	}
}

// Handle adds a route by its http.ServeMux pattern. It makes Routes a connecthttp.ServeMux.
func (rs *Routes) Handle(pattern string, handler http.Handler) {
	rs.add(pattern, route{handler: handler})
}

func (rs *Routes) add(pattern string, r route) {
	if _, taken := rs.routes[pattern]; taken {
		rs.problems = append(rs.problems, fmt.Errorf("route %q is mounted twice", pattern))
	}
	rs.routes[pattern] = r
}

// Mount adds a Connect server's procedures. checks look at a procedure's whole body before it is decoded.
func (rs *Routes) Mount(server *connect.Server, checks map[string]func([]byte) error) {
	// The bounds on a body are kept before Connect sees it.
	connecthttp.Mount(procedures{rs, checks}, server, connecthttp.WithReadMaxBytes(bodyReport))
}

// procedures leaves out Connect's catch-all for unknown methods: what is not in the table is not found.
type procedures struct {
	routes *Routes
	checks map[string]func([]byte) error
}

func (p procedures) Handle(pattern string, handler http.Handler) {
	if !strings.HasSuffix(pattern, "/") {
		p.routes.add(pattern, route{handler: handler, check: p.checks[pattern]})
	}
}

// check reports routes without a policy and policies that let nobody or too much in.
func (rs *Routes) check() error {
	problems := rs.problems
	for _, pattern := range slices.Sorted(maps.Keys(rs.routes)) {
		p, ok := rs.policies[pattern]
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("route %q has no policy", pattern))
		case p.Accept == identity.Nobody:
			problems = append(problems, fmt.Errorf("route %q: its policy accepts nobody", pattern))
		case p.Class == "":
			problems = append(problems, fmt.Errorf("route %q: its policy has no class", pattern))
		case p.Accept&identity.Anyone != 0 && p.MaxBody > 1<<20:
			problems = append(problems, fmt.Errorf("route %q: its policy lets strangers send %d bytes", pattern, p.MaxBody))
		}
	}
	return errors.Join(problems...)
}

// Policies is the table as it is in force: the policy of each mounted route.
func (rs *Routes) Policies() map[string]Policy {
	out := map[string]Policy{}
	for pattern := range rs.routes {
		out[pattern] = rs.policies[pattern]
	}
	return out
}
