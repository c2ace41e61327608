package service_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner/service"
)

// check reports what no answer may have, whatever the other side sent.
func check(t *testing.T, a service.Answer) {
	t.Helper()
	texts := map[string]string{"banner": a.Banner}
	for name, text := range a.Facts {
		texts[name] = text
	}
	if len(texts) > 64 {
		t.Errorf("%d facts", len(texts))
	}
	for name, text := range texts {
		if len(text) > max(service.MaxFact, service.MaxBanner) {
			t.Errorf("%s has %d bytes", name, len(text))
		}
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s is not clean: %q", name, text)
		}
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fuzz(f *testing.F, name string) {
	f.Helper()
	parse := service.Parsers[name]
	for _, c := range answers {
		if c.parser == name {
			f.Add(c.bytes(f))
		}
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > service.ExchangeRoom {
			return
		}
		check(t, parse(b))
	})
}

// Whatever comes, every parser answers, and with clean text.
func TestF20MutatedAnswers(t *testing.T) {
	for name, parse := range service.Parsers {
		t.Run(name, func(t *testing.T) {
			seeds := [][]byte{[]byte("\x1b]0;title\x07\x1b[2J\u202e")}
			for _, c := range answers {
				if c.parser == name {
					seeds = append(seeds, c.bytes(t))
				}
			}
			testkit.Mutants(t, seeds, func(b []byte) { check(t, parse(b)) })
		})
	}
}

func FuzzSSH(f *testing.F)        { fuzz(f, "ssh") }
func FuzzECDH(f *testing.F)       { fuzz(f, "ecdh") }
func FuzzHTTP(f *testing.F)       { fuzz(f, "http") }
func FuzzRedfish(f *testing.F)    { fuzz(f, "redfish") }
func FuzzSMB(f *testing.F)        { fuzz(f, "smb") }
func FuzzNTLM(f *testing.F)       { fuzz(f, "ntlm") }
func FuzzIPP(f *testing.F)        { fuzz(f, "ipp") }
func FuzzPJL(f *testing.F)        { fuzz(f, "pjl") }
func FuzzLDAP(f *testing.F)       { fuzz(f, "ldap") }
func FuzzMySQL(f *testing.F)      { fuzz(f, "mysql") }
func FuzzPostgreSQL(f *testing.F) { fuzz(f, "postgresql") }
func FuzzPreLogin(f *testing.F)   { fuzz(f, "mssql") }
func FuzzSQLBrowser(f *testing.F) { fuzz(f, "mssql-browser") }
func FuzzRedis(f *testing.F)      { fuzz(f, "redis") }
func FuzzMongoDB(f *testing.F)    { fuzz(f, "mongodb") }
func FuzzGreeting(f *testing.F)   { fuzz(f, "greeting") }
func FuzzFTP(f *testing.F)        { fuzz(f, "ftp") }
func FuzzSMTP(f *testing.F)       { fuzz(f, "smtp") }
func FuzzIMAP(f *testing.F)       { fuzz(f, "imap") }
func FuzzPOP3(f *testing.F)       { fuzz(f, "pop3") }
func FuzzTelnet(f *testing.F)     { fuzz(f, "telnet") }
func FuzzRDP(f *testing.F)        { fuzz(f, "rdp") }
func FuzzVNC(f *testing.F)        { fuzz(f, "vnc") }
func FuzzIPMI(f *testing.F)       { fuzz(f, "ipmi") }
func FuzzNTP(f *testing.F)        { fuzz(f, "ntp") }
func FuzzSIP(f *testing.F)        { fuzz(f, "sip") }
func FuzzRTSP(f *testing.F)       { fuzz(f, "rtsp") }
func FuzzModbus(f *testing.F)     { fuzz(f, "modbus") }
func FuzzBACnet(f *testing.F)     { fuzz(f, "bacnet") }
func FuzzGranted(f *testing.F)    { fuzz(f, "granted") }
func FuzzONVIF(f *testing.F)      { fuzz(f, "onvif") }
func FuzzCast(f *testing.F)       { fuzz(f, "cast") }
func FuzzAirPlay(f *testing.F)    { fuzz(f, "airplay") }
func FuzzSDP(f *testing.F)        { fuzz(f, "sdp") }
