package proxy

import (
	"bufio"
	"bytes"
	"strings"
)

// maxSettings bounds a file of settings.
const maxSettings = 1 << 20

// fromEnvironment reads a file of variables: /etc/environment (pam_env(8)), which services do
// not get, and SUSE's /etc/sysconfig/proxy, which has a switch.
func fromEnvironment(from string, text []byte) Settings {
	vars := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "export ")
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		vars[strings.ToUpper(strings.TrimSpace(name))] = value
	}
	if enabled, ok := vars["PROXY_ENABLED"]; ok && !strings.EqualFold(enabled, "yes") {
		return Settings{}
	}
	return Settings{From: from, Address: vars["HTTPS_PROXY"], Except: splitExcept(vars["NO_PROXY"])}
}
