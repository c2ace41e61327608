// Package repository fetches upgrades of the agent: it follows a repository's signed metadata
// from a root that was installed with the agent (never trusted at first sight), chooses a
// release, and installs a program that is the one that was signed.
//
// It refuses what is unsigned, changed, older, held back, endless or for another machine, and
// never starts anything. cmd/muster-agent-upgrade calls it; the agent itself does not link it.
package repository

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/agent/upgrade/versions"
	"github.com/muster-itam/muster/internal/inventory"
)

// Check looks for the release that is asked for and installs it.
func Check(ctx context.Context, q release.Request, goos, goarch string, now time.Time) release.Result {
	result, err := check(ctx, q, goos, goarch, now)
	if err == nil {
		return result
	}
	switch result = (release.Result{Outcome: release.OutcomeFailed, Reason: err.Error()}); inventory.CodeOf(err) {
	case inventory.CodeForbidden, inventory.CodeTooLarge:
		result.Outcome = release.OutcomeRefused
	default:
	}
	return result
}

func check(ctx context.Context, q release.Request, goos, goarch string, now time.Time) (result release.Result, err error) {
	defer func() {
		if p := recover(); p != nil { // metadata with null where something has to be
			err = inventory.Errorf(inventory.CodeForbidden, "the repository's metadata is malformed: %v", p)
		}
	}()
	location, err := release.ParseLocation(q.Repository)
	if err != nil {
		return result, err
	}
	if err := versions.CheckSafe(q.Dir); err != nil {
		return result, err
	}
	root, err := installedRoot(q.Root)
	if err != nil {
		return result, err
	}
	t := &trust{source: newSource(location), cache: filepath.Join(q.Dir, "tuf"), now: now}
	if err := t.refresh(ctx, root); err != nil {
		return result, err
	}
	found, reason, err := q.Choose(t.releases(), goos, goarch)
	if err != nil {
		return result, err
	}
	if found == nil {
		return release.Result{Outcome: release.OutcomeCurrent, Reason: reason}, nil
	}
	store := versions.Store{Dir: q.Dir, OS: goos}
	in, err := store.Install(found.Version, func(w io.Writer) error { return t.fetch(ctx, found.Path(), w) })
	if err != nil {
		return result, err
	}
	return release.Result{Outcome: release.OutcomeInstalled, Version: in.Version, SHA256: in.SHA256, Bytes: in.Bytes}, nil
}

// installedRoot reads where trust begins. Who could write it could sign.
func installedRoot(file string) ([]byte, error) {
	if err := versions.CheckSafe(file); err != nil {
		return nil, fmt.Errorf("trusted root: %w", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("trusted root: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxRoot {
		return nil, inventory.Errorf(inventory.CodeInvalid, "trusted root %s: want a file of at most %d bytes", file, maxRoot)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("trusted root: %w", err)
	}
	return data, nil
}

// releases are the targets that say what they are; others are not the agent's.
func (t *trust) releases() (all []release.Release) {
	for name, target := range t.set.Targets[metadata.TARGETS].Signed.Targets {
		if target == nil || target.Custom == nil {
			continue
		}
		if r, err := release.FromCustom(name, *target.Custom); err == nil {
			all = append(all, r)
		}
	}
	return all
}

// fetch writes a target as it comes and fails unless it had the length and every hash that
// were signed.
func (t *trust) fetch(ctx context.Context, name string, w io.Writer) error {
	target := t.set.Targets[metadata.TARGETS].Signed.Targets[name]
	if target.Length <= 0 || target.Length > release.MaxBytes {
		return inventory.Errorf(inventory.CodeTooLarge, "%s has %d bytes: the limit is %d", name, target.Length, release.MaxBytes)
	}
	sums := map[string]hash.Hash{"sha256": sha256.New(), "sha512": sha512.New()}
	if len(target.Hashes["sha256"]) != sha256.Size {
		return inventory.Errorf(inventory.CodeForbidden, "%s has no sha256 in the metadata", name)
	}
	ctx, cancel := context.WithTimeout(ctx, targetTimeout)
	defer cancel()
	// The hash is a part of the name, §6.2.
	at := path.Join("targets", path.Dir(name), target.Hashes["sha256"].String()+"."+path.Base(name))
	r, err := t.source.open(ctx, at)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.MultiWriter(w, sums["sha256"], sums["sha512"]), io.LimitReader(r, target.Length+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return &inventory.Error{Code: inventory.CodeUnavailable, Message: "fetch " + name, Err: err}
	}
	if n != target.Length {
		return inventory.Errorf(inventory.CodeForbidden, "%s does not have the %d bytes that were signed", name, target.Length)
	}
	for kind, want := range target.Hashes {
		if sum, ok := sums[kind]; ok && subtle.ConstantTimeCompare(sum.Sum(nil), want) != 1 {
			return inventory.Errorf(inventory.CodeForbidden, "%s is not what was signed: its %s differs", name, kind)
		}
	}
	return nil
}
