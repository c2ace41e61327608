package announce_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/scanner/announce"
)

func TestMDNS(t *testing.T) {
	ipp := []string{
		`_ipp._tcp.local. 120 IN PTR Office\ 2\.0\ \195\156bung._ipp._tcp.local.`,
		`Office\ 2\.0\ \195\156bung._ipp._tcp.local. 120 IN SRV 0 0 631 prn1.local.`,
		`Office\ 2\.0\ \195\156bung._ipp._tcp.local. 120 IN TXT "txtvers=1" "ty=HP LaserJet 600" "pdl=application/pdf" "novalue"`,
	}
	for _, c := range []struct {
		name    string
		records []string
		want    []string
	}{
		{"printer", append([]string{`prn1.local. 120 IN A 10.0.0.9`}, ipp...), []string{
			"name prn1", "mdns.instance._ipp._tcp = Office 2.0 Übung", "mdns.service = _ipp._tcp", "mdns.txt._ipp._tcp.pdl = application/pdf",
			"mdns.txt._ipp._tcp.txtvers = 1", "mdns.txt._ipp._tcp.ty = HP LaserJet 600", "tcp ipp",
		}},
		{"spoken for another: a sleep proxy or reflector", append([]string{`prn1.local. 120 IN A 10.0.0.77`, `proxy.local. 120 IN A 10.0.0.9`}, ipp...), []string{"name proxy"}},
		{"two addresses", []string{`nas.local. 120 IN A 10.0.0.8`, `nas.local. 120 IN A 10.0.0.9`, `nas._smb._tcp.local. 120 IN SRV 0 0 445 nas.local.`},
			[]string{"name nas", "mdns.service = _smb._tcp", "tcp smb"}},
		{"device info has no SRV", []string{`mac.local. 120 IN A 10.0.0.9`, `mac._device-info._tcp.local. 120 IN TXT "model=Macmini9,1"`},
			[]string{"name mac", "mdns.txt._device-info._tcp.model = Macmini9,1"}},
		{"reverse", []string{`9.0.0.10.in-addr.arpa. 120 IN PTR web7.local.`}, []string{"name web7"}},
		{"reverse of another", []string{`8.0.0.10.in-addr.arpa. 120 IN PTR web7.local.`}, nil},
		{"good-bye", []string{`prn1.local. 0 IN A 10.0.0.9`}, nil},
		{"escape sequences", []string{`a\027[2Jb.local. 120 IN A 10.0.0.9`, `x._http._tcp.local. 120 IN TXT "k=\027]0;evil\007\226\128\174"`},
			[]string{"name a[2jb", "mdns.txt._http._tcp.k = ]0;evil"}},
		{"not a service", []string{`x._bad name._tcp.local. 1 IN SRV 0 0 1 x.local.`, `x.y.z.local. 9 IN SRV 0 0 5 x.local.`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b announce.Notebook
			lines := c.records
			if c.name == "not a service" {
				lines = lines[1:]
			}
			if !b.Hear(printer, 5353, 5353, response(t, lines...)) {
				t.Fatal("not understood")
			}
			if d := cmp.Diff(c.want, said(b.Speeches()[announce.Speaker{Addr: printer}])); d != "" {
				t.Error(d)
			}
		})
	}
}

// loop is a response whose name points to itself (a compression loop).
func loop() []byte {
	b := []byte{0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0}
	b = append(b, 0xc0, 12, 0, 12, 0x80, 1, 0, 0, 0, 120, 0, 2, 0xc0, 12)
	return b
}

