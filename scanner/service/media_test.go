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
