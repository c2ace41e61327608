package query

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// Limits on a filter. A person does not reach them; a hostile one costs little.
const (
	MaxFilter        = 4096 // bytes
	maxDepth         = 50   // parentheses and negations inside each other
	maxTerms         = 200
	maxSoftwareTerms = 10
)

// Filter is a condition on assets, from Parse. The zero value lets everything pass.
type Filter struct {
	root     condition
	software []softwareTerm
	// What else it asks about.
	sweeps, certificates bool
	lines                store.Lines
}

// condition tells whether an asset has a property.
type condition func(*subject) bool

// subject is an asset under examination.
type subject struct {
	*inventory.Asset
	// installed has for each software term of the filter the assets that fulfil it.
	installed []map[inventory.AssetID]bool
	// sweeps are those of the time, and certificates the last days of those that assets show, where
	// the filter asks about them.
	sweeps       store.Sweeps
	certificates map[inventory.AssetID][]time.Time
}

// Parse reads a filter:
//
//	filter = and { "or" and }
//	and    = not { ["and"] not }
//	not    = "not" not | "(" filter ")" | field op value | text
//	op     = ":" | "=" | "!=" | "<" | "<=" | ">" | ">="
//
// docs/filter.md has the fields and what the operators mean for each. Ages such as 30d
// are taken from now. Errors are of CodeInvalid and say where in the text they are.
func Parse(text string, now time.Time) (*Filter, error) {
	if len(text) > MaxFilter {
		return nil, inventory.Errorf(inventory.CodeInvalid, "filter: %d bytes, at most %d allowed", len(text), MaxFilter)
	}
	if !utf8.ValidString(text) {
		return nil, inventory.Errorf(inventory.CodeInvalid, "filter: not valid UTF-8")
	}
	p := &parser{text: text, now: now, filter: &Filter{}}
	p.next()
	if p.tok.kind == tokEnd {
		return p.filter, nil
	}
	root, err := p.either(0)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokEnd {
		return nil, p.errorf(p.tok.at, "unexpected %s", p.tok)
	}
	p.filter.root = root
	return p.filter, nil
}

// Finder looks up what is not in an asset itself.
type Finder interface {
	// AssetsWithTitle finds the assets on which a software title is installed, now or at a
	// time: one whose name contains part, which is lower case, and that match takes.
	AssetsWithTitle(ctx context.Context, part string, match func(inventory.Software) bool, at When) (map[inventory.AssetID]bool, error)
	Sweeps(ctx context.Context, site string, at When) (store.Sweeps, error)
	CertificateEnds(ctx context.Context, at When) (map[inventory.AssetID][]time.Time, error)
}

// Prepare looks up what the filter asks about software, sweeps and certificates, and gives the filter's
// condition on assets as of the same time.
func (f *Filter) Prepare(ctx context.Context, find Finder, at When) (func(*inventory.Asset) bool, error) {
	if f.root == nil {
		return func(*inventory.Asset) bool { return true }, nil
	}
	known := subject{installed: make([]map[inventory.AssetID]bool, len(f.software))}
	var err error
	for i, term := range f.software {
		if known.installed[i], err = find.AssetsWithTitle(ctx, term.part, term.match, at); err != nil {
			return nil, fmt.Errorf("look for software %.40q: %w", term.part, err)
		}
	}
	if f.sweeps {
		if known.sweeps, err = find.Sweeps(ctx, "", at); err != nil {
			return nil, err
		}
	}
	if f.certificates {
		if known.certificates, err = find.CertificateEnds(ctx, at); err != nil {
			return nil, err
		}
	}
	return func(a *inventory.Asset) bool {
		s := known
		s.Asset = a
		return f.root(&s)
	}, nil
}

type tokenKind int

const (
	tokEnd tokenKind = iota
	tokWord
	tokQuoted
	tokOperator
	tokOpen
	tokClose
)

type token struct {
	kind tokenKind
	text string
	at   int // byte offset
}

func (t token) String() string {
	if t.kind == tokEnd {
		return "the end"
	}
	return fmt.Sprintf("%.40q", t.text)
}

// is reports whether the token is a keyword; quoted it is text.
func (t token) is(keyword string) bool {
	return t.kind == tokWord && strings.EqualFold(t.text, keyword)
}

type parser struct {
	text   string
	pos    int // after tok
	tok    token
	bad    error // an unfinished quotation
	terms  int
	now    time.Time
	filter *Filter
}

func (p *parser) errorf(at int, format string, args ...any) error {
	if p.bad != nil {
		return p.bad
	}
	return inventory.Errorf(inventory.CodeInvalid, "filter, character %d: %s", utf8.RuneCountInString(p.text[:at])+1, fmt.Sprintf(format, args...))
}

