package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/muster-itam/muster/agent/upgrade/release"
)

func TestRun(t *testing.T) {
	for name, tt := range map[string]struct {
		args    []string
		in      string
		code    int
		out     string
		problem string
	}{
		"check that cannot be made": {[]string{"check"}, `{"repository":"nowhere"}`, 0, `"outcome":"failed"`, ""},
		"no request":                {[]string{"check"}, "", 1, "", "read request"},
		"no end":                    {[]string{"check"}, `{"channel":"` + strings.Repeat("a", 1<<20), 1, "", "read request"},
		"version":                   {[]string{"version"}, "", 0, "muster-agent-upgrade dev ", ""},
		"help":                      {[]string{"--help"}, "", 0, "which runs it", ""},
		"nothing":                   {nil, "", 2, "", "which runs it"},
		"something else":            {[]string{"check", "now"}, "", 2, "", "which runs it"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), tt.args, strings.NewReader(tt.in), &out, &errs); code != tt.code {
				t.Errorf("exit %d", code)
			}
			if !strings.Contains(out.String(), tt.out) || !strings.Contains(errs.String(), tt.problem) {
				t.Errorf("said %q and %q", out.String(), errs.String())
			}
			var r release.Result
			if len(tt.args) == 1 && tt.args[0] == "check" && tt.code == 0 {
				if err := json.Unmarshal(out.Bytes(), &r); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
