package publish

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/muster-itam/muster/internal/wire"
)

// writeRoot is the next root, signed also by former keys so that agents follow.
func (r *Repository) writeRoot(ring keyring, root *metadata.Metadata[metadata.RootType], former []string) error {
	root.Signed.Version++
	root.Signed.Expires = r.in(r.Lives.Root)
	if err := sign(ring, root, metadata.ROOT, root.Signed.Roles[metadata.ROOT], former...); err != nil {
		return err
	}
	_, err := write(r, root, fmt.Sprintf("%d.root.json", root.Signed.Version))
	return err
}

// writeAll is the next targets, snapshot and timestamp. Readers begin at the timestamp, so it
// comes last.
func (r *Repository) writeAll(ring keyring, a all) error {
	targets := &a.targets.Signed
	targets.Version++
	targets.Expires = r.in(r.Lives.Targets)
	if err := sign(ring, a.targets, metadata.TARGETS, a.root.Signed.Roles[metadata.TARGETS]); err != nil {
		return err
	}
	data, err := write(r, a.targets, fmt.Sprintf("%d.targets.json", targets.Version))
	if err != nil {
		return err
	}
	snapshot := &a.snapshot.Signed
	snapshot.Version++
	snapshot.Expires = r.in(r.Lives.Snapshot)
	snapshot.Meta["targets.json"] = metaFile(targets.Version, data)
	if err := sign(ring, a.snapshot, metadata.SNAPSHOT, a.root.Signed.Roles[metadata.SNAPSHOT]); err != nil {
		return err
	}
	data, err = write(r, a.snapshot, fmt.Sprintf("%d.snapshot.json", snapshot.Version))
	if err != nil {
		return err
	}
	a.timestamp.Signed.Meta["snapshot.json"] = metaFile(snapshot.Version, data)
	return r.writeTimestamp(ring, a)
}

func (r *Repository) writeTimestamp(ring keyring, a all) error {
	a.timestamp.Signed.Version++
	a.timestamp.Signed.Expires = r.in(r.Lives.Timestamp)
	if err := sign(ring, a.timestamp, metadata.TIMESTAMP, a.root.Signed.Roles[metadata.TIMESTAMP]); err != nil {
		return err
	}
	_, err := write(r, a.timestamp, "timestamp.json")
	return err
}

func (r *Repository) in(life time.Duration) time.Time {
	return r.Now().Add(life).UTC().Truncate(time.Second)
}

func write[T metadata.Roles](r *Repository, m *metadata.Metadata[T], name string) ([]byte, error) {
	data, err := m.ToBytes(true)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	return data, wire.WriteFile(r.path(name), data, 0o644) // for a web server to read
}

func metaFile(version int64, data []byte) *metadata.MetaFiles {
	f, sum := metadata.MetaFile(version), sha256.Sum256(data)
	f.Length, f.Hashes["sha256"] = int64(len(data)), sum[:]
	return f
}
