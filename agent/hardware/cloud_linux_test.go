package hardware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// clouds answers as the metadata services of three clouds do.
func clouds(w http.ResponseWriter, r *http.Request) {
	answer := map[string]string{
		"PUT /latest/api/token X-Aws-Ec2-Metadata-Token-Ttl-Seconds=60": "TOKEN",
		"GET /latest/dynamic/instance-identity/document X-Aws-Ec2-Metadata-Token=TOKEN": `{"accountId":"123456789012","region":"eu-west-1",` +
			`"instanceId":"i-0abc","instanceType":"m5.large","availabilityZone":"eu-west-1a","pendingTime":"2024-01-01T00:00:00Z"}`,
		"GET /metadata/instance/compute Metadata=true": `{"vmId":"02AAB8A4-74EF-476E-8182-F6D2BA4166A6",` +
			`"subscriptionId":"8d10da13","location":"westeurope","vmSize":"Standard_D4s_v5","osProfile":{"adminUsername":"x"}}`,
		"GET /computeMetadata/v1/instance/id Metadata-Flavor=Google":           "4520031799277581759",
		"GET /computeMetadata/v1/project/project-id Metadata-Flavor=Google":    "my-project",
		"GET /computeMetadata/v1/instance/zone Metadata-Flavor=Google":         "projects/739/zones/europe-west1-b",
		"GET /computeMetadata/v1/instance/machine-type Metadata-Flavor=Google": "projects/739/machineTypes/e2-small",
	}
	for name, values := range r.Header {
		if text, ok := answer[r.Method+" "+r.URL.Path+" "+name+"="+values[0]]; ok {
			_, _ = w.Write([]byte(text))
			return
		}
	}
	http.Error(w, "no", http.StatusUnauthorized)
}

const dmiDir = "sys/class/dmi/id/"

var (
	ec2   = map[string]string{dmiDir + "sys_vendor": "Amazon EC2\n", dmiDir + "product_name": "m5.large\n"}
	metal = map[string]string{dmiDir + "sys_vendor": "Amazon EC2\n", dmiDir + "product_name": "m5.metal\n"}
	azure = map[string]string{
		dmiDir + "sys_vendor": "Microsoft Corporation\n", dmiDir + "product_name": "Virtual Machine\n", dmiDir + "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77\n",
	}
	gcp = map[string]string{dmiDir + "sys_vendor": "Google\n", dmiDir + "product_name": "Google Compute Engine\n"}
)

func TestCloudMetadata(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(clouds))
	defer server.Close()
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // is not used
	instance := func(scope, id string) []inventory.Identifier {
		return []inventory.Identifier{{Type: inventory.IDCloudInstance, Value: id, Scope: scope}}
	}
	aws := &inventory.Device{Model: "m5.large", CloudAccount: "123456789012", CloudRegion: "eu-west-1", Identifiers: instance("aws", "i-0abc")}
	tests := []struct {
		name  string
		files map[string]string
		want  *inventory.Device
	}{
		{"aws", ec2, aws},
		{"aws, a whole machine", metal, aws},
		{"azure", azure, &inventory.Device{
			Model: "Standard_D4s_v5", CloudAccount: "8d10da13", CloudRegion: "westeurope", Identifiers: instance("azure", "02aab8a4-74ef-476e-8182-f6d2ba4166a6"),
		}},
		{"gcp", gcp, &inventory.Device{
			Model: "e2-small", CloudAccount: "my-project", CloudRegion: "europe-west1", Identifiers: instance("gcp", "4520031799277581759"),
		}},
		{"firmware told the instance", map[string]string{
			dmiDir + "sys_vendor": "Amazon EC2\n", dmiDir + "product_name": "m5.large\n", dmiDir + "board_asset_tag": "i-0abc\n",
		}, &inventory.Device{Model: "m5.large", CloudAccount: "123456789012", CloudRegion: "eu-west-1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := hardware.CloudMetadata(t.Context(), server.URL, plant(t, tt.files))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Where the firmware names no cloud, or a container's host is meant, nobody is asked.
func TestCloudMetadataNotAsked(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer server.Close()
	inContainer := map[string]string{"run/systemd/container": "podman\n"}
	for name, text := range ec2 {
		inContainer[name] = text
	}
	for _, files := range []map[string]string{
		{dmiDir + "sys_vendor": "Dell Inc.\n"}, {"etc/x": ""}, inContainer,
		{dmiDir + "sys_vendor": "Microsoft Corporation\n", dmiDir + "product_name": "Virtual Machine\n"},
	} {
		_, err := hardware.CloudMetadata(t.Context(), server.URL, plant(t, files))
		if status, reason := source.Status(err); status != inventory.StatusUnsupported || asked > 0 {
			t.Errorf("%v: %s %q, asked %d times", files, status, reason, asked)
		}
	}
}

func TestCloudMetadataTrouble(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(clouds))
	defer elsewhere.Close()
	tests := []struct {
		name, want string
		answer     http.HandlerFunc
	}{
		{"switched off", "403 Forbidden", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }},
		{"redirect", "302 Found", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
		}},
		{"no instance", "names no instance", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }},
		{"no JSON", "invalid character", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }},
		{"too long", "too long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) }},
		{"silent", "deadline exceeded", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Second):
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			body, err := hardware.CloudMetadata(t.Context(), server.URL, plant(t, azure))
			if body != nil || err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "azure") {
				t.Errorf("got %v, %v, want %q", body, err, tt.want)
			}
		})
	}
}

// The service is asked once: what it said is kept, so that a short silence changes nothing.
func TestCloudMetadataKept(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(clouds))
	read := hardware.CloudMetadataReader(server.URL, plant(t, gcp))
	first, err := read(t.Context())
	server.Close()
	if err != nil {
		t.Fatal(err)
	}
	again, err := read(t.Context())
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("%v -first +again:\n%s", err, diff)
	}
}

func FuzzCloudMetadata(f *testing.F) {
	f.Add(`{"vmId":"A","subscriptionId":"\u0000","location":"l","vmSize":"s"}`)
	f.Add("projects/1/zones/x-1-b")
	f.Fuzz(func(t *testing.T, s string) {
		client := roundTrip(func(*http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			_, err := fmt.Fprint(w, s)
			return w.Result(), err
		})
		for _, provider := range []string{"aws", "azure", "gcp"} {
			if d := hardware.AskCloud(t.Context(), client, provider); d != nil {
				valid(t, d)
			}
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
