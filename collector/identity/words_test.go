package identity

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestThrottle(t *testing.T) {
	now := time.Now()
	th := newThrottle(3, 10*time.Second, func() time.Time { return now })
	const a, b, c = "192.0.2.1:1000", "192.0.2.2:1000", "[2001:db8::1]:1"
	for range 2 {
		th.fail(a)
		th.fail(c)
	}
	if w := th.wait(a); w != 0 {
		t.Errorf("after two failures: %v", w)
	}
	th.fail(a)
	th.fail("[2001:db8::2]:2") // the same /64
	if w := th.wait("192.0.2.1:2000"); w != 10*time.Second {
		t.Errorf("after three failures: %v", w)
	}
	if w := th.wait("[2001:db8::3]:3"); w == 0 {
		t.Error("a neighbour in the /64 has its own count")
	}
	if w := th.wait(b); w != 0 {
		t.Errorf("another address: %v", w)
	}
	now = now.Add(10 * time.Second)
	if w := th.wait(a); w != 0 {
		t.Errorf("later: %v", w)
	}
	for i := range 3 * maxThrottled {
		th.fail("10.0." + strconv.Itoa(i/250) + "." + strconv.Itoa(i%250) + ":1")
	}
	if len(th.full) > maxThrottled {
		t.Errorf("%d addresses are remembered", len(th.full))
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"host.example":                "host.example",
		"a\x1b[31mb\r\nc\x00":         "a[31mbc",
		"a\u202egpj.exe\u2066":        "agpj.exe",
		"\xff\xfe":                    "",
		strings.Repeat("é", 200):      strings.Repeat("é", 10),
		"x" + strings.Repeat("é", 20): "x" + strings.Repeat("é", 9),
	} {
		if got := clean(in, 20); got != want || !utf8.ValidString(got) {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzSplitToken(f *testing.F) {
	f.Add("mst_1234_abcd_ef")
	f.Add("mta__")
	f.Fuzz(func(t *testing.T, text string) {
		id, secret := splitToken(enrolPrefix, text)
		if id == "" && secret == "" {
			return
		}
		if len(id)+len(secret) > maxToken || strings.Contains(id+secret, "_") {
			t.Errorf("%q became %q and %q", text, id, secret)
		}
	})
}
