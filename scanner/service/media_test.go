package service_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner/service"
)

// camera is a web service that tells what it is with or without a login.
func camera(t *testing.T, open bool) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path != "/onvif/device_service":
			http.Error(w, "none", http.StatusNotFound)
		case strings.Contains(string(body), "<GetSystemDateAndTime "):
			_, _ = io.WriteString(w, `<s:Envelope><s:Body><tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse></s:Body></s:Envelope>`)
		case strings.Contains(string(body), "<GetDeviceInformation ") && open:
			_, _ = io.WriteString(w, `<s:Body><tds:GetDeviceInformationResponse><tds:Manufacturer>Acme &amp; Co</tds:Manufacturer><tds:Model>CAM-7</tds:Model>`+
				`<tds:FirmwareVersion>5.5.0</tds:FirmwareVersion><tds:SerialNumber>A1</tds:SerialNumber><tds:HardwareId>7</tds:HardwareId></tds:GetDeviceInformationResponse></s:Body>`)
		default:
			http.Error(w, "no", http.StatusUnauthorized)
		}
	}))
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

func stream(c net.Conn) {
	for in := bufio.NewReader(c); ; {
		text, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch {
		case strings.HasPrefix(text, "OPTIONS "):
			_, _ = io.WriteString(c, "RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Acme RTSP/2.1\r\nPublic: DESCRIBE\r\n\r\n")
		case strings.HasPrefix(text, "DESCRIBE rtsp://127.0.0.1:"):
			_, _ = io.WriteString(c, "RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\nWWW-Authenticate: Digest realm=\"IP Camera(C1)\", nonce=\"x\"\r\n\r\n")
		}
	}
}

func TestCamera(t *testing.T) {
	for _, open := range []bool{true, false} {
		web := camera(t, open)
		at := serve(t, stream)
		p := &service.Prober{}
		a := p.AskAfter(t.Context(), 554, at, service.Port{Protocol: "tcp", Number: int(web.Port()), Answer: service.Answer{Service: "http"}})
		want := service.Facts{"rtsp.server": "Acme RTSP/2.1", "rtsp.realm": "IP Camera(C1)", "onvif": "yes"}
		if open {
			for name, text := range map[string]string{"maker": "Acme & Co", "model": "CAM-7", "firmware": "5.5.0", "serial": "A1", "hardware": "7"} {
				want["onvif."+name] = text
			}
		}
		if d := cmp.Diff(want, a.Facts); d != "" || a.Service != "rtsp" {
			t.Errorf("open %v: %s %s", open, a.Service, d)
		}
	}
}

// bplist is a binary property list of one dictionary: objects by number, texts first.
func bplist(t *testing.T, pairs ...string) string {
	t.Helper()
	head, body, offsets := "bplist00", "", []byte{}
	add := func(object string) {
		offsets = append(offsets, byte(len(head)+len(body)))
		body += object
	}
	order := make([]string, len(pairs)) // keys, then values
	for i, text := range pairs {
		order[(i%2)*len(pairs)/2+i/2] = text
	}
	for i, text := range order {
		marker := byte(0x50) // ASCII
		if i >= len(order)/2 && strings.HasPrefix(order[i-len(order)/2], "txt") {
			marker = 0x40 // data
		}
		if len(text) < 15 {
			add(string([]byte{marker | byte(len(text))}) + text)
		} else {
			add(string([]byte{marker | 0xf, 0x10, byte(len(text))}) + text)
		}
	}
	refs := ""
	for i := range order {
		refs += string([]byte{byte(i)})
	}
	top := len(order)
	add(string([]byte{0xd0 | byte(len(order)/2)}) + refs)
	table := len(head) + len(body)
	if table > 255 || len(order) > 29 {
		t.Fatal("too long for offsets of one byte")
	}
	trailer := make([]byte, 32)
	trailer[6], trailer[7], trailer[15], trailer[23], trailer[31] = 1, 1, byte(top+1), byte(top), byte(table)
	return head + body + string(offsets) + string(trailer)
}

func TestAirPlay(t *testing.T) {
	info := bplist(t, "name", "Lounge\x1b[2J", "model", "AppleTV11,1", "deviceID", "00:00:5E:00:53:01", "sourceVersion", "750.8", "pi", "x",
		"txtAirPlay", "\x05acl=0\x0bosvers=17.4")
	empty := bplist(t, "a", "b")
	ok := "RTSP/1.0 200 OK\r\nContent-Type: application/x-apple-binary-plist\r\nContent-Length: %d\r\nServer: AirTunes/750.8\r\nCSeq: 1\r\n\r\n%s"
	web200 := service.Answer{Service: "http", Banner: "200", Facts: service.Facts{"http.status": "200"}}
	for name, c := range map[string]struct {
		rtsp string // the answer to GET /info
		want service.Answer
	}{
		"receiver": {fmt.Sprintf(ok, len(info), info), service.Answer{
			Service: "airplay", Banner: "AppleTV11,1 17.4 Lounge",
			Facts: service.Facts{"airplay.name": "Lounge", "airplay.model": "AppleTV11,1", "airplay.system": "AppleTV11,1 17.4",
				"airplay.id": "00:00:5E:00:53:01", "airplay.version": "750.8"}}},
		"one that wants a login first": {"RTSP/1.0 403 Forbidden\r\nContent-Length: 0\r\n\r\n", web200},
		"a list without a model":       {fmt.Sprintf(ok, len(empty), empty), web200},
		"a web server":                 {"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", web200},
		"what hangs up":                {"", web200},
	} {
		at := serve(t, func(conn net.Conn) {
			text, err := bufio.NewReader(conn).ReadString('\n')
			switch {
			case err != nil:
			case text == "GET /info RTSP/1.0\r\n":
				_, _ = io.WriteString(conn, c.rtsp)
			default:
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
			}
		})
		a := (&service.Prober{}).Ask(t.Context(), 7000, at)
		delete(a.Facts, "http.favicon")
		if d := cmp.Diff(c.want, a); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestCast(t *testing.T) {
	for body, want := range map[string]service.Answer{
		`{"name":"Lounge","version":12,"device_info":{"manufacturer":"Acme","model_name":"Caster 3","mac_address":"00:00:5E:00:53:01"},"build_info":{"cast_build_revision":"1.68.1"}}`: {
			Service: "googlecast", Banner: "Acme Caster 3 Lounge",
			Facts: service.Facts{"cast.name": "Lounge", "cast.maker": "Acme", "cast.model": "Caster 3", "cast.version": "1.68.1", "cast.mac": "00:00:5E:00:53:01"}},
		`{"name":"x"}`: {Service: "http", Banner: "200", Facts: service.Facts{"http.status": "200"}},
	} {
		at := serve(t, func(c net.Conn) {
			if text, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.HasPrefix(text, "GET ") {
				return
			}
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		})
		a := (&service.Prober{}).Ask(t.Context(), 8008, at)
		delete(a.Facts, "http.favicon")
		if d := cmp.Diff(want, a); d != "" {
			t.Error(d)
		}
	}
}
