package service

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of texts in bytes.
const (
	maxFact   = 256
	maxBanner = 256
)

// Clean is s as one line that is safe to show: no control characters, nothing that changes
// the direction of text or plays with a terminal, blanks run together, at most limit bytes.
func Clean(s string, limit int) string {
	if len(s) > 8*limit {
		s = s[:8*limit]
	}
	s = escapes.ReplaceAllString(s, " ")
	var b strings.Builder
	blank := false
	for _, r := range s {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) || r == utf8.RuneError {
			blank = b.Len() > 0
			continue
		}
		n := utf8.RuneLen(r)
		if blank {
			n++
		}
		if b.Len()+n > limit {
			break
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// escapes are control sequences of terminals (ECMA-48): without them their parameters would
// stay behind as text.
var escapes = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[@-Z\\\\^_])")

// changing are the parts of a greeting that are different each time: dates, times of day,
// and message ids such as those of APOP (RFC 1939).
var changing = regexp.MustCompile(`(?i)\b(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? *)?\d{1,2} *(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* *\d{2,4}\b` +
	`|\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]* +(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* +\d{1,2}\b` +
	`|\b\d{4}-\d\d-\d\d(?:T\b)?|\b\d\d?:\d\d(?::\d\d)?(?: *[ap]m\b)?(?: *[+-]\d{4}\b)?(?: *\([A-Z]{2,5}\))?` +
	`|<[^<>\s]*\d[^<>\s]*@[^<>\s]*>`)

// steady is a greeting without what changes by itself.
func steady(s string) string {
	s = changing.ReplaceAllString(Clean(s, maxBanner), "")
	return strings.TrimRight(Clean(s, maxBanner), " ;,-")
}

// firstLine of b, without its end.
func firstLine(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimRight(s, "\r")
}

func containsFold(s, part string) bool { return strings.Contains(strings.ToLower(s), part) }
