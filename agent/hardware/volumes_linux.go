package hardware

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// volumeReader lists mounted file systems and partitions that are not mounted.
type volumeReader struct{ root string }

func (v volumeReader) read(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	mounts, err := readMounts(tree)
	if err != nil {
		return nil, fmt.Errorf("list mounts: %w", err)
	}
	names := readDiskLinks(tree)
	host := readContainer(tree).kind == ""
	seen := map[string]bool{} // kernel's names of block devices
	list := inventory.Filesystems{}
	var blind []string
	for _, m := range volumes(mounts) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fs := inventory.Filesystem{Device: m.source, Mountpoint: m.point, Type: m.fsType}
		if m.kind() == mountLocal {
			kernelName := deviceName(tree, m)
			seen[kernelName] = true
			fs.UUID, fs.Label = names.uuids[kernelName], names.labels[kernelName]
			if e := encryption(tree, m); e != "none" && host {
				fs.Encryption = e
			}
			if behindNetwork(m, mounts) || !v.size(&fs) {
				blind = append(blind, m.point)
			}
		}
		list = append(list, *clean(&fs))
	}
	if host { // in a container they would be the host's
		list = append(list, partitions(ctx, tree, names, seen)...)
	}
	slices.SortStableFunc(list, func(a, b inventory.Filesystem) int { return cmp.Compare(a.Device, b.Device) })
	if len(list) > maxList {
		return list[:maxList], source.Partial("more than %d file systems", maxList)
	}
	if len(blind) > 0 {
		return list, source.Partial("no size of %s: the mount point cannot be reached", source.Text(strings.Join(blind, ", ")))
	}
	return list, nil
}

// size asks the kernel for a file system's size. It is asked for local ones alone.
func (v volumeReader) size(fs *inventory.Filesystem) bool {
	var st unix.Statfs_t
	if unix.Statfs(filepath.Join(v.root, fs.Mountpoint), &st) != nil {
		return false
	}
	block := st.Frsize
	if block <= 0 {
		block = st.Bsize
	}
	size, used := int64(st.Blocks)*block, int64(st.Blocks-st.Bfree)*block
	if size < 0 {
		return false
	}
	fs.Bytes, fs.UsedBytes = size, roundUsed(used, size)
	return true
}

// deviceName is the kernel's name of what is mounted: sda1, dm-0. File systems of
// several disks have no device number of their own; there the node's name helps.
func deviceName(tree *source.Tree, m mount) string {
	if target, err := tree.Readlink("sys/dev/block/" + m.device); err == nil {
		return path.Base(target)
	}
	if target, err := tree.Readlink(m.source); err == nil {
		return path.Base(target)
	}
	return path.Base(m.source)
}

// diskLinks are udev's names for file systems, by the kernel's name of the device.
type diskLinks struct{ uuids, labels map[string]string }

func readDiskLinks(tree *source.Tree) diskLinks {
	read := func(dir string) map[string]string {
		out := map[string]string{}
		for _, name := range tree.Names(dir, maxEntries) {
			if target, err := tree.Readlink(dir + "/" + name); err == nil {
				out[path.Base(target)] = source.Text(unescape(name))
			}
		}
		return out
	}
	return diskLinks{uuids: read("dev/disk/by-uuid"), labels: read("dev/disk/by-label")}
}

// partitions are those that no mount showed: swap, members of volume groups, encrypted
// ones, other systems'.
func partitions(ctx context.Context, tree *source.Tree, names diskLinks, seen map[string]bool) []inventory.Filesystem {
	var out []inventory.Filesystem
	for _, name := range tree.Names("sys/class/block", maxEntries) {
		at := "sys/class/block/" + name
		if ctx.Err() != nil || seen[name] || strings.HasPrefix(name, "loop") || !tree.Exists(at+"/partition") {
			continue
		}
		udev := parseUdev(contents(tree, "run/udev/data/b"+tree.Text(at+"/dev")))
		out = append(out, inventory.Filesystem{
			Device: source.Text("/dev/" + name), Type: udev["ID_FS_TYPE"], Bytes: sectors(tree.Text(at + "/size")),
			UUID: first(names.uuids[name], udev["ID_FS_UUID"]), Label: first(names.labels[name], udev["ID_FS_LABEL"]),
			Encryption: ownEncryption(udev),
		})
	}
	return out
}

// ownEncryption is the encryption whose header udev found on a device.
func ownEncryption(udev map[string]string) string {
	switch kind, version := udev["ID_FS_TYPE"], udev["ID_FS_VERSION"]; kind {
	case "crypto_LUKS":
		if version == "1" || version == "2" {
			return "luks" + version
		}
	case "BitLocker":
		return "bitlocker"
	}
	return ""
}
