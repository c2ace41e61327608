package proxy

import (
	"encoding/binary"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-itam/muster/internal/inventory"
)

func TestFindsInOrder(t *testing.T) {
	system := func() Settings {
		return Settings{From: "/etc/environment", Address: "system:1", Except: []string{".intern"}}
	}
	tests := []struct {
		name   string
		cfg    Config
		env    map[string]string
		target string
		want   string // address, "" for none
		says   string
	}{
		{"configuration first", Config{Address: "http://own:1"}, map[string]string{"HTTPS_PROXY": "env:1"}, "https://c:1", "http://own:1", "http://own:1 (configuration)"},
		{"then the environment", Config{}, map[string]string{"HTTPS_PROXY": "env:1"}, "https://c:1", "http://env:1", "http://env:1 (environment)"},
		{"small letters", Config{}, map[string]string{"https_proxy": "socks5://env:1"}, "https://c:1", "socks5://env:1", "socks5://env:1 (environment)"},
		{"then the system", Config{}, nil, "https://c:1", "http://system:1", "http://system:1 (/etc/environment)"},
		{"its exceptions", Config{}, nil, "https://c.intern:1", "", "none for this address (/etc/environment has http://system:1)"},
		{"NO_PROXY counts for the system's too", Config{}, map[string]string{"NO_PROXY": "c"}, "https://c:1", "", "none for this address (/etc/environment has http://system:1)"},
		{"none wanted", Config{Address: Direct}, map[string]string{"HTTPS_PROXY": "env:1"}, "https://c:1", "", "none"},
		{"loopback", Config{Address: "own:1"}, nil, "https://127.0.0.1:1", "", "none for this address (configuration has http://own:1)"},
		{"a password is not shown", Config{}, map[string]string{"HTTPS_PROXY": "http://me:hunter2@env:1"}, "https://c:1", "http://me:hunter2@env:1", "http://me:xxxxx@env:1 (environment)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Find(tt.cfg, func(k string) (string, bool) { v, ok := tt.env[k]; return v, ok }, system)
			if err != nil {
				t.Fatal(err)
			}
			target, err := url.Parse(tt.target)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Func()(&http.Request{URL: target})
			if err != nil || (got == nil) != (tt.want == "") || (got != nil && got.String() != tt.want) {
				t.Errorf("%v, %v, want %q", got, err, tt.want)
			}
			if says := c.Describe(tt.target); says != tt.says {
				t.Errorf("says %q, want %q", says, tt.says)
			}
		})
	}
}

func TestFindRefuses(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	odd := filepath.Join(t.TempDir(), "odd")
	for path, perm := range map[string]os.FileMode{open: 0o644, odd: 0o600} {
		if err := os.WriteFile(path, []byte("hunter2"), perm); err != nil {
			t.Fatal(err)
		}
	}
	nothing := func() Settings { return Settings{} }
	for name, tt := range map[string]struct {
		cfg  Config
		env  string
		code inventory.Code
	}{
		"a scheme":                    {Config{Address: "ftp://p"}, "", inventory.CodeInvalid},
		"a path":                      {Config{Address: "http://p/pac"}, "", inventory.CodeInvalid},
		"a password in the open":      {Config{Address: "http://me:hunter2@p"}, "", inventory.CodeInvalid},
		"no URL":                      {Config{}, "http://me:hunter2@p:port", inventory.CodeInvalid},
		"no such file":                {Config{Address: "p:1", Credentials: "/does/not/exist"}, "", inventory.CodeInvalid},
		"a file that others can read": {Config{Address: "p:1", Credentials: open}, "", inventory.CodeForbidden},
		"a file without a user":       {Config{Address: "p:1", Credentials: odd}, "", inventory.CodeInvalid},
		"a folder":                    {Config{Address: "p:1", Credentials: t.TempDir()}, "", inventory.CodeInvalid},
	} {
		_, err := Find(tt.cfg, func(k string) (string, bool) { return tt.env, k == "HTTPS_PROXY" }, nothing)
		if inventory.CodeOf(err) != tt.code || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v (%s), want %s", name, err, inventory.CodeOf(err), tt.code)
		}
	}
}

// winHTTP is a value as "netsh winhttp set proxy" writes it.
func winHTTP(flags uint32, server, bypass string) []byte {
	var b []byte
	for _, n := range []uint32{0x28, 0, flags, uint32(len(server))} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = append(b, server...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(bypass)))
	return append(b, bypass...)
}

