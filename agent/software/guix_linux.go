package software

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// guix lists the packages of the system's profile.
func guix(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	return guixIn(ctx, tree, map[string]string{"var/guix/profiles/system/profile": ""})
}

// guixUsers lists the packages of users' profiles.
func guixUsers(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	const users = "var/guix/profiles/per-user"
	profiles := map[string]string{}
	for _, user := range tree.Names(users, 4096) {
		profiles[users+"/"+user+"/guix-profile"] = user
		profiles[users+"/"+user+"/guix-home/profile"] = user
	}
	return guixIn(ctx, tree, profiles)
}

// guixIn lists the packages of profiles, which have owners.
func guixIn(ctx context.Context, tree *source.Tree, profiles map[string]string) (inventory.SoftwareList, error) {
	if !tree.Exists("var/guix") {
		return nil, source.Unsupported("no Guix: /var/guix does not exist")
	}
	list := inventory.SoftwareList{}
	for _, profile := range sortedKeys(profiles) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := tree.Open(profile + "/manifest")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		packages, err := ParseGuix(f)
		_ = f.Close() // only read
		if err != nil {
			return nil, fmt.Errorf("read /%s/manifest: %w", profile, err)
		}
		for i := range packages {
			packages[i].User = profiles[profile]
		}
		if list = append(list, packages...); len(list) > inventory.MaxItems {
			return nil, errTooMany
		}
	}
	return list, nil
}
