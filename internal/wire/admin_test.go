package wire_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

type answers struct {
	musterv1connect.UnimplementedInventoryServiceHandler
}

func (answers) ListAssets(context.Context, *musterv1.ListAssetsRequest) (*musterv1.ListAssetsResponse, error) {
	return &musterv1.ListAssetsResponse{Total: 7}, nil
}

func TestAdminClient(t *testing.T) {
	rpc := connect.NewServer()
	musterv1connect.RegisterInventoryServiceHandler(rpc, answers{})
	mux := http.NewServeMux()
	connecthttp.Mount(mux, rpc)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	list := func(token inventory.Secret, ca string) (int64, error) {
		client, err := wire.AdminClient(server.URL, token, ca)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.ListAssets(t.Context(), &musterv1.ListAssetsRequest{})
		return res.GetTotal(), wire.FromConnect(err)
	}
	if n, err := list("secret", ca); err != nil || n != 7 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := list("guess", ca); inventory.CodeOf(err) != inventory.CodeUnauthenticated {
		t.Errorf("wrong token: %v", err)
	}
	if _, err := list("secret", ""); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("an authority that the system does not know: %v", err)
	}
	client, err := wire.AdminClient(server.URL, "secret", ca)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ListScans(t.Context(), &musterv1.ListScansRequest{}); inventory.CodeOf(wire.FromConnect(err)) != inventory.CodeNotFound {
		t.Errorf("a call that the collector does not have: %v", err)
	}
}

// A collector that ends the handshake of whom it does not accept says no as clearly as a 401.
func TestRefusedHandshake(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := wire.AdminClient(server.URL, "secret", ca)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.ListScans(t.Context(), &musterv1.ListScansRequest{})
	if err = wire.FromConnect(err); inventory.CodeOf(err) != inventory.CodeUnauthenticated {
		t.Errorf("got %v (%s)", err, inventory.CodeOf(err))
	}
}

func TestA12_AdminClientRefusesOldTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := wire.AdminClient(server.URL, "secret", ca)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ListScans(t.Context(), &musterv1.ListScansRequest{}); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("TLS 1.1: %v", err)
	}
}
