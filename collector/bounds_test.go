package collector_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/collector"
	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/server"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// endless gives the same byte for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0x0a
	}
	return len(p), nil
}

// peakRSS is the process's largest resident size so far, in bytes.
func peakRSS(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// emptySoftware is a report whose software list has n items of two bytes each.
func emptySoftware(n int) []byte {
	items := bytes.Repeat([]byte{0x0a, 0x00}, n) // SoftwareList.items = {}
	section := protowire.AppendBytes(protowire.AppendTag(nil, 18, protowire.BytesType), items)
	obs := protowire.AppendBytes(protowire.AppendTag(nil, 6, protowire.BytesType), section)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), obs)
}

// A18: bodies that become far more than they are.
func TestA18_CompressionBombs(t *testing.T) {
	r := start(t)
	agent := r.enrol(inventory.KindAgent, "a")
	person := r.client()
	person.Transport = bearer{r.admin(), person.Transport}
	bomb := bytes.Repeat([]byte("{},"), 16<<20/3)
	small := gzipped(t, bomb)
	wide, err := zstd.NewWriter(nil, zstd.WithWindowSize(64<<20), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	// A frame header that declares a window of 2 GiB (RFC 8878 §3.1.1.1.2: exponent 21), then one block.
	window := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00}
	frame := wide.EncodeAll(bytes.Repeat([]byte("muster"), 12<<20), nil)
	doubled := gzipped(t, small)
	zst, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	dense := zst.EncodeAll(make([]byte, 20<<20), nil)
	heap := gzipped(t, emptySoftware(15<<20))
	many := emptySoftware(inventory.MaxItems*2 + 1)
	before := peakRSS(t)
	report := musterv1connect.IngestServiceReportProcedure
	for _, c := range []struct {
		name, path, contentType, encoding string
		client                            *http.Client
		body                              func() io.Reader
		status                            int
	}{
		{"JSON to reports", report, "application/json", "gzip", agent.client, bytesOf(small), http.StatusUnsupportedMediaType},
		{"braces as a message", report, "application/proto", "gzip", agent.client, bytesOf(small), http.StatusRequestEntityTooLarge},
		{"from a stranger", musterv1connect.EnrolmentServiceEnrollProcedure, "application/proto", "gzip", r.client(), bytesOf(small), http.StatusRequestEntityTooLarge},
		{"gzip of gzip, said so", report, "application/proto", "gzip, gzip", agent.client, bytesOf(doubled), http.StatusRequestEntityTooLarge},
		{"gzip of gzip, not said", report, "application/proto", "gzip", agent.client, bytesOf(doubled), http.StatusBadRequest},
		{"zstd window of 2 GiB", report, "application/proto", "zstd", agent.client, bytesOf(window), http.StatusRequestEntityTooLarge},
		{"zstd window of 64 MiB", report, "application/proto", "zstd", agent.client, bytesOf(frame), http.StatusRequestEntityTooLarge},
		{"zstd of zeros", report, "application/proto", "zstd", agent.client, bytesOf(dense), http.StatusRequestEntityTooLarge},
		{"from a person", musterv1connect.InventoryServiceListAssetsProcedure, "application/json", "gzip", person, bytesOf(small), http.StatusRequestEntityTooLarge},
		{"unknown encoding", report, "application/proto", "br", agent.client, bytesOf(small), http.StatusUnsupportedMediaType},
		{"15 M empty items", report, "application/proto", "gzip", agent.client, bytesOf(heap), http.StatusRequestEntityTooLarge},
		{"a few too many items", report, "application/proto", "", agent.client, bytesOf(many), http.StatusRequestEntityTooLarge},
	} {
		var headers []string
		if c.encoding != "" {
			headers = []string{"Content-Encoding", c.encoding}
		}
		got := r.post(c.client, c.path, c.contentType, c.body(), headers...)
		if got.status != c.status || !strings.Contains(got.body, `"message"`) {
			t.Errorf("%s: %d %s, want %d with a message", c.name, got.status, got.body, c.status)
		}
	}
	grown := peakRSS(t) - before
	t.Logf("the process grew by %d MiB", grown>>20)
	if grown > 64<<20 {
		t.Error("that is more than 64 MiB")
	}
	// This one costs its sender every byte of the 32 MiB that are kept of it.
	if got := r.post(agent.client, report, "application/proto", io.LimitReader(endless{}, 64<<20)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("endless chunks: %d %s, want 413", got.status, got.body)
	}
	if got := r.call(agent.client, report, &musterv1.ReportRequest{}); got.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}

