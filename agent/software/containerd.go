package software

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const maxContainers = 20_000

// containerdRecords is what containerd's database tells.
type containerdRecords struct {
	images     inventory.SoftwareList
	containers inventory.Containers // of which Name is the namespace, for who looks up the state
}

// moby is Docker's namespace in containerd. What is in it is Docker's to list.
const moby = "moby"

func notMoby(namespace string) bool { return namespace != moby }

// readContainerd reads the namespaces that are wanted from containerd's database
// (https://github.com/containerd/containerd/blob/main/core/metadata/buckets.go). containerd
// writes to it while it is read; what is not of one moment is read again.
func readContainerd(r io.ReaderAt, wanted func(namespace string) bool) (containerdRecords, error) {
	for range 5 {
		db, err := openBolt(r)
		if err != nil {
			return containerdRecords{}, err
		}
		records, err := containerdNamespaces(db, wanted)
		if db.whole() {
			return records, err
		}
	}
	return containerdRecords{}, errors.New("it was being written to all the time")
}

func containerdNamespaces(db *boltDB, wanted func(string) bool) (containerdRecords, error) {
	records := containerdRecords{images: inventory.SoftwareList{}, containers: inventory.Containers{}}
	root, err := db.bucket("v1")
	if err != nil || root == nil {
		return records, err
	}
	err = root.each(func(key, _ []byte, namespace *boltBucket) error {
		if namespace == nil || !wanted(string(key)) {
			return nil
		}
		if err := records.addImages(namespace); err != nil {
			return err
		}
		return records.addContainers(namespace, source.Text(string(key)))
	})
	return records, err
}

func (c *containerdRecords) addImages(namespace *boltBucket) error {
	images, err := namespace.bucket("images")
	if err != nil || images == nil {
		return err
	}
	references := map[string]string{}
	err = images.each(func(name, _ []byte, record *boltBucket) error {
		if record == nil || strings.HasPrefix(string(name), "sha256:") { // Kubernetes' name by id, beside another
			return nil
		}
		if len(references) == maxContainers {
			return fmt.Errorf("more than %d images", maxContainers)
		}
		target, err := record.bucket("target")
		if err != nil || target == nil {
			return err
		}
		values, err := target.values()
		references[string(name)] = values["digest"]
		return err
	})
	if err != nil {
		return err
	}
	c.images = append(c.images, tagged("containerd", references, func(digest string) string { return digest })...)
	return nil
}

func (c *containerdRecords) addContainers(namespace *boltBucket, name string) error {
	containers, err := namespace.bucket("containers")
	if err != nil || containers == nil {
		return err
	}
	return containers.each(func(id, _ []byte, record *boltBucket) error {
		if record == nil {
			return nil
		}
		if len(c.containers) == maxContainers {
			return fmt.Errorf("more than %d containers", maxContainers)
		}
		values, err := record.values()
		if err != nil {
			return err
		}
		labels := map[string]string{}
		if bucket, err := record.bucket("labels"); err == nil && bucket != nil {
			labels, _ = bucket.values() // without labels the container still counts
		}
		item := inventory.Container{
			ID: source.Text(string(id)), Name: name, Image: source.Text(values["image"]), Runtime: "containerd",
			Pod: pod(func(key string) string { return labels[key] }),
		}
		var created time.Time
		if created.UnmarshalBinary([]byte(values["createdat"])) == nil && created.Year() >= 2000 {
			item.Created = created.UTC().Format(time.DateOnly)
		}
		c.containers = append(c.containers, item)
		return nil
	})
}

// values are the small values directly in a bucket.
func (b *boltBucket) values() (map[string]string, error) {
	m := map[string]string{}
	err := b.each(func(key, value []byte, sub *boltBucket) error {
		if sub == nil && len(value) <= inventory.MaxText && len(m) < 256 {
			m[string(key)] = string(value)
		}
		return nil
	})
	return m, err
}
