// Package query answers questions about the inventory: the filter language, listings
// with cursors, one asset with the best account of each of its parts, and the reasons
// why records are one asset.
//
// It owns what a question means, its limits and its validation, and the choice of the
// record whose list is shown. It refuses to write anything, to know who is asking, and
// to know how an answer looks: collector/api and collector/web are thin faces over it.
package query
