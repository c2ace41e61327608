package service

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ippAttributes are what is asked of a printer (RFC 8011, 5.4; PWG 5100.13, 5100.14).
var ippAttributes = []string{
	"printer-make-and-model", "printer-info", "printer-name", "printer-location", "printer-uuid", "printer-device-id",
	"printer-firmware-string-version", "printer-dns-sd-name",
}

// Tags of IPP (RFC 8010, 3.5).
const (
	ippGroupEnd   = 0x03
	ippKeyword    = 0x44
	ippURI        = 0x45
	ippCharset    = 0x47
	ippLanguage   = 0x48
	ippPrinterTag = 0x04
)

// askIPP reads the page of a print server and the attributes of its printer.
func askIPP(ctx context.Context, l *line) Answer {
	w := &web{line: l}
	f := Facts{}
	service := ""
	p, _, err := w.front(ctx)
	if err == nil {
		f, service = p.facts(), "http"
	}
	for _, path := range []string{"/ipp/print", "/"} {
		request := ippRequest("ipp://" + w.host() + path)
		p, err := w.get(ctx, "POST", path, ippHead(len(request)), string(request), exchangeRoom)
		if err != nil || p.status != 200 || !strings.HasPrefix(p.head["content-type"], "application/ipp") {
			continue
		}
		if printer, ok := parseIPP(p.body); ok {
			service = "ipp"
			maps.Copy(f, printer)
			if len(printer) > 0 {
				break
			}
		}
	}
	if service == "" {
		return Answer{}
	}
	banner := f.banner()
	if f["ipp.model"] != "" {
		banner = Clean(f["ipp.model"]+", "+banner, maxBanner)
	}
	return Answer{Service: service, Banner: strings.Trim(banner, ", "), Facts: f}
}

func ippHead(size int) string {
	return "Content-Type: application/ipp\r\nContent-Length: " + strconv.Itoa(size) + "\r\n"
}

// ippRequest is Get-Printer-Attributes.
func ippRequest(uri string) []byte {
	b := []byte{1, 1, 0x00, 0x0b, 0, 0, 0, 1, 0x01}
	add := func(tag byte, name, value string) {
		b = append(b, tag, byte(len(name)>>8), byte(len(name)))
		b = append(b, name...)
		b = append(b, byte(len(value)>>8), byte(len(value)))
		b = append(b, value...)
	}
	add(ippCharset, "attributes-charset", "utf-8")
	add(ippLanguage, "attributes-natural-language", "en")
	add(ippURI, "printer-uri", uri)
	name := "requested-attributes"
	for _, a := range ippAttributes {
		add(ippKeyword, name, a)
		name = "" // a further value of the same attribute
	}
	return append(b, ippGroupEnd)
}

var ippFacts = map[string]string{
	"printer-make-and-model": "ipp.model", "printer-info": "ipp.info", "printer-name": "ipp.name", "printer-location": "ipp.location",
	"printer-uuid": "ipp.uuid", "printer-device-id": "ipp.device_id", "printer-firmware-string-version": "ipp.firmware",
	"printer-dns-sd-name": "ipp.dns_sd_name",
}

// maxIPP is how many attributes of an answer are looked at.
const maxIPP = 256

// parseIPP reads the answer (RFC 8010, 3.1); an error of the printer is one without facts.
func parseIPP(b []byte) (Facts, bool) {
	c := &cursor{b: b}
	major := c.byte()
	c.take(7)
	if c.bad || major < 1 || major > 2 {
		return nil, false
	}
	f, group := Facts{}, byte(0)
	for n := 0; n < maxIPP && len(c.b) > 0; n++ {
		tag := c.byte()
		if tag <= 0x0f {
			if group = tag; tag == ippGroupEnd {
				break
			}
			continue
		}
		name := c.take(int(c.uint(2)))
		value := c.take(int(c.uint(2)))
		if c.bad {
			break
		}
		if fact := ippFacts[string(name)]; fact != "" && group == ippPrinterTag {
			if tag == 0x35 || tag == 0x36 { // with a language: length, language, length, text
				v := &cursor{b: value}
				v.take(int(v.uint(2)))
				value = v.take(int(v.uint(2)))
			}
			f.set(fact, string(value))
		}
	}
	f.deviceID(f["ipp.device_id"])
	return f, true
}

// deviceID takes a printer's IEEE 1284 device id apart: KEY:VALUE;KEY:VALUE;
func (f Facts) deviceID(id string) {
	for part := range strings.SplitSeq(id, ";") {
		key, value, ok := strings.Cut(part, ":")
		if !ok {
			continue
		}
		switch strings.ToUpper(strings.TrimSpace(key)) {
		case "MFG", "MANUFACTURER":
			f.set("printer.maker", value)
		case "MDL", "MODEL":
			f.set("printer.model", value)
		case "SN", "SERN", "SERIALNUMBER":
			f.set("printer.serial", value)
		case "CMD", "COMMAND SET":
			f.set("printer.languages", value)
		}
	}
}

// pjlInfo asks for the name of a printer in its Printer Job Language and nothing else: what
// else is sent to such a port is printed. The sequence before and after is the Universal
// Exit Language, without which it is no command.
const pjlInfo = "\x1b%-12345X@PJL INFO ID\r\n\x1b%-12345X"

// askPJL asks only those that told by IPP that they know the language: old printers, and print
// servers of others, put the question on paper.
func askPJL(ctx context.Context, l *line) Answer {
	if !slices.ContainsFunc(l.met.Ports, func(p Port) bool { return strings.Contains(p.Facts["printer.languages"], "PJL") }) {
		return Answer{}
	}
	return single(askJobLanguage)(ctx, l)
}

func askJobLanguage(c *conn) Answer {
	return parsePJL(c.ask([]byte(pjlInfo), maxGreeting, func(b []byte) bool { return bytes.IndexByte(b, '\f') >= 0 }))
}

func parsePJL(b []byte) Answer {
	_, rest, ok := bytes.Cut(b, []byte("@PJL INFO ID"))
	if !ok {
		return Answer{}
	}
	f := Facts{}
	for row := range bytes.Lines(rest) {
		if text := strings.Trim(string(row), "\"\f\r\n \x1b"); text != "" {
			f.set("pjl.id", text)
			break
		}
	}
	return Answer{Service: "jetdirect", Banner: f["pjl.id"], Facts: f}
}
