// Package publish makes and maintains a repository of agent releases: a folder of files, for
// any web server, that agents trust by its signed metadata (The Update Framework,
// https://theupdateframework.github.io/specification/latest/).
//
// It owns the keys' files and the order in which metadata is written: a reader sees the old
// state or the new one. It refuses to serve anything. cmd/muster-release calls it.
package publish

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

const day = 24 * time.Hour

// Lives is how long metadata is good for. An agent takes no upgrade by metadata that has
// expired, so whoever holds it back is noticed within the timestamp's life.
type Lives struct{ Root, Targets, Snapshot, Timestamp time.Duration }

// DefaultLives suit a timestamp that is refreshed daily.
var DefaultLives = Lives{Root: 365 * day, Targets: 90 * day, Snapshot: 90 * day, Timestamp: 7 * day}

// Repository is the folder and the keys that are at hand.
type Repository struct {
	Dir      string
	Keys     string // folder of the keys for targets, snapshot and timestamp
	RootKeys string // folder of the root keys: offline but for Init, Rotate and Renew
	Lives    Lives
	Now      func() time.Time
}

// all is the repository's present metadata.
type all struct {
	root      *metadata.Metadata[metadata.RootType]
	targets   *metadata.Metadata[metadata.TargetsType]
	snapshot  *metadata.Metadata[metadata.SnapshotType]
	timestamp *metadata.Metadata[metadata.TimestampType]
}

func (r *Repository) path(name string) string { return filepath.Join(r.Dir, "metadata", name) }

// Init makes keys and an empty repository. Of rootKeys root keys, threshold have to sign.
func (r *Repository) Init(rootKeys, threshold int) error {
	if threshold < 1 || rootKeys < threshold || rootKeys > 16 {
		return inventory.Errorf(inventory.CodeInvalid, "%d root keys of which %d sign: want 1 to 16, of which at least 1 signs", rootKeys, threshold)
	}
	if entries, err := os.ReadDir(r.Dir); err == nil && len(entries) > 0 {
		return inventory.Errorf(inventory.CodeConflict, "folder %s is not empty", r.Dir)
	}
	a := all{metadata.Root(), metadata.Targets(), metadata.Snapshot(), metadata.Timestamp()}
	ring := keyring{}
	for role, n := range map[string]int{metadata.ROOT: rootKeys, metadata.TARGETS: 1, metadata.SNAPSHOT: 1, metadata.TIMESTAMP: 1} {
		for range n {
			if err := r.addKey(ring, a.root, role); err != nil {
				return err
			}
		}
	}
	a.root.Signed.Roles[metadata.ROOT].Threshold = threshold
	for _, dir := range []string{"metadata", "targets"} {
		if err := os.MkdirAll(filepath.Join(r.Dir, dir), 0o755); err != nil { // for a web server to read
			return fmt.Errorf("make repository: %w", err)
		}
	}
	a.root.Signed.Version, a.targets.Signed.Version, a.snapshot.Signed.Version, a.timestamp.Signed.Version = 0, 0, 0, 0
	if err := r.writeRoot(ring, a.root, nil); err != nil {
		return err
	}
	return r.writeAll(ring, a)
}

func (r *Repository) addKey(ring keyring, root *metadata.Metadata[metadata.RootType], role string) error {
	dir := r.Keys
	if role == metadata.ROOT {
		dir = r.RootKeys
	}
	key, err := ring.generate(dir, role)
	if err != nil {
		return err
	}
	if err := root.Signed.AddKey(key, role); err != nil {
		return fmt.Errorf("add %s key: %w", role, err)
	}
	return nil
}

// Add publishes a program as a release, in place of the same one.
func (r *Repository) Add(rel release.Release, program string) error {
	if err := rel.Validate(); err != nil {
		return err
	}
	info, err := os.Stat(program)
	if err != nil {
		return fmt.Errorf("add %s: %w", rel.Path(), err)
	}
	if info.Size() > release.MaxBytes || info.Size() == 0 {
		return inventory.Errorf(inventory.CodeTooLarge, "add %s: %s has %d bytes, agents take 1 to %d", rel.Path(), program, info.Size(), release.MaxBytes)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("add %s: %w", rel.Path(), err)
	}
	return r.change(func(a all) error {
		target, err := metadata.TargetFile().FromBytes(rel.Path(), data, "sha256")
		if err != nil {
			return fmt.Errorf("add %s: %w", rel.Path(), err)
		}
		custom, err := json.Marshal(rel)
		if err != nil {
			return fmt.Errorf("add %s: %w", rel.Path(), err)
		}
		target.Custom = (*json.RawMessage)(&custom)
		a.targets.Signed.Targets[rel.Path()] = target
		// Consistent snapshots: the hash is in the name, nothing is overwritten (§6.2).
		file := filepath.Join(r.Dir, "targets", filepath.FromSlash(filepath.Dir(rel.Path())), target.Hashes["sha256"].String()+"."+release.Program(rel.OS))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { // for a web server to read
			return fmt.Errorf("add %s: %w", rel.Path(), err)
		}
		return wire.WriteFile(file, data, 0o644)
	})
}

