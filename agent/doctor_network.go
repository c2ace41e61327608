package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/wire"
)

const (
	resolveTimeout = 10 * time.Second
	// skewWarn is a difference of clocks that shows in times and dates; skewFail is one with
	// which certificates stop working.
	skewWarn = 5 * time.Minute
	skewFail = 24 * time.Hour
)

// network looks at the way to the collector, step by step; the first that fails ends it.
func (d Doctor) network(ctx context.Context, collector string, enrolled bool) []Check {
	base, err := url.Parse(collector)
	if err != nil || base.Hostname() == "" {
		return []Check{{"collector", VerdictFail, fmt.Sprintf("the address %q is not of the form https://HOST:PORT", collector), "enrol again with the right address"}}
	}
	route := d.Route(collector)
	proxied := !strings.HasPrefix(route, "none")
	checks := []Check{{Name: "proxy", Verdict: VerdictOK, Detail: route}}
	if d.Script != "" && !proxied {
		checks[0] = Check{"proxy", VerdictWarn, "none; the system names an auto-configuration script (" + d.Script + "), which the agent does not run",
			"if a proxy is needed, name it with \"proxy\" in the configuration"}
	}
	if !proxied { // a proxy resolves names itself
		c := resolve(ctx, base.Hostname())
		if checks = append(checks, c); c.Verdict == VerdictFail {
			return checks
		}
	}
	p, err := wire.ProbeCollector(ctx, d.Config.Proxy, collector, d.StateDir)
	if err != nil {
		return append(checks, Check{"connection", VerdictFail, err.Error(), "run as root or as the agent's user"})
	}
	return append(checks, judge(p, base.Host, proxied, enrolled)...)
}

func resolve(ctx context.Context, host string) Check {
	if net.ParseIP(host) != nil {
		return Check{Name: "name", Verdict: VerdictOK, Detail: host + " is an address"}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return Check{"name", VerdictFail, err.Error(), "check the name, this machine's DNS servers and its network; a VPN may have to be up"}
	}
	return Check{Name: "name", Verdict: VerdictOK, Detail: host + " is " + strings.Join(addresses, ", ")}
}

// judge says what a probe found: connection, TLS, clock, and whether it is the collector that answers.
func judge(p wire.Probe, host string, proxied, enrolled bool) []Check {
	if p.Remote == "" {
		fix := "is the collector running, and does a firewall let this machine through to " + host + "?"
		if proxied {
			fix = "is the proxy's address right, and is it running?"
		}
		return []Check{{"connection", VerdictFail, text(p.Err), fix}}
	}
	checks := []Check{{Name: "connection", Verdict: VerdictOK, Detail: "to " + p.Remote}}
	if p.TLS == nil && p.Status == 0 {
		return append(checks, handshake(p.Err, proxied, enrolled))
	}
	checks = append(checks, encryption(*p.TLS))
	if p.Status == 0 {
		return append(checks, Check{"answer", VerdictFail, text(p.Err), "the collector took the connection and did not answer: see its log"})
	}
	return append(checks, clock(p), answer(p))
}

// handshake says why there is no TLS connection.
func handshake(err error, proxied, enrolled bool) Check {
	c := Check{Name: "tls", Verdict: VerdictFail, Detail: text(err)}
	var header tls.RecordHeaderError
	var verification *tls.CertificateVerificationError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &header):
		c.Detail = "what answers does not speak TLS"
		if bytes.HasPrefix(header.RecordHeader[:], []byte("HTTP/")) || bytes.HasPrefix(header.RecordHeader[:], []byte("<")) {
			c.Detail += " but HTTP"
		}
		c.Fix = "a captive portal? Sign in to the network; otherwise check the port"
	case errors.As(err, &name):
		c.Detail = "the server's certificate is for another name: " + name.Error()
		c.Fix = "enrol with a name that is in it, or start the collector with --name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		c.Detail = "the server's certificate is not valid at this time: " + invalid.Error()
		c.Fix = "is this machine's clock right? If it is, look at the collector's certificate"
	case errors.As(err, &verification) && !enrolled:
		c.Verdict, c.Detail = VerdictWarn, "there is a TLS server; whether it is the right one shows at enrolment: "+issuer(verification)
		c.Fix = "enrol: the token names the authority that the server has to have"
	case errors.As(err, &verification):
		c.Detail = "the server is not of the collector's authority but " + issuer(verification)
		c.Fix = "does something on the way inspect TLS (exempt the collector), or was the collector made anew (enrol again)?"
	case proxied && p407(err):
		c.Name, c.Detail, c.Fix = "proxy", "the proxy wants a user and password", "put USER:PASSWORD into a file that \"proxy_credentials\" names"
	case proxied:
		c.Fix = "does the proxy let this machine through to the collector?"
	case strings.Contains(c.Detail, "protocol version"):
		c.Fix = "the server speaks an old TLS only: that is not a collector, or something stands before it"
	default:
		c.Fix = "something on the way may cut connections: try from another network"
	}
	return c
}

func p407(err error) bool { return strings.Contains(text(err), "Proxy Authentication Required") }

func issuer(err *tls.CertificateVerificationError) string {
	if len(err.UnverifiedCertificates) == 0 {
		return "without a certificate"
	}
	leaf := err.UnverifiedCertificates[0]
	return fmt.Sprintf("for %q, issued by %q", leaf.Subject.CommonName, leaf.Issuer.CommonName)
}

func encryption(state tls.ConnectionState) Check {
	c := Check{Name: "tls", Verdict: VerdictOK, Detail: tls.VersionName(state.Version)}
	if len(state.PeerCertificates) > 0 {
		leaf := state.PeerCertificates[0]
		c.Detail += fmt.Sprintf(", %q until %s", leaf.Issuer.CommonName, leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return c
}

func clock(p wire.Probe) Check {
	if p.Date.IsZero() {
		return Check{"clock", VerdictWarn, "the answer has no date", "see the next check"}
	}
	skew := p.SentAt.Sub(p.Date).Round(time.Second)
	c := Check{Name: "clock", Verdict: VerdictOK, Detail: fmt.Sprintf("%v from the collector's", skew)}
	if abs := skew.Abs(); abs > skewWarn {
		c.Verdict, c.Fix = VerdictWarn, "set this machine's clock, best by NTP"
		if abs > skewFail {
			c.Verdict = VerdictFail
		}
	}
	return c
}

// answer tells the collector from whatever else answers.
func answer(p wire.Probe) Check {
	page := bytes.TrimSpace(p.Page)
	switch {
	case p.Err != nil:
		return Check{"answer", VerdictFail, text(p.Err), "something on the way may cut connections: try from another network"}
	case strings.Contains(p.ContentType, "html") || bytes.HasPrefix(page, []byte("<")):
		return Check{"answer", VerdictFail, fmt.Sprintf("a web page with status %d instead of the collector's word", p.Status),
			"a captive portal or a proxy's page? Sign in to the network, or have the collector exempted"}
	case p.Status == 200 && string(page) == "ok":
		return Check{Name: "answer", Verdict: VerdictOK, Detail: "the collector's"}
	case p.Status == 503 || p.Status == 429:
		return Check{"answer", VerdictWarn, fmt.Sprintf("status %d: the collector is busy", p.Status), "the agent tries again by itself"}
	}
	return Check{"answer", VerdictFail, fmt.Sprintf("status %d, which is not a collector's", p.Status), "check the address and port"}
}

// text is an error without the request's address, which stands above it, and with a deadline in plain words.
func text(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	switch {
	case err == nil:
		return "no answer"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	}
	return err.Error()
}
