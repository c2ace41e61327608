package wire

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// Whoever takes a connection and says nothing, or says it for ever, holds a call for a minute at most.
func TestF10_DeadlineOfCalls(t *testing.T) {
	answers := map[string]func(net.Conn){
		"silence": func(c net.Conn) {
			buf := make([]byte, 1024)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		},
		"an answer without end": func(c net.Conn) {
			go func() {
				_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\nContent-Length: 1000\r\n\r\n"))
			}()
			buf := make([]byte, 1024)
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCaller("http://collector", &tls.Config{}, nil, new(atomic.Int64))
				transport, _ := c.http.Transport.(*http.Transport)
				transport.Proxy = nil
				transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go answer(far)
					return near, nil
				}
				start := time.Now()
				err := c.call(t.Context(), func(ctx context.Context) error {
					_, err := musterv1connect.NewIngestServiceClient(c.rpc).Report(ctx, &musterv1.ReportRequest{})
					return err
				})
				if took := time.Since(start); inventory.CodeOf(err) != inventory.CodeUnavailable || took > time.Minute {
					t.Errorf("after %v: %v", took, err)
				}
				c.close()
			})
		})
	}
}
