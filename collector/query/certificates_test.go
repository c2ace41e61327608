package query_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/store/storetest"
	"github.com/muster-itam/muster/internal/inventory"
)

// Certificates that end are found on every engine, now and as it was.
func TestCertificateUntil(t *testing.T) {
	storetest.Each(t, func(t *testing.T, dsn string) {
		st, err := store.Open(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		today := now.Truncate(24 * time.Hour)
		day := func(days int) string { return today.AddDate(0, 0, days).Format(time.DateOnly) }
		shows := func(i int, seq int64, at time.Time, until ...string) inventory.Observation {
			ports := inventory.Ports{{Protocol: "tcp", Number: 22}}
			for n, u := range until {
				ports = append(ports, inventory.Port{Protocol: "tcp", Number: 443 + n, Certificate: "ab", CertificateUntil: u})
			}
			o := machine(i, 1)
			o.Seq, o.SeenAt = seq, at
			o.Sections = append(o.Sections, inventory.Section{Name: inventory.SectionPorts, Status: inventory.StatusOK, Hash: []byte{byte(seq)}, Body: ports})
			return o
		}
		feed(t, st, now, shows(0, 1, now, day(10)), shows(1, 1, now, day(90), day(-2)), shows(2, 1, now), shows(3, 1, now, day(0), "soon"))
		later := now.Add(time.Hour)
		feed(t, st, later, shows(0, 2, later, day(400)))
		q := query.New(st, func() time.Time { return later })
		for _, c := range []struct {
			filter string
			at     query.When
			want   string
		}{
			{"certificate_until<30d", query.When{}, "srv1 srv3"},
			{"certificate_until<30d", query.When{AsOf: now}, "srv0 srv1 srv3"},
			{"certificate_until:30d", query.When{}, "srv3"},
			{"certificate_until<today", query.When{}, "srv1"},
			{"certificate_until:today", query.When{}, "srv3"},
			{"certificate_until>30d", query.When{}, "srv0 srv1"},
			{"certificate_until<" + day(90), query.When{}, "srv1 srv3"},
			{"certificate_until=" + day(90), query.When{}, "srv1"},
			{"certificate_until:*", query.When{}, "srv0 srv1 srv3"},
			{"not certificate_until:*", query.When{}, "srv2"},
			{"certificate_until!=" + day(400), query.When{}, "srv1 srv3"},
		} {
			page, err := q.Assets(t.Context(), query.AssetQuery{Filter: c.filter, When: c.at, Sort: "name"})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, a := range page.Assets {
				names = append(names, a.Name)
			}
			if got := strings.Join(names, " "); got != c.want {
				t.Errorf("%s at %v: %s, want %s", c.filter, c.at, got, c.want)
			}
		}
	})
}
