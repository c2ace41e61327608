package hardware

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// instance is what a cloud says of a virtual machine.
type instance struct{ id, account, region, size string }

// metadata asks a cloud's metadata service, which answers at one link-local address in
// every cloud. It is asked by no name, through no proxy, and not elsewhere when it says so.
type metadata struct {
	base   string // http://169.254.169.254 but in tests
	client *http.Client
	known  map[string]instance // what was learned: a machine stays what it is while it runs
}

const metadataAddress = "http://169.254.169.254"

func newMetadata(base string) metadata {
	return metadata{base: base, known: map[string]instance{}, client: &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // no Proxy: none is used
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ask asks the service of one of the clouds that are known here.
func (m metadata) ask(ctx context.Context, provider string) (instance, error) {
	if i, ok := m.known[provider]; ok {
		return i, nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	question := map[string]func(context.Context) (instance, error){"aws": m.aws, "azure": m.azure, "gcp": m.gcp}[provider]
	if question == nil {
		return instance{}, source.Unsupported("the firmware names no cloud whose metadata service is known (aws, azure, gcp)")
	}
	i, err := question(ctx)
	if err != nil {
		return instance{}, fmt.Errorf("metadata service of %s: %w", provider, err)
	}
	if i.id == "" {
		return instance{}, fmt.Errorf("metadata service of %s: the answer names no instance", provider)
	}
	m.known[provider] = i
	return i, nil
}

// aws asks with a session's token, the only way where version 1 is switched off
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html).
func (m metadata) aws(ctx context.Context) (instance, error) {
	token, err := m.get(ctx, http.MethodPut, "/latest/api/token", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
	if err != nil {
		return instance{}, err
	}
	b, err := m.get(ctx, http.MethodGet, "/latest/dynamic/instance-identity/document", "X-Aws-Ec2-Metadata-Token", string(token))
	if err != nil {
		return instance{}, err
	}
	var d struct{ InstanceID, AccountID, Region, InstanceType string }
	err = json.Unmarshal(b, &d)
	return instance{d.InstanceID, d.AccountID, d.Region, d.InstanceType}, err
}

// https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
func (m metadata) azure(ctx context.Context) (instance, error) {
	b, err := m.get(ctx, http.MethodGet, "/metadata/instance/compute?api-version=2021-02-01", "Metadata", "true")
	if err != nil {
		return instance{}, err
	}
	var d struct{ VMID, SubscriptionID, Location, VMSize string }
	err = json.Unmarshal(b, &d)
	return instance{strings.ToLower(d.VMID), d.SubscriptionID, d.Location, d.VMSize}, err
}

// https://cloud.google.com/compute/docs/metadata/overview; zone and type are long names
// of which the last part is the usual one.
func (m metadata) gcp(ctx context.Context) (instance, error) {
	var values [4]string
	for i, name := range []string{"instance/id", "project/project-id", "instance/zone", "instance/machine-type"} {
		b, err := m.get(ctx, http.MethodGet, "/computeMetadata/v1/"+name, "Metadata-Flavor", "Google")
		if err != nil {
			return instance{}, err
		}
		values[i] = path.Base(strings.TrimSpace(string(b)))
	}
	region := values[2] // europe-west1-b is in europe-west1
	if cut := strings.LastIndexByte(region, '-'); cut > 0 {
		region = region[:cut]
	}
	return instance{values[0], values[1], region, values[3]}, nil
}

func (m metadata) get(ctx context.Context, method, name, header, value string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, m.base+name, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set(header, value)
	response, err := m.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // read or not, it is done with
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s", method, name, response.Status)
	}
	b, err := io.ReadAll(io.LimitReader(response.Body, maxSmallFile+1))
	if err == nil && len(b) > maxSmallFile {
		err = errors.New("the answer is too long")
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, name, err)
	}
	return b, nil
}

// device is the answer as part of the device section. What the firmware said already is not
// said again.
func (i instance) device(provider string, known []inventory.Identifier) *inventory.Device {
	d := &inventory.Device{Model: i.size, CloudAccount: i.account, CloudRegion: i.region}
	for _, k := range known {
		if k.Type == inventory.IDCloudInstance && k.Scope == provider {
			return clean(d)
		}
	}
	d.Identifiers = []inventory.Identifier{{Type: inventory.IDCloudInstance, Value: i.id, Scope: provider}}
	return clean(d)
}

// cloud is the provider that the firmware names.
func (f *findings) cloudName() string {
	if f.chassis().AssetTag == azureTag {
		return "azure"
	}
	if name := hypervisor(f.smbios); name == "aws" || name == "gcp" {
		return name
	}
	if f.smbios != nil && f.smbios.System.Vendor == "Amazon EC2" {
		return "aws" // a whole machine
	}
	return ""
}
