package api

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// maxElements bounds the messages and list items of one report. Two bytes on the wire can
// stand for an empty item that takes 200 in memory, so the size alone bounds nothing.
const maxElements = 2 * inventory.MaxItems

// reportShape is where in a ReportRequest there is something to count.
var reportShape = shapeOf((*musterv1.ReportRequest)(nil).ProtoReflect().Descriptor())

// shape has the fields of a message by their numbers; nil when nothing in it counts.
type shape []struct {
	counts bool
	inner  shape
}

// shapeOf follows the schema, which is not recursive.
func shapeOf(message protoreflect.MessageDescriptor) (out shape) {
	fields := message.Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Message() == nil && !f.IsList() {
			continue
		}
		n := int(f.Number())
		if n >= len(out) {
			out = append(out, make(shape, n+1-len(out))...)
		}
		out[n].counts = true
		if f.Message() != nil {
			out[n].inner = shapeOf(f.Message())
		}
	}
	return out
}

// CheckReport refuses a ReportRequest that would decode into far more than its size.
func CheckReport(body []byte) error {
	left := maxElements
	return reportShape.count(body, &left)
}

// count walks a message without building it. Neither depth nor stack is the sender's choice.
func (s shape) count(b []byte, left *int) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return malformed()
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(number, kind, b)
		if n < 0 {
			return malformed()
		}
		value := b[:n]
		b = b[n:]
		if int(number) >= len(s) || !s[number].counts {
			continue
		}
		if *left--; *left < 0 {
			return inventory.Errorf(inventory.CodeTooLarge, "the report has more than %d items: send it in parts", maxElements)
		}
		if s[number].inner == nil || kind != protowire.BytesType {
			continue
		}
		inner, n := protowire.ConsumeBytes(value)
		if n < 0 {
			return malformed()
		}
		if err := s[number].inner.count(inner, left); err != nil {
			return err
		}
	}
	return nil
}

func malformed() error {
	return inventory.Errorf(inventory.CodeInvalid, "the body is not a report message")
}
