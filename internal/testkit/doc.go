// Package testkit helps tests reach the real thing: network namespaces with hosts in them.
//
// It is for tests only and refuses to be part of any program.
package testkit
