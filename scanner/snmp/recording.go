package snmp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Recording is what a device once answered, kept in a file: a line a variable,
// OID|TYPE|VALUE, the form of snmpsim's .snmprec files
// (https://docs.lextudio.com/snmpsim/documentation/simulation-data). TYPE is the decimal
// BER tag; an x after it says that VALUE is in hex digits, an e that it has backslash
// escapes.
type Recording struct {
	vars []variable
	// Skipped counts lines that are no variable, and Problem is what is wrong with the
	// first of them: people blank out parts of recordings before they give them away.
	Skipped int
	Problem string
}

// Limits of a recording.
const (
	maxRecording     = 64 << 20
	maxRecordingLine = 64 << 10
	maxRecordingVars = 500_000
)

// BER tags of RFC 3417 that a recording has.
const (
	tagInteger   = 2
	tagString    = 4
	tagNull      = 5
	tagOID       = 6
	tagAddress   = 64
	tagCounter   = 65
	tagGauge     = 66
	tagTicks     = 67
	tagCounter64 = 70
)

// ReadRecording reads a file of variables in any order; of two for one name the first
// counts. A file without any is an error.
func ReadRecording(r io.Reader) (*Recording, error) {
	in := bufio.NewScanner(io.LimitReader(r, maxRecording+1))
	in.Buffer(nil, maxRecordingLine)
	rec, size := &Recording{}, 0
	for line := 1; in.Scan(); line++ {
		text := in.Text()
		size += len(text) + 1
		switch {
		case size > maxRecording:
			return nil, inventory.Errorf(inventory.CodeTooLarge, "walk: more than %d bytes", maxRecording)
		case len(rec.vars) >= maxRecordingVars:
			return nil, inventory.Errorf(inventory.CodeTooLarge, "walk: more than %d variables", maxRecordingVars)
		}
		if trimmed := strings.TrimSpace(text); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		v, err := parseRecorded(text)
		if err != nil {
			if rec.Skipped++; rec.Skipped == 1 {
				rec.Problem = fmt.Sprintf("line %d %s", line, err)
			}
			continue
		}
		rec.vars = append(rec.vars, v)
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, inventory.Errorf(inventory.CodeTooLarge, "walk: a line of more than %d bytes", maxRecordingLine)
	} else if err != nil {
		return nil, fmt.Errorf("read walk: %w", err)
	}
	if len(rec.vars) == 0 {
		return nil, inventory.Errorf(inventory.CodeInvalid, "walk: no line of the form OID|TYPE|VALUE; %s", rec.Problem)
	}
	slices.SortStableFunc(rec.vars, func(a, b variable) int { return a.name.compare(b.name) })
	rec.vars = slices.CompactFunc(rec.vars, func(a, b variable) bool { return a.name.compare(b.name) == 0 })
	return rec, nil
}

func parseRecorded(line string) (variable, error) {
	parts := strings.SplitN(line, "|", 3)
	if len(parts) != 3 {
		return variable{}, errors.New("is not OID|TYPE|VALUE")
	}
	name, ok := parseOID(parts[0])
	if !ok {
		return variable{}, errors.New("does not begin with an object identifier")
	}
	digits := strings.TrimRight(parts[1], "xe")
	tag, err := strconv.Atoi(digits)
	if err != nil {
		return variable{}, fmt.Errorf("has the type %.20q, which is no number", parts[1])
	}
	raw := []byte(parts[2])
	switch parts[1][len(digits):] {
	case "":
	case "x", "xx":
		if raw, err = hex.DecodeString(parts[2]); err != nil {
			return variable{}, errors.New("has a value that is not in hex digits")
		}
	case "e":
		raw = unescape(parts[2])
	default:
		return variable{}, fmt.Errorf("has the type %.20q with an unknown mark", parts[1])
	}
	v := recordedValue(tag, raw)
	if v.kind == kindNone {
		return variable{}, errors.New("has no value")
	}
	return variable{name: name, value: v, size: 4*len(name) + len(v.bytes) + 4*len(v.oid) + 8}, nil
}

