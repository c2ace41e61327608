package software

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/muster-itam/muster/agent/software/sqlite"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const (
	nixDatabase = "nix/var/nix/db/db.sqlite"
	nixProfiles = "nix/var/nix/profiles"
	maxNixRefs  = 4 * inventory.MaxItems
)

// nix lists what the system's profiles refer to. The store holds far more: what those need,
// what built them, what is left of former generations.
func nix(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	profiles := nixProfilePaths{tree: tree, users: map[string]string{}}
	profiles.add("run/current-system", "")
	profiles.add(nixProfiles+"/system", "")
	profiles.add(nixProfiles+"/default", "")
	// Root's own are the machine's: they are in everyone's PATH.
	profiles.add(nixProfiles+"/per-user/root/profile", "")
	return nixIn(ctx, tree, profiles.users)
}

// nixUsers lists what users' own profiles refer to.
func nixUsers(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	profiles := nixProfilePaths{tree: tree, users: map[string]string{}}
	for _, user := range tree.Names(nixProfiles+"/per-user", maxHomes) {
		if user != "root" {
			profiles.add(nixProfiles+"/per-user/"+user+"/profile", user)
			profiles.add(nixProfiles+"/per-user/"+user+"/home-manager", user)
		}
	}
	for _, user := range tree.Names("etc/profiles/per-user", maxHomes) {
		profiles.add("etc/profiles/per-user/"+user, user)
	}
	people, partial := homes(tree)
	for _, h := range people {
		profiles.add(h.dir+"/.local/state/nix/profiles/profile", h.user)
		profiles.add(h.dir+"/.local/state/nix/profiles/home-manager", h.user)
	}
	list, err := nixIn(ctx, tree, profiles.users)
	return orPartial(list, err, partial)
}

// nixIn lists what profiles refer to, which have owners.
func nixIn(ctx context.Context, tree *source.Tree, profiles map[string]string) (inventory.SoftwareList, error) {
	if !tree.Exists(nixDatabase) {
		return nil, source.Unsupported("no Nix store: /%s does not exist", nixDatabase)
	}
	if len(profiles) == 0 {
		return inventory.SoftwareList{}, nil
	}
	n := nixStore{profiles: profiles}
	err := settled(ctx, tree, nixDatabase, func(f files) error {
		db, err := sqlite.Open(f.main, f.size, f.wal(), f.walSize)
		if err != nil {
			return err
		}
		return n.read(ctx, db)
	})
	if err != nil {
		return nil, fmt.Errorf("read /%s: %w", nixDatabase, err)
	}
	return n.list, nil
}

// nixProfilePaths are the store paths of profiles in use, with the user; "" is the
// machine's own.
type nixProfilePaths struct {
	tree  *source.Tree
	users map[string]string
}

func (p nixProfilePaths) add(name, user string) {
	if store := storePath(p.tree, name); store != "" {
		if _, known := p.users[store]; !known {
			p.users[store] = user
		}
	}
}

// storePath follows a profile's links to the path in the store, which is named in the
// database whether it can be seen here or not; "" when there is no such link.
func storePath(tree *source.Tree, name string) string {
	for range 8 {
		target, err := tree.Readlink(name)
		if err != nil {
			break
		}
		if !path.IsAbs(target) {
			target = path.Join("/", path.Dir(name), target)
		}
		if path.Base(path.Dir(target)) == "store" {
			return target
		}
		name = strings.TrimPrefix(target, "/")
	}
	if resolved, err := tree.Resolve(name); err == nil && path.Base(path.Dir(resolved)) == "store" {
		return "/" + resolved
	}
	return ""
}

// nixStore is what is taken from the store's database.
type nixStore struct {
	profiles map[string]string // user by store path

	users  map[int64]string  // by the number of a profile's path
	inside map[int64]bool    // numbers of environments within profiles
	refs   map[int64][]int64 // what these refer to
	list   inventory.SoftwareList
}

// read goes three times through tables, because their rows are in no useful order. The
// columns are: ValidPaths id, path, hash, registrationTime, deriver, narSize; Refs
// referrer, reference.
func (n *nixStore) read(ctx context.Context, db *sqlite.DB) error {
	n.users, n.inside, n.refs, n.list = map[int64]string{}, map[int64]bool{}, map[int64][]int64{}, inventory.SoftwareList{}
	err := db.Rows("ValidPaths", func(r *sqlite.Row) error {
		store := r.Bytes(1)
		if user, ok := n.profiles[string(store)]; ok {
			n.users[r.ID] = user
		} else if nixInside[nixName(string(store))] {
			n.inside[r.ID] = true
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	count := 0
	err = db.Rows("Refs", func(r *sqlite.Row) error {
		from := r.Int(0)
		if _, ok := n.users[from]; !ok && !n.inside[from] {
			return nil
		}
		if count++; count > maxNixRefs {
			return errTooMany
		}
		n.refs[from] = append(n.refs[from], r.Int(1))
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	return n.packages(ctx, db, n.wanted())
}

// wanted are the users that have each package, by its path's number.
func (n *nixStore) wanted() map[int64][]string {
	wanted := map[int64][]string{}
	for profile, user := range n.users {
		refs := n.refs[profile]
		if i := slices.IndexFunc(refs, func(id int64) bool { return n.inside[id] }); i >= 0 {
			refs = n.refs[refs[i]]
		}
		for _, id := range refs {
			if !slices.Contains(wanted[id], user) {
				wanted[id] = append(wanted[id], user)
			}
		}
	}
	return wanted
}

func (n *nixStore) packages(ctx context.Context, db *sqlite.DB, wanted map[int64][]string) error {
	found := map[string]inventory.Software{} // a package's outputs are one package
	err := db.Rows("ValidPaths", func(r *sqlite.Row) error {
		users := wanted[r.ID]
		if len(users) == 0 {
			return nil
		}
		s := NixPackage(r.Text(1), r.Text(4))
		if _, profile := n.users[r.ID]; profile || s.Name == "" || s.Name == "env-manifest.nix" {
			return nil
		}
		s.Installed, s.Bytes = day(r.Int(3)), max(r.Int(5), 0)
		for _, s.User = range users {
			key := s.Name + "|" + s.Version + "|" + s.User
			if before, ok := found[key]; ok {
				before.Bytes += s.Bytes
				found[key] = before
			} else if found[key] = s; len(found) > inventory.MaxItems {
				return errTooMany
			}
		}
		return ctx.Err()
	})
	for _, key := range sortedKeys(found) {
		n.list = append(n.list, found[key])
	}
	return err
}
