package hardware

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/plist"
)

// parseRegistryText reads the tree: "+-o name@place  <class C, id 0x1, ...>" begins an
// entry, deeper the further to the right, and "key" = value is one of its properties.
func parseRegistryText(b []byte) ([]*regNode, error) {
	type level struct {
		column int
		node   *regNode
	}
	root := &regNode{}
	open := []level{{-1, root}}
	nodes := 0
	for raw := range bytes.Lines(b) {
		line := strings.TrimRight(string(raw), "\r\n ")
		if column := strings.Index(line, "+-o "); column >= 0 && strings.Trim(line[:column], "| ") == "" {
			for len(open) > 1 && open[len(open)-1].column >= column {
				open = open[:len(open)-1]
			}
			if nodes++; nodes > maxNodes || len(open) > maxNodeDepth {
				return nil, errNodes
			}
			n := regHead(line[column+len("+-o "):])
			parent := open[len(open)-1].node
			parent.children = append(parent.children, n)
			open = append(open, level{column, n})
			continue
		}
		line = strings.TrimLeft(line, "| ")
		key, rest, ok := strings.Cut(line, "\" = ")
		if !ok || !strings.HasPrefix(key, "\"") || len(open) == 1 {
			continue
		}
		n := open[len(open)-1].node
		if len(n.props) < 4096 {
			v, _, err := regValue(rest, 0)
			if err == nil { // what is not serializable is of no use
				n.props[key[1:]] = v
			}
		}
	}
	return root.children, nil
}

func regHead(s string) *regNode {
	name, rest, _ := strings.Cut(s, "  <class ")
	class, rest, _ := strings.Cut(rest, ",")
	name, _, _ = strings.Cut(name, "@")
	n := &regNode{name: strings.TrimSpace(name), class: class, props: plist.Dict{}}
	if _, id, ok := strings.Cut(rest, "id 0x"); ok {
		id, _, _ = strings.Cut(id, ",")
		n.id, _ = strconv.ParseInt(id, 16, 64) // 0 when it is none
	}
	return n
}

// regValue reads a value and gives what is left of the text: "text", Yes, No, a number
// (unsigned), <hexadecimal data or texts>, {"key"=value,...} or (value,...).
func regValue(s string, depth int) (any, string, error) {
	if depth > maxNodeDepth || s == "" {
		return nil, "", errNodes
	}
	switch s[0] {
	case '"':
		text, rest, ok := strings.Cut(s[1:], "\"")
		if !ok {
			return nil, "", fmt.Errorf("ioreg: text without an end: %.40q", s)
		}
		return text, rest, nil
	case '<':
		text, rest, ok := strings.Cut(s[1:], ">")
		if !ok {
			return nil, "", fmt.Errorf("ioreg: data without an end: %.40q", s)
		}
		if strings.HasPrefix(text, "\"") { // texts that are terminated by NUL
			return []byte(strings.ReplaceAll(strings.Trim(text, "\""), "\",\"", "\x00")), rest, nil
		}
		return append([]byte{}, plist.Hex(text)...), rest, nil
	case '{', '(':
		return regContainer(s, depth)
	}
	end := strings.IndexAny(s, ",})")
	if end < 0 {
		end = len(s)
	}
	switch word := s[:end]; word {
	case "Yes", "No":
		return word == "Yes", s[end:], nil
	default:
		n, err := strconv.ParseUint(word, 0, 64)
		if err != nil {
			return nil, "", fmt.Errorf("ioreg: value %.40q", word)
		}
		return int64(n), s[end:], nil // as property lists have it
	}
}

func regContainer(s string, depth int) (any, string, error) {
	d, list := plist.Dict{}, []any{}
	end := map[byte]byte{'{': '}', '(': ')'}[s[0]]
	isDict := s[0] == '{'
	s = s[1:]
	for {
		if s == "" {
			return nil, "", fmt.Errorf("ioreg: list without an end")
		}
		switch s[0] {
		case end:
			if isDict {
				return d, s[1:], nil
			}
			return list, s[1:], nil
		case ',':
			s = s[1:]
			continue
		}
		key := ""
		if isDict {
			var ok bool
			if key, s, ok = strings.Cut(s, "="); !ok {
				return nil, "", fmt.Errorf("ioreg: key without a value")
			}
		}
		v, rest, err := regValue(s, depth+1)
		if err != nil {
			return nil, "", err
		}
		if isDict {
			d[strings.Trim(key, "\"")] = v
		} else {
			list = append(list, v)
		}
		s = rest
	}
}
