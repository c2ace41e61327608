package reconcile

import (
	_ "embed"
	"strings"
)

//go:embed data/mac.txt
var macData string

//go:embed data/serial.txt
var serialData string

//go:embed data/uuid.txt
var uuidData string

//go:embed data/name.txt
var nameData string

//go:embed data/maker.txt
var makerData string

//go:embed data/state.txt
var stateData string

// The lists are read once and never changed.
var (
	macRules     = readMACRules(macData)
	badSerials   = readPatterns(serialData)
	badUUIDs     = readUUIDs(uuidData)
	commonNames  = readSet(nameData)
	makerAliases = readAliases(makerData)
	finalStates  = readSet(stateData)
)

// dataLines are the fields of the lines of a list, without comments and empty lines.
func dataLines(text string) [][]string {
	var out [][]string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
			out = append(out, f)
		}
	}
	return out
}

func readSet(text string) map[string]bool {
	out := map[string]bool{}
	for _, f := range dataLines(text) {
		out[f[0]] = true
	}
	return out
}

// patterns match a text as a whole or by its beginning.
type patterns struct {
	exact    map[string]bool
	prefixes []string
}

func readPatterns(text string) patterns {
	p := patterns{exact: map[string]bool{}}
	for _, f := range dataLines(text) {
		if pre, ok := strings.CutSuffix(f[0], "*"); ok {
			p.prefixes = append(p.prefixes, pre)
		} else {
			p.exact[f[0]] = true
		}
	}
	return p
}

func (p patterns) match(s string) bool {
	if p.exact[s] {
		return true
	}
	for _, pre := range p.prefixes {
		if strings.HasPrefix(s, pre) {
			return true
		}
	}
	return false
}

func readUUIDs(text string) map[string]bool {
	out := map[string]bool{}
	for _, f := range dataLines(text) {
		if u, ok := parseUUID(f[0]); ok {
			out[u.canonical()] = true
		}
	}
	return out
}

func readAliases(text string) map[string]string {
	out := map[string]string{}
	for _, f := range dataLines(text) {
		for _, a := range f {
			out[a] = f[0]
		}
	}
	return out
}

// readMACRules maps a prefix of hexadecimal digits to its class.
func readMACRules(text string) map[string]macClass {
	classes := map[string]macClass{"router": macRouter, "software": macSoftware, "hypervisor": macHypervisor, "local": macLocal}
	out := map[string]macClass{}
	for _, f := range dataLines(text) {
		if len(f) > 1 {
			if c, ok := classes[f[1]]; ok {
				out[strings.ReplaceAll(f[0], ":", "")] = c
			}
		}
	}
	return out
}
