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

// nix lists what the system's and the users' profiles refer to. The store holds far more:
// what those need, what built them, what is left of former generations.
func nix(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
	if !tree.Exists(nixDatabase) {
		return nil, source.Unsupported("no Nix store: /%s does not exist", nixDatabase)
	}
	n := nixStore{profiles: nixProfilePaths(tree)}
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

// nixProfilePaths are the store paths of the profiles in use, with the user; "" is the
// machine's own.
func nixProfilePaths(tree *source.Tree) map[string]string {
	paths := map[string]string{}
	add := func(name, user string) {
		if p := storePath(tree, name); p != "" {
			if _, known := paths[p]; !known {
				paths[p] = user
			}
		}
	}
	add("run/current-system", "")
	add(nixProfiles+"/system", "")
	add(nixProfiles+"/default", "")
	for _, user := range tree.Names(nixProfiles+"/per-user", 4096) {
		owner := user
		if user == "root" { // root's own are the machine's: they are in everyone's PATH
			owner = ""
		}
		add(nixProfiles+"/per-user/"+user+"/profile", owner)
		add(nixProfiles+"/per-user/"+user+"/home-manager", owner)
	}
	for _, user := range tree.Names("etc/profiles/per-user", 4096) {
		add("etc/profiles/per-user/"+user, user)
	}
	for _, h := range homes(tree) {
		add(h.dir+"/.local/state/nix/profiles/profile", h.user)
		add(h.dir+"/.local/state/nix/profiles/home-manager", h.user)
	}
	return paths
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
