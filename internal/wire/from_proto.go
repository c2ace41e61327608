package wire

import (
	"reflect"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// FromProto is the observation of a message, without its source: the caller knows that
// from the connection. Errors are invalid errors that name the field. Bounds beyond the
// number of items are for [inventory.Observation.Validate].
//
// A section this version does not know (a newer source sent it) is left out, so it is
// neither stored nor asked for; a newer collector will ask for it by its hash.
func FromProto(p *musterv1.Observation) (inventory.Observation, error) {
	if len(p.GetSections()) > inventory.MaxSections {
		return inventory.Observation{}, invalid("sections: %d given, at most %d allowed", len(p.GetSections()), inventory.MaxSections)
	}
	seen, err := timeFromProto("seen_at", p.GetSeenAt())
	if err != nil {
		return inventory.Observation{}, err
	}
	o := inventory.Observation{
		NativeKey: p.GetNativeKey(),
		Epoch:     p.GetEpoch(),
		Seq:       p.GetSeq(),
		SeenAt:    seen,
		Complete:  p.GetComplete(),
		Digest:    p.GetDigest(),
	}
	for i, ps := range p.GetSections() {
		s, known, err := sectionFromProto(ps)
		if err != nil {
			return inventory.Observation{}, invalid("sections[%d] %.32q: %w", i, ps.GetName(), err)
		}
		if known {
			o.Sections = append(o.Sections, s)
		}
	}
	return o, nil
}

func sectionFromProto(p *musterv1.Section) (s inventory.Section, known bool, err error) {
	status, err := StatusFromProto(p.GetStatus())
	if err != nil {
		return s, false, err
	}
	if p.GetTook() != nil && !p.GetTook().IsValid() {
		return s, false, invalid("took: not a valid duration")
	}
	body, err := bodyFromProto(p)
	if err != nil {
		return s, false, err
	}
	name := inventory.SectionName(p.GetName())
	switch {
	case name == "":
		return s, false, invalid("name: empty")
	case body != nil && body.Section() != name:
		return s, false, invalid("body: is a %s body", body.Section())
	case inventory.NewBody(name) == nil:
		return s, false, nil
	}
	return inventory.Section{
		Name:   name,
		Status: status,
		Reason: p.GetReason(),
		Hash:   p.GetHash(),
		Body:   body,
		Took:   p.GetTook().AsDuration(),
	}, true, nil
}

// StatusFromProto is the status a message names; unspecified and unknown ones are invalid.
func StatusFromProto(s musterv1.Status) (inventory.Status, error) {
	switch s {
	case musterv1.Status_STATUS_OK:
		return inventory.StatusOK, nil
	case musterv1.Status_STATUS_PARTIAL:
		return inventory.StatusPartial, nil
	case musterv1.Status_STATUS_FAILED:
		return inventory.StatusFailed, nil
	case musterv1.Status_STATUS_UNSUPPORTED:
		return inventory.StatusUnsupported, nil
	case musterv1.Status_STATUS_UNSPECIFIED:
		return "", invalid("status: missing")
	}
	return "", invalid("status: unknown value %d", s)
}

// bodyFromProto is nil when the section has no body.
func bodyFromProto(p *musterv1.Section) (inventory.Body, error) {
	if software, ok := p.GetBody().(*musterv1.Section_Software); ok { // by far the longest list, so spelled out
		return softwareFromProto(software.Software.GetItems())
	}
	m := p.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	if field == nil {
		return nil, nil
	}
	from := reflect.ValueOf(m.Get(field).Message().Interface())
	body := inventory.NewBody(inventory.SectionName(field.Name()))
	if body == nil {
		return nil, nil // a test knows that there is one for each
	}
	if to := reflect.ValueOf(body); to.Kind() == reflect.Pointer {
		if from.IsNil() {
			return body, nil
		}
		return body, copyFields(to.Elem(), from.Elem())
	}
	return bodyItems(body, from)
}

// bodyItems fills one item for each message. An empty list is a body: "there are none".
func bodyItems(empty inventory.Body, message reflect.Value) (inventory.Body, error) {
	n := 0
	var items reflect.Value
	if !message.IsNil() {
		items = message.Elem().FieldByName("Items")
		n = items.Len()
	}
	if n > inventory.MaxItems {
		return nil, invalid("%d items, at most %d allowed", n, inventory.MaxItems)
	}
	list := reflect.MakeSlice(reflect.TypeOf(empty), n, n)
	for i := range n {
		if err := copyValue(list.Index(i), items.Index(i)); err != nil {
			return nil, invalid("items[%d].%w", i, err)
		}
	}
	body, _ := list.Interface().(inventory.Body) // same type, so still a body
	return body, nil
}

func softwareFromProto(list []*musterv1.Software) (inventory.Body, error) {
	if len(list) > inventory.MaxItems {
		return nil, invalid("%d items, at most %d allowed", len(list), inventory.MaxItems)
	}
	out := make(inventory.SoftwareList, len(list))
	for i, p := range list {
		out[i] = inventory.Software{
			Source: p.GetSource(), Name: p.GetName(), Version: p.GetVersion(), Arch: p.GetArch(),
			Publisher: p.GetPublisher(), Installed: p.GetInstalled(), Bytes: p.GetBytes(), Path: p.GetPath(),
			PURL: p.GetPurl(), Kind: inventory.SoftwareKind(p.GetKind()), Edition: p.GetEdition(), User: p.GetUser(),
		}
		if pattern := p.GetPurlPattern(); pattern != "" {
			out[i].PURL = purlOf(pattern, p.GetName(), p.GetVersion(), p.GetArch())
		}
	}
	return out, nil
}

func timeFromProto(field string, ts *timestamppb.Timestamp) (time.Time, error) {
	if ts == nil {
		return time.Time{}, nil
	}
	if !ts.IsValid() {
		return time.Time{}, invalid("%s: not a valid time", field)
	}
	return ts.AsTime(), nil
}

func invalid(format string, args ...any) error {
	return inventory.Errorf(inventory.CodeInvalid, format, args...)
}
