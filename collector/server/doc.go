// Package server is the collector's one listener: TLS, the policy table that says which
// identity a route accepts, the bounds on connections, requests and bodies, and metrics.
//
// It owns everything that happens to a request before its handler: what reaches a handler
// has an allowed caller (identity.CallerOf), a whole, decompressed body within its limit
// and a place in its class. It refuses to know what a request is about. collector wires it.
package server
