package server

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener of connections in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return nil }

// come makes a connection whose client has said a word, and the server's end of it when it is let in.
func come(t *testing.T, p pipes) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { _ = client.Close() })
	p <- server
	go func() { _, _ = client.Write([]byte{22}) }()
	return client
}

func TestDoorIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, why := make(pipes, 8), ""
		d := newDoor(2, func(w string) { why += w })
		l := d.listener(p)
		var in []net.Conn
		ended := make(chan error)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					ended <- err
					return
				}
				in = append(in, c)
			}
		}()
		come(t, p)
		come(t, p)
		synctest.Wait()
		if len(in) != 2 || !d.crowded() {
			t.Fatalf("%d let in, crowded %v", len(in), d.crowded())
		}
		away := come(t, p)
		synctest.Wait()
		if _, err := away.Read(make([]byte, 1)); err == nil || why != "full" || len(in) != 2 {
			t.Errorf("one too many: %v, %q", err, why)
		}
		_ = in[0].Close()
		_ = in[0].Close() // gives its place back once
		come(t, p)
		synctest.Wait()
		come(t, p)
		synctest.Wait()
		if len(in) != 3 || why != "fullfull" {
			t.Errorf("after one left: %d let in, %q", len(in), why)
		}
		_ = l.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("after closing: %v", err)
		}
	})
}

func TestDoorBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, why := make(pipes, 8), ""
		d := newDoor(8, func(w string) { why += w })
		d.begin = make(slots, 1)
		l := d.listener(p)
		type word struct {
			n   int
			err error
		}
		read := func() (net.Conn, chan word) {
			come(t, p)
			c, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil { // as http.Server does
				t.Fatal(err)
			}
			said := make(chan word, 1)
			go func() {
				n, err := c.Read(make([]byte, 8))
				said <- word{n, err}
			}()
			synctest.Wait()
			return c, said
		}
		first, said := read()
		if w := <-said; w.n != 1 || w.err != nil {
			t.Fatalf("the first: %v", w)
		}
		second, said := read()
		if len(said) > 0 {
			t.Error("two begin at a time")
		}
		answered(withGuest(t.Context(), first))
		begun := time.Now()
		if w := <-said; w.err != nil || time.Since(begun) != 0 {
			t.Errorf("after the first was answered: %v", w)
		}
		third, said := read() // the second never says more
		if w := <-said; w.err != nil || time.Since(begun) != beginTime {
			t.Errorf("beside one that is slow: %v after %v", w, time.Since(begun))
		}
		begun, slow := time.Now(), third
		if _, err := slow.Write([]byte{22}); time.Since(begun) != handshakeTime { // nobody reads it
			t.Errorf("it has %v for a handshake: %v", time.Since(begun), err)
		}
		third, said = read()
		<-said
		reports(withGuest(t.Context(), third), true)
		begun = time.Now()
		fourth, said := read()
		time.Sleep(3 * beginTime)
		synctest.Wait()
		if len(said) > 0 {
			t.Error("a report lost its place before it was answered")
		}
		answered(withGuest(t.Context(), third))
		if w := <-said; w.err != nil || time.Since(begun) != 3*beginTime {
			t.Errorf("beside a report: %v after %v", w, time.Since(begun))
		}
		reports(withGuest(t.Context(), fourth), false) // no report
		_, said = read()
		if w := <-said; w.err != nil || time.Since(begun) != 3*beginTime {
			t.Errorf("beside somebody who does not report: %v after %v", w, time.Since(begun))
		}
		time.Sleep(beginTime)
		for _, c := range []net.Conn{second, slow, third, fourth} {
			_ = c.Close()
		}
		d.begin <- struct{}{} // somebody holds the place for good
		begun = time.Now()
		_, said = read()
		leaving, left := read()
		_ = leaving.Close()
		if w := <-left; !errors.Is(w.err, net.ErrClosed) || time.Since(begun) != 0 {
			t.Errorf("one that leaves: %v", w)
		}
		if w := <-said; !errors.Is(w.err, context.DeadlineExceeded) || time.Since(begun) != beginWait || why != "wait" {
			t.Errorf("one that waits: %v after %v, %q", w, time.Since(begun), why)
		}
		d.begin.leave()
		if len(d.begin) != 0 {
			t.Error("a place was not given back")
		}
	})
}
