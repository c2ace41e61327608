package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/agent/proxy"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/internal/wire/wiretest"
)

// console is the program with a machine, a clock and an environment of the test's.
type console struct {
	*program
	out, err bytes.Buffer
	env      map[string]string
}

func newConsole(t *testing.T) *console {
	t.Helper()
	c := &console{env: map[string]string{
		"MUSTER_AGENT_STATE_DIR": filepath.Join(t.TempDir(), "state"),
		"MUSTER_AGENT_CONFIG":    writeFile(t, "agent.yaml", ""),
	}}
	noon := time.Now().Truncate(time.Hour)
	c.program = &program{
		in: strings.NewReader(""), out: &c.out, err: &c.err,
		env:      func(name string) (string, bool) { v, ok := c.env[name]; return v, ok },
		hostname: func() (string, error) { return "web1", nil },
		now:      func() time.Time { return noon },
		proxies:  func() proxy.Settings { return proxy.Settings{} },
		poll:     5 * time.Millisecond,
		sources:  machine(),
	}
	return c
}

func machine() []source.Source {
	bodies := []inventory.Body{
		&inventory.Device{Name: "web1", Vendor: "Dell", Serial: "ABC1234", Identifiers: []inventory.Identifier{
			{Type: inventory.IDSerial, Value: "ABC1234", Scope: "Dell", Part: inventory.PartSystem, Quality: inventory.QualityBurnedIn},
		}},
		&inventory.OS{Name: "Debian GNU/Linux", BootTime: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)},
		inventory.Disks{{Name: "sda", Bytes: 512 << 30, Rotational: true}},
		inventory.Interfaces{{Name: "eth0", MAC: "00:00:5e:00:53:01", Up: true, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}},
		inventory.SoftwareList{{Source: "deb", Name: "bash", Version: "5.2"}, {Source: "deb", Name: "a<b>&c\x1b[31m\u202eevil"}},
	}
	var sources []source.Source
	for _, body := range bodies {
		sources = append(sources, source.Source{
			Section: body.Section(), Name: "test", Read: func(context.Context) (inventory.Body, error) { return copied(body), nil },
		})
	}
	return append(sources, source.Source{Section: inventory.SectionMemory, Name: "smbios", Read: func(context.Context) (inventory.Body, error) {
		return nil, source.Unsupported("no SMBIOS table")
	}})
}

// copied is what a source would read anew: the agent adds its own id to a device.
func copied(body inventory.Body) inventory.Body {
	if d, ok := body.(*inventory.Device); ok {
		again := *d
		return &again
	}
	return body
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (c *console) do(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	c.out.Reset()
	c.err.Reset()
	code = c.main(t.Context(), args)
	return code, c.out.String(), c.err.String()
}

func (c *console) ok(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := c.do(t, args...)
	if code != 0 {
		t.Fatalf("muster-agent %q: exit %d: %s", args, code, errs)
	}
	return out
}

// What show prints is what arrives, whatever may be reported.
func TestShowIsWhatIsSent(t *testing.T) {
	for name, args := range map[string][]string{
		"nothing said": nil,
		"server":       {"--privacy", "server"},
		"staff":        {"--privacy", "staff"},
		"private":      {"--privacy", "private"},
		"everything":   {"--privacy", "staff", "--allow", "wifi,last_login,usage,cloud_metadata"},
		"least":        {"--privacy", "private", "--deny", "software,readings", "--skip", "disks"},
	} {
		t.Run(name, func(t *testing.T) {
			server, c := wiretest.New(t), newConsole(t)
			c.sources = append(c.sources, people()...)
			c.ok(t, "enroll", "--collector", server.URL, "--token", server.Token().Reveal())
			var shown, sent any
			if err := json.Unmarshal([]byte(c.ok(t, append([]string{"show", "-o", "json"}, args...)...)), &shown); err != nil {
				t.Fatal(err)
			}
			c.ok(t, append([]string{"report", "--once"}, args...)...)
			o, err := wire.FromProto(server.Requests[0].GetObservations()[0])
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(agent.NewDocument(o))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &sent); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(shown, sent); diff != "" {
				t.Errorf("show and report differ (-shown +sent):\n%s", diff)
			}
		})
	}
}

// people is what some may not want to be reported.
func people() []source.Source {
	var out []source.Source
	for _, body := range []inventory.Body{
		inventory.Users{{Name: "anna", LastLogin: "2026-01-02"}},
		inventory.Interfaces{{Name: "wlan0", SSID: "annas-home"}},
		inventory.Usages{{Source: "prefetch", Name: "game.exe"}},
		inventory.SoftwareList{{Source: "vscode", Name: "ext", Kind: inventory.KindExtension, User: "anna"}},
		&inventory.Device{User: "anna"},
	} {
		out = append(out, source.Source{Section: body.Section(), Name: "people", Read: func(context.Context) (inventory.Body, error) { return copied(body), nil }})
	}
	return out
}

