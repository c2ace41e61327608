package service

import (
	"bytes"
	"strings"
)

// askRedis asks for the server section of INFO, which a server without a password tells.
func askRedis(c *conn) Answer {
	return parseRedis(c.ask([]byte("INFO server\r\n"), 8192, func(b []byte) bool {
		return b[0] == '-' && line1(b) || bytes.HasSuffix(b, []byte("\r\n\r\n")) || bytes.Contains(b, []byte("\nexecutable:"))
	}))
}

var redisFacts = map[string]string{
	"redis_version": "redis.version", "valkey_version": "redis.valkey", "redis_mode": "redis.mode", "os": "redis.os", "server_name": "redis.server",
}

// parseRedis reads the answer (RESP): a text of KEY:VALUE lines, or a refusal.
func parseRedis(b []byte) Answer {
	f := Facts{}
	switch {
	case bytes.HasPrefix(b, []byte("-NOAUTH")), bytes.HasPrefix(b, []byte("-DENIED")), bytes.HasPrefix(b, []byte("-NOPERM")):
		word, _, _ := strings.Cut(firstLine(b)[1:], " ")
		f.set("redis.refused", word)
		return Answer{Service: "redis", Banner: f["redis.refused"], Facts: f}
	case len(b) == 0 || b[0] != '$':
		return Answer{}
	}
	for row := range bytes.Lines(b) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(row)), ":")
		if name := redisFacts[key]; name != "" {
			f.set(name, value)
		}
	}
	if len(f) == 0 {
		return Answer{}
	}
	return Answer{Service: "redis", Banner: Clean("Redis "+f["redis.version"]+" "+f["redis.os"], maxBanner), Facts: f}
}
