package reconcile

import (
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
)

// maxValue bounds a claim's value: nobody's serial number is longer.
const maxValue = 128

// A number that went through a spreadsheet has lost its digits.
var scientific = regexp.MustCompile(`^[0-9](\.[0-9]+)?E\+?[0-9]{1,3}$`)

var serialLabels = []string{"SERIALNUMBER:", "SERIAL:", "SERIALNO:", "S/N:", "S/N", "SN:", "SN#"}

// Serial folds a serial number of a machine or disk so that a delivery note, a firmware
// and a management tool agree on it. False for placeholders.
func Serial(s string) (string, bool) {
	folded := foldSerial(s)
	return folded, !badSerial(folded)
}

func foldSerial(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '\'' || r == '"' || r == '*' || r == '_' {
			return -1
		}
		return unicode.ToUpper(r)
	}, s)
	for { // each step only shortens; what one uncovers the next may take
		t := shortenSerial(s)
		if t == s {
			return s
		}
		s = t
	}
}

func shortenSerial(s string) string {
	for _, l := range serialLabels {
		if rest, ok := strings.CutPrefix(s, l); ok && rest != "" {
			s = rest
		}
	}
	s = strings.Trim(s, ".-/:;,#=")
	// A label's bar code: 1S, a machine type of ten characters, then the serial number.
	if len(s) == 20 && strings.HasPrefix(s, "1S") && strings.IndexFunc(s, notAlnum) < 0 {
		s = s[12:]
	}
	// Spreadsheets drop a number's leading zeros.
	if strings.Trim(s, "0123456789") == "" {
		if t := strings.TrimLeft(s, "0"); len(t) >= 5 {
			s = t
		}
	}
	return s
}

func notAlnum(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func badSerial(s string) bool {
	plain := strings.Map(func(r rune) rune {
		if notAlnum(r) {
			return -1
		}
		return r
	}, s)
	if len(plain) < 4 || len(s) > maxValue || scientific.MatchString(s) || badSerials.match(plain) {
		return true
	}
	kinds := map[rune]bool{}
	for _, r := range plain {
		kinds[r] = true
	}
	return len(kinds) < 3 || counting(plain)
}

// counting tells digits that go up or down one by one from end to end: 123456789, 9876543210.
func counting(s string) bool {
	for _, step := range []int{1, 9} {
		ok := true
		for i := 1; i < len(s) && ok; i++ {
			a, b := s[i-1], s[i]
			ok = a >= '0' && a <= '9' && b >= '0' && b <= '9' && (int(a-'0')+step)%10 == int(b-'0')
		}
		if ok {
			return true
		}
	}
	return false
}

// companyForms are left out of makers' names.
var companyForms = []string{"incorporated", "inc", "corporation", "corp", "company", "coltd", "co", "ltd", "limited", "llc", "gmbh", "ag", "sa", "kk", "international", "technologies", "electronics"}

// Maker folds a maker's name. Empty when it is none.
func Maker(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), notAlnum)
	for len(words) > 1 && isCompanyForm(words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	name := strings.Join(words, "")
	if m, ok := makerAliases[name]; ok {
		return m
	}
	if len(words) > 0 {
		if m, ok := makerAliases[words[0]]; ok {
			return m
		}
	}
	if badSerials.match(strings.ToUpper(name)) || len(name) > maxValue {
		return ""
	}
	return name
}

func isCompanyForm(w string) bool {
	for _, f := range companyForms {
		if w == f {
			return true
		}
	}
	return false
}

// token folds an identifier that is compared as text: provider's ids, host keys.
func token(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	return s, len(s) >= 4 && len(s) <= 512 && !badSerials.match(strings.ToUpper(strings.ReplaceAll(s, " ", "")))
}

// hexID folds an identifier of hexadecimal digits: a machine-id, an SNMP engine id.
// False when it is too short or has too few different octets to be somebody's.
func hexID(s string, octets int) (string, bool) {
	s = strings.ToLower(strings.Trim(strings.TrimSpace(s), "{}"))
	s = strings.TrimPrefix(s, "0x")
	s = strings.Map(func(r rune) rune {
		if r == '-' || r == ':' || r == ' ' {
			return -1
		}
		return r
	}, s)
	decoded, err := hex.DecodeString(s)
	if err != nil || len(decoded) < octets || len(decoded) > 64 {
		return "", false
	}
	kinds, seen := 0, [256]bool{}
	for _, b := range decoded {
		if !seen[b] {
			kinds, seen[b] = kinds+1, true
		}
	}
	return s, kinds >= 4
}
