package server

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

const (
	// beginning is how many connections are between their first byte and their first answer
	// at a time: as many as there are reports at once, so that who has paid for a handshake
	// is served and not sent away.
	beginning = 256
	// beginWait is how long a connection waits to begin. Sources give a handshake 15 s.
	beginWait = 10 * time.Second
	// beginTime is how long one that has not shown who it is keeps others from beginning.
	beginTime = 2 * time.Second
	// handshakeTime counts from when a connection may begin.
	handshakeTime = 5 * time.Second
)

// door lets connections in. When more come than can be served, as after an outage in which all
// sources have collected something to say, those that are let in are served as fast as ever:
// the others wait before any TLS work is done for them, or, beyond the number of connections
// that may be open, are closed at once, which is cheaper than to answer them. Sources take it
// as a request to come later (wire.Backoff).
type door struct {
	open, begin slots
	away        func(why string) // counts
}

func newDoor(connections int, away func(why string)) *door {
	return &door{open: make(slots, connections), begin: make(slots, min(beginning, connections)), away: away}
}

// crowded says that there is no room for connections that may be used again.
func (d *door) crowded() bool { return len(d.open) > cap(d.open)/2 }

// listener accepts from l what may be open.
func (d *door) listener(l net.Listener) net.Listener { return &doorListener{l, d} }

type doorListener struct {
	net.Listener
	door *door
}

func (l *doorListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.door.open <- struct{}{}:
			return &guest{Conn: c, door: l.door, gone: make(chan struct{})}, nil
		default:
			l.door.away("full")
			_ = c.Close()
		}
	}
}

// guest is a connection that was let in.
type guest struct {
	net.Conn
	door *door
	gone chan struct{}

	asked bool // for a place to begin; of Read, which one goroutine calls at a time

	mu     sync.Mutex
	begins bool // it holds a place
	closed bool
	timer  *time.Timer
}

// Read has the first bytes wait until the connection may begin.
func (g *guest) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if n > 0 && !g.asked {
		g.asked = true
		if err := g.start(); err != nil {
			return 0, err
		}
	}
	return n, err
}

func (g *guest) start() error {
	t := time.NewTimer(beginWait)
	defer t.Stop()
	select {
	case g.door.begin <- struct{}{}:
	case <-g.gone:
		return net.ErrClosed
	case <-t.C:
		g.door.away("wait")
		return context.DeadlineExceeded
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		g.door.begin.leave()
		return net.ErrClosed
	}
	g.begins = true
	g.timer = time.AfterFunc(beginTime, g.begun)
	return g.SetDeadline(time.Now().Add(handshakeTime)) // those that are set have run while it waited
}

// begun lets another connection begin.
func (g *guest) begun() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.begins {
		g.begins = false
		g.door.begin.leave()
	}
}

// Close gives its places back, once.
func (g *guest) Close() error {
	g.mu.Lock()
	first := !g.closed
	g.closed = true
	g.mu.Unlock()
	if first {
		close(g.gone)
		g.begun()
		defer g.door.open.leave()
	}
	return g.Conn.Close()
}

type guestKey struct{}

// withGuest is http.Server's ConnContext.
func withGuest(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, guestKey{}, c)
}

// reports says that a source's report has come: it has its place until it is answered,
// however long that takes. Whatever else came has begun.
func reports(ctx context.Context, report bool) {
	g, ok := ctx.Value(guestKey{}).(*guest)
	if !ok {
		return
	}
	if !report {
		g.begun()
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
	}
}

// answered is called after each answer.
func answered(ctx context.Context) {
	if g, ok := ctx.Value(guestKey{}).(*guest); ok {
		g.begun()
	}
}
