// Package inventory holds the words of muster as Go types: observations and their
// sections, identifiers, assets, and the error codes that cross package borders.
//
// It owns the meaning of every field and the limits on what a source may report.
// It refuses to know how things travel (internal/wire) or where they are kept
// (collector/store), and imports the standard library only. Everybody imports it.
package inventory
