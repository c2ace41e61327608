package proxy

import "golang.org/x/sys/windows/registry"

const internetSettings = `SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings`

// System reads the machine's settings: WinHTTP's, which services use, then those of Internet
// Options for the account that the agent runs under, and where a policy makes them the machine's.
func System() Settings {
	if k, err := registry.OpenKey(registry.LOCAL_MACHINE, internetSettings+`\Connections`, registry.QUERY_VALUE); err == nil {
		b, _, err := k.GetBinaryValue("WinHttpSettings")
		_ = k.Close() // only read
		if s := fromWinHTTP(b); err == nil && s.Address != "" {
			return s
		}
	}
	for _, root := range []registry.Key{registry.CURRENT_USER, registry.LOCAL_MACHINE} {
		if s := internetOptions(root); s.Address != "" || s.Script != "" {
			return s
		}
	}
	return Settings{}
}

func internetOptions(root registry.Key) Settings {
	k, err := registry.OpenKey(root, internetSettings, registry.QUERY_VALUE)
	if err != nil {
		return Settings{}
	}
	defer func() { _ = k.Close() }() // only read
	script, _, _ := k.GetStringValue("AutoConfigURL")
	enabled, _, _ := k.GetIntegerValue("ProxyEnable")
	if enabled == 0 {
		return Settings{From: "Internet Options", Script: script}
	}
	server, _, _ := k.GetStringValue("ProxyServer")
	bypass, _, _ := k.GetStringValue("ProxyOverride")
	s := fromWindows("Internet Options", server, bypass)
	s.Script = script
	return s
}
