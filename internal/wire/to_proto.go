package wire

import (
	"reflect"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// ToProto is the message for an observation. Its source is not part of the message: the
// collector knows that from the connection.
func ToProto(o inventory.Observation) *musterv1.Observation {
	p := &musterv1.Observation{
		NativeKey: o.NativeKey,
		Epoch:     o.Epoch,
		Seq:       o.Seq,
		SeenAt:    timeToProto(o.SeenAt),
		Complete:  o.Complete,
		Digest:    o.Digest,
		Sections:  make([]*musterv1.Section, len(o.Sections)),
	}
	for i := range o.Sections {
		p.Sections[i] = sectionToProto(&o.Sections[i])
	}
	return p
}

func sectionToProto(s *inventory.Section) *musterv1.Section {
	p := &musterv1.Section{
		Name:   string(s.Name),
		Status: StatusToProto(s.Status),
		Reason: s.Reason,
		Hash:   s.Hash,
	}
	if s.Took != 0 {
		p.Took = durationpb.New(s.Took)
	}
	if s.Body != nil {
		bodyToProto(p, s.Body)
	}
	return p
}

// SizeOf is how many bytes a body has in a report, before compression.
func SizeOf(body inventory.Body) int64 {
	p := &musterv1.Section{}
	bodyToProto(p, body)
	return int64(proto.Size(p))
}

// bodyToProto sets the field of the message that has the section's name.
func bodyToProto(p *musterv1.Section, body inventory.Body) {
	if software, ok := body.(inventory.SoftwareList); ok { // by far the longest list, so spelled out
		p.Body = &musterv1.Section_Software{Software: &musterv1.SoftwareList{Items: softwareToProto(software)}}
		return
	}
	m := p.ProtoReflect()
	field := m.Descriptor().Fields().ByName(protoreflect.Name(body.Section()))
	if field == nil {
		return // a test knows that there is one for each
	}
	to, from := reflect.ValueOf(m.Mutable(field).Message().Interface()).Elem(), reflect.ValueOf(body)
	if from.Kind() == reflect.Pointer {
		_ = copyFields(to, from.Elem()) // the conversion to messages does not fail
		return
	}
	_ = copyValue(to.FieldByName("Items"), from) // as above
}

// StatusToProto is the message's word for a status; an unknown one is unspecified.
func StatusToProto(s inventory.Status) musterv1.Status {
	switch s {
	case inventory.StatusOK:
		return musterv1.Status_STATUS_OK
	case inventory.StatusPartial:
		return musterv1.Status_STATUS_PARTIAL
	case inventory.StatusFailed:
		return musterv1.Status_STATUS_FAILED
	case inventory.StatusUnsupported:
		return musterv1.Status_STATUS_UNSUPPORTED
	}
	return musterv1.Status_STATUS_UNSPECIFIED
}

func softwareToProto(list inventory.SoftwareList) []*musterv1.Software {
	slab := make([]musterv1.Software, len(list))
	out := make([]*musterv1.Software, len(list))
	var patterns purlPatterns
	for i := range list {
		s, p := &list[i], &slab[i]
		p.Source, p.Name, p.Version, p.Arch = s.Source, s.Name, s.Version, s.Arch
		p.Publisher, p.Installed, p.Bytes, p.Path = s.Publisher, s.Installed, s.Bytes, s.Path
		p.Kind, p.Edition, p.User = string(s.Kind), s.Edition, s.User
		if p.PurlPattern = patterns.of(s); p.PurlPattern == "" {
			p.Purl = s.PURL
		}
		out[i] = p
	}
	return out
}

func timeToProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
