// Package testkit helps tests reach the real thing: network namespaces with hosts in
// them, a PostgreSQL server.
//
// It is for tests only and refuses to be part of any program. It installs nothing.
// Where something is missing a test fails in CI and is skipped elsewhere; Missing is for that.
package testkit