// recordedValue is of kindOther where the text does not suit its type: people blank values
// out before they give a recording away.
func recordedValue(tag int, raw []byte) value {
	text := string(raw)
	switch tag {
	case tagInteger, tagCounter, tagGauge, tagTicks, tagCounter64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return value{kind: kindNumber, number: n}
		}
	case tagString:
		if len(raw) <= maxValue {
			return value{kind: kindBytes, bytes: raw}
		}
	case tagOID:
		if o, ok := parseOID(text); ok {
			return value{kind: kindOID, oid: o}
		}
	case tagNull:
		return value{}
	case tagAddress:
		if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
			return value{kind: kindAddress, addr: a}
		}
		if len(raw) == 4 {
			return value{kind: kindAddress, addr: netip.AddrFrom4([4]byte(raw))}
		}
	}
	return value{kind: kindOther}
}

// unescape undoes backslash escapes; what is none stays as it is.
func unescape(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'x':
			if i+2 < len(s) {
				if b, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
					out = append(out, b[0])
					i += 2
					continue
				}
			}
			out = append(out, '\\', 'x')
		default:
			out = append(out, s[i])
		}
	}
	return out
}

// record takes everything below iso (1). Without a first answer there is no recording.
func record(ctx context.Context, r *reader) (*Recording, error) {
	if _, err := r.get(ctx, sysDescr); err != nil {
		return nil, err // asked for as a test of the credential
	}
	rec, last := &Recording{}, mustOID("1.3")
	for {
		vars, _, err := r.ask(ctx, last)
		if err != nil {
			return rec, err
		}
		for _, v := range vars {
			if v.value.kind == kindNone {
				return rec, nil
			}
			if v.name.compare(last) <= 0 {
				return rec, errOrder
			}
			if err := r.count(v); err != nil {
				return rec, err
			}
			last = v.name
			rec.vars = append(rec.vars, v)
		}
		if len(vars) == 0 {
			return rec, nil
		}
	}
}

// Facts reads the recording as a device would be read. extra is what Prober.Extra is.
func (rec *Recording) Facts(ctx context.Context, extra func(System) []string) (*Facts, error) {
	return (&Prober{Extra: extra}).Replay(ctx, rec)
}

// Replay reads a recording as p reads devices.
func (p *Prober) Replay(ctx context.Context, rec *Recording) (*Facts, error) {
	return read(ctx, newReader(rec, p.Limits.orDefault()), p.wishes())
}

func (rec *Recording) find(name oid) (int, bool) {
	return slices.BinarySearchFunc(rec.vars, name, func(v variable, name oid) int { return v.name.compare(name) })
}

// get and next make a recording a session.
func (rec *Recording) get(_ context.Context, names []oid) ([]variable, error) {
	out := make([]variable, len(names))
	for i, name := range names {
		out[i] = variable{name: name}
		if at, ok := rec.find(name); ok {
			out[i] = rec.vars[at]
		}
	}
	return out, nil
}

func (rec *Recording) next(_ context.Context, names []oid, rows int) ([]variable, error) {
	at := make([]int, len(names))
	for i, name := range names {
		var ok bool
		if at[i], ok = rec.find(name); ok {
			at[i]++
		}
	}
	var out []variable
	for row := range rows {
		for i := range names {
			if k := at[i] + row; k < len(rec.vars) {
				out = append(out, rec.vars[k])
			} else {
				out = append(out, variable{name: names[i], value: value{end: true}})
			}
		}
	}
	return out, nil
}

// Write writes the recording in the form that ReadRecording reads.
func (rec *Recording) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, v := range rec.vars {
		tag, text := v.value.recorded()
		if tag == "" {
			continue
		}
		_, _ = b.WriteString(v.name.String() + "|" + tag + "|" + text + "\n") // Flush has the error
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write walk: %w", err)
	}
	return nil
}

// recorded is a value's type and text in a recording; a type is "" for what is no value.
// Numbers become Integer32, and Counter64 where that is too small.
func (v value) recorded() (tag, text string) {
	switch v.kind {
	case kindNumber:
		tag = strconv.Itoa(tagCounter64)
		if v.number <= 1<<31-1 {
			tag = strconv.Itoa(tagInteger)
		}
		return tag, strconv.FormatInt(v.number, 10)
	case kindBytes:
		if bytes.ContainsFunc(v.bytes, func(r rune) bool { return r < ' ' || r > '~' }) || strings.TrimSpace(string(v.bytes)) != string(v.bytes) {
			return strconv.Itoa(tagString) + "x", hex.EncodeToString(v.bytes)
		}
		return strconv.Itoa(tagString), string(v.bytes)
	case kindOID:
		return strconv.Itoa(tagOID), v.oid.String()
	case kindAddress:
		return strconv.Itoa(tagAddress), v.addr.String()
	case kindNone, kindOther:
	}
	return "", ""
}
