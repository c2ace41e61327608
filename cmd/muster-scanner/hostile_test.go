package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"unicode"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/output"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/service"
)

// A15, A16: what a server says to play with terminals, spreadsheets and pages is inert in every
// form that this program gives out, and in what it sends to the collector.
func TestA15HostileBanners(t *testing.T) {
	const hostile = "220 \x1b]0;owned\x07\x1b[2J=HYPERLINK(\"http://x\")\u202egnp.exe\u009b31m <script>alert(1)</script>\r\n"
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.97.15:2121")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			_, _ = c.Write([]byte(hostile))
			_, _ = c.Read(make([]byte, 1024))
			_ = c.Close()
		}
	}()
	s, err := scanner.New(scanner.Config{NoNames: true, NoSearch: true, Services: service.Ports{TCP: []int{2121}}})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Plan(t.Context(), scanner.Job{Targets: []string{"127.0.97.15"}})
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Run(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	var table, lines bytes.Buffer
	if err := writeTable(&table, res, ""); err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(&lines, res, ""); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"table": table.String(), "jsonl": lines.String()}
	banner := ""
	for _, o := range scanner.Observations(res) {
		for _, section := range o.Sections {
			if ports, ok := section.Body.(inventory.Ports); ok && len(ports) == 1 {
				banner = ports[0].Banner
			}
		}
	}
	texts["observation"] = banner
	var sheet bytes.Buffer
	if err := output.CSV(&sheet, []string{"banner"}, [][]string{{banner[strings.Index(banner, "="):]}}); err != nil {
		t.Fatal(err)
	}
	texts["csv"] = sheet.String()
	for name, text := range texts {
		if name != "table" && !strings.Contains(text, "HYPERLINK") {
			t.Errorf("%s does not have the banner: %q", name, text)
		}
		for _, r := range text {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Errorf("%s has %U", name, r)
			}
		}
	}
	if cell := strings.Split(sheet.String(), "\n")[1]; strings.HasPrefix(strings.TrimPrefix(cell, `"`), "=") {
		t.Errorf("a cell that is a formula: %s", cell)
	}
}
