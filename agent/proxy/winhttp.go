package proxy

import (
	"encoding/binary"
	"strings"
)

// fromWinHTTP reads the machine's own proxy, as "netsh winhttp show proxy" prints it. The
// value WinHttpSettings is not documented by its maker; it consists of numbers of 4 bytes
// (size of the structure, a counter, flags: 1 direct, 2 proxy) and two texts with their lengths before.
func fromWinHTTP(b []byte) Settings {
	if len(b) < 16 || binary.LittleEndian.Uint32(b[8:])&2 == 0 {
		return Settings{}
	}
	server, rest, ok := counted(b[12:])
	if !ok {
		return Settings{}
	}
	bypass, _, _ := counted(rest)
	return fromWindows("WinHTTP", server, bypass)
}

func counted(b []byte) (text string, rest []byte, ok bool) {
	if len(b) < 4 {
		return "", nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if b = b[4:]; n > uint64(len(b)) {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}

// fromWindows reads ProxyServer, HOST:PORT or http=HOST:PORT;https=HOST:PORT, and ProxyOverride.
// https://learn.microsoft.com/en-us/windows/win32/wininet/enabling-internet-functionality#listing-proxy-servers
func fromWindows(from, server, bypass string) Settings {
	s := Settings{From: from}
	for _, entry := range strings.FieldsFunc(server, func(r rune) bool { return r == ';' || r == ' ' }) {
		switch scheme, address, named := strings.Cut(entry, "="); {
		case !named:
			s.Address = entry
		case strings.EqualFold(scheme, "https"):
			s.Address = address
		}
	}
	var simple bool
	s.Except, simple = exceptions(strings.FieldsFunc(bypass, func(r rune) bool { return r == ';' || r == ' ' }))
	s.ExceptBy = bySimpleName(simple)
	return s
}
