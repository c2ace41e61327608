// Package identity decides who a caller is: it holds the collector's certificate
// authority, enrolment tokens, the identities of sources, persons' tokens and sessions,
// and the words in which a route's policy is written.
//
// It owns keys, hashes and the rules of issue, renewal and revocation. It refuses to know
// what callers do (collector/api) and how identities are kept (collector/store implements
// Store). collector/server asks it about every request.
package identity
