package wire

import (
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/muster-itam/muster/internal/inventory"
)

// Clean makes the texts of a body fit to send, in place: machines and devices report bytes
// that are no UTF-8, NULs and texts without end, and one such text must not keep the rest
// from being reported.
func Clean(body inventory.Body) {
	if list, ok := body.(inventory.SoftwareList); ok { // by far the longest list, so spelled out
		for i := range list {
			s := &list[i]
			for _, text := range [...]*string{
				&s.Source, &s.Name, &s.Version, &s.Arch, &s.Publisher, &s.Installed, &s.Path, &s.PURL, &s.Edition, &s.User,
			} {
				*text = cleanText(*text)
			}
		}
		return
	}
	cleanValue(reflect.ValueOf(body))
}

func cleanValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			cleanValue(v.Elem())
		}
	case reflect.String:
		if text := v.String(); v.CanSet() && cleanText(text) != text {
			v.SetString(cleanText(text))
		}
	case reflect.Slice:
		for i := range v.Len() {
			cleanValue(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				cleanValue(v.Field(i))
			}
		}
	default: // numbers and booleans
	}
}

func cleanText(text string) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "")
	}
	if len(text) > inventory.MaxText {
		end := inventory.MaxText
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return text
}
