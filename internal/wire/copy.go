package wire

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
)

// Messages and the types of internal/inventory have fields of the same names, but for case
// (Uuid, UUID), so what stands in one is copied to the other by name. A test fills every
// field of every section and fails when one does not come back.

// FillSections sets the fields of a message to the sections among another struct's fields
// of the same names.
func FillSections(message, from any) {
	to, source := reflect.ValueOf(message).Elem(), reflect.ValueOf(from).Elem()
	for _, f := range planOf(to.Type(), source.Type()) {
		v := source.Field(f.from)
		_, list := v.Interface().(inventory.Body)
		_, thing := v.Addr().Interface().(inventory.Body)
		if list || thing {
			_ = copyValue(to.Field(f.to), v) // the conversion to messages does not fail
		}
	}
}

type copyPlan []struct {
	to, from int
	name     string // in JSON
}

type planKey struct{ to, from reflect.Type }

// plans remembers which field goes to which. What is in it follows from the types alone.
var plans sync.Map // planKey to copyPlan

func planOf(to, from reflect.Type) copyPlan {
	if p, ok := plans.Load(planKey{to, from}); ok {
		return p.(copyPlan) //nolint:forcetypeassert // nothing else is stored
	}
	var p copyPlan
	for i := range to.NumField() {
		f := to.Field(i)
		if !f.IsExported() {
			continue
		}
		for j := range from.NumField() {
			g := from.Field(j)
			if !g.IsExported() || !strings.EqualFold(g.Name, f.Name) {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			p = append(p, struct {
				to, from int
				name     string
			}{i, j, name})
		}
	}
	plans.Store(planKey{to, from}, p)
	return p
}

// copyFields sets the fields of one struct to those of another. Its errors name the field.
func copyFields(to, from reflect.Value) error {
	for _, f := range planOf(to.Type(), from.Type()) {
		if err := copyValue(to.Field(f.to), from.Field(f.from)); err != nil {
			return invalid("%s: %w", f.name, err)
		}
	}
	return nil
}

func copyValue(to, from reflect.Value) error {
	switch v := from.Interface().(type) {
	case time.Time:
		if !v.IsZero() {
			to.Set(reflect.ValueOf(timestamppb.New(v)))
		}
		return nil
	case *timestamppb.Timestamp:
		if v == nil {
			return nil
		}
		if !v.IsValid() {
			return invalid("not a valid time")
		}
		to.Set(reflect.ValueOf(v.AsTime()))
		return nil
	case netip.Prefix:
		to.SetString(v.String())
		return nil
	}
	switch to.Kind() {
	case reflect.String:
		if from.Kind() != reflect.String {
			return fmt.Errorf("a %s is no text", from.Type())
		}
		to.SetString(from.String())
	case reflect.Bool:
		to.SetBool(from.Bool())
	case reflect.Int, reflect.Int64:
		to.SetInt(from.Int())
	case reflect.Int32:
		to.SetInt(int64(int32of(int(from.Int()))))
	case reflect.Slice:
		return copyList(to, from)
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		return copyFields(to.Elem(), from)
	case reflect.Struct:
		if to.Type() == reflect.TypeFor[netip.Prefix]() {
			prefix, err := prefixOf(from.String())
			to.Set(reflect.ValueOf(prefix))
			return err
		}
		if from.Kind() == reflect.Pointer {
			if from.IsNil() { // a list's item that is not there is an empty one
				return nil
			}
			from = from.Elem()
		}
		return copyFields(to, from)
	default:
		return fmt.Errorf("a %s cannot be copied", to.Type())
	}
	return nil
}

func copyList(to, from reflect.Value) error {
	n := from.Len()
	if n > inventory.MaxItems {
		return invalid("%d given, at most %d allowed", n, inventory.MaxItems)
	}
	if n == 0 {
		return nil
	}
	list := reflect.MakeSlice(to.Type(), 0, n)
	for i := range n {
		v := from.Index(i)
		if p, ok := v.Interface().(netip.Prefix); ok && !p.IsValid() {
			continue // the zero prefix has no text form
		}
		list = reflect.Append(list, reflect.Zero(to.Type().Elem()))
		if err := copyValue(list.Index(list.Len()-1), v); err != nil {
			return err
		}
	}
	if list.Len() > 0 {
		to.Set(list)
	}
	return nil
}

// prefixOf also takes an address without length, as a source in another language might write it.
func prefixOf(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix, nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, invalid("%.64q is not an address with prefix length", text)
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// int32of clamps: a count beyond 31 bits is nonsense that must not wrap to another number.
func int32of(n int) int32 {
	return int32(min(max(n, math.MinInt32), math.MaxInt32))
}