func TestMDNSHostile(t *testing.T) {
	huge := make([]string, 0, 300)
	for i := range 240 {
		huge = append(huge, fmt.Sprintf(`"k%d=%s"`, i, strings.Repeat("x", 20)))
	}
	big := response(t, `x._http._tcp.local. 120 IN TXT `+strings.Join(huge, " "))
	for name, b := range map[string][]byte{
		"compression loop": loop(), "64 KiB": append(big, make([]byte, 60_000)...), "nothing": nil, "header only": big[:12],
		"truncated": big[:len(big)/2], "query": {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		var book announce.Notebook
		if book.Hear(printer, 5353, 5353, b) && len(said(book.Speeches()[announce.Speaker{Addr: printer}])) > 0 {
			t.Errorf("%s: believed", name)
		}
	}
	var book announce.Notebook
	for i := range 200 { // one station that never stops
		book.Hear(printer, 5353, 5353, response(t, fmt.Sprintf(`x%d._http._tcp.local. 120 IN TXT `, i)+strings.Join(huge, " ")))
	}
	if s := book.Speeches()[announce.Speaker{Addr: printer}]; len(s.Facts) > 256 || len(s.Facts) < 100 {
		t.Errorf("%d facts kept, want some and at most 256", len(s.Facts))
	}
}

const notify = "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nLOCATION: http://10.0.0.9:8060/d.xml\r\n" +
	"NT: urn:schemas-upnp-org:device:MediaRenderer:1\r\nNTS: ssdp:alive\r\nSERVER: Roku/9 UPnP/1.0\r\n\r\n"

func TestSSDP(t *testing.T) {
	s, ok := announce.ParseSSDP([]byte(notify), printer)
	if !ok {
		t.Fatal("not understood")
	}
	want := announce.Speech{Via: []string{"ssdp"}, Locations: []string{"http://10.0.0.9:8060/d.xml"}, Facts: []announce.Fact{
		{Key: "ssdp.type", Value: "urn:schemas-upnp-org:device:MediaRenderer:1"}, {Key: "ssdp.server", Value: "Roku/9 UPnP/1.0"}}}
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
	for _, l := range []string{
		"http://10.0.0.10/d.xml", "http://169.254.169.254/latest", "https://10.0.0.9/", "http://router.local/d.xml", "file:///etc/passwd",
		"http://10.0.0.9@10.0.0.10/", "http://u:p@10.0.0.9/", "http://[::1]/", "//10.0.0.9/x", "http://10.0.0.9/" + strings.Repeat("x", 300), "http:10.0.0.9", "gopher://10.0.0.9/",
	} {
		s, ok := announce.ParseSSDP([]byte("HTTP/1.1 200 OK\r\nLOCATION: "+l+"\r\n\r\n"), printer)
		if !ok || len(s.Locations) > 0 {
			t.Errorf("%s: taken as a location on %s (%v)", l, printer, ok)
		}
	}
	for name, text := range map[string]string{
		"search": "M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n", "good-bye": strings.Replace(notify, "alive", "byebye", 1), "nothing": "",
		"too long": notify + strings.Repeat("x", 9000), "error": "HTTP/1.1 500 no\r\n\r\n",
	} {
		if _, ok := announce.ParseSSDP([]byte(text), printer); ok {
			t.Errorf("%s: believed", name)
		}
	}
}

const description = `<?xml version="1.0" encoding="utf-8"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>Home &amp; Hof</friendlyName><manufacturer>AVM</manufacturer>
<modelName>FRITZ!Box 7590</modelName><modelNumber>7590</modelNumber><serialNumber>C0FFEE</serialNumber>
<deviceList><device><friendlyName>inner</friendlyName><modelName>other</modelName></device></deviceList></device></root>`

func TestDescription(t *testing.T) {
	s, err := announce.ParseDescription(strings.NewReader(description))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ssdp.type = urn:schemas-upnp-org:device:InternetGatewayDevice:1", "upnp.name = Home & Hof", "upnp.manufacturer = AVM",
		"upnp.model = FRITZ!Box 7590", "upnp.model_number = 7590", "upnp.serial = C0FFEE",
	}
	if d := cmp.Diff(want, said(s)); d != "" {
		t.Error(d)
	}
	for in, want := range map[string]string{
		`<!DOCTYPE r [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]><root>&b;</root>`: "document type",
		`<!DOCTYPE r SYSTEM "http://10.0.0.1/"><root/>`:                         "document type",
		strings.Repeat("<a>", 1000):                                             "deeper",
		`<root><device>` + strings.Repeat("<b/>", 20_000):                       "parts",
		`<root><device><modelName>x</device>`:                                   "did not begin",
		`<root><device>`:                                                        "ends within",
		`<root>&undefined;</root>`:                                              "entity",
		`</root>`:                                                               "did not begin",
	} {
		if _, err := announce.ParseDescription(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want an error about %q", in, err, want)
		}
	}
}

const hello = `<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header/><s:Body>
<d:ProbeMatches><d:ProbeMatch><d:Types>dn:NetworkVideoTransmitter tds:Device</d:Types>
<d:Scopes>onvif://www.onvif.org/name/AXIS%20P3245 onvif://www.onvif.org/hardware/P3245-LV onvif://www.onvif.org/Profile/T http://elsewhere/name/x</d:Scopes>
<d:XAddrs>http://10.0.0.9/onvif/device_service</d:XAddrs></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>`

