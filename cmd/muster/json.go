package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// object is a JSON object whose fields stay in their order.
type object struct {
	names  []string
	values []any
}

func (o *object) set(name string, value any) {
	o.names = append(o.names, name)
	o.values = append(o.values, value)
}

// MarshalJSON writes the fields in the order they were set.
func (o *object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, name := range o.names {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(o.values[i]); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// toJSON is a message as scripts like it, in which it differs from proto's own JSON
// mapping: field names with underscores, every field present, numbers as numbers,
// states in small letters, times in RFC 3339 with null for none.
func toJSON(m proto.Message) *object {
	out := &object{}
	addFields(out, m.ProtoReflect())
	return out
}

func addFields(out *object, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		out.set(string(f.Name()), fieldJSON(m, f))
	}
}

func fieldJSON(m protoreflect.Message, f protoreflect.FieldDescriptor) any {
	v := m.Get(f)
	switch {
	case f.IsMap():
		out := map[string]any{}
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			out[k.String()] = valueJSON(f.MapValue(), v)
			return true
		})
		return out
	case f.IsList():
		out := make([]any, v.List().Len())
		for i := range out {
			out[i] = valueJSON(f, v.List().Get(i))
		}
		return out
	case f.Kind() == protoreflect.MessageKind && !m.Has(f):
		return nil
	}
	return valueJSON(f, v)
}

func valueJSON(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch f.Kind() {
	case protoreflect.MessageKind:
		switch msg := v.Message().Interface().(type) {
		case *timestamppb.Timestamp:
			return stamp(msg)
		case *durationpb.Duration:
			return msg.AsDuration().String()
		default:
			return toJSON(msg)
		}
	case protoreflect.EnumKind:
		value := f.Enum().Values().ByNumber(v.Enum())
		if value == nil {
			return fmt.Sprint(v.Enum())
		}
		return strings.ToLower(strings.TrimPrefix(string(value.Name()), strings.ToUpper(string(f.Enum().Name()))+"_"))
	default:
		return v.Interface()
	}
}

func stamp(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.RFC3339)
}

// listJSON is a list of messages.
func listJSON[M proto.Message](list []M) []*object {
	out := make([]*object, len(list))
	for i, m := range list {
		out[i] = toJSON(m)
	}
	return out
}
