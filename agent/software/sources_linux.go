package software

import (
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// Sources lists what is read on Linux. root is "/", or a directory with a copy of one.
func Sources(root string) []source.Source {
	list := []source.Source{
		{Name: "dpkg", Read: in(root, dpkg)},
		{Name: "apk", Read: in(root, apk)},
		{Name: "pacman", Read: in(root, pacman)},
		{Name: "snap", Read: in(root, snap)},
		{Name: "rpm", Read: in(root, rpm(root))},
		{Name: "portage", Read: in(root, portage)},
		{Name: "xbps", Read: in(root, xbps)},
		{Name: "opkg", Read: in(root, opkg)},
		{Name: "slackware", Read: in(root, slackware)},
		{Name: "nix", Read: in(root, nix)},
		{Name: "guix", Read: in(root, guix)},
		{Name: "flatpak", Read: in(root, flatpak)},
		{Name: "appimage", Read: in(root, appImages)},
		{Name: "homebrew", Read: in(root, brew)},
		{Name: "swid", Read: in(root, swid("usr/share/swidtag", "usr/share/swidtag/*", "usr/lib/swidtag", "usr/lib/swidtag/*",
			"usr/local/share/swidtag", "etc/swid/swidtags.d/*", "opt/*/swidtag", "opt/*/*/swidtag", "var/lib/swidtag"))},
	}
	for _, s := range []source.Source{
		{Name: "nix-users", Read: in(root, nixUsers)},
		{Name: "guix-users", Read: in(root, guixUsers)},
		{Name: "flatpak-users", Read: in(root, flatpakUsers)},
		{Name: "appimage-users", Read: in(root, appImagesUsers)},
	} {
		s.Category = source.CategoryUserSoftware
		list = append(list, s)
	}
	for i := range list {
		list[i].Section, list[i].Timeout = inventory.SectionSoftware, 30*time.Second
	}
	list = append(list, source.Source{
		Section: inventory.SectionUsage, Name: "gnome", Category: source.CategoryUsage, Timeout: 30 * time.Second, Read: in(root, gnomeUsage),
	})
	list = append(list, placeSources(root, linuxPlaces())...)
	return append(list, containerSources(root)...)
}