// Remove withdraws a version from a channel; agents that run it go on.
func (r *Repository) Remove(channel, version string) error {
	return r.change(func(a all) error {
		before := len(a.targets.Signed.Targets)
		maps.DeleteFunc(a.targets.Signed.Targets, func(path string, _ *metadata.TargetFiles) bool {
			return strings.HasPrefix(path, channel+"/"+version+"/")
		})
		if len(a.targets.Signed.Targets) == before {
			return inventory.Errorf(inventory.CodeNotFound, "channel %s has no version %s", channel, version)
		}
		return os.RemoveAll(filepath.Join(r.Dir, "targets", channel, version))
	})
}

// Refresh signs the timestamp anew, and targets and snapshot when they would expire within
// its life.
func (r *Repository) Refresh() error {
	a, ring, err := r.load()
	if err != nil {
		return err
	}
	soon := r.Now().Add(2 * r.Lives.Timestamp)
	if a.targets.Signed.Expires.Before(soon) || a.snapshot.Signed.Expires.Before(soon) {
		return r.writeAll(ring, a)
	}
	return r.writeTimestamp(ring, a)
}

// Rotate replaces the keys of a role: the root says so, signed by its former and present keys.
func (r *Repository) Rotate(role string) error {
	a, ring, err := r.load()
	if err != nil {
		return err
	}
	now, ok := a.root.Signed.Roles[role]
	if !ok {
		return inventory.Errorf(inventory.CodeInvalid, "role %q: there are root, targets, snapshot and timestamp", role)
	}
	if err := ring.enough(a.root.Signed.Roles[metadata.ROOT], metadata.ROOT); err != nil {
		return err // before keys are made that nobody trusts
	}
	former := slices.Clone(now.KeyIDs)
	for _, id := range former {
		if err := a.root.Signed.RevokeKey(id, role); err != nil {
			return fmt.Errorf("replace %s keys: %w", role, err)
		}
		if err := r.addKey(ring, a.root, role); err != nil {
			return err
		}
	}
	if role != metadata.ROOT {
		former = nil
	}
	if err := r.writeRoot(ring, a.root, former); err != nil {
		return err
	}
	return r.writeAll(ring, a)
}

// Renew prolongs the root's life.
func (r *Repository) Renew() error {
	a, ring, err := r.load()
	if err != nil {
		return err
	}
	return r.writeRoot(ring, a.root, nil)
}

// List is the releases in the repository, by path, and when each role expires.
func (r *Repository) List() (paths []string, expires map[string]time.Time, err error) {
	a, _, err := r.load()
	if err != nil {
		return nil, nil, err
	}
	return slices.Sorted(maps.Keys(a.targets.Signed.Targets)), map[string]time.Time{
		metadata.ROOT: a.root.Signed.Expires, metadata.TARGETS: a.targets.Signed.Expires,
		metadata.SNAPSHOT: a.snapshot.Signed.Expires, metadata.TIMESTAMP: a.timestamp.Signed.Expires,
	}, nil
}

func (r *Repository) change(do func(all) error) error {
	a, ring, err := r.load()
	if err != nil {
		return err
	}
	if err := do(a); err != nil {
		return err
	}
	return r.writeAll(ring, a)
}

func (r *Repository) load() (a all, ring keyring, err error) {
	if ring, err = readKeys(r.Keys, r.RootKeys); err != nil {
		return a, nil, err
	}
	files, err := filepath.Glob(r.path("*.root.json"))
	if err != nil {
		return a, nil, fmt.Errorf("list roots: %w", err)
	}
	newest := 0
	for _, f := range files {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(f), ".root.json"))
		if err == nil {
			newest = max(newest, n)
		}
	}
	if newest == 0 {
		return a, nil, inventory.Errorf(inventory.CodeNotFound, "%s is no repository: it has no root", r.Dir)
	}
	if a.root, err = metadata.Root().FromFile(r.path(fmt.Sprintf("%d.root.json", newest))); err != nil {
		return a, nil, fmt.Errorf("read root: %w", err)
	}
	if a.timestamp, err = metadata.Timestamp().FromFile(r.path("timestamp.json")); err != nil {
		return a, nil, fmt.Errorf("read timestamp: %w", err)
	}
	if a.snapshot, err = metadata.Snapshot().FromFile(r.path(fmt.Sprintf("%d.snapshot.json", a.timestamp.Signed.Meta["snapshot.json"].Version))); err != nil {
		return a, nil, fmt.Errorf("read snapshot: %w", err)
	}
	if a.targets, err = metadata.Targets().FromFile(r.path(fmt.Sprintf("%d.targets.json", a.snapshot.Signed.Meta["targets.json"].Version))); err != nil {
		return a, nil, fmt.Errorf("read targets: %w", err)
	}
	return a, ring, nil
}
