package service

import (
	"context"
	"maps"
	"regexp"
)

// step is a message of a dialogue in lines, and how its answer begins when it is a yes.
type step struct {
	say   string
	whole *regexp.Regexp // the answer is complete
	yes   *regexp.Regexp
}

var (
	// reply is the last line of an answer with a code (RFC 959 §4.2, RFC 5321 §4.2.1).
	reply    = regexp.MustCompile(`(?m)^\d{3}(?: .*|\r)?\n`)
	oneLine  = regexp.MustCompile(`\n`)
	tagged   = regexp.MustCompile(`(?m)^a1 .*\n`)
	yes220   = regexp.MustCompile(`^220\b`)
	yes234   = regexp.MustCompile(`^234\b`)
	yesOK    = regexp.MustCompile(`^\+OK`)
	yesA1    = regexp.MustCompile(`(?mi)^a1 OK\b`)
	startTLS = regexp.MustCompile(`(?mi)^250[ -]STARTTLS\b`)
)

// Dialogues up to where TLS begins (RFC 3207, RFC 2595, RFC 4217). No name is given that
// anybody could have.
var (
	smtpUpgrade = []step{{"EHLO muster-scanner.invalid\r\n", reply, startTLS}, {"STARTTLS\r\n", reply, yes220}}
	imapUpgrade = []step{{"a1 STARTTLS\r\n", tagged, yesA1}}
	pop3Upgrade = []step{{"STLS\r\n", oneLine, yesOK}}
	ftpUpgrade  = []step{{"AUTH TLS\r\n", reply, yes234}}
)

// Packets of a connection with TLS after so many messages: itself, them, and three of the
// handshake.
func mostTLS(messages int) int { return 1 + messages + 3 }

// upgrading waits for a greeting, then asks for TLS and reads the certificate.
func upgrading(parse func([]byte) Answer, whole *regexp.Regexp, steps []step) func(context.Context, *line) Answer {
	return func(ctx context.Context, l *line) Answer {
		c, err := l.dial(ctx)
		if err != nil {
			return Answer{}
		}
		defer c.close()
		a := parse(collect(c, maxGreeting, whole.Match))
		if a.Service == "" {
			return a
		}
		c.hurry(patience) // what was greeted with is known; this is more
		for _, s := range steps {
			if !s.yes.Match(c.ask([]byte(s.say), maxGreeting, s.whole.Match)) {
				return a
			}
		}
		a.upgrade(ctx, c)
		return a
	}
}

// upgrade makes c a TLS connection and takes the certificate.
func (a *Answer) upgrade(ctx context.Context, c *conn) {
	if t, err := shakeHands(ctx, c); err == nil {
		maps.Copy(a.Facts, tlsFacts(t))
		a.Facts.set(a.Service+".starttls", "yes")
	}
}

// overTLS is an exchange within TLS from the first byte on (RFC 8314). The service is named
// as it is without TLS, with an s behind it.
func overTLS(ask func(*conn) Answer) func(context.Context, *line) Answer {
	return func(ctx context.Context, l *line) Answer {
		c, err := l.dial(ctx)
		if err != nil {
			return Answer{}
		}
		defer c.close()
		t, err := shakeHands(ctx, c)
		if err != nil {
			return Answer{}
		}
		f := tlsFacts(t)
		inner := &conn{Conn: t, room: exchangeRoom, end: c.end, before: func() error { return nil }} // c waits its turn
		a := ask(inner)
		if a.Service == "" {
			return Answer{Service: "tls", Banner: f["tls.subject"], Facts: f}
		}
		a.Service += "s"
		maps.Copy(a.Facts, f)
		return a
	}
}

// startLDAP asks for TLS after the root DSE was read (RFC 4511 §4.14).
func startLDAP(ctx context.Context, l *line) Answer {
	c, err := l.dial(ctx)
	if err != nil {
		return Answer{}
	}
	defer c.close()
	a := askLDAP(c)
	if a.Service == "" {
		return a
	}
	c.hurry(patience)
	request := der(0x30, append([]byte{0x02, 1, 2}, der(0x77, der(0x80, []byte("1.3.6.1.4.1.1466.20037")))...))
	if granted(c.ask(request, 4096, func([]byte) bool { return true })) {
		a.upgrade(ctx, c)
	}
	return a
}

// granted tells whether an extended response says success.
func granted(b []byte) bool {
	c := &cursor{b: b}
	message := c.inside(0x30)
	message.element()
	response := message.inside(0x78)
	tag, code := response.element()
	return !response.bad && tag == 0x0a && len(code) == 1 && code[0] == 0
}
