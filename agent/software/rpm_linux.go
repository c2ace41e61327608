package software

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"time"

	"github.com/muster-itam/muster/agent/software/rpmdb"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Where distributions keep rpm's database, and its formats' files. Fedora, SUSE and
// image-based systems moved it out of /var; a link is mostly left behind.
var (
	rpmDirs  = []string{"usr/lib/sysimage/rpm", "var/lib/rpm", "usr/share/rpm"}
	rpmFiles = []string{"rpmdb.sqlite", "Packages.db", "Packages"}
)

// rpm reads the database. Only when that fails is the rpm program asked, and only about
// the machine itself: one from a copy of another machine's files is never run.
func rpm(root string) func(context.Context, *source.Tree) (inventory.SoftwareList, error) {
	program := ""
	if root == "/" {
		program = "/usr/bin/rpm"
	}
	return func(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
		return rpmWith(ctx, tree, root, program)
	}
}

func rpmWith(ctx context.Context, tree *source.Tree, root, program string) (inventory.SoftwareList, error) {
	id := distro(tree)
	var empty inventory.SoftwareList // a converted database may leave one without packages
	for _, dir := range rpmDirs {
		for _, file := range rpmFiles {
			name := dir + "/" + file
			if !tree.Exists(name) {
				continue
			}
			list, err := rpmDatabase(ctx, tree, name, id)
			var partial *source.PartialError
			if err != nil && !errors.As(err, &partial) && ctx.Err() == nil {
				list, err = rpmProgram(ctx, program, filepath.Join(root, dir), id, fmt.Errorf("read /%s: %w", name, err))
			}
			if err != nil || len(list) > 0 {
				return list, err
			}
			empty = inventory.SoftwareList{}
		}
	}
	if empty != nil {
		return empty, nil
	}
	return nil, source.Unsupported("no rpm database in /%s or /%s", rpmDirs[0], rpmDirs[1])
}

// rpmProgram asks rpm about a database that could not be read because of cause.
func rpmProgram(ctx context.Context, program, database, distro string, cause error) (inventory.SoftwareList, error) {
	if program == "" || errors.Is(cause, fs.ErrPermission) {
		return nil, cause
	}
	out, err := source.Run(ctx, source.Command{
		Path: program, Args: []string{"--dbpath", database, "-qa", "--qf", rpmQuery}, Timeout: 20 * time.Second, Limit: 64 << 20,
	})
	if err != nil {
		return nil, errors.Join(cause, err)
	}
	list, err := ParseRPMQuery(bytes.NewReader(out), distro)
	if err != nil {
		return nil, errors.Join(cause, err)
	}
	return list, nil
}

// rpmDatabase reads one database file of any format.
func rpmDatabase(ctx context.Context, tree *source.Tree, name, distro string) (inventory.SoftwareList, error) {
	var list inventory.SoftwareList
	bad := 0
	err := settled(ctx, tree, name, func(db files) error {
		list, bad = inventory.SoftwareList{}, 0
		visit := func(header []byte) error {
			if len(list)+bad >= inventory.MaxItems {
				return errTooMany
			}
			p, err := rpmdb.ParseHeader(header)
			if s := rpmSoftware(p, distro); err == nil && s.Name != "" {
				list = append(list, s)
			} else {
				bad++
			}
			return ctx.Err()
		}
		switch path.Base(name) {
		case "rpmdb.sqlite":
			return rpmdb.ReadSQLite(db.main, db.size, db.wal(), db.walSize, visit)
		case "Packages.db":
			return rpmdb.ReadNDB(db.main, db.size, visit)
		}
		return rpmdb.ReadBDB(db.main, db.size, visit)
	})
	switch {
	case err != nil:
		return nil, err
	case bad > 0 && len(list) == 0:
		return nil, fmt.Errorf("none of %d headers can be read", bad)
	case bad > 0:
		return list, source.Partial("/%s: %d of %d headers cannot be read; rpm --verifydb tells what is damaged", name, bad, bad+len(list))
	}
	return list, nil
}
