package service

import (
	"bytes"
	"regexp"
	"strings"
)

// parseMySQL reads the greeting of MySQL and MariaDB (protocol version 10), or the error that
// stands in its place when this host may not connect.
func parseMySQL(b []byte) Answer {
	c := &cursor{b: b}
	c.take(4) // length, number
	switch c.byte() {
	case 10:
		version := strings.TrimPrefix(c.text(), "5.5.5-") // which MariaDB 10 puts before its own for old replicas
		if c.bad || !mysqlVersion.MatchString(version) {
			return Answer{}
		}
		f := Facts{}
		f.set("mysql.version", version)
		return Answer{Service: "mysql", Banner: f["mysql.version"], Facts: f}
	case 0xff:
		code := c.take(2)
		if text := string(c.b); code != nil && (bytes.Contains(c.b, []byte("MySQL")) || bytes.Contains(c.b, []byte("MariaDB"))) {
			return Answer{Service: "mysql", Banner: steady(mysqlHost.ReplaceAllString(text, "")), Facts: Facts{}}
		}
	}
	return Answer{}
}

var (
	mysqlVersion = regexp.MustCompile(`^\d+\.\d+[ -~]*$`)
	mysqlHost    = regexp.MustCompile(`^#?\w{0,5}?Host '[^']*' `)
)

func askMySQL(c *conn) Answer {
	return parseMySQL(collect(c, maxGreeting, func(b []byte) bool {
		return len(b) >= 4 && len(b) >= 4+(int(b[0])|int(b[1])<<8)
	}))
}
