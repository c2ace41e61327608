package agent_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

var quiet = slog.New(slog.DiscardHandler)

// now is a clock that stands.
func now() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

// gives is a source with a fixed answer.
func gives(section inventory.SectionName, name string, body inventory.Body, err error) source.Source {
	return source.Source{Section: section, Name: name, Read: func(context.Context) (inventory.Body, error) { return body, err }}
}

func look(t *testing.T, cfg agent.Config, agentID string, sources ...source.Source) inventory.Observation {
	t.Helper()
	o, _, err := agent.NewEyes(cfg, "", sources, time.Now, quiet).Look(t.Context(), agentID)
	if err != nil {
		t.Fatal(err)
	}
	o.Sections = withoutReadings(o.Sections)
	return o
}

// withoutReadings leaves out what each source said: most tests are about what became of it.
func withoutReadings(sections []inventory.Section) []inventory.Section {
	return slices.DeleteFunc(sections, func(s inventory.Section) bool { return s.Name == inventory.SectionReadings })
}

func TestLookJoinsSources(t *testing.T) {
	const section = inventory.SectionSoftware
	deb, snap := inventory.SoftwareList{{Source: "deb", Name: "a"}}, inventory.SoftwareList{{Source: "snap", Name: "b"}}
	broken, none := errors.New("disk on fire"), source.Unsupported("no such database")
	var nothing inventory.Body
	tests := []struct {
		name    string
		sources []source.Source
		status  inventory.Status
		reason  string
		items   int
	}{
		{"one", []source.Source{gives(section, "dpkg", deb, nil)}, inventory.StatusOK, "", 1},
		{"two", []source.Source{gives(section, "dpkg", deb, nil), gives(section, "snap", snap, nil)}, inventory.StatusOK, "", 2},
		{"one has nothing of its sort", []source.Source{gives(section, "dpkg", deb, nil), gives(section, "rpm", nothing, none)}, inventory.StatusOK, "", 1},
		{"one fails", []source.Source{gives(section, "dpkg", deb, nil), gives(section, "rpm", nothing, broken)}, inventory.StatusPartial, "rpm: disk on fire", 1},
		{"one saw some", []source.Source{gives(section, "dpkg", deb, source.Partial("two files unreadable"))}, inventory.StatusPartial, "dpkg: two files unreadable", 1},
		{"all fail", []source.Source{gives(section, "dpkg", nothing, broken), gives(section, "rpm", nothing, none)}, inventory.StatusFailed, "dpkg: disk on fire", 0},
		{"no source fits", []source.Source{gives(section, "dpkg", nothing, none), gives(section, "rpm", nothing, none)}, inventory.StatusUnsupported, "dpkg: no such database; rpm: no such database", 0},
		{"an empty list", []source.Source{gives(section, "dpkg", inventory.SoftwareList{}, nil)}, inventory.StatusOK, "", 0},
		{"nothing and no error", []source.Source{gives(section, "dpkg", nothing, nil)}, inventory.StatusFailed, "dpkg: returned nothing", 0},
		{"a body with its error", []source.Source{gives(section, "dpkg", deb, broken)}, inventory.StatusFailed, "dpkg: disk on fire", 0},
		{"another section's body", []source.Source{gives(section, "dpkg", inventory.Disks{}, nil)}, inventory.StatusFailed, "dpkg: returned disks instead of software", 0},
		{"a panic", []source.Source{gives(section, "snap", snap, nil), {Section: section, Name: "dpkg", Read: func(context.Context) (inventory.Body, error) {
			panic("index out of range")
		}}}, inventory.StatusPartial, "dpkg: panicked: index out of range", 1},
		{"more than can be sent", []source.Source{gives(section, "dpkg", many(inventory.MaxItems+1), nil)}, inventory.StatusFailed, `section "software": 200001 items, at most 200000 allowed`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := look(t, agent.Config{}, "", tt.sources...)
			if len(o.Sections) != 1 || !o.Complete {
				t.Fatalf("got %+v", o)
			}
			s, items := o.Sections[0], 0
			if s.Body != nil {
				items = s.Body.Len()
			}
			if s.Status != tt.status || s.Reason != tt.reason || items != tt.items {
				t.Errorf("got %s %q with %d items, want %s %q with %d", s.Status, s.Reason, items, tt.status, tt.reason, tt.items)
			}
			if (s.Body != nil) != (len(s.Hash) > 0) {
				t.Error("a body must have a hash, and only a body")
			}
		})
	}
}

func many(n int) inventory.SoftwareList {
	list := make(inventory.SoftwareList, n)
	for i := range list {
		list[i] = inventory.Software{Source: "deb", Name: "x"}
	}
	return list
}