const plist = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>CurrentSet</key><string>/Sets/S1</string>
<key>Sets</key><dict><key>S1</key><dict><key>Network</key><dict><key>Global</key><dict><key>IPv4</key><dict>
<key>ServiceOrder</key><array><string>WIFI</string><string>LAN</string></array></dict></dict></dict></dict></dict>
<key>NetworkServices</key><dict>
<key>LAN</key><dict><key>Proxies</key><dict>
<key>ExceptionsList</key><array><string>*.local</string><string>169.254/16</string></array>
<key>ExcludeSimpleHostnames</key><integer>1</integer>
<key>HTTPSEnable</key><integer>1</integer><key>HTTPSProxy</key><string>proxy.example</string><key>HTTPSPort</key><integer>3128</integer>
</dict></dict>
<key>WIFI</key><dict><key>Proxies</key><dict><key>HTTPSEnable</key><integer>0</integer><key>HTTPSProxy</key><string>old.example</string></dict></dict>
</dict></dict></plist>`

func TestSystemSettings(t *testing.T) {
	tests := []struct {
		name   string
		got    Settings
		want   Settings
		simple bool // names without a dot are exceptions
	}{
		{"/etc/environment", fromEnvironment("f", []byte("# a comment\nPATH=/bin\nexport https_proxy=\"http://p:1\"\nNO_PROXY=a,.b\n")),
			Settings{From: "f", Address: "http://p:1", Except: []string{"a", ".b"}}, false},
		{"one without a proxy", fromEnvironment("f", []byte("LANG=C\n")), Settings{From: "f"}, false},
		{"SUSE's", fromEnvironment("f", []byte("PROXY_ENABLED=\"yes\"\nHTTPS_PROXY=\"http://p:1\"\nNO_PROXY=\"localhost, 127.0.0.1\"\n")),
			Settings{From: "f", Address: "http://p:1", Except: []string{"localhost", "127.0.0.1"}}, false},
		{"SUSE's, off", fromEnvironment("f", []byte("PROXY_ENABLED=\"no\"\nHTTPS_PROXY=\"http://p:1\"\n")), Settings{}, false},
		{"WinHTTP", fromWinHTTP(winHTTP(3, "p:1", "*.local;10.*;<local>")), Settings{From: "WinHTTP", Address: "p:1", Except: []string{".local", "10.0.0.0/8"}}, true},
		{"WinHTTP by scheme", fromWinHTTP(winHTTP(3, "http=a:1;https=p:2", "")), Settings{From: "WinHTTP", Address: "p:2"}, false},
		{"WinHTTP for http alone", fromWinHTTP(winHTTP(3, "http=a:1", "")), Settings{From: "WinHTTP"}, false},
		{"WinHTTP direct", fromWinHTTP(winHTTP(1, "", "")), Settings{}, false},
		{"WinHTTP cut off", fromWinHTTP(winHTTP(3, "proxy:1", "")[:18]), Settings{}, false},
		{"macOS", fromMacOS([]byte(plist)), Settings{From: "the network settings", Address: "proxy.example:3128", Except: []string{".local", "169.254/16"}}, true},
		{"macOS with a script", fromMacOS([]byte(strings.Replace(plist, "<key>HTTPSEnable</key><integer>0</integer>",
			"<key>ProxyAutoConfigEnable</key><true/><key>ProxyAutoConfigURLString</key><string>http://wpad/p.dat</string>", 1))),
			Settings{From: "the network settings", Script: "http://wpad/p.dat"}, false},
		{"no property list", fromMacOS([]byte("bplist00")), Settings{}, false},
		{"deep property list", fromMacOS([]byte(strings.Repeat("<dict><key>a</key>", 10_000))), Settings{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.got, cmpopts.IgnoreFields(Settings{}, "ExceptBy"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			if simple := tt.got.ExceptBy != nil && tt.got.ExceptBy("intranet") && !tt.got.ExceptBy("a.example"); simple != tt.simple {
				t.Errorf("simple names are exceptions: %v, want %v", simple, tt.simple)
			}
		})
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte(plist))
	f.Add(winHTTP(3, "https=p:1", "10.*;<local>;*.a"))
	f.Add([]byte("HTTPS_PROXY='http://p:1'\nNO_PROXY=10.*"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		for _, s := range []Settings{fromEnvironment("f", b), fromWinHTTP(b), fromMacOS(b)} {
			c, err := Find(Config{}, func(string) (string, bool) { return "", false }, func() Settings { return s })
			if err == nil {
				c.Describe("https://collector.example:8443")
			}
		}
	})
}