func TestShowForPeople(t *testing.T) {
	c := newConsole(t)
	out := c.ok(t, "show")
	for _, want := range []string{
		"DEVICE\n", "serial  ABC1234", "ABC1234, system, Dell, burned_in", "2026-01-02T03:04:00Z", "DISKS (1)", "512 GiB",
		"192.0.2.7/24", "MEMORY  unsupported: smbios: no SMBIOS table", "SOFTWARE (2)", `\x1b[31m\u202eevil`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\u202e") {
		t.Error("what a machine reports reaches the terminal")
	}
	if out := c.ok(t, "show", "disks", "--all"); strings.Contains(out, "DEVICE") || !strings.Contains(out, "DISKS") {
		t.Errorf("show disks:\n%s", out)
	}
	if code, _, errs := c.do(t, "show", "screens"); code != exitInvalid || !strings.Contains(errs, "screens") {
		t.Errorf("show screens: %d %s", code, errs)
	}
	if out := c.ok(t, "show", "--skip", "software, disks"); strings.Contains(out, "bash") || !strings.Contains(out, "switched off") {
		t.Errorf("show --skip:\n%s", out)
	}
}

func TestShowLongLists(t *testing.T) {
	c := newConsole(t)
	c.sources = []source.Source{{Section: inventory.SectionUsers, Name: "passwd", Read: func(context.Context) (inventory.Body, error) {
		users := make(inventory.Users, 100)
		for i := range users {
			users[i].Name = "user" + strings.Repeat("x", i)
		}
		return users, nil
	}}}
	if out := c.ok(t, "show", "--deny", "readings"); !strings.Contains(out, "... and 88 more") || strings.Count(out, "\n") != 15 {
		t.Errorf("show:\n%s", out)
	}
	if out := c.ok(t, "show", "--all", "--deny", "readings"); strings.Contains(out, "more") || strings.Count(out, "\n") != 102 {
		t.Errorf("show --all:\n%s", out)
	}
}

func TestTokenNeedNotBeOnTheCommandLine(t *testing.T) {
	server := wiretest.New(t)
	token := server.Token().Reveal()
	for name, set := range map[string]func(*console) []string{
		"file":        func(*console) []string { return []string{"--token-file", writeFile(t, "token", token+"\n")} },
		"input":       func(c *console) []string { c.in = strings.NewReader(token); return []string{"--token-file", "-"} },
		"environment": func(c *console) []string { c.env["MUSTER_ENROLL_TOKEN"] = token; return nil },
		"other name":  func(c *console) []string { c.env["MUSTER_TOKEN"] = token; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := newConsole(t)
			args := append([]string{"enroll", "--collector", server.URL}, set(c)...)
			if out := c.ok(t, args...); !strings.Contains(out, "Enrolled as 4b1d, site hq") {
				t.Errorf("said %q", out)
			}
		})
	}
}

