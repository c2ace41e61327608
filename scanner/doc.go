// Package scanner sweeps networks from one host and tells what is there.
//
// It owns the plan of a scan (targets, exclusions, what the host is able to send), its
// pacing, the order of the probes, and the merging of what they saw into devices. It
// refuses to speak any protocol itself: that is what the packages below it do, one per
// probe family. Conversion to observations is here; delivery is internal/wire's. The
// caller is cmd/muster-scanner.
package scanner