func TestWSD(t *testing.T) {
	s, ok := announce.ParseWSD([]byte(hello))
	want := []string{"wsd.type = NetworkVideoTransmitter", "wsd.type = Device", "onvif.name = AXIS P3245", "onvif.hardware = P3245-LV"}
	if d := cmp.Diff(want, said(s)); d != "" || !ok {
		t.Error(ok, d)
	}
	for name, text := range map[string]string{
		"our own question": string(announce.WSDProbe()), "bomb": `<!DOCTYPE Envelope [<!ENTITY a "x">]>` + hello, "cut": hello[:len(hello)/2],
		"nothing": "", "too long": hello + strings.Repeat(" ", 40_000),
	} {
		if _, ok := announce.ParseWSD([]byte(text)); ok {
			t.Errorf("%s: believed", name)
		}
	}
}

// status is the answer to a node status question with rows of name, suffix and flags.
func status(names ...string) []byte {
	b := announce.NodeStatus(7)
	b[2], b[5], b[7] = 0x84, 0, 1
	b = append(b, 0, 0, 0, 0, 0, byte(1+18*len(names)+6), byte(len(names)))
	for _, n := range names {
		b = append(b, n...)
	}
	return append(b, 0x00, 0x14, 0x22, 0, 0, 9)
}

func row(name string, suffix byte, group bool) string {
	flags := []byte{0x04, 0}
	if group {
		flags[0] = 0x84
	}
	return fmt.Sprintf("%-15s%c", name, suffix) + string(flags)
}

func TestNodeStatus(t *testing.T) {
	good := status(row("FILES01", 0x00, false), row("OFFICE", 0x00, true), row("FILES01", 0x20, false), row("OFFICE", 0x1c, true), "\x01\x02__MSBROWSE__\x02\x01\x84\x00")
	s, ok := announce.ParseNodeStatus(good)
	want := []string{"name files01", "nbns.suffix = workstation", "nbns.workgroup = OFFICE", "nbns.suffix = file server", "nbns.domain_controller = OFFICE", "nbns.mac = 00:14:22:00:00:09"}
	if d := cmp.Diff(want, said(s)); d != "" || !ok {
		t.Error(ok, d)
	}
	more := bytes.Clone(good)
	more[56] = 255
	for name, b := range map[string][]byte{"question": announce.NodeStatus(7), "more rows than there are": more, "cut": good[:70], "nothing": nil} {
		if _, ok := announce.ParseNodeStatus(b); ok {
			t.Errorf("%s: believed", name)
		}
	}
}

// registration is a broadcast claim of a name.
func registration(name string, suffix byte, group bool) []byte {
	b := make([]byte, 12)
	b[2], b[5], b[11] = 5<<3, 1, 1
	b = append(b, 32)
	for _, c := range []byte(fmt.Sprintf("%-15s%c", name, suffix)) {
		b = append(b, 'A'+c>>4, 'A'+c&15)
	}
	b = append(b, 0, 0, 0x20, 0, 1, 0xc0, 12, 0, 0x20, 0, 1, 0, 0, 0, 0, 0, 6)
	flags := uint16(0)
	if group {
		flags = 1 << 15
	}
	return append(binary.BigEndian.AppendUint16(b, flags), 10, 0, 0, 9)
}

func TestRegistration(t *testing.T) {
	s, ok := announce.ParseRegistration(registration("DESK7", 0, false))
	if d := cmp.Diff([]string{"name desk7", "nbns.suffix = workstation"}, said(s)); d != "" || !ok {
		t.Error(ok, d)
	}
	if s, ok = announce.ParseRegistration(registration("OFFICE", 0, true)); !ok || s.Facts[0].Key != "nbns.workgroup" {
		t.Error(ok, said(s))
	}
	if _, ok := announce.ParseRegistration(registration("X", 0, false)[:40]); ok {
		t.Error("cut: believed")
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		" a\tb\r\n": "a b", "\x1b[2Jx": "[2Jx", "caf\xe9": "café", "a\u202eb": "ab", strings.Repeat("é", 1000): strings.Repeat("é", 127), "\x00": "",
	} {
		if got := announce.Text([]byte(in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{`a\ b`: "a b", `\195\156`: "Ü", `\300x`: "300x", `x\`: `x\`, `\.`: "."} {
		if got := announce.Unescape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
