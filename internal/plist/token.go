package plist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// A tokenizer for the XML of property lists: elements without namespaces, whose
// attributes mean nothing, and text. A machine with many applications has five MiB of it
// to tell, for which encoding/xml takes most of a second (BenchmarkXML).

type tokenKind byte

const (
	tokenStart tokenKind = iota
	tokenEnd
	tokenText
)

type token struct {
	kind tokenKind
	text []byte // an element's name, or text, until the next token
}

type tokenizer struct {
	b    []byte
	ends bool // the element just begun ends at once: <true/>
	name []byte
}

var errTag = errors.New("property list: a tag without an end")

// next is the next token; io.EOF behind the last.
func (t *tokenizer) next() (token, error) {
	if t.ends {
		t.ends = false
		return token{tokenEnd, t.name}, nil
	}
	for {
		if len(t.b) == 0 {
			return token{}, io.EOF
		}
		if t.b[0] != '<' {
			return t.characters()
		}
		end, skipped := []byte(nil), 0
		switch {
		case bytes.HasPrefix(t.b, []byte("<![CDATA[")):
			return t.cdata()
		case bytes.HasPrefix(t.b, []byte("<!--")):
			end, skipped = []byte("-->"), len("<!--")
		case bytes.HasPrefix(t.b, []byte("<?")):
			end, skipped = []byte("?>"), len("<?")
		case bytes.HasPrefix(t.b, []byte("<!")):
			end, skipped = []byte(">"), len("<!")
		default:
			return t.tag()
		}
		rest := t.b[skipped:]
		i := bytes.Index(rest, end)
		if i < 0 {
			return token{}, errTag
		}
		if string(end) == ">" && bytes.IndexByte(rest[:i], '[') >= 0 {
			return token{}, errors.New("property list: a document type of its own, with entities or rules, is not read")
		}
		t.b = rest[i+len(end):]
	}
}

func (t *tokenizer) tag() (token, error) {
	i := bytes.IndexByte(t.b, '>')
	if i < 0 {
		return token{}, errTag
	}
	inside := t.b[1:i]
	t.b = t.b[i+1:]
	kind := tokenStart
	if bytes.HasPrefix(inside, []byte("/")) {
		kind, inside = tokenEnd, inside[1:]
	} else if bytes.HasSuffix(inside, []byte("/")) {
		t.ends, inside = true, inside[:len(inside)-1]
	}
	if space := bytes.IndexAny(inside, " \t\r\n"); space >= 0 {
		inside = inside[:space]
	}
	t.name = inside
	return token{kind, t.name}, nil
}

func (t *tokenizer) cdata() (token, error) {
	text, rest, ok := bytes.Cut(t.b[len("<![CDATA["):], []byte("]]>"))
	if !ok {
		return token{}, errTag
	}
	t.b = rest
	return token{tokenText, text}, nil
}

// characters is text up to the next tag, with its references resolved.
func (t *tokenizer) characters() (token, error) {
	i := bytes.IndexByte(t.b, '<')
	if i < 0 {
		i = len(t.b)
	}
	text := t.b[:i]
	t.b = t.b[i:]
	if bytes.IndexByte(text, '&') < 0 {
		return token{tokenText, text}, nil
	}
	var out []byte
	for {
		plain, rest, ok := bytes.Cut(text, []byte("&"))
		out = append(out, plain...)
		if !ok {
			return token{tokenText, out}, nil
		}
		name, after, ok := bytes.Cut(rest[:min(len(rest), 16)], []byte(";"))
		r, known := reference(string(name))
		if !ok || !known {
			return token{}, fmt.Errorf("property list: entity %.16q is not one of XML's own", name)
		}
		out = utf8.AppendRune(out, r)
		text = rest[len(rest[:min(len(rest), 16)])-len(after):]
	}
}

func reference(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	return rune(n), err == nil
}
