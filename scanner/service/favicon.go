package service

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"math/bits"
	"net/url"
	"strconv"
)

// maxIcon is the largest icon that is read.
const maxIcon = 256 << 10

// icon adds the hash of the server's icon: makers of appliances seldom change it.
func (w *web) icon(ctx context.Context, f Facts, at *url.URL, p page) {
	to := &url.URL{Path: "/favicon.ico"}
	if ref, ok := p.icon(); ok {
		if to = w.here(at, ref); to == nil {
			return // elsewhere, or in the page itself
		}
	}
	got, err := w.get(ctx, "GET", to.RequestURI(), "", "", maxIcon)
	if err == nil && got.status == 200 && len(got.body) > 0 && len(got.body) < maxIcon {
		f.set("http.favicon", strconv.Itoa(int(iconHash(got.body))))
	}
}

// iconHash is the number by which public fingerprint sets know an icon: MurmurHash3 (x86,
// 32 bits, seed 0, signed) of its base64 in lines of 76 characters (RFC 2045), each ended.
func iconHash(b []byte) int32 {
	text := base64.StdEncoding.EncodeToString(b)
	lines := make([]byte, 0, len(text)+len(text)/76+1)
	for len(text) > 0 {
		n := min(76, len(text))
		lines = append(append(lines, text[:n]...), '\n')
		text = text[n:]
	}
	return int32(murmur3(lines)) //nolint:gosec // the sign is part of the convention
}

// murmur3 is MurmurHash3_x86_32 with seed 0 (https://github.com/aappleby/smhasher).
func murmur3(b []byte) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	var h uint32
	size := uint32(len(b)) //nolint:gosec // icons are small
	for ; len(b) >= 4; b = b[4:] {
		h ^= bits.RotateLeft32(binary.LittleEndian.Uint32(b)*c1, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	var k uint32
	for i := len(b) - 1; i >= 0; i-- {
		k = k<<8 | uint32(b[i])
	}
	h ^= bits.RotateLeft32(k*c1, 15) * c2
	h ^= size
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
