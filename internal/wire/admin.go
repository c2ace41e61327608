package wire

import (
	"crypto/tls"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// maxAdminAnswer bounds an answer to a person's question: 10,000 assets, or one with its software.
const maxAdminAnswer = 256 << 20

// AdminClient asks a collector questions with a person's token. With a file of authorities it
// trusts these alone, without one those of the system. Errors of its calls become domain
// errors by [FromConnect].
func AdminClient(collector string, token inventory.Secret, caPath string) (musterv1connect.InventoryServiceClient, error) {
	base, err := collectorURL(collector)
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, invalid("no token given")
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if caPath != "" {
		if conf.RootCAs, err = readPool(caPath); err != nil {
			return nil, err
		}
	}
	client := &http.Client{
		Transport: bearer{token: token, next: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, ForceAttemptHTTP2: true,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return musterv1connect.NewInventoryServiceClient(connect.NewClient(connecthttp.NewTransport(client, base.String(),
		connecthttp.WithReadMaxBytes(maxAdminAnswer)))), nil
}

// bearer adds the token to each request.
type bearer struct {
	token inventory.Secret
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token.Reveal())
	return b.next.RoundTrip(r)
}
