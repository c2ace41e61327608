package service

import (
	"bytes"
	"context"
	"maps"
)

// sslRequest and strangeStartup are first messages of PostgreSQL (its manual, "Message
// Formats"). The second asks for a version that no server has: the answer is an error that
// comes before anybody is named.
var (
	sslRequest     = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}
	strangeStartup = []byte{0, 0, 0, 9, 0, 255, 0, 255, 0}
)

func askPostgreSQL(ctx context.Context, l *line) Answer {
	c, err := l.dial(ctx)
	if err != nil {
		return Answer{}
	}
	a := parsePostgreSQL(c.ask(sslRequest, maxGreeting, func([]byte) bool { return true }))
	if a.Facts["postgresql.tls"] == "yes" {
		if t, err := shakeHands(ctx, c); err == nil {
			maps.Copy(a.Facts, tlsFacts(t))
		}
	}
	c.close()
	if a.Service == "" || a.Facts["postgresql.error"] != "" {
		return a
	}
	if c, err = l.dial(ctx); err != nil {
		return a
	}
	defer c.close()
	if e := parsePostgreSQL(c.ask(strangeStartup, maxGreeting, func(b []byte) bool { return bytes.HasSuffix(b, []byte{0, 0}) })); e.Service != "" {
		maps.Copy(a.Facts, e.Facts)
		a.Banner = e.Banner
	}
	return a
}

// maxErrorFields is more than an error has.
const maxErrorFields = 32

// parsePostgreSQL reads one letter about TLS, or an error.
func parsePostgreSQL(b []byte) Answer {
	a := Answer{Service: "postgresql", Banner: "PostgreSQL", Facts: Facts{}}
	switch {
	case len(b) == 1 && b[0] == 'S':
		a.Facts.set("postgresql.tls", "yes")
		return a
	case len(b) == 1 && b[0] == 'N':
		return a
	}
	c := &cursor{b: b}
	if c.byte() != 'E' || c.uint(4) > maxGreeting || c.bad {
		return Answer{}
	}
	fields := map[byte]string{}
	for range maxErrorFields {
		key := c.byte()
		if key == 0 {
			break
		}
		fields[key] = c.text()
	}
	if fields['S'] == "" || fields['M'] == "" {
		return Answer{}
	}
	a.Facts.set("postgresql.error", fields['M'])
	a.Banner = Clean(fields['M'], maxBanner)
	return a
}
