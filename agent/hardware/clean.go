package hardware

import (
	"reflect"

	"github.com/muster-itam/muster/agent/source"
)

// clean makes all texts of a body fit to be reported, and returns the body. Firmware
// writes what it likes, and one bad byte would cost the whole report.
func clean[T any](body *T) *T {
	cleanValue(reflect.ValueOf(body).Elem())
	return body
}

func cleanValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(source.Text(v.String()))
	case reflect.Slice:
		for i := range v.Len() {
			cleanValue(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				cleanValue(f)
			}
		}
	default: // numbers and truth values need no cleaning
	}
}