func TestLookJoinsDevices(t *testing.T) {
	first := &inventory.Device{Name: "web1", Identifiers: []inventory.Identifier{{Type: inventory.IDMachine, Value: "m"}}}
	second := &inventory.Device{Name: "other", Vendor: "Dell", Identifiers: []inventory.Identifier{{Type: inventory.IDSMBIOS, Value: "u"}}}
	o := look(t, agent.Config{}, "4b1d", gives(inventory.SectionDevice, "a", first, nil), gives(inventory.SectionDevice, "b", second, nil))
	want := &inventory.Device{Name: "web1", Vendor: "Dell", Identifiers: []inventory.Identifier{
		{Type: inventory.IDMachine, Value: "m"}, {Type: inventory.IDSMBIOS, Value: "u"}, {Type: inventory.IDAgent, Value: "4b1d"},
	}}
	if diff := cmp.Diff(inventory.Body(want), o.Sections[0].Body); diff != "" {
		t.Errorf("device (-want +got):\n%s", diff)
	}
}

func TestLookLeavesOutWhatIsSwitchedOff(t *testing.T) {
	spy := source.Source{Section: inventory.SectionUsers, Name: "passwd", Read: func(context.Context) (inventory.Body, error) {
		t.Error("was read")
		return inventory.Users{}, nil
	}}
	o := look(t, agent.Config{Skip: []inventory.SectionName{inventory.SectionUsers}}, "", spy, gives(inventory.SectionOS, "os", &inventory.OS{Name: "x"}, nil))
	if len(o.Sections) != 2 || o.Sections[1].Status != inventory.StatusUnsupported || !strings.Contains(o.Sections[1].Reason, "switched off") {
		t.Errorf("got %+v", o.Sections)
	}
}

func TestLookAtHostileText(t *testing.T) {
	o := look(t, agent.Config{}, "", gives(inventory.SectionOS, "os", &inventory.OS{Name: "a\x00b\xff", Version: strings.Repeat("9", 1<<20)}, nil))
	body, _ := o.Sections[0].Body.(*inventory.OS)
	if body == nil || body.Name != "ab\uFFFD" || len(body.Version) != inventory.MaxText {
		t.Errorf("got %+v", o.Sections[0])
	}
}

func TestA38_LookDoesNotWaitForWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int32
		hangs := source.Source{Section: inventory.SectionDisks, Name: "nfs", Timeout: 5 * time.Second, Read: func(context.Context) (inventory.Body, error) {
			calls.Add(1)
			<-release
			return inventory.Disks{{Name: "sda"}}, nil
		}}
		minds := source.Source{Section: inventory.SectionPCI, Name: "pci", Timeout: 3 * time.Second, Read: func(ctx context.Context) (inventory.Body, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		eyes := agent.NewEyes(agent.Config{}, "", []source.Source{hangs, minds, gives(inventory.SectionOS, "os", &inventory.OS{Name: "x"}, nil)}, time.Now, quiet)
		want := func(statuses ...string) {
			t.Helper()
			o, readings, err := eyes.Look(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range withoutReadings(o.Sections) {
				got = append(got, string(s.Name)+" "+string(s.Status)+" "+s.Reason)
			}
			if diff := cmp.Diff(statuses, got); diff != "" {
				t.Errorf("sections (-want +got):\n%s", diff)
			}
			if len(readings) != 3 {
				t.Errorf("%d readings", len(readings))
			}
		}
		since := time.Now().UTC().Format(time.RFC3339)
		late := "pci failed pci: took too long: context deadline exceeded"
		want("os ok ", "disks failed nfs: did not return within 5s", late)
		want("os ok ", "disks failed nfs: has not returned since "+since, late)
		if n := calls.Load(); n != 1 {
			t.Errorf("a source that hangs was called %d times", n)
		}
		close(release)
		synctest.Wait()
		want("os ok ", "disks ok ", late)
	})
}

func TestLookEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := agent.NewEyes(agent.Config{}, "", []source.Source{gives(inventory.SectionOS, "os", &inventory.OS{}, nil)}, time.Now, quiet).Look(ctx, "")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestConfig(t *testing.T) {
	for _, bad := range []agent.Config{
		{Interval: time.Second}, {Interval: -time.Hour}, {Interval: 48 * time.Hour}, {Skip: []inventory.SectionName{"screens"}},
	} {
		if err := bad.Validate(); inventory.CodeOf(err) != inventory.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	for _, good := range []agent.Config{{}, {Interval: time.Minute, Skip: []inventory.SectionName{inventory.SectionUsers}}} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
}
