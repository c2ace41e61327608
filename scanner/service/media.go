package service

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/netip"
	"regexp"
	"strings"
)

// rtsp asks what the server can do and what it shows (RFC 2326 §10.1, §10.2), then the camera
// behind it by ONVIF.
func rtsp(ctx context.Context, l *line) Answer {
	c, err := l.dial(ctx)
	if err != nil {
		return Answer{}
	}
	defer c.close()
	a := askRTSP(c)
	if a.Service == "" {
		return a
	}
	c.hurry(patience)
	host := l.at.String()
	described := parseDescription(c.ask(fmt.Appendf(nil, "DESCRIBE rtsp://%s/ RTSP/1.0\r\nCSeq: 2\r\nUser-Agent: muster-scanner\r\nAccept: application/sdp\r\n\r\n", host),
		maxGreeting, func(b []byte) bool { return bytes.Contains(b, []byte("\r\n\r\n")) }))
	for name, text := range described {
		if a.Facts[name] == "" {
			a.Facts[name] = text
		}
	}
	a.Banner = Clean(strings.Join([]string{a.Facts["rtsp.server"], a.Facts["rtsp.realm"], a.Facts["rtsp.session"]}, " "), maxBanner)
	onvif(ctx, l, a.Facts)
	return a
}

var (
	sdpSession = regexp.MustCompile(`(?m)^s=([^\r\n]+)`)      // RFC 8866 §5.3
	sdpTool    = regexp.MustCompile(`(?m)^a=tool:([^\r\n]+)`) // §6.5
)

// parseDescription reads the answer to DESCRIBE: a session description, or who may see it.
func parseDescription(b []byte) Facts {
	f := maps.Clone(parseRTSP(b).Facts)
	if f == nil {
		return Facts{}
	}
	for name, re := range map[string]*regexp.Regexp{"rtsp.session": sdpSession, "rtsp.tool": sdpTool} {
		if m := re.FindSubmatch(b); m != nil {
			f.set(name, string(m[1]))
		}
	}
	return f
}

// mostONVIF packets: two questions, each on a connection of its own.
const mostONVIF = 4

// onvif asks a camera's web service for what it tells anybody (ONVIF Core Specification,
// 8.3.1 and 5.9.1): the time, which needs no login, and what it is, which on most needs one.
func onvif(ctx context.Context, l *line, f Facts) {
	port := 0
	for _, p := range l.met.Ports {
		if p.Service == "http" && (port == 0 || p.Number == 80) {
			port = p.Number
		}
	}
	if port == 0 {
		return
	}
	w := &web{line: l.prober.line(netip.AddrPortFrom(l.at.Addr(), uint16(port)), mostONVIF)}
	ask := func(action string) []byte {
		const device = "http://www.onvif.org/ver10/device/wsdl"
		body := `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><` + action + ` xmlns="` + device + `"/></s:Body></s:Envelope>`
		head := fmt.Sprintf("Content-Type: application/soap+xml; charset=utf-8; action=\"%s/%s\"\r\nContent-Length: %d\r\n", device, action, len(body))
		p, err := w.get(ctx, "POST", "/onvif/device_service", head, body, exchangeRoom)
		if err != nil || p.status != 200 {
			return nil
		}
		return p.body
	}
	if bytes.Contains(ask("GetSystemDateAndTime"), []byte("SystemDateAndTime>")) {
		f.set("onvif", "yes")
		parseONVIF(ask("GetDeviceInformation"), f)
	}
}

var onvifField = regexp.MustCompile(`<(?:\w+:)?(Manufacturer|Model|FirmwareVersion|SerialNumber|HardwareId)>([^<]{1,256})</`)

var onvifFacts = map[string]string{
	"Manufacturer": "onvif.maker", "Model": "onvif.model", "FirmwareVersion": "onvif.firmware", "SerialNumber": "onvif.serial", "HardwareId": "onvif.hardware",
}

// parseONVIF reads a GetDeviceInformationResponse.
func parseONVIF(b []byte, f Facts) {
	for _, m := range onvifField.FindAllSubmatch(b, 16) {
		f.set(onvifFacts[string(m[1])], html.UnescapeString(string(m[2])))
	}
}

const castPath = "/setup/eureka_info?params=version,name,device_info,build_info,detail"

// askCast asks a Google Cast device what it tells everybody on its network; what does not
// know the question is asked as any web server.
func askCast(ctx context.Context, l *line) Answer {
	w := &web{line: l}
	if p, err := w.get(ctx, "GET", castPath, "", "", exchangeRoom); err == nil && p.status == 200 {
		if f, ok := parseCast(p.body); ok {
			return Answer{Service: "googlecast", Banner: Clean(f["cast.maker"]+" "+f["cast.model"]+" "+f["cast.name"], maxBanner), Facts: f}
		}
	}
	return askHTTP(ctx, l)
}

// castDevice is what newer devices tell in device_info, older ones in detail.
type castDevice struct {
	Manufacturer string `json:"manufacturer"`
	Model        string `json:"model_name"`
	Product      string `json:"product_name"`
	MAC          string `json:"mac_address"`
}

func parseCast(b []byte) (Facts, bool) {
	var told struct {
		Name   string     `json:"name"`
		Build  string     `json:"cast_build_revision"`
		MAC    string     `json:"mac_address"`
		Device castDevice `json:"device_info"`
		Detail castDevice `json:"detail"`
		Info   struct {
			Build string `json:"cast_build_revision"`
		} `json:"build_info"`
	}
	if json.Unmarshal(b, &told) != nil {
		return nil, false
	}
	f := Facts{}
	f.set("cast.name", told.Name)
	f.set("cast.maker", cmp.Or(told.Device.Manufacturer, told.Detail.Manufacturer))
	f.set("cast.model", cmp.Or(told.Device.Model, told.Detail.Model, told.Device.Product))
	f.set("cast.version", cmp.Or(told.Info.Build, told.Build))
	f.set("cast.mac", cmp.Or(told.Device.MAC, told.MAC))
	return f, f["cast.version"] != "" || f["cast.model"] != ""
}
