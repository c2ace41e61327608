package service

import (
	"regexp"
	"strings"
)

// Greetings of services that speak first in lines: the pattern that it is that service, and
// the service's name for facts.
var (
	ftpGreeting  = regexp.MustCompile(`^(?:220|120|421)[ -]`)
	smtpWord     = regexp.MustCompile(`(?i)\bE?SMTP\b|\bmail\b|\bpostfix\b|\bexim\b|\bsendmail\b`)
	ftpWord      = regexp.MustCompile(`(?i)\bFTP|FTPd?\b|FileZilla`)
	imapGreeting = regexp.MustCompile(`^\* (?:OK|PREAUTH|BYE)\b`)
	pop3Greeting = regexp.MustCompile(`^\+OK\b`)
	imapExtra    = regexp.MustCompile(`\[CAPABILITY [^\]]*\] ?`)
)

// code220 tells FTP from SMTP, which greet alike (RFC 959, RFC 5321).
func code220(b []byte) Answer {
	switch text := firstLine(b); {
	case smtpWord.MatchString(text):
		return parseSMTP(b)
	case ftpWord.MatchString(text):
		return parseFTP(b)
	}
	return Answer{}
}

func parseFTP(b []byte) Answer {
	return parseLines("ftp", ftpGreeting, b)
}

func parseSMTP(b []byte) Answer {
	a := parseLines("smtp", regexp220, b)
	if name, _, _ := strings.Cut(a.Banner, " "); strings.Contains(name, ".") {
		a.Facts.set("smtp.host", name)
	}
	return a
}

var regexp220 = regexp.MustCompile(`^(?:220|421|554)[ -]`)

func parseIMAP(b []byte) Answer {
	return parseLines("imap", imapGreeting, []byte(imapExtra.ReplaceAllString(firstLine(b), "")))
}

func parsePOP3(b []byte) Answer { return parseLines("pop3", pop3Greeting, b) }

// parseLines takes the first line of a greeting without its code.
func parseLines(service string, code *regexp.Regexp, b []byte) Answer {
	text := firstLine(b)
	at := code.FindStringIndex(text)
	if at == nil {
		return Answer{}
	}
	f := Facts{}
	f.set(service+".banner", steady(strings.TrimSpace(text[at[1]:])))
	return Answer{Service: service, Banner: f[service+".banner"], Facts: f}
}

// greeting is an exchange in which only the other side speaks.
func greeting(parse func([]byte) Answer) func(*conn) Answer {
	return func(c *conn) Answer { return parse(collect(c, maxGreeting, line1)) }
}
