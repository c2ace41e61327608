package service_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/muster-itam/muster/scanner/service"
)

// A server that repeats another's host key without having it is not taken for the other.
func TestSSHKeyNeedsProof(t *testing.T) {
	victim, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	at := serve(t, func(c net.Conn) {
		_, _ = c.Write([]byte("SSH-2.0-thief\r\n"))
		packet := func(msg []byte) []byte {
			pad := 8 - (len(msg)+5)%8 + 8
			out := binary.BigEndian.AppendUint32(nil, uint32(len(msg)+pad+1))
			return append(append(append(out, byte(pad)), msg...), make([]byte, pad)...)
		}
		text := func(to []byte, s string) []byte {
			return append(binary.BigEndian.AppendUint32(to, uint32(len(s))), s...)
		}
		buf := make([]byte, 4096)
		if _, err := c.Read(buf); err != nil {
			return
		}
		_, _ = c.Write(packet(append(text(append([]byte{20}, make([]byte, 16)...), "curve25519-sha256"), make([]byte, 40)...)))
		if _, err := c.Read(buf); err != nil {
			return
		}
		key := text(text(nil, "ssh-ed25519"), string(victim))
		point := append([]byte{9}, make([]byte, 31)...)
		reply := text(text(text([]byte{31}, string(key)), string(point)), string(text(text(nil, "ssh-ed25519"), string(make([]byte, 64)))))
		_, _ = c.Write(packet(reply))
		_, _ = c.Read(buf)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a := (&service.Prober{}).Ask(ctx, 22, at)
	if a.Facts["ssh.host_key"] != "" || a.Facts["ssh.host_key_reason"] != "the host key's signature is wrong" {
		t.Errorf("%v", a.Facts)
	}
}
