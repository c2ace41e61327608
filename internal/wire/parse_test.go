package wire

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/muster-itam/muster/internal/inventory"
)

func FuzzParseToken(f *testing.F) {
	f.Add("mst_id_secret_" + strings.Repeat("0a", 32))
	f.Add("mst__" + strings.Repeat("0a", 31))
	f.Fuzz(func(t *testing.T, text string) {
		pin, err := parseToken(inventory.Secret(text))
		if err == nil && !strings.EqualFold(text[len(text)-64:], hex.EncodeToString(pin[:])) {
			t.Errorf("%q gave %x", text, pin)
		}
	})
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("Mon, 02 Jan 2006 15:05:05 GMT", "Mon, 02 Jan 2006 15:04:05 GMT")
	f.Fuzz(func(t *testing.T, value, date string) {
		if d := parseRetryAfter(value, date); d < 0 || d > maxRetryAfter {
			t.Errorf("%q, %q gave %v", value, date, d)
		}
	})
}

func FuzzCollectorURL(f *testing.F) {
	f.Add("https://collector.example:8443/")
	f.Fuzz(func(t *testing.T, text string) {
		if u, err := collectorURL(text); err == nil && (u.Scheme != "https" || u.Hostname() == "" || u.User != nil) {
			t.Errorf("%q gave %v", text, u)
		}
	})
}
