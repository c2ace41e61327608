package service

import (
	"bytes"
	"context"
	"time"
)

// patience is how long a port without a known protocol may take to speak first.
const patience = 2 * time.Second

// guess asks a port whose number says nothing: it listens for a greeting, then asks by TLS
// and by plain HTTP, which most things that are not HTTP refuse without harm.
func guess(ctx context.Context, l *line) Answer {
	c, err := l.dial(ctx)
	if err != nil {
		return Answer{}
	}
	c.hurry(patience)
	greeting := collect(c, maxGreeting, line1)
	c.close()
	if len(greeting) > 0 {
		return parseGreeting(greeting)
	}
	if a := askHTTPS(ctx, l); a.Service != "" {
		return a
	}
	return askHTTP(ctx, l)
}

// parseGreeting recognises who speaks first.
func parseGreeting(b []byte) Answer {
	for _, p := range greetings {
		if bytes.HasPrefix(b, []byte(p.prefix)) {
			if a := p.parse(b); a.Service != "" {
				return a
			}
		}
	}
	if a := parseMySQL(b); a.Service != "" {
		return a
	}
	return Answer{Banner: steady(firstLine(b))}
}

// greetings by how they begin. What several services begin with is told apart by the parser.
var greetings = []struct {
	prefix string
	parse  func([]byte) Answer
}{
	{"SSH-", parseSSH},
	{"220", code220},
	{"* ", parseIMAP},
	{"+OK", parsePOP3},
	{"RFB ", parseVNC},
	{"\xff", parseTelnet},
}