func bytesOf(b []byte) func() io.Reader { return func() io.Reader { return bytes.NewReader(b) } }

// A19: a gigabyte to each route that asks for no credentials. The answer comes before it is sent.
func TestA19_HugeBodies(t *testing.T) {
	r := start(t)
	routes := 0
	for pattern, policy := range server.Policies() {
		if policy.Accept&identity.Anyone == 0 {
			continue
		}
		routes++
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			method, path = http.MethodPost, pattern
		}
		head := method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\n"
		chunk := fmt.Sprintf("%x\r\n%s\r\n", policy.MaxBody+1, strings.Repeat("\n", int(policy.MaxBody)+1))
		for name, request := range map[string]string{
			"said":     head + "Content-Length: 1073741824\r\n\r\n",
			"not said": head + "Transfer-Encoding: chunked\r\n\r\n" + chunk,
		} {
			if status := r.raw(request); status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s, size %s: %d, want 413", path, name, status)
			}
		}
	}
	if routes < 3 {
		t.Errorf("only %d open routes", routes)
	}
}

// raw sends bytes over a connection of their own and gives the status of the answer.
func (r *rig) raw(request string) int {
	r.t.Helper()
	conn := r.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// dial opens an HTTP/1 connection that gives up after a while.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	d := tls.Dialer{Config: &tls.Config{RootCAs: r.Authority.Pool(), MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(r.t.Context(), "tcp", strings.TrimPrefix(r.url, "https://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// A20: values no honest source sends. They are refused or kept aside, their neighbours
// proceed, and nothing ends the process.
func TestA20_HostileValues(t *testing.T) {
	r := startWith(t, t.TempDir(), &clock{now: time.Now()}, func(env collector.Env) error {
		env.Routes.Allow(map[string]server.Policy{"GET /panic": server.Open()})
		env.Routes.Handle("GET /panic", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("as asked") }))
		return nil
	})
	agent := r.enrol(inventory.KindAgent, "a")
	seq := int64(0)
	for _, c := range []struct {
		name  string
		spoil func(*musterv1.Observation)
	}{
		{"unknown status", func(o *musterv1.Observation) { o.Sections[0].Status = 99 }},
		{"no status", func(o *musterv1.Observation) { o.Sections[0].Status = 0 }},
		{"negative seq", func(o *musterv1.Observation) { o.Seq = -1 }},
		{"negative epoch", func(o *musterv1.Observation) { o.Epoch = math.MinInt64 }},
		{"NUL", func(o *musterv1.Observation) { o.Sections[0].GetDevice().Name = "a\x00b" }},
		{"1 MB name", func(o *musterv1.Observation) { o.Sections[0].GetDevice().Name = strings.Repeat("n", 1<<20) }},
		{"time before all time", func(o *musterv1.Observation) { o.SeenAt = &timestamppb.Timestamp{Seconds: math.MinInt64} }},
		{"duration out of range", func(o *musterv1.Observation) { o.Sections[0].Took = &durationpb.Duration{Seconds: math.MaxInt64} }},
		{"section twice", func(o *musterv1.Observation) { o.Sections = append(o.Sections, o.Sections[0]) }},
		{"body of another section", func(o *musterv1.Observation) { o.Sections[0].Name = "os" }},
		{"65 sections", func(o *musterv1.Observation) {
			for range 65 {
				o.Sections = append(o.Sections, &musterv1.Section{Name: "x", Status: musterv1.Status_STATUS_FAILED})
			}
		}},
		{"huge hash", func(o *musterv1.Observation) { o.Sections[0].Hash = make([]byte, 1000) }},
	} {
		seq += 2
		bad, good := observation(seq-1, "bad"), observation(seq, "good"+strconv.FormatInt(seq, 10))
		c.spoil(bad)
		res, err := r.report(agent, &musterv1.ReportRequest{Observations: []*musterv1.Observation{bad, good}})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		acks := res.GetAcknowledgements()
		if len(acks) != 2 || acks[0].GetOutcome() != musterv1.Outcome_OUTCOME_QUARANTINED || acks[0].GetReason() == "" {
			t.Errorf("%s: %v, want it quarantined with a reason", c.name, acks)
		}
		if acks[1].GetOutcome() != musterv1.Outcome_OUTCOME_ACCEPTED {
			t.Errorf("%s: its neighbour is %v", c.name, acks[1])
		}
	}
	good, err := proto.Marshal(&musterv1.ReportRequest{Observations: []*musterv1.Observation{observation(1000, "XYZ")}})
	if err != nil {
		t.Fatal(err)
	}
	deep := bytes.Repeat([]byte{0x0b}, 100_000) // groups within groups
	for name, body := range map[string][]byte{
		"bad UTF-8":  bytes.ReplaceAll(good, []byte("XYZ"), []byte{0xff, 0xfe, 0xfd}),
		"depth 10^5": deep,
		"cut off":    good[:len(good)-2],
		"JSON":       []byte(`{"observations":[{"epoch":null,"seq":9223372036854775808,"seenAt":NaN}]}`),
	} {
		if got := r.post(agent.client, musterv1connect.IngestServiceReportProcedure, "application/proto", bytes.NewReader(body)); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s, want 400", name, got.status, got.body)
		}
	}
	for _, body := range []string{
		`{"limit":9223372036854775808}`, `{"limit":NaN}`, `{"limit":1e400}`, `{"filter":{}}`, `{"asOf":"+99999-01-01T00:00:00Z"}`, `{"unknown":1}`,
		`null`, "{\"filter\":\"\xff\"}", strings.Repeat("[", 100_000), `{"filter":` + strings.Repeat(`{"a":`, 100_000),
	} {
		got := r.post(r.client(), musterv1connect.InventoryServiceListAssetsProcedure, "application/json", strings.NewReader(body), "Authorization", "Bearer "+r.admin())
		if got.status >= 500 || got.status == http.StatusOK && !strings.Contains(body, "unknown") && body != "null" {
			t.Errorf("%.40s: %d %.200s, want 400", body, got.status, got.body)
		}
	}
	for range 3 {
		got := r.do(r.client(), http.MethodGet, "/panic", "", nil)
		if got.status != http.StatusInternalServerError || !strings.Contains(got.body, got.header.Get("X-Request-Id")) || strings.Contains(got.body, "as asked") {
			t.Errorf("a panic is answered with %d %s", got.status, got.body)
		}
	}
	if got := r.do(r.client(), http.MethodGet, "/readyz", "", nil); got.status != http.StatusOK || got.header.Get("X-Request-Id") == "" {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}

// A connection that never finishes its header is closed.
func TestSilentConnectionEnds(t *testing.T) {
	t.Parallel()
	conn := start(t).dial()
	if _, err := io.WriteString(conn, "POST /muster.v1.EnrolmentService/Enroll HTTP/1.1\r\nHost: x\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("it is still open")
	}
}

// A route that nobody wrote a policy for keeps the collector from starting.
func TestRouteWithoutPolicy(t *testing.T) {
	config := collector.DefaultConfig()
	config.DataDir, config.Listen, config.MetricsListen = t.TempDir(), "127.0.0.1:0", "off"
	err := collector.Run(t.Context(), config, collector.Deps{Log: discard(), Now: time.Now, Mount: func(env collector.Env) error {
		env.Routes.Handle("GET /forgotten", http.NotFoundHandler())
		return nil
	}})
	if err == nil || !strings.Contains(err.Error(), `"GET /forgotten" has no policy`) {
		t.Errorf("got %v", err)
	}
}
