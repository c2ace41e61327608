package software

import (
	"context"
	"errors"
	"io/fs"
	"strconv"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// ofUsers makes a source out of what reads one person's part of the registry.
func ofUsers(read func(ctx context.Context, own registry.Reader, root string) (inventory.SoftwareList, error)) fromRegistry {
	return func(ctx context.Context, r registry.Reader, _ string) (inventory.SoftwareList, error) {
		return eachUser(ctx, r, func(ctx context.Context, own registry.Reader, root, user string) (inventory.SoftwareList, error) {
			list, err := read(ctx, own, root)
			for i := range list {
				list[i].User = user
			}
			return list, err
		})
	}
}

// eachUser joins what is read of each person's part of the registry. Those who are not signed
// in have theirs in a file, which only an administrator may read.
func eachUser[L ~[]T, T any](ctx context.Context, r registry.Reader, read func(ctx context.Context, own registry.Reader, root, user string) (L, error)) (L, error) {
	people, err := registry.Profiles(r)
	if err != nil {
		return nil, err
	}
	list := L{}
	unread, reason := 0, error(nil)
	for _, p := range people {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, err := ofUser(ctx, r, p, read)
		switch {
		case errors.Is(err, fs.ErrNotExist): // nothing there, or a profile that was removed
		case err != nil:
			unread, reason = unread+1, err
		}
		if list = append(list, found...); len(list) > inventory.MaxItems {
			return nil, errTooMany
		}
	}
	if unread > 0 {
		return list, source.Partial("the registry of %d of %d users could not be read; administrators may: %v", unread, len(people), reason)
	}
	return list, nil
}

func ofUser[L any](ctx context.Context, r registry.Reader, p registry.Profile, read func(ctx context.Context, own registry.Reader, root, user string) (L, error)) (none L, err error) {
	own, root, done, err := p.Open(r)
	if err != nil {
		return none, err
	}
	defer done()
	return read(ctx, own, root, source.Text(p.Name))
}

// userPrograms lists what one person installed for themselves.
func userPrograms(ctx context.Context, own registry.Reader, root string) (inventory.SoftwareList, error) {
	found, err := uninstall(ctx, own, root+`Software\`+uninstallPath)
	var list inventory.SoftwareList
	for _, e := range found {
		list = append(list, e.Software)
	}
	return list, err
}

// wsl lists one person's Linux distributions beneath Windows
// (https://learn.microsoft.com/windows/wsl/about).
func wsl(_ context.Context, own registry.Reader, root string) (inventory.SoftwareList, error) {
	path := root + `Software\Microsoft\Windows\CurrentVersion\Lxss`
	names, err := own.Subkeys(path)
	if err != nil {
		return nil, err
	}
	var list inventory.SoftwareList
	for _, name := range names {
		v, err := own.Values(path + `\` + name)
		if err != nil {
			continue
		}
		s := inventory.Software{Source: "wsl", Name: v.Text("distributionname"), Path: v.Text("basepath"), Edition: "WSL 1"}
		if n, ok := v.Number("version"); ok && n > 1 && n < 10 {
			s.Edition = "WSL " + strconv.FormatUint(n, 10)
		}
		if s.Name != "" {
			list = append(list, s)
		}
	}
	return list, nil
}
