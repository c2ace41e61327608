package snmp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Limits of one exchange with a device.
const (
	minWait = 250 * time.Millisecond // a loaded agent is easily this late
	// heardRetries is how much more often a question is repeated to a device that has
	// answered before: at one packet in a hundred lost, one question in 10^8 stays open.
	heardRetries = 2
	// maxForeign is how many datagrams that are no answer are read while one is awaited.
	maxForeign = 1000
)

// roundTrip estimates how long an answer takes, as RFC 6298 does for TCP.
type roundTrip struct {
	mean, deviation time.Duration // no sample yet: 0
}

func (r *roundTrip) sample(d time.Duration) {
	if r.mean == 0 {
		r.mean, r.deviation = d, d/2
		return
	}
	r.deviation += ((r.mean - d).Abs() - r.deviation) / 4
	r.mean += (d - r.mean) / 8
}

// wait is how long to wait before asking again.
func (r *roundTrip) wait() time.Duration { return max(minWait, r.mean+4*r.deviation) }

// network is what all devices together say of round trips: the first wait for a device
// that has not answered yet.
type network struct {
	mu  sync.Mutex
	all roundTrip
}

func (n *network) sample(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all.sample(d)
}

// first is the first wait, at most limit; that is also what it is while nothing is known.
func (n *network) first(limit time.Duration) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all.mean == 0 {
		return limit
	}
	return min(limit, n.all.wait())
}

// peer is the device that is asked, over all sessions with it.
type peer struct {
	addr    netip.AddrPort
	network *network
	timeout time.Duration // longest wait before a question is repeated
	retries int           // repetitions while the device has not answered yet
	pace    func(context.Context) error
	last    bool // of the rounds of questions to a device that may not be there

	heard   bool // has answered
	foreign bool // something came that is no answer to what was asked
	trip    roundTrip
	rto     time.Duration // wait of the next question, 0: not known
	// engine of a version 3 agent, found for the first of its users.
	engine      string
	boots, time uint32
}

// patience is the first wait of a question, and how often it is repeated.
func (p *peer) patience() (wait time.Duration, retries int) {
	switch {
	case p.heard:
		retries = p.retries + heardRetries
	case p.last:
		return p.timeout, p.retries
	default:
		retries = p.retries
	}
	if p.rto == 0 {
		return p.network.first(p.timeout), retries
	}
	return min(p.rto, p.timeout), retries
}

// answered takes a measured round trip. The answer to a question that was repeated may be
// to either (Karn): it says only that the last wait was long enough.
func (p *peer) answered(took, wait time.Duration, repeated bool) {
	first := !p.heard
	p.heard = true
	if repeated {
		p.rto = wait
		return
	}
	if first {
		p.network.sample(took)
	}
	p.trip.sample(took)
	p.rto = p.trip.wait()
}

// conn is the socket of one session. It repeats what was written until an answer to it
// comes, and shows gosnmp nothing else: late answers to earlier questions, what bears a
// wrong number and what is no SNMP message are read and forgotten. The kernel leaves out
// what comes from elsewhere, because the socket is connected.
type conn struct {
	net.Conn
	ctx  context.Context //nolint:containedctx // of the session: net.Conn has no way to pass it
	peer *peer

	question []byte
	number   int64
	silent   bool // the last question got no answer; gosnmp is not to repeat it
}

func (c *conn) Write(b []byte) (int, error) {
	if c.silent {
		return 0, os.ErrDeadlineExceeded
	}
	m, ok := parseHeader(b)
	if !ok {
		return 0, ErrUnusable // gosnmp made it: cannot be
	}
	c.question, c.number = b, m.number
	return c.send()
}

func (c *conn) send() (int, error) {
	if c.peer.pace != nil {
		if err := c.peer.pace(c.ctx); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(c.question)
}

// SetDeadline is how gosnmp says what conn knows better.
func (c *conn) SetDeadline(time.Time) error { return nil }

func (c *conn) Read(b []byte) (int, error) {
	wait, retries := c.peer.patience()
	for try := 0; ; try++ {
		begin := time.Now()
		n, err := c.await(b, begin.Add(wait))
		if err == nil {
			c.peer.answered(time.Since(begin), wait, try > 0)
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || try >= retries || c.ctx.Err() != nil {
			c.silent = true
			return 0, err
		}
		if wait = min(2*wait, c.peer.timeout); c.peer.last {
			wait = c.peer.timeout
		}
		if _, err := c.send(); err != nil {
			c.silent = true
			return 0, err
		}
	}
}

// await reads until an answer to the question is there.
func (c *conn) await(b []byte, until time.Time) (int, error) {
	if err := c.SetReadDeadline(until); err != nil {
		return 0, err
	}
	for range maxForeign {
		n, err := c.Conn.Read(b)
		if err != nil {
			return 0, err
		}
		if m, ok := parseHeader(b[:n]); ok && m.answer && m.number == c.number {
			return n, nil
		}
		c.peer.foreign = true
	}
	return 0, ErrUnusable
}

// header is what tells whose answer a message is: the number of a version 3 message
// (RFC 3412 §6.2), or that of the request in it (RFC 3416 §3).
type header struct {
	number int64
	answer bool // not a request
}

// BER tags of messages (RFC 3416 §3).
const (
	tagSequence = 0x30
	tagResponse = 0xa2
	tagReport   = 0xa8
)

func parseHeader(b []byte) (h header, ok bool) {
	body, _, ok := element(b, tagSequence)
	if !ok {
		return h, false
	}
	version, rest, ok := number(body)
	if !ok {
		return h, false
	}
	if version == 3 {
		global, _, ok := element(rest, tagSequence)
		if !ok {
			return h, false
		}
		h.number, _, ok = number(global)
		h.answer = true // whether it is one may be encrypted
		return h, ok
	}
	_, rest, ok = element(rest, tagString)
	if !ok || len(rest) == 0 {
		return h, false
	}
	h.answer = rest[0] == tagResponse || rest[0] == tagReport
	pdu, _, ok := element(rest, rest[0])
	if !ok {
		return h, false
	}
	h.number, _, ok = number(pdu)
	return h, ok
}

// element takes the contents of the element at the start of b, which must be of tag, and what
// is after it.
func element(b []byte, tag byte) (body, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	size, b := int(b[1]), b[2:]
	if size >= 0x80 { // long form: that many bytes of length follow
		n := size & 0x7f
		if n == 0 || n > 4 || len(b) < n {
			return nil, nil, false
		}
		size = 0
		for _, c := range b[:n] {
			size = size<<8 | int(c)
		}
		b = b[n:]
	}
	if size < 0 || size > len(b) {
		return nil, nil, false
	}
	return b[:size], b[size:], true
}

// number reads an INTEGER of up to eight bytes.
func number(b []byte) (n int64, rest []byte, ok bool) {
	body, rest, ok := element(b, tagInteger)
	if !ok || len(body) == 0 || len(body) > 8 {
		return 0, nil, false
	}
	n = int64(int8(body[0]))
	for _, c := range body[1:] {
		n = n<<8 | int64(c)
	}
	return n, rest, true
}
