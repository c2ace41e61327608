// Package api is what the collector answers: the services of proto/muster/v1.
//
// Sources call enrolment, reports and scan jobs; persons ask about the inventory. The
// package turns messages into calls of collector/identity, collector/ingest,
// collector/store and collector/query and back. It refuses to decide who may call:
// collector/server let nobody else through and says who it is (identity.CallerOf).
package api
