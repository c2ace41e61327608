package release_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/upgrade/release"
)

// Ascending, so that every pair can be compared; the pre-releases are semver.org's example.
var ordered = []string{
	"0.0.1", "0.1.0", "0.9.9", "1.0.0-1", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
	"1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0", "999999999.0.0",
}

func TestVersionOrder(t *testing.T) {
	for i, a := range ordered {
		for j, b := range ordered {
			v, w := parse(t, a), parse(t, "v"+b)
			if got := v.Compare(w); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s against %s: %d", a, b, got)
			}
		}
		if got := parse(t, "v"+a).String(); got != a {
			t.Errorf("v%s is written %s", a, got)
		}
	}
}

func parse(t *testing.T, text string) release.Version {
	t.Helper()
	v, err := release.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNoVersion(t *testing.T) {
	for _, text := range []string{
		"", "dev", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.-3", "1.2.3-", "1.2.3-a..b", "1.2.3-01", "1.2.3+build", "1.2.3-a/../b", "+1.2.3",
		"1.2.3-a\x00", "1.2.1000000000", "vv1.2.3", "1.2.3 ", "1.2.3-" + strings.Repeat("a", 64), "../1.2.3", "1.2.3-ä",
	} {
		if v, err := release.ParseVersion(text); err == nil {
			t.Errorf("%q is version %s", text, v)
		}
	}
}

func TestChoose(t *testing.T) {
	all := []release.Release{
		{Version: "1.0.0", Channel: "stable", OS: "linux", Arch: "amd64"},
		{Version: "1.2.0", Channel: "stable", OS: "linux", Arch: "amd64"},
		{Version: "1.1.0", Channel: "stable", OS: "linux", Arch: "amd64"},
		{Version: "1.3.0-rc.1", Channel: "beta", OS: "linux", Arch: "amd64"},
		{Version: "1.9.0", Channel: "stable", OS: "windows", Arch: "amd64"},
		{Version: "1.8.0", Channel: "stable", OS: "linux", Arch: "arm64"},
	}
	tests := map[string]struct {
		ask    release.Request
		want   string
		reason string
	}{
		"the newest":                   {release.Request{Running: "1.0.0", Channel: "stable"}, "1.2.0", ""},
		"nothing newer":                {release.Request{Running: "1.2.0", Channel: "stable"}, "", ""},
		"never an older one":           {release.Request{Running: "2.0.0", Channel: "stable"}, "", ""},
		"another channel":              {release.Request{Running: "v1.2.0", Channel: "beta"}, "1.3.0-rc.1", ""},
		"no such channel":              {release.Request{Running: "1.0.0", Channel: "nightly"}, "", "nothing for linux/amd64"},
		"not the bad one":              {release.Request{Running: "1.0.0", Channel: "stable", Bad: []string{"1.2.0"}}, "1.1.0", ""},
		"only bad ones":                {release.Request{Running: "1.0.0", Channel: "stable", Bad: []string{"1.2.0", "1.1.0"}}, "", "did not report"},
		"pinned between":               {release.Request{Running: "1.0.0", Channel: "stable", Pin: "1.1.0"}, "1.1.0", ""},
		"pinned to an older one":       {release.Request{Running: "1.2.0", Channel: "stable", Pin: "1.0.0"}, "1.0.0", ""},
		"pinned to what runs":          {release.Request{Running: "1.1.0", Channel: "stable", Pin: "1.1.0"}, "", ""},
		"pinned to another channel's":  {release.Request{Running: "1.0.0", Channel: "stable", Pin: "1.3.0-rc.1"}, "", "pinned version 1.3.0-rc.1 is not in channel stable"},
		"pinned to another platform's": {release.Request{Running: "1.0.0", Channel: "stable", Pin: "1.9.0"}, "", "pinned version 1.9.0"},
		"pinned to a bad one":          {release.Request{Running: "1.0.0", Channel: "stable", Pin: "1.1.0", Bad: []string{"1.1.0"}}, "", "did not report"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for range 2 { // whatever the order
				slices.Reverse(all)
				found, reason, err := tt.ask.Choose(all, "linux", "amd64")
				got := ""
				if found != nil {
					got = found.Version
				}
				if err != nil || got != tt.want || !strings.Contains(reason, tt.reason) || (tt.reason == "") != (reason == "") {
					t.Errorf("chose %q, reason %q, %v", got, reason, err)
				}
			}
		})
	}
	if _, _, err := (release.Request{Running: "dev", Channel: "stable"}).Choose(all, "linux", "amd64"); err == nil {
		t.Error("a program without a number was compared")
	}
}

func TestFromCustom(t *testing.T) {
	good := release.Release{Version: "1.2.0", Channel: "stable", OS: "windows", Arch: "amd64"}
	text, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	got, err := release.FromCustom("stable/1.2.0/windows-amd64/muster-agent.exe", text)
	if err != nil || !cmp.Equal(got, good) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, tt := range map[string]struct{ path, custom string }{
		"another path":    {"beta/1.2.0/windows-amd64/muster-agent.exe", string(text)},
		"nothing":         {"stable/1.2.0/windows-amd64/muster-agent.exe", ""},
		"null":            {"stable/1.2.0/windows-amd64/muster-agent.exe", "null"},
		"climbing":        {"a", `{"version":"1.2.0","channel":"../x","os":"linux","arch":"amd64"}`},
		"climbing os":     {"stable/1.2.0/x", `{"version":"1.2.0","channel":"stable","os":"../x","arch":"amd64"}`},
		"another writing": {"stable/v1.2.0/linux-amd64/muster-agent", `{"version":"v1.2.0","channel":"stable","os":"linux","arch":"amd64"}`},
	} {
		if r, err := release.FromCustom(tt.path, []byte(tt.custom)); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func FuzzVersion(f *testing.F) {
	for _, v := range ordered {
		f.Add(v, "v"+v)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		v, err := release.ParseVersion(a)
		if err != nil {
			return
		}
		if again, err := release.ParseVersion(v.String()); err != nil || again != v || strings.ContainsAny(v.String(), `/\:`) {
			t.Errorf("%q became %q: %v", a, v, err)
		}
		if w, err := release.ParseVersion(b); err == nil && v.Compare(w) != -w.Compare(v) {
			t.Errorf("%q against %q: %d and %d", a, b, v.Compare(w), w.Compare(v))
		}
	})
}

func FuzzCustom(f *testing.F) {
	f.Add("stable/1.2.0/linux-amd64/muster-agent", []byte(`{"version":"1.2.0","channel":"stable","os":"linux","arch":"amd64"}`))
	f.Fuzz(func(t *testing.T, path string, custom []byte) {
		if r, err := release.FromCustom(path, custom); err == nil && (r.Path() != path || strings.Contains(path, "..")) {
			t.Errorf("%q gave %+v", path, r)
		}
	})
}
