package server

import (
	"context"
	"net"
	"runtime"
	"strconv"
	"sync"
	"time"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// slotWait is how long a request may wait for a place before it is sent away.
const slotWait = 2 * time.Second

// slots limits how many requests of a class run at once.
type slots chan struct{}

// classSlots are the limits of each class.
func classSlots() map[Class]slots {
	return map[Class]slots{
		ClassProbe:  make(slots, 64),
		ClassEnrol:  make(slots, 8*runtime.GOMAXPROCS(0)),
		ClassIngest: make(slots, 256),
		ClassJobs:   make(slots, 1024),
		ClassPeople: make(slots, 64),
	}
}

// take waits a little for a place. The caller gives it back with leave.
func (s slots) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(slotWait)
	defer t.Stop()
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return busy("the collector is busy: try again later")
	}
}

func (s slots) leave() { <-s }

// limitListener holds at most a number of connections open: the ones past it wait in the
// kernel's queue, before any TLS work is done for them.
type limitListener struct {
	net.Listener
	open slots
	done chan struct{}
	once sync.Once
}

func newLimitListener(l net.Listener, n int) *limitListener {
	return &limitListener{Listener: l, open: make(slots, n), done: make(chan struct{})}
}

// Accept waits for a place and then for a connection.
func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.open <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		l.open.leave()
		return nil, err
	}
	return &limitedConn{Conn: c, leave: sync.OnceFunc(l.open.leave)}, nil
}

// Close ends waiting Accepts.
func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	leave func()
}

// Close gives the place back, once.
func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
