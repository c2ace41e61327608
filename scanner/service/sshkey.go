package service

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what old servers sign with
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"math/big"
)

// fingerprint of a host key as OpenSSH writes it.
func fingerprint(key []byte) string {
	sum := sha256.Sum256(key)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

func sshKeyType(key []byte) string {
	c := &cursor{b: key}
	return string(c.take(int(c.uint(4))))
}

// maxRSA is the largest modulus in bytes that is computed with.
const maxRSA = 2048

// sshVerify tells whether signature is that of key over hash (RFC 4253, 6.6; RFC 5656, 3.1;
// RFC 8332; RFC 8709).
func sshVerify(key, hash, signature []byte) bool {
	k, s := &cursor{b: key}, &cursor{b: signature}
	kind, format := string(k.take(int(k.uint(4)))), string(s.take(int(s.uint(4))))
	sig := s.take(int(s.uint(4)))
	if k.bad || s.bad {
		return false
	}
	switch kind {
	case "ssh-ed25519":
		pub := k.take(int(k.uint(4)))
		return format == kind && len(pub) == ed25519.PublicKeySize && ed25519.Verify(pub, hash, sig)
	case "ssh-rsa":
		return verifyRSA(k, format, hash, sig)
	case "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521":
		return format == kind && verifyECDSA(k, kind, hash, sig)
	}
	return false
}

func verifyRSA(k *cursor, format string, hash, sig []byte) bool {
	e, n := k.take(int(k.uint(4))), k.take(int(k.uint(4)))
	if k.bad || len(n) > maxRSA || len(e) > 4 || len(e) == 0 {
		return false
	}
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	switch format {
	case "rsa-sha2-256":
		sum := sha256.Sum256(hash)
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], sig) == nil
	case "rsa-sha2-512":
		sum := sha512.Sum512(hash)
		return rsa.VerifyPKCS1v15(pub, crypto.SHA512, sum[:], sig) == nil
	case "ssh-rsa":
		sum := sha1.Sum(hash) //nolint:gosec // what old servers sign with
		return rsa.VerifyPKCS1v15(pub, crypto.SHA1, sum[:], sig) == nil
	}
	return false
}

func verifyECDSA(k *cursor, kind string, hash, sig []byte) bool {
	k.take(int(k.uint(4))) // the curve's name once more
	point := k.take(int(k.uint(4)))
	rs := &cursor{b: sig}
	r, s := rs.take(int(rs.uint(4))), rs.take(int(rs.uint(4)))
	if k.bad || rs.bad || len(r) > 67 || len(s) > 67 {
		return false
	}
	var curve elliptic.Curve
	var sum []byte
	switch kind {
	case "ecdsa-sha2-nistp256":
		h := sha256.Sum256(hash)
		curve, sum = elliptic.P256(), h[:]
	case "ecdsa-sha2-nistp384":
		h := sha512.Sum384(hash)
		curve, sum = elliptic.P384(), h[:]
	default:
		h := sha512.Sum512(hash)
		curve, sum = elliptic.P521(), h[:]
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	return err == nil && ecdsa.Verify(pub, sum, new(big.Int).SetBytes(r), new(big.Int).SetBytes(s))
}