// next reads one token. A word ends where an operator begins, unless the whole run
// is an address: those are full of colons.
func (p *parser) next() {
	p.skipBlanks()
	rest := p.text[p.pos:]
	switch {
	case rest == "":
		p.tok = token{kind: tokEnd, at: p.pos}
	case rest[0] == '(':
		p.take(tokOpen, 1)
	case rest[0] == ')':
		p.take(tokClose, 1)
	case rest[0] == '"' || rest[0] == '\'':
		p.quotation(rest[0])
	case operatorAt(rest) != "":
		p.take(tokOperator, len(operatorAt(rest)))
	default:
		run := runOf(rest)
		if n := strings.IndexAny(run, ":=<>!"); n > 0 && !isAddress(run) && operatorAt(run[n:]) != "" {
			run = run[:n]
		}
		p.take(tokWord, len(run))
	}
}

func (p *parser) skipBlanks() {
	p.pos = len(p.text) - len(strings.TrimLeftFunc(p.text[p.pos:], unicode.IsSpace))
}

func (p *parser) take(kind tokenKind, n int) {
	p.tok = token{kind: kind, text: p.text[p.pos : p.pos+n], at: p.pos}
	p.pos += n
}

// runOf is the text up to a blank or a parenthesis.
func runOf(s string) string {
	if n := strings.IndexFunc(s, func(r rune) bool { return r == '(' || r == ')' || unicode.IsSpace(r) }); n >= 0 {
		return s[:n]
	}
	return s
}

func operatorAt(s string) string {
	for _, op := range [...]string{"!=", "<=", ">=", ":", "=", "<", ">"} {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

// quotation reads a text in quotes, in which \ makes the next character literal.
func (p *parser) quotation(quote byte) {
	var b strings.Builder
	for i := p.pos + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '\\' && i+1 < len(p.text):
			i++
			b.WriteByte(p.text[i])
		case c == quote:
			p.tok = token{kind: tokQuoted, text: b.String(), at: p.pos}
			p.pos = i + 1
			return
		default:
			b.WriteByte(c)
		}
	}
	at := p.pos
	p.tok = token{kind: tokEnd, at: at}
	p.bad = p.errorf(at, "the quotation mark is never closed")
	p.pos = len(p.text)
}

func (p *parser) either(depth int) (condition, error) {
	left, err := p.both(depth)
	for err == nil && p.tok.is("or") {
		p.next()
		var right condition
		if right, err = p.both(depth); err == nil {
			a, b := left, right
			left = func(s *subject) bool { return a(s) || b(s) }
		}
	}
	return left, err
}

func (p *parser) both(depth int) (condition, error) {
	left, err := p.negation(depth)
	for err == nil && p.bad == nil && p.tok.kind != tokEnd && p.tok.kind != tokClose && !p.tok.is("or") {
		if p.tok.is("and") {
			p.next()
		}
		var right condition
		if right, err = p.negation(depth); err == nil {
			a, b := left, right
			left = func(s *subject) bool { return a(s) && b(s) }
		}
	}
	if err == nil {
		err = p.bad
	}
	return left, err
}

func (p *parser) negation(depth int) (condition, error) {
	if depth >= maxDepth {
		return nil, p.errorf(p.tok.at, "nested more than %d deep", maxDepth)
	}
	switch {
	case p.tok.is("not"):
		p.next()
		inner, err := p.negation(depth + 1)
		return func(s *subject) bool { return !inner(s) }, err
	case p.tok.kind == tokOpen:
		at := p.tok.at
		p.next()
		inner, err := p.either(depth + 1)
		if err == nil && p.tok.kind != tokClose {
			err = p.errorf(p.tok.at, "expected ) for the ( at character %d, found %s", utf8.RuneCountInString(p.text[:at])+1, p.tok)
		}
		p.next()
		return inner, err
	}
	return p.term()
}

// term reads a comparison or a free text.
func (p *parser) term() (condition, error) {
	if p.terms++; p.terms > maxTerms {
		return nil, p.errorf(p.tok.at, "more than %d terms", maxTerms)
	}
	first := p.tok
	if first.kind != tokWord && first.kind != tokQuoted || first.is("and") || first.is("or") {
		return nil, p.errorf(first.at, "expected a field such as class:server or a text, found %s", first)
	}
	p.next()
	if first.kind == tokQuoted || p.tok.kind != tokOperator {
		return p.freeText(newOperand(first)), nil
	}
	op := p.tok.text
	val, err := p.value(first.text + op)
	if err != nil {
		return nil, err
	}
	f, ok := fieldOf(first.text)
	if !ok {
		return nil, p.errorf(first.at, "unknown field %.40q; the fields are %s", first.text, strings.Join(FieldNames(), ", "))
	}
	cond, err := f.compile(p, op, val)
	if err != nil {
		return nil, p.errorf(val.at, "%s: %s", f.name, err)
	}
	return cond, nil
}

// value reads what is after an operator: up to a blank or parenthesis, or quoted.
func (p *parser) value(before string) (operand, error) {
	p.skipBlanks()
	rest := p.text[p.pos:]
	if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		p.quotation(rest[0])
	} else {
		run := runOf(rest)
		if run == "" {
			p.next()
			return operand{}, p.errorf(p.tok.at, "expected a value after %.40q, found %s", before, p.tok)
		}
		p.take(tokWord, len(run))
	}
	val := newOperand(p.tok)
	if p.bad == nil {
		p.next()
	}
	return val, p.bad
}