func TestReportAndStatus(t *testing.T) {
	server, c := wiretest.New(t), newConsole(t)
	if out := c.ok(t, "status"); !strings.Contains(out, "not enrolled") || !strings.Contains(out, "never") {
		t.Errorf("status of a new machine:\n%s", out)
	}
	if code, _, errs := c.do(t, "report", "--once"); code != exitInvalid || !strings.Contains(errs, "run muster-agent enroll first") {
		t.Errorf("report without identity: %d %s", code, errs)
	}
	c.ok(t, "enroll", "--collector", server.URL, "--token", server.Token().Reveal())
	if code, _, errs := c.do(t, "enroll", "--collector", server.URL, "--token", server.Token().Reveal()); code != exitInvalid || !strings.Contains(errs, "already enrolled") {
		t.Errorf("enrolled twice: %d %s", code, errs)
	}
	if out := c.ok(t, "report", "--once"); !strings.Contains(out, "Report accepted: 6 sections with 7 items") {
		t.Errorf("report said %q", out)
	}
	out := c.ok(t, "status")
	for _, want := range []string{"4b1d", "hq", server.URL, "accepted", "nothing", "software", "unsupported", "no SMBIOS table", "of traffic"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for _, flag := range [][]string{{"--json"}, {"-o", "json"}} {
		var status agent.Status
		if err := json.Unmarshal([]byte(c.ok(t, append([]string{"status"}, flag...)...)), &status); err != nil {
			t.Fatal(err)
		}
		if !status.Enrolled || status.ID != "4b1d" || status.Site != "hq" || status.Certificate == nil ||
			status.Last.Outcome != agent.OutcomeAccepted || len(status.Last.Sections) != 6 || status.Spool.Records != 0 {
			t.Errorf("status %+v", status)
		}
	}
	server.Forget()
	var last agent.Last
	if err := json.Unmarshal([]byte(c.ok(t, "report", "-o", "json")), &last); err != nil || last.Outcome != agent.OutcomeAccepted {
		t.Errorf("report -o json: %+v, %v", last, err)
	}
	if server.Section("", "software") == nil {
		t.Error("a collector that lost everything did not get the software")
	}
}

func TestReportWithoutCollector(t *testing.T) {
	server, c := wiretest.New(t), newConsole(t)
	c.ok(t, "enroll", "--collector", server.URL, "--token", server.Token().Reveal())
	server.Close()
	code, _, errs := c.do(t, "report", "--once")
	if code != exitUnavailable || !strings.Contains(errs, "waits in the spool") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if out := c.ok(t, "status"); !strings.Contains(out, "1 records") || !strings.Contains(out, "trouble") {
		t.Errorf("status:\n%s", out)
	}
}

func TestMistakes(t *testing.T) {
	token := "mst_id_hunter2_" + strings.Repeat("a", 63)
	tests := []struct {
		name string
		args []string
		env  map[string]string
		want string
	}{
		{"no command", nil, nil, "no command given"},
		{"unknown command", []string{"frobnicate"}, nil, `no command "frobnicate"`},
		{"unknown flag", []string{"run", "--insecure"}, nil, "-insecure"},
		{"argument too many", []string{"run", "x"}, nil, "takes no argument"},
		{"no token", []string{"enroll", "--collector", "https://c:1"}, nil, "no token given"},
		{"no collector", []string{"enroll", "--token", token}, nil, "no collector given"},
		{"two tokens", []string{"enroll", "--token", token, "--token-file", "-"}, nil, "exclude"},
		{"token cut off", []string{"enroll", "--token", token, "--collector", "https://c:1"}, nil, "cut off"},
		{"not https", []string{"enroll", "--token", token + "a", "--collector", "http://c:1"}, nil, "https://HOST:PORT"},
		{"format", []string{"status", "-o", "xml"}, nil, "-o xml"},
		{"interval", []string{"show", "--interval", "1s"}, nil, "interval 1s"},
		{"interval in the environment", []string{"show"}, map[string]string{"MUSTER_AGENT_INTERVAL": "soon"}, "MUSTER_AGENT_INTERVAL"},
		{"section", []string{"show", "--skip", "screens"}, nil, `skip "screens"`},
		{"preset", []string{"show", "--privacy", "paranoid"}, nil, `privacy "paranoid"`},
		{"category", []string{"show", "--deny", "screens"}, nil, `deny "screens"`},
		{"password in the proxy's address", []string{"run", "--proxy", "http://me:hunter2@proxy:3128"}, nil, "proxy_credentials"},
		{"proxy in the environment", []string{"run"}, map[string]string{"HTTPS_PROXY": "http://me:hunter2@proxy:port"}, "proxy of the environment"},
		{"credentials", []string{"run", "--proxy", "proxy:3128", "--proxy-credentials", "/does/not/exist"}, nil, "proxy_credentials"},
		{"no configuration", []string{"show", "--config", "/does/not/exist"}, nil, "read configuration"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newConsole(t)
			for k, v := range tt.env {
				c.env[k] = v
			}
			code, _, errs := c.do(t, tt.args...)
			if code == 0 || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, said %q, want %q", code, errs, tt.want)
			}
			if strings.Contains(errs, "hunter2") {
				t.Errorf("the token is in %q", errs)
			}
		})
	}
}

func TestConfiguration(t *testing.T) {
	c := newConsole(t)
	c.env["MUSTER_AGENT_CONFIG"] = writeFile(t, "agent.yaml", "interval: 2h\nskip: [users, disks]\n")
	if out := c.ok(t, "show"); !strings.Contains(out, "DISKS  unsupported: test: switched off") {
		t.Errorf("the file does not count:\n%s", out)
	}
	c.env["MUSTER_AGENT_SKIP"] = "os"
	if out := c.ok(t, "show"); !strings.Contains(out, "DISKS (1)") || !strings.Contains(out, "OS  unsupported") {
		t.Errorf("the environment does not count before the file:\n%s", out)
	}
	if out := c.ok(t, "show", "--skip", "device"); !strings.Contains(out, "DEVICE  unsupported") || strings.Contains(out, "OS  unsupported") {
		t.Errorf("the flag does not count before the environment:\n%s", out)
	}
	for _, text := range []string{"colour: blue", "skip: users: x", "interval: soon", "skip: [screens]", "interval: 1ms"} {
		c.env["MUSTER_AGENT_CONFIG"] = writeFile(t, "agent.yaml", text)
		delete(c.env, "MUSTER_AGENT_SKIP")
		if code, _, errs := c.do(t, "show"); code != exitInvalid {
			t.Errorf("%q: exit %d, %s", text, code, errs)
		}
	}
}

func TestHelp(t *testing.T) {
	c := newConsole(t)
	if out := c.ok(t, "--help"); !strings.Contains(out, "muster-agent enroll") {
		t.Errorf("help:\n%s", out)
	}
	if out := c.ok(t, "enroll", "--help"); !strings.Contains(out, "-token-file") {
		t.Errorf("help of enroll:\n%s", out)
	}
	if out := c.ok(t, "version"); !strings.HasPrefix(out, "muster-agent dev ") {
		t.Errorf("version: %q", out)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("interval: 2h\nskip: [users]\nstate_dir: /x\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = parseConfig("agent.yaml", text)
	})
}
