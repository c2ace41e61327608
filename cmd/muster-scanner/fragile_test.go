package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is named as fragile waits before each packet, without a scan too. Whatever delays a packet
// makes the pause longer.
func TestFragileIsAskedSlowly(t *testing.T) {
	const pause = 100 * time.Millisecond
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.97.16:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	at, port, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	snmp := filepath.Join(t.TempDir(), "snmp.yml")
	if err := os.WriteFile(snmp, []byte("credentials: [{community: a}, {community: b}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{"identify": {"identify", "--targets", "-"}, "walk": {"walk", at}} {
		began := time.Now()
		heard := make(chan time.Duration, 1)
		go func() {
			_, _, _ = conn.ReadFrom(make([]byte, 2000)) // the test fails on the time when it is closed
			heard <- time.Since(began)
		}()
		var out bytes.Buffer
		p := &program{out: &out, err: &out, in: strings.NewReader(at + "\n"), now: time.Now, env: func(string) (string, bool) { return "", false }}
		if code := p.main(t.Context(), append(args, "--snmp-config", snmp, "--port", port, "--fragile", "127.0.97.0/28,127.0.97.16")); code == 0 || !strings.Contains(out.String(), "no answer to SNMP") {
			t.Errorf("%s: %d, %s", name, code, out.String())
		}
		if first := <-heard; first < pause {
			t.Errorf("%s: the first packet came after %v", name, first)
		}
		if name == "walk" && !strings.Contains(out.String(), "named as fragile") {
			t.Errorf("walk does not say that it is slow: %s", out.String())
		}
		for drained := false; !drained; { // what was repeated
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			_, _, err := conn.ReadFrom(make([]byte, 2000))
			drained = err != nil
		}
		_ = conn.SetReadDeadline(time.Time{})
	}
}
