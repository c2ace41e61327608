// Package testkit helps tests reach the real thing: network namespaces with hosts in
// them, a PostgreSQL server.
//
// It is for tests only and refuses to be part of any program. It installs nothing, and
// fails, never skips, where something is missing.
package testkit
