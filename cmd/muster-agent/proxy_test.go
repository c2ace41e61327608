package main

import (
	"bufio"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/muster-itam/muster/internal/wire/wiretest"
)

// tunnels is a proxy that wants a password, notes who wants to go where, and leads everybody
// to one place. It is the only one that can resolve the name of the test's collector.
type tunnels struct {
	address string
	mu      sync.Mutex
	asked   []string
}

func newTunnels(t *testing.T, password, to string) *tunnels {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p := &tunnels{address: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(conn, password, to)
		}
	}()
	return p
}

func (p *tunnels) serve(conn net.Conn, password, to string) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	req, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, req.Method+" "+req.Host)
	p.mu.Unlock()
	if req.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(password)) {
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
		return
	}
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(far, in) }()
	_, _ = io.Copy(conn, far)
}

func (p *tunnels) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.asked, ", ")
}

// Everything that connects goes through the proxy, with TLS and the client's certificate from
// end to end, and nothing that is printed or logged has the password.
func TestProxy(t *testing.T) {
	const secret = "hunter2"
	for name, set := range map[string]func(t *testing.T, c *console, proxy string){
		"configuration": func(t *testing.T, c *console, proxy string) {
			c.env["MUSTER_AGENT_CONFIG"] = writeFile(t, "agent.yaml", "proxy: http://"+proxy+"\nproxy_credentials: "+writeFile(t, "secret", "me:"+secret+"\n")+"\n")
		},
		"environment": func(_ *testing.T, c *console, proxy string) {
			c.env["HTTPS_PROXY"] = "http://me:" + secret + "@" + proxy
		},
		"environment with credentials in a file": func(t *testing.T, c *console, proxy string) {
			c.env["https_proxy"], c.env["MUSTER_AGENT_PROXY_CREDENTIALS"] = proxy, writeFile(t, "secret", "me:"+secret)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, c := wiretest.New(t), newConsole(t)
			server.Show(t, func(cert *x509.Certificate) { cert.DNSNames = []string{"collector.test"} })
			to, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			proxy := newTunnels(t, "me:"+secret, to.Host)
			set(t, c, proxy.address)
			var said strings.Builder
			for _, args := range [][]string{
				{"enroll", "--collector", "https://collector.test:8443", "--token", server.Token().Reveal()},
				{"report", "--once"}, {"status"}, {"status", "-o", "json"}, {"doctor"}, {"doctor", "-o", "json"},
			} {
				code, out, errs := c.do(t, args...)
				if code != 0 {
					t.Errorf("%q: exit %d: %s%s", args, code, out, errs)
				}
				said.WriteString(out + errs)
			}
			if want := "CONNECT collector.test:8443, CONNECT collector.test:8443, CONNECT collector.test:8443, CONNECT collector.test:8443"; proxy.seen() != want {
				t.Errorf("the proxy saw %s", proxy.seen())
			}
			if len(server.Requests) != 1 {
				t.Errorf("%d reports arrived", len(server.Requests))
			}
			if !strings.Contains(said.String(), proxy.address) || strings.Contains(said.String(), secret) {
				t.Errorf("the proxy has to be shown and its password must not be:\n%s", said.String())
			}

			// Refused, it has to be said and the password still must not.
			for _, key := range []string{"HTTPS_PROXY", "https_proxy", "MUSTER_AGENT_PROXY_CREDENTIALS", "MUSTER_AGENT_CONFIG"} {
				delete(c.env, key)
			}
			c.env["MUSTER_AGENT_CONFIG"] = writeFile(t, "agent.yaml", "")
			c.env["HTTPS_PROXY"] = "http://me:" + secret + "x@" + proxy.address
			code, out, errs := c.do(t, "report", "--once")
			if code != exitUnavailable || strings.Contains(out+errs, secret) {
				t.Errorf("report through a proxy that refuses: exit %d: %s%s", code, out, errs)
			}
			code, out, errs = c.do(t, "doctor")
			if code != exitFailed || !strings.Contains(out, "wants a user and password") || strings.Contains(out+errs, secret) {
				t.Errorf("doctor: exit %d: %s%s", code, out, errs)
			}
		})
	}
}

func TestNoProxy(t *testing.T) {
	server := wiretest.New(t)
	server.Show(t, func(cert *x509.Certificate) { cert.DNSNames = []string{"localhost"} })
	proxy := newTunnels(t, "", "127.0.0.1:1")
	for i, env := range []map[string]string{
		{"HTTPS_PROXY": proxy.address, "NO_PROXY": ".example, collector.invalid"},
		{"MUSTER_AGENT_PROXY": "direct", "HTTPS_PROXY": proxy.address},
		{"MUSTER_AGENT_PROXY": proxy.address, "no_proxy": "*"},
	} {
		c := newConsole(t)
		for k, v := range env {
			c.env[k] = v
		}
		code, _, errs := c.do(t, "enroll", "--collector", "https://collector.invalid:8443", "--token", server.Token().Reveal())
		if code != exitUnavailable || !strings.Contains(errs, "collector.invalid") || proxy.seen() != "" {
			t.Errorf("case %d: exit %d, the proxy saw %q: %s", i, code, proxy.seen(), errs)
		}
	}
	c := newConsole(t)
	c.env["HTTPS_PROXY"] = fmt.Sprintf("http://%s", proxy.address)
	if code, _, errs := c.do(t, "enroll", "--collector", "https://collector.invalid:8443", "--token", server.Token().Reveal()); code == 0 || proxy.seen() == "" {
		t.Errorf("without an exception the proxy must be asked: exit %d %s", code, errs)
	}
}
