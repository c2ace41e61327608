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

// CheckReport refuses a ReportRequest that would decode into far more than its size.
func CheckReport(body []byte) error {
	left := maxElements
	return countElements(body, (*musterv1.ReportRequest)(nil).ProtoReflect().Descriptor(), &left)
}

// countElements walks a message without building it. The schema is not recursive, so
// neither depth nor stack is the sender's choice.
func countElements(b []byte, message protoreflect.MessageDescriptor, left *int) error {
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
		field := message.Fields().ByNumber(number)
		if field == nil || (field.Message() == nil && !field.IsList()) {
			continue
		}
		if *left--; *left < 0 {
			return inventory.Errorf(inventory.CodeTooLarge, "the report has more than %d items: send it in parts", maxElements)
		}
		if field.Message() == nil || kind != protowire.BytesType {
			continue
		}
		inner, n := protowire.ConsumeBytes(value)
		if n < 0 {
			return malformed()
		}
		if err := countElements(inner, field.Message(), left); err != nil {
			return err
		}
	}
	return nil
}

func malformed() error {
	return inventory.Errorf(inventory.CodeInvalid, "the body is not a report message")
}
