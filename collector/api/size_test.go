package api_test

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/muster-itam/muster/collector/api"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

func report(software int, addresses int) *musterv1.ReportRequest {
	list := &musterv1.SoftwareList{}
	for range software {
		list.Items = append(list.Items, &musterv1.Software{})
	}
	return &musterv1.ReportRequest{Observations: []*musterv1.Observation{{Sections: []*musterv1.Section{
		{Body: &musterv1.Section_Software{Software: list}},
		{Body: &musterv1.Section_Interfaces{Interfaces: &musterv1.Interfaces{Items: []*musterv1.Interface{{Addresses: make([]string, addresses)}}}}},
	}}}}
}

func TestCheckReport(t *testing.T) {
	for name, c := range map[string]struct {
		message *musterv1.ReportRequest
		code    inventory.Code
	}{
		"empty":                {&musterv1.ReportRequest{}, ""},
		"100k packages":        {report(100_000, 10), ""},
		"as many as there may": {report(2*inventory.MaxItems-10, 0), ""},
		"too many packages":    {report(2*inventory.MaxItems+1, 0), inventory.CodeTooLarge},
		"too many addresses":   {report(0, 2*inventory.MaxItems+1), inventory.CodeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := proto.Marshal(c.message)
			if err != nil {
				t.Fatal(err)
			}
			err = api.CheckReport(body)
			if (err == nil) != (c.code == "") || err != nil && inventory.CodeOf(err) != c.code {
				t.Errorf("got %v, want %q", err, c.code)
			}
		})
	}
	for name, body := range map[string][]byte{
		"cut off":     {0x0a, 0x05, 0x01},
		"bad tag":     {0x07},
		"deep groups": bytes.Repeat([]byte{0x0b}, 100_000),
	} {
		if err := api.CheckReport(body); inventory.CodeOf(err) != inventory.CodeInvalid || err == nil {
			t.Errorf("%s: %v, want it invalid", name, err)
		}
	}
}

// What the check lets pass decodes into a bounded number of items.
func FuzzCheckReport(f *testing.F) {
	body, err := proto.Marshal(report(3, 3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add(protowire.AppendGroup(protowire.AppendTag(nil, 1, protowire.StartGroupType), 1, nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		checked := api.CheckReport(body)
		var m musterv1.ReportRequest
		if err := proto.Unmarshal(body, &m); err == nil && checked != nil && inventory.CodeOf(checked) != inventory.CodeTooLarge {
			t.Errorf("refused what decodes: %v", checked)
		}
	})
}
