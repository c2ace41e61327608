package announce

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// maxSSDP bounds a message of the UPnP Device Architecture 2.0 §1: one datagram.
const (
	maxSSDP    = 8 << 10
	maxHeaders = 64
)

// ssdpSearch asks all devices; host is where it is sent.
func ssdpSearch(host netip.AddrPort) []byte {
	return []byte("M-SEARCH * HTTP/1.1\r\nHOST: " + host.String() + "\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n")
}

// parseSSDP reads a NOTIFY or the answer to a search. A location counts only when it is on
// the station at from itself: others would have this host call whom they like.
func parseSSDP(b []byte, from netip.Addr) (s Speech, ok bool) {
	if len(b) > maxSSDP {
		return s, false
	}
	lines := strings.SplitN(string(b), "\n", maxHeaders)
	start := strings.TrimSpace(lines[0])
	if !strings.HasPrefix(start, "HTTP/1.1 200") && !strings.EqualFold(start, "NOTIFY * HTTP/1.1") {
		return s, false
	}
	for _, line := range lines[1:] {
		key, value, found := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !found {
			continue
		}
		switch strings.ToUpper(strings.TrimSpace(key)) {
		case "NTS":
			if strings.EqualFold(value, "ssdp:byebye") {
				return Speech{}, false
			}
		case "SERVER":
			s.fact("ssdp.server", value)
		case "NT", "ST":
			if strings.HasPrefix(value, "urn:") {
				s.fact("ssdp.type", value)
			}
		case "LOCATION":
			if _, err := location(value, from); err == nil {
				add(&s.Locations, maxLocations, value)
			}
		}
	}
	s.Via = []string{ViaSSDP}
	return s, true
}

// location is the address of a description on the station at from.
func location(text string, from netip.Addr) (*url.URL, error) {
	if len(text) > maxText {
		return nil, errors.New("the URL is longer than 255 bytes")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	host, err := netip.ParseAddr(u.Hostname())
	switch {
	case u.Scheme != "http" || u.User != nil || u.Opaque != "":
		return nil, errors.New("not a plain http URL")
	case err != nil || host.WithZone("").Unmap() != from.WithZone("").Unmap():
		return nil, fmt.Errorf("it is not on %s", from)
	}
	return u, nil
}

// Limits of a description.
const (
	maxXML      = 256 << 10
	maxDepth    = 16
	maxTokens   = 20_000
	httpTimeout = 3 * time.Second
)

// Describe fetches the UPnP description at a location of the station at from, and from
// nobody else: no proxy, no redirect, and the connection goes to that address.
func Describe(ctx context.Context, text string, from netip.Addr) (Speech, error) {
	u, err := location(text, from)
	if err != nil {
		return Speech{}, fmt.Errorf("description %q of %s: %w", clip(text), from, err)
	}
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	port := u.Port()
	if port == "" {
		port = "80"
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(from.String(), port))
	if err != nil {
		return Speech{}, fmt.Errorf("description of %s: %w", from, err)
	}
	// The transport closes its connections, and its reader lets go of them, some time after the
	// answer; here the next question to the device may follow at once.
	defer func() {
		_ = conn.(*net.TCPConn).CloseWrite()
		_ = conn.Close()
	}()
	transport := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return Speech{}, fmt.Errorf("description of %s: %w", from, err)
	}
	res, err := client.Do(req)
	if err != nil {
		return Speech{}, fmt.Errorf("description of %s: %w", from, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return Speech{}, fmt.Errorf("description of %s: answered %d", from, res.StatusCode)
	}
	return parseDescription(io.LimitReader(res.Body, maxXML))
}

func clip(s string) string { return s[:min(len(s), maxText)] }

// descriptionKeys are the elements of the root device (UPnP Device Architecture 2.0 §2.3).
var descriptionKeys = map[string]string{
	"friendlyName": "upnp.name", "manufacturer": "upnp.manufacturer", "modelName": "upnp.model",
	"modelNumber": "upnp.model_number", "modelDescription": "upnp.description", "serialNumber": "upnp.serial",
	"deviceType": "ssdp.type",
}

// parseDescription reads the root device of a description.
func parseDescription(r io.Reader) (Speech, error) {
	s := Speech{Via: []string{ViaSSDP}}
	err := walk(r, func(path []string, text string) {
		if len(path) == 3 && path[0] == "root" && path[1] == "device" {
			if key := descriptionKeys[path[2]]; key != "" {
				s.fact(key, text)
			}
		}
	})
	if err != nil {
		return Speech{}, fmt.Errorf("read UPnP description: %w", err)
	}
	return s, nil
}

// walk visits the texts of an XML document with the local names of the elements around
// them. A document type is an error: nothing that is read here needs entities.
func walk(r io.Reader, visit func(path []string, text string)) error {
	d := xml.NewDecoder(r)
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // text() takes bytes as they come
	var path []string
	var content bytes.Buffer
	for range maxTokens {
		t, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			if len(path) > 0 {
				return errors.New("ends within an element, or is larger than 256 KiB")
			}
			return nil
		case err != nil:
			return err
		}
		switch t := t.(type) {
		case xml.Directive:
			return errors.New("has a document type, which is refused")
		case xml.StartElement:
			if len(path) == maxDepth {
				return fmt.Errorf("is nested deeper than %d elements", maxDepth)
			}
			path = append(path, t.Name.Local)
			content.Reset()
		case xml.CharData:
			if room := 4096 - content.Len(); room > 0 {
				content.Write(t[:min(len(t), room)])
			}
		case xml.EndElement:
			if len(path) == 0 || path[len(path)-1] != t.Name.Local {
				return fmt.Errorf("element %q ends where it did not begin", clip(t.Name.Local))
			}
			visit(path, content.String())
			path = path[:len(path)-1]
			content.Reset()
		}
	}
	return fmt.Errorf("has more than %d parts", maxTokens)
}
