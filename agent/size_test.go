package agent_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/muster-itam/muster/agent"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire/wiretest"
)

// packages are a list of Debian's sort. A package of them costs 23 bytes in a compressed
// report, as one of a real machine does (767 packages: 17.0 KB).
func packages(n int) inventory.SoftwareList {
	r := rand.New(rand.NewPCG(7, 7))
	syllables := []string{"lib", "python3", "gtk", "net", "tools", "data", "x11", "common", "dev", "perl", "ssl", "doc", "fonts", "core", "utils", "base",
		"qt6", "gst", "plugins", "java", "config", "sys", "auth", "crypt", "media", "image", "text", "font", "mail", "http", "json", "xml"}
	name := func() string {
		s := syllables[r.IntN(len(syllables))]
		for range 1 + r.IntN(2) {
			s += "-" + syllables[r.IntN(len(syllables))]
		}
		return s
	}
	publishers := make([]string, n/6+1)
	for i := range publishers {
		publishers[i] = fmt.Sprintf("%s Maintainers %x", name(), r.IntN(1<<12))
	}
	list := make(inventory.SoftwareList, n)
	for i := range list {
		s := &list[i]
		s.Source, s.Name, s.Arch = "deb", fmt.Sprintf("%s%d", name(), r.IntN(100)), []string{"amd64", "amd64", "all"}[r.IntN(3)]
		s.Version = fmt.Sprintf("%d.%d.%d-%d", r.IntN(10), r.IntN(40), r.IntN(20), r.IntN(9))
		s.Publisher, s.Installed = publishers[r.IntN(len(publishers))], fmt.Sprintf("2025-%02d-%02d", 1+r.IntN(3), 1+r.IntN(28))
		s.Bytes = r.Int64N(1<<13) << 10
		s.PURL = fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s", s.Name, s.Version, s.Arch)
	}
	return list
}

// The promise to whoever pays for the line: 28 KB for the first report of a machine with a
// thousand packages, as it goes over the wire, and 400 bytes for one without news.
func TestSizeOfReports(t *testing.T) {
	c := wiretest.New(t)
	dir := enrolled(t, c)
	sources := []source.Source{
		gives(inventory.SectionDevice, "identity", &inventory.Device{Name: "web1", Vendor: "Dell Inc.", Model: "PowerEdge R650", Serial: "ABC1234"}, nil),
		gives(inventory.SectionOS, "os-release", &inventory.OS{Family: "linux", Name: "Debian GNU/Linux", Version: "12", Kernel: "6.1.0-28-amd64"}, nil),
		gives(inventory.SectionSoftware, "dpkg", packages(1000), nil),
		gives(inventory.SectionMemory, "smbios", nil, source.Partial("no rights to /sys/firmware/dmi/tables/DMI: run as root")),
	}
	a, err := agent.Open(agent.Config{}, dir, "1.2.3", sources, time.Now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAgent(t, a)
	var onWire []int
	c.Lock()
	c.Wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			onWire = append(onWire, len(body))
			r.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(w, r)
		})
	}
	c.Unlock()
	for range 3 {
		if _, err := a.Report(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("bytes of body on the wire: %d", onWire)
	if n := len(onWire); n != 3 || onWire[0] > 28_000 {
		t.Errorf("%d contacts, the first with %d bytes, at most 28,000 allowed", n, onWire[0])
	}
	for i, r := range c.Requests[1:] {
		if n := proto.Size(r); n > 400 || len(r.GetObservations()[0].GetSections()) != 0 {
			t.Errorf("report %d without news has %d bytes, at most 400 allowed", i+2, n)
		}
	}
}
