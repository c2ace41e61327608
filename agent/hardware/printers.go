package hardware

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// parsePrinters reads CUPS's printers.conf (https://www.cups.org/doc/man-printers.conf.html;
// printers.conf(5)): directives in sections <Printer name> or <DefaultPrinter name>. What
// a printer does at the moment is not looked at.
func parsePrinters(r io.Reader) (inventory.Printers, error) {
	list := inventory.Printers{}
	var p *inventory.Printer
	lines := bufio.NewScanner(io.LimitReader(r, maxBigFile))
	lines.Buffer(nil, maxSmallFile)
	for lines.Scan() {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		value = source.Text(cupsUnescape(value))
		switch key {
		case "<Printer", "<DefaultPrinter":
			if len(list) == maxList {
				return list, fmt.Errorf("printers.conf: more than %d printers", maxList)
			}
			list = append(list, inventory.Printer{Name: strings.TrimSuffix(value, ">"), Default: key == "<DefaultPrinter"})
			p = &list[len(list)-1]
			continue
		case "</Printer>", "</DefaultPrinter>":
			p = nil
		}
		if p == nil {
			continue
		}
		switch key {
		case "MakeModel":
			p.Model = value
		case "Location":
			p.Location = value
		case "Shared":
			p.Shared = strings.EqualFold(value, "yes")
		case "DeviceURI":
			setPrinterURI(p, value)
		}
	}
	if err := lines.Err(); err != nil {
		return list, fmt.Errorf("printers.conf: %w", err)
	}
	return list, nil
}

// cupsUnescape removes the backslashes with which CUPS guards # and \ in its files.
func cupsUnescape(s string) string {
	if !strings.ContainsRune(s, '\\') {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// setPrinterURI keeps of a device's URI what names the device: people's names and
// passwords are left out, and options, in which passwords are found as well. The local
// ones name maker, model and serial number: usb://HP/LaserJet%20400?serial=VNB3.
// It is cut by hand because makers have spaces in their names, which URIs do not allow in hosts.
func setPrinterURI(p *inventory.Printer, uri string) {
	scheme, rest, _ := strings.Cut(uri, ":")
	rest, fragment, _ := strings.Cut(rest, "#")
	rest, options, _ := strings.Cut(rest, "?")
	query, _ := url.ParseQuery(options) // what can be read of it
	host, path, slashes := "", rest, ""
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		slashes = "//"
		host, path, _ = strings.Cut(after, "/")
		host = host[strings.LastIndexByte(host, '@')+1:]
		if path = strings.TrimSuffix(path, "/"); path != "" {
			path = "/" + path
		}
		if strings.ContainsRune(path+options+fragment, '@') { // a password with one of the signs in it
			host, path = "", ""
		}
	}
	switch scheme {
	case "usb":
		p.Vendor, p.Model = first(p.Vendor, unescapeURI(host)), first(p.Model, unescapeURI(strings.TrimPrefix(path, "/")))
		p.Serial = source.Text(query.Get("serial"))
	case "hp", "hpfax": // HP's own: hp:/usb/LaserJet_400?serial=VNB3, hp:/net/...?ip=
		p.Vendor, p.Serial = first(p.Vendor, "HP"), source.Text(query.Get("serial"))
		p.Network = strings.HasPrefix(path, "/net/")
	default:
		p.Network = slashes != "" && scheme != "file"
	}
	p.URI = source.Text(scheme + ":" + slashes + host + path)
}

func unescapeURI(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		s = plain
	}
	return source.Text(s)
}

// ppd is what a PostScript Printer Description says of a printer (Adobe's PPD
// specification 4.3, 5.3).
type ppd struct{ vendor, model, driver string }

// parsePPD reads the information at the beginning of a file of up to some megabytes.
func parsePPD(r io.Reader) ppd {
	var out ppd
	lines := bufio.NewScanner(io.LimitReader(r, maxSmallFile))
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if !ok || key == "*OpenUI" || strings.HasPrefix(key, "*OpenUI ") {
			continue
		}
		value = source.Text(strings.Trim(strings.TrimSpace(value), `"`))
		switch key {
		case "*Manufacturer":
			out.vendor = value
		case "*ModelName":
			out.model = value
		case "*NickName":
			out.driver = value
		}
	}
	return out // a line too long ends the look: what is wanted comes before
}

// describe adds what the description says. The name for people, which names the driver as
// well, is all that CUPS writes into its own file.
func (d ppd) describe(p *inventory.Printer) {
	p.Vendor, p.Model, p.Driver = first(d.vendor, p.Vendor), first(d.model, p.Model), first(d.driver, p.Driver)
}
