package hardware

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/muster-itam/muster/agent/source"
)

// hostName splits the kernel's host name. Where it has no domain, the line of /etc/hosts
// that names the host gives the full name, as for "hostname --fqdn". The resolver's
// search list is left alone: it comes from whatever network the machine is in.
func hostName(kernel, hosts string) (name, domain string) {
	name, domain, _ = strings.Cut(strings.TrimSuffix(source.Text(kernel), "."), ".")
	if domain != "" || name == "" || name == "localhost" {
		return name, domain
	}
	for line := range strings.Lines(hosts) {
		line, _, _ = strings.Cut(line, "#")
		for i, word := range strings.Fields(line) {
			if d, ok := strings.CutPrefix(word, name+"."); ok && i > 0 {
				return name, source.Text(strings.TrimSuffix(d, "."))
			}
		}
	}
	return name, ""
}

// sshFingerprint is a public host key's fingerprint in the form that ssh-keygen -l
// prints: SHA-256 over the key's wire form (RFC 4253 6.6), base64 without padding.
func sshFingerprint(line string) (string, error) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return "", fmt.Errorf("not a public key: %d fields", len(fields))
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return "", fmt.Errorf("not a public key: %w", err)
	}
	// The wire form begins with the type as a counted string.
	if len(blob) < 4 || uint64(binary.BigEndian.Uint32(blob)) > uint64(len(blob)-4) ||
		string(blob[4:4+binary.BigEndian.Uint32(blob)]) != fields[0] {
		return "", fmt.Errorf("not a public key of type %.40q", fields[0])
	}
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]), nil
}

// cloudProviders are cloud-init's names of providers whose instance ids are their own.
var cloudProviders = map[string]string{
	"aws": "aws", "azure": "azure", "gce": "gcp", "openstack": "openstack", "digitalocean": "digitalocean",
	"hetzner": "hetzner", "oracle": "oracle", "vultr": "vultr", "aliyun": "alibaba", "ibm": "ibm", "linode": "linode",
}

// parseCloudInit reads the v1 keys of /run/cloud-init/instance-data.json, which
// cloud-init writes at each boot and everybody may read
// (https://docs.cloud-init.io/en/latest/explanation/instance-data.html).
func parseCloudInit(b []byte) (cloudInit, error) {
	var doc struct {
		V1 cloudInit `json:"v1"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return cloudInit{}, fmt.Errorf("cloud-init's instance data: %w", err)
	}
	if cloudProviders[doc.V1.CloudName] == "" {
		return cloudInit{}, nil
	}
	return cloudInit{doc.V1.CloudName, source.Text(doc.V1.InstanceID), source.Text(doc.V1.Region)}, nil
}
