package inventory

import "reflect"

// checkFacts visits every string in v, a section body, naming it by its JSON field.
func checkFacts(v any, visit func(field, text string) error) error {
	return checkValue(reflect.ValueOf(v), "", visit)
}

func checkValue(v reflect.Value, field string, visit func(field, text string) error) error {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return checkValue(v.Elem(), field, visit)
	case reflect.String:
		return visit(field, v.String())
	case reflect.Slice:
		for i := range v.Len() {
			if err := checkValue(v.Index(i), field, visit); err != nil {
				return err
			}
		}
	case reflect.Struct:
		t := v.Type()
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				if err := checkValue(v.Field(i), f.Name, visit); err != nil {
					return err
				}
			}
		}
	default: // numbers, booleans and the innards of time and address types hold no text
	}
	return nil
}

// checkSoftware is spelled out: it is by far the longest list.
func checkSoftware(l SoftwareList, visit func(field, text string) error) error {
	for i := range l {
		s := &l[i]
		if s.Name == "" {
			return Errorf(CodeInvalid, "software: item %d has no name", i)
		}
		for _, f := range [...]struct{ name, text string }{
			{"source", s.Source}, {"name", s.Name}, {"version", s.Version}, {"arch", s.Arch},
			{"publisher", s.Publisher}, {"installed", s.Installed}, {"path", s.Path}, {"purl", s.PURL},
			{"kind", string(s.Kind)}, {"edition", s.Edition}, {"user", s.User},
		} {
			if err := visit(f.name, f.text); err != nil {
				return err
			}
		}
	}
	return nil
}
