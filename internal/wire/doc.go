// Package wire is the source's side of the contract in proto/muster/v1: it turns
// inventory types into messages and back, gives a program its identity (enrolment,
// certificates, renewal), calls the collector, and delivers observations so that none
// is lost or applied twice (Outbox).
//
// It owns everything a source keeps on disk to talk to its collector: key, certificates,
// spool. It refuses to know what is in an observation or when one is due: agent, scanner
// and pollers decide that. The agent, the scanner and the mains import it; the collector
// uses only the conversion and the mapping of errors.
package wire
