package repository

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// Bounds on what is read before anything about it is known.
const (
	maxRoot      = 512 << 10
	maxTimestamp = 16 << 10
	maxSnapshot  = 64 << 10
	maxTargets   = 2 << 20
	maxRotations = 64 // new roots in one check

	metadataTimeout = time.Minute
	targetTimeout   = 10 * time.Minute
)

// trust is the metadata of a repository as far as it was verified, kept in a folder so that
// an older state is recognised later.
type trust struct {
	source source
	cache  string
	now    time.Time
	set    *trustedmetadata.TrustedMetadata
}

// refresh follows the client workflow of
// https://theupdateframework.github.io/specification/latest/#detailed-client-workflow (5.3 to 5.6).
func (t *trust) refresh(ctx context.Context, installedRoot []byte) error {
	if err := os.MkdirAll(t.cache, 0o700); err != nil {
		return fmt.Errorf("make folder of metadata: %w", err)
	}
	if err := t.begin(installedRoot); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{t.root, t.timestamp, t.snapshot, t.targets} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// begin trusts the newest root that led here from the one that is installed. When another
// one was installed, nothing of before counts.
func (t *trust) begin(installed []byte) (err error) {
	sum := sha256.Sum256(installed)
	mark, own := filepath.Join(t.cache, "installed"), hex.EncodeToString(sum[:])
	if before, err := os.ReadFile(mark); err != nil || string(before) != own {
		for _, role := range metadata.TOP_LEVEL_ROLE_NAMES {
			if err := os.Remove(t.cached(role)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("forget former metadata: %w", err)
			}
		}
		if err := wire.WriteFile(mark, []byte(own), 0o600); err != nil {
			return err
		}
	}
	if data, err := t.load(metadata.ROOT, maxRoot); err == nil {
		if t.set, err = trustedmetadata.New(data); err == nil {
			t.set.RefTime = t.now
			return nil
		}
	}
	if t.set, err = trustedmetadata.New(installed); err != nil {
		return refused("the installed root", err)
	}
	t.set.RefTime = t.now
	return nil
}

// root takes every root after the one that is trusted, each signed by the one before.
func (t *trust) root(ctx context.Context) error {
	for range maxRotations {
		name := fmt.Sprintf("%d.root.json", t.set.Root.Signed.Version+1)
		data, err := read(ctx, t.source, "metadata/"+name, maxRoot)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		if _, err := t.set.UpdateRoot(data); err != nil {
			return refused(name, err)
		}
		if err := t.save(metadata.ROOT, data); err != nil {
			return err
		}
	}
	if !t.set.Root.Signed.ConsistentSnapshot {
		return inventory.Errorf(inventory.CodeForbidden, "the repository has no consistent snapshots: its root is not of muster-release")
	}
	return nil
}

func (t *trust) timestamp(ctx context.Context) error {
	if data, err := t.load(metadata.TIMESTAMP, maxTimestamp); err == nil {
		_, _ = t.set.UpdateTimestamp(data) // expired or of former keys: the next one decides
	}
	data, err := read(ctx, t.source, "metadata/timestamp.json", maxTimestamp)
	if err != nil {
		return err
	}
	_, err = t.set.UpdateTimestamp(data)
	if errors.Is(err, &metadata.ErrEqualVersionNumber{}) {
		if t.set.Timestamp.Signed.IsExpired(t.now) {
			return t.expired("timestamp.json", t.set.Timestamp.Signed.Expires)
		}
		return nil
	}
	if errors.Is(err, &metadata.ErrExpiredMetadata{}) {
		if t.set.Root.Signed.IsExpired(t.now) {
			return t.expired("root.json", t.set.Root.Signed.Expires)
		}
		return t.expired("timestamp.json", t.set.Timestamp.Signed.Expires)
	}
	if err != nil {
		return refused("timestamp.json", err)
	}
	return t.save(metadata.TIMESTAMP, data)
}

func (t *trust) snapshot(ctx context.Context) error {
	if data, err := t.load(metadata.SNAPSHOT, maxSnapshot); err == nil {
		if _, err := t.set.UpdateSnapshot(data, true); err == nil {
			return nil
		}
	}
	meta := t.set.Timestamp.Signed.Meta["snapshot.json"]
	name := fmt.Sprintf("%d.snapshot.json", meta.Version)
	data, err := read(ctx, t.source, "metadata/"+name, bound(meta.Length, maxSnapshot))
	if err != nil {
		return err
	}
	if _, err := t.set.UpdateSnapshot(data, false); err != nil {
		if t.set.Snapshot != nil && errors.Is(err, &metadata.ErrExpiredMetadata{}) {
			return t.expired(name, t.set.Snapshot.Signed.Expires)
		}
		return refused(name, err)
	}
	return t.save(metadata.SNAPSHOT, data)
}

func (t *trust) targets(ctx context.Context) error {
	if data, err := t.load(metadata.TARGETS, maxTargets); err == nil {
		if _, err := t.set.UpdateTargets(data); err == nil {
			return nil
		}
	}
	meta := t.set.Snapshot.Signed.Meta["targets.json"]
	if meta == nil {
		return inventory.Errorf(inventory.CodeForbidden, "snapshot.json names no targets.json")
	}
	name := fmt.Sprintf("%d.targets.json", meta.Version)
	data, err := read(ctx, t.source, "metadata/"+name, bound(meta.Length, maxTargets))
	if err != nil {
		return err
	}
	if _, err := t.set.UpdateTargets(data); err != nil {
		return refused(name, err)
	}
	return t.save(metadata.TARGETS, data)
}

func bound(length, limit int64) int64 {
	if length <= 0 {
		return limit
	}
	return min(length, limit)
}

func (t *trust) cached(role string) string { return filepath.Join(t.cache, role+".json") }

func (t *trust) load(role string, limit int64) ([]byte, error) {
	info, err := os.Lstat(t.cached(role))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, inventory.Errorf(inventory.CodeTooLarge, "%s is larger than %d bytes", t.cached(role), limit)
	}
	return os.ReadFile(t.cached(role))
}

func (t *trust) save(role string, data []byte) error {
	return wire.WriteFile(t.cached(role), data, 0o600)
}

// refused is what verified metadata says of what was fetched.
func refused(name string, err error) error {
	return &inventory.Error{Code: inventory.CodeForbidden, Message: name + " is not trusted", Err: err}
}

func (t *trust) expired(name string, at time.Time) error {
	return inventory.Errorf(inventory.CodeForbidden,
		"%s expired at %s: somebody holds the repository's newer state back, or its publisher has to refresh it", name, at.UTC().Format(time.RFC3339))
}
