package service

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
)

// sshVersion is what this side calls itself (RFC 4253, 4.2).
const sshVersion = "SSH-2.0-muster_scanner"

var sshID = regexp.MustCompile(`^SSH-(\d+\.\d+)-([^\s\x00-\x1f]+)(?: (.*))?`)

// maxSSHID is the longest identification, its end included (RFC 4253, 4.2).
const maxSSHID = 255

// sshLine finds the identification among the lines that a server may send before it.
func sshLine(b []byte) []byte {
	for row := range bytes.Lines(b) {
		if bytes.HasPrefix(row, []byte("SSH-")) && len(row) <= maxSSHID {
			return row
		}
	}
	return nil
}

// parseSSH reads the identification that a server sends first.
func parseSSH(b []byte) Answer {
	m := sshID.FindSubmatch(bytes.TrimRight(sshLine(b), "\r\n"))
	if m == nil {
		return Answer{}
	}
	f := Facts{}
	f.set("ssh.protocol", string(m[1]))
	software := string(m[2])
	if len(m[3]) > 0 {
		software += " " + string(m[3])
	}
	f.set("ssh.software", software)
	return Answer{Service: "ssh", Banner: Clean(string(m[0]), maxBanner), Facts: f}
}

// askSSH reads the version and, by one key exchange that ends before anybody could log in,
// the host key.
func askSSH(c *conn) Answer {
	greeting := collect(c, maxGreeting, func(b []byte) bool { return bytes.HasSuffix(sshLine(b), []byte("\n")) })
	a := parseSSH(greeting)
	if a.Service == "" || a.Facts["ssh.protocol"] == "1.5" {
		return a
	}
	id := sshLine(greeting)
	_, rest, _ := bytes.Cut(greeting, id)
	if !bytes.HasSuffix(id, []byte("\n")) {
		return a
	}
	key, err := exchangeKeys(c, io.MultiReader(bytes.NewReader(rest), c), bytes.TrimRight(id, "\r\n"))
	if err != nil {
		a.Facts.set("ssh.host_key_reason", err.Error())
		return a
	}
	a.Facts.set("ssh.host_key", fingerprint(key))
	a.Facts.set("ssh.host_key_type", sshKeyType(key))
	return a
}

// Numbers of messages (RFC 4253, 12; RFC 5656, 7.1).
const (
	sshIgnore    = 2
	sshDebug     = 4
	sshKexInit   = 20
	sshECDHInit  = 30
	sshECDHReply = 31
)

// What is offered. All key exchanges use SHA-256; of the host keys the first that the
// server has is what it is known by.
var (
	sshKex  = []string{"curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"}
	sshKeys = []string{
		"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-256", "rsa-sha2-512", "ssh-rsa",
	}
	sshCiphers = []string{"aes128-ctr", "aes256-ctr", "chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"}
	sshMACs    = []string{"hmac-sha2-256", "hmac-sha2-512", "hmac-sha1"}
)

func kexInit() []byte {
	msg := append([]byte{sshKexInit}, make([]byte, 16)...)
	_, _ = rand.Read(msg[1:]) // never fails
	for _, list := range [][]string{sshKex, sshKeys, sshCiphers, sshCiphers, sshMACs, sshMACs, {"none"}, {"none"}, nil, nil} {
		msg = sshString(msg, []byte(strings.Join(list, ",")))
	}
	return append(msg, 0, 0, 0, 0, 0)
}

func sshString(to, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(b))), b...) //nolint:gosec // all are short
}

// exchangeKeys makes the server prove that it holds a host key and answers with the key.
func exchangeKeys(w io.Writer, r io.Reader, serverID []byte) ([]byte, error) {
	mine := kexInit()
	if _, err := w.Write(append([]byte(sshVersion+"\r\n"), sshPacket(mine)...)); err != nil {
		return nil, errors.New("connection lost")
	}
	theirs, err := readSSH(r, sshKexInit)
	if err != nil {
		return nil, err
	}
	curve, err := agreed(theirs)
	if err != nil {
		return nil, err
	}
	secret, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	public := secret.PublicKey().Bytes()
	if _, err := w.Write(sshPacket(sshString([]byte{sshECDHInit}, public))); err != nil {
		return nil, errors.New("connection lost")
	}
	reply, err := readSSH(r, sshECDHReply)
	if err != nil {
		return nil, err
	}
	key, point, signature, ok := parseECDHReply(reply)
	if !ok {
		return nil, errors.New("broken answer to the key exchange")
	}
	other, err := curve.NewPublicKey(point)
	if err != nil {
		return nil, errors.New("broken key in the key exchange")
	}
	shared, err := secret.ECDH(other)
	if err != nil {
		return nil, errors.New("broken key in the key exchange")
	}
	// The exchange hash of RFC 5656, 4.
	var h []byte
	for _, part := range [][]byte{[]byte(sshVersion), serverID, mine, theirs, key, public, point, mpint(shared)} {
		h = sshString(h, part)
	}
	hash := sha256.Sum256(h)
	if !sshVerify(key, hash[:], signature) {
		return nil, errors.New("the host key's signature is wrong")
	}
	return key, nil
}

// agreed is the curve that the server's list leads to: our first that it has (RFC 4253, 7.1).
func agreed(theirs []byte) (ecdh.Curve, error) {
	c := &cursor{b: theirs}
	c.take(17)
	kex := strings.Split(string(c.take(int(c.uint(4)))), ",")
	if c.bad {
		return nil, errors.New("broken offer of algorithms")
	}
	for _, name := range sshKex {
		if slices.Contains(kex, name) {
			if name == "ecdh-sha2-nistp256" {
				return ecdh.P256(), nil
			}
			return ecdh.X25519(), nil
		}
	}
	return nil, errors.New("no key exchange in common")
}

func parseECDHReply(msg []byte) (key, point, signature []byte, ok bool) {
	c := &cursor{b: msg}
	c.byte()
	key, point, signature = c.take(int(c.uint(4))), c.take(int(c.uint(4))), c.take(int(c.uint(4)))
	return key, point, signature, !c.bad
}

// mpint is the body of RFC 4251's integer.
func mpint(b []byte) []byte {
	b = bytes.TrimLeft(b, "\x00")
	if len(b) > 0 && b[0] >= 0x80 {
		return append([]byte{0}, b...)
	}
	return b
}

// sshPacket wraps a message as it is before encryption begins (RFC 4253, 6).
func sshPacket(msg []byte) []byte {
	pad := 8 - (len(msg)+5)%8
	if pad < 4 {
		pad += 8
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(msg)+pad+1)) //nolint:gosec // all are short
	out = append(append(out, byte(pad)), msg...)
	return append(out, make([]byte, pad)...)
}

// Limits of what a server may send before the message that is waited for.
const (
	maxSSHPacket = 35000 // RFC 4253, 6.1
	maxSSHOthers = 8
)

// readSSH reads packets up to the wanted message.
func readSSH(r io.Reader, want byte) ([]byte, error) {
	for range maxSSHOthers {
		var head [5]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, errors.New("connection lost")
		}
		size, pad := binary.BigEndian.Uint32(head[:]), uint32(head[4])
		if size < 2 || size > maxSSHPacket || pad+2 > size {
			return nil, errors.New("broken packet")
		}
		body := make([]byte, size-1)
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, errors.New("connection lost")
		}
		switch msg := body[:size-1-pad]; msg[0] {
		case want:
			return msg, nil
		case sshIgnore, sshDebug:
		default:
			return nil, errors.New("unexpected message")
		}
	}
	return nil, errors.New("too many messages")
}
