package proxy

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net"
	"strconv"
	"strings"
)

// maxDepth bounds how far a property list nests.
const maxDepth = 32

// fromMacOS reads the proxies of the first network service, in the order of the current
// location, that has some: SystemConfiguration's preferences.plist, an XML property list.
// https://developer.apple.com/documentation/systemconfiguration/scpreferences
func fromMacOS(text []byte) Settings {
	root, err := parsePlist(text)
	if err != nil {
		return Settings{}
	}
	current, _ := root["CurrentSet"].(string)
	order, _ := at(root, strings.Split(strings.Trim(current, "/"), "/")...)["Network"].(map[string]any)
	services, _ := at(order, "Global", "IPv4")["ServiceOrder"].([]any)
	for _, id := range services {
		name, _ := id.(string)
		if s, ok := ofService(at(root, "NetworkServices", name, "Proxies")); ok {
			return s
		}
	}
	return Settings{}
}

func ofService(proxies map[string]any) (Settings, bool) {
	s := Settings{From: "the network settings"}
	host, _ := proxies["HTTPSProxy"].(string)
	port, _ := proxies["HTTPSPort"].(string)
	if proxies["HTTPSEnable"] == "1" && host != "" {
		s.Address = host
		if port != "" {
			s.Address = net.JoinHostPort(host, port)
		}
	}
	if proxies["ProxyAutoConfigEnable"] == "1" {
		s.Script, _ = proxies["ProxyAutoConfigURLString"].(string)
	}
	list, _ := proxies["ExceptionsList"].([]any)
	var entries []string
	for _, e := range list {
		if text, ok := e.(string); ok {
			entries = append(entries, text)
		}
	}
	s.Except, _ = exceptions(entries)
	s.ExceptBy = bySimpleName(proxies["ExcludeSimpleHostnames"] == "1")
	return s, s.Address != "" || s.Script != ""
}

func at(m map[string]any, path ...string) map[string]any {
	for _, name := range path {
		m, _ = m[name].(map[string]any)
	}
	return m
}

// parsePlist reads an XML property list; numbers and truth values become texts.
func parsePlist(text []byte) (map[string]any, error) {
	dec := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local != "plist" {
			value, err := plistValue(dec, start, 0)
			if err != nil {
				return nil, err
			}
			root, ok := value.(map[string]any)
			if !ok {
				return nil, errors.New("the property list is no dictionary")
			}
			return root, nil
		}
	}
}

func plistValue(dec *xml.Decoder, start xml.StartElement, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("the property list nests more than " + strconv.Itoa(maxDepth) + " deep")
	}
	var text strings.Builder
	var list []any
	dict, key := map[string]any{}, ""
	for {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.CharData:
			text.Write(token)
		case xml.StartElement:
			value, err := plistValue(dec, token, depth+1)
			if err != nil {
				return nil, err
			}
			if name, ok := value.(string); ok && token.Name.Local == "key" {
				key = name
				continue
			}
			dict[key], list = value, append(list, value)
		case xml.EndElement:
			switch start.Name.Local {
			case "dict":
				return dict, nil
			case "array":
				return list, nil
			case "true":
				return "1", nil
			case "false":
				return "0", nil
			}
			return strings.TrimSpace(text.String()), nil
		}
	}
}
