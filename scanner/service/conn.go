package service

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"
)

// conn is a connection that is read up to a number of bytes and written at the pace of the
// scan. Its deadline is set once for the whole exchange.
type conn struct {
	net.Conn
	room   int          // bytes that may still be read
	end    time.Time    // of the exchange
	before func() error // waits for the turn of a message
	stop   func() bool
}

var errTooMuch = errors.New("more bytes than are taken from one connection")

func (c *conn) Read(p []byte) (int, error) {
	if c.room <= 0 {
		return 0, errTooMuch
	}
	n, err := c.Conn.Read(p[:min(len(p), c.room)])
	c.room -= n
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.before(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *conn) close() {
	c.stop()
	_ = c.Close()
}

// collect reads until enough says so, the other side ends, goes silent or says too much;
// what came until then is the answer, whatever ended it.
func collect(r io.Reader, limit int, enough func([]byte) bool) []byte {
	var got []byte
	buf := make([]byte, 4096)
	for len(got) < limit {
		n, err := r.Read(buf[:min(len(buf), limit-len(got))])
		got = append(got, buf[:n]...)
		if err != nil || n > 0 && enough(got) {
			break
		}
	}
	return got
}

// line1 is enough when there is a whole line.
func line1(b []byte) bool { return bytes.IndexByte(b, '\n') >= 0 }

// maxGreeting is the longest greeting that is waited for.
const maxGreeting = 2048

// ask sends one message and collects the answer.
func (c *conn) ask(message []byte, limit int, enough func([]byte) bool) []byte {
	if _, err := c.Write(message); err != nil {
		return nil
	}
	return collect(c, limit, enough)
}

// datagram sends one and takes the first answer.
func (c *conn) datagram(message []byte) []byte {
	return c.ask(message, 4096, func([]byte) bool { return true })
}

// hurry leaves at most d for what is still to come, where the other side may well say nothing.
func (c *conn) hurry(d time.Duration) {
	at := time.Now().Add(d)
	if c.end.Before(at) {
		at = c.end
	}
	_ = c.SetReadDeadline(at) // cannot fail on an open connection
}

// cursor reads fields of a message; behind its end everything is zero and bad is true.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

// uint is n bytes, most significant first.
func (c *cursor) uint(n int) (v uint64) {
	for _, b := range c.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

// text up to a NUL.
func (c *cursor) text() string {
	i := bytes.IndexByte(c.b, 0)
	if i < 0 {
		c.bad, c.b = true, nil
		return ""
	}
	out := string(c.b[:i])
	c.b = c.b[i+1:]
	return out
}
