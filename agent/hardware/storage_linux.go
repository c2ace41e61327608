package hardware

import (
	"context"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const btrfsDir = "sys/fs/btrfs"

// dmDevice is a device of the kernel's device mapper
// (Documentation/ABI/testing/sysfs-block-dm).
type dmDevice struct {
	name, uuid string
	bytes      int64
	slaves     []string
}

// readStorage lists storage that is put together from other storage.
func readStorage(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	list := inventory.Volumes{}
	blocks := map[string]map[string]string{} // udev's records
	var mapped []dmDevice
	for _, name := range tree.Names("sys/class/block", maxEntries) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := "sys/class/block/" + name
		if udev := parseUdev(contents(tree, "run/udev/data/b"+tree.Text(at+"/dev"))); len(udev) > 0 {
			blocks[name] = udev
		}
		switch {
		case strings.HasPrefix(name, "dm-"):
			d := readDM(tree, at)
			mapped = append(mapped, d)
			if v, ok := d.volume(); ok {
				list = append(list, v)
			}
		case strings.HasPrefix(name, "md") && tree.Exists(at+"/md"):
			list = append(list, readMD(tree, name, blocks[name]))
		case strings.HasPrefix(name, "bcache") && tree.Exists(at+"/bcache"):
			list = append(list, readBcache(tree, name))
		}
	}
	list = append(append(list, btrfsVolumes(tree)...), zpools(tree)...)
	lvm, err := lvmVolumes(tree, blocks, mapped)
	list = append(list, lvm...)
	if len(list) > maxList {
		return list[:maxList], source.Partial("more than %d volumes", maxList)
	}
	for i := range list {
		clean(&list[i])
	}
	return list, err
}

func readDM(tree *source.Tree, at string) dmDevice {
	return dmDevice{
		name: tree.Text(at + "/dm/name"), uuid: tree.Text(at + "/dm/uuid"), bytes: sectors(tree.Text(at + "/size")), slaves: slaves(tree, at),
	}
}

func slaves(tree *source.Tree, at string) []string {
	names := tree.Names(at+"/slaves", maxEntries)
	for i, name := range names {
		names[i] = "/dev/" + name
	}
	return names
}

// volume is what the beginning of the mapper's UUID makes of a device; LVM's are another matter.
func (d dmDevice) volume() (inventory.Volume, bool) {
	v := inventory.Volume{Name: d.name, Bytes: d.bytes, State: "active", Members: d.slaves}
	kind, id, _ := strings.Cut(d.uuid, "-")
	switch {
	case kind == "mpath":
		v.Type, v.UUID = "multipath", id
	case kind == "DMRAID":
		v.Type, v.UUID = "dmraid", id
	case cryptKind(d.uuid) != "":
		v.Type, v.Level = "dm_crypt", cryptKind(d.uuid)
		// CRYPT-LUKS2-<32 digits>-<name>; kinds without a header have no digits.
		if parts := strings.SplitN(id, "-", 3); len(parts) == 3 && len(parts[1]) == 32 {
			u := parts[1]
			v.UUID = strings.Join([]string{u[:8], u[8:12], u[12:16], u[16:20], u[20:]}, "-")
		}
	default:
		return v, false
	}
	return v, true
}

// readMD reads a software RAID (Documentation/admin-guide/md.rst).
func readMD(tree *source.Tree, name string, udev map[string]string) inventory.Volume {
	at := "sys/class/block/" + name
	text := func(attribute string) string { return tree.Text(at + "/md/" + attribute) }
	v := inventory.Volume{
		Type: "md", Name: name, Level: text("level"), UUID: first(text("uuid"), udev["MD_UUID"]),
		Bytes: sectors(tree.Text(at + "/size")), Members: slaves(tree, at),
	}
	switch state := text("array_state"); state {
	case "clean", "active", "active-idle", "write-pending", "read-auto": // these change with every write
		v.State = "active"
	default:
		v.State = state // inactive, readonly, broken ...
	}
	if degraded := text("degraded"); degraded != "" && degraded != "0" {
		v.State = "degraded"
	}
	if action := text("sync_action"); action == "recover" || action == "reshape" {
		v.State = action
	}
	return v
}

// readBcache reads a cached disk (Documentation/admin-guide/bcache.rst).
func readBcache(tree *source.Tree, name string) inventory.Volume {
	at := "sys/class/block/" + name
	v := inventory.Volume{Type: "bcache", Name: name, Bytes: sectors(tree.Text(at + "/size")), Members: slaves(tree, at)}
	switch state := tree.Text(at + "/bcache/state"); state {
	case "clean", "dirty": // with every write
		v.State = "active"
	default:
		v.State = state
	}
	if _, mode, ok := strings.Cut(tree.Text(at+"/bcache/cache_mode"), "["); ok { // writethrough [writeback] none
		v.Level, _, _ = strings.Cut(mode, "]")
	}
	return v
}

// btrfsVolumes are the file systems of more than one device (Documentation/ABI/testing/sysfs-fs-btrfs).
func btrfsVolumes(tree *source.Tree) []inventory.Volume {
	var out []inventory.Volume
	for _, id := range tree.Names(btrfsDir, maxEntries) {
		devices := tree.Names(btrfsDir+"/"+id+"/devices", maxEntries)
		if len(devices) < 2 {
			continue
		}
		v := inventory.Volume{Type: "btrfs", Name: first(tree.Text(btrfsDir+"/"+id+"/label"), id), UUID: id}
		for _, d := range devices {
			v.Members = append(v.Members, "/dev/"+d)
			v.Bytes += sectors(tree.Text("sys/class/block/" + d + "/size"))
		}
		for _, level := range []string{"single", "dup", "raid0", "raid1", "raid1c3", "raid1c4", "raid10", "raid5", "raid6"} {
			if tree.Exists(btrfsDir + "/" + id + "/allocation/data/" + level) {
				v.Level = level // while it is converted there are two, of which the later one here is better
			}
		}
		if missing(tree, id) {
			v.State = "degraded"
		}
		out = append(out, v)
	}
	return out
}

// missing says whether a device of a btrfs is gone.
func missing(tree *source.Tree, id string) bool {
	for _, device := range tree.Names(btrfsDir+"/"+id+"/devinfo", maxEntries) {
		if tree.Text(btrfsDir+"/"+id+"/devinfo/"+device+"/missing") == "1" {
			return true
		}
	}
	return false
}

// btrfsOf is the id of the btrfs of several devices that a device belongs to.
func btrfsOf(tree *source.Tree, device string) (id string, ok bool) {
	for _, id := range tree.Names(btrfsDir, maxEntries) {
		if tree.Exists(btrfsDir + "/" + id + "/devices/" + device) {
			return id, true
		}
	}
	return "", false
}

// zpools are the imported pools. The kernel shows their states alone.
func zpools(tree *source.Tree) []inventory.Volume {
	const dir = "proc/spl/kstat/zfs"
	var out []inventory.Volume
	for _, name := range tree.Names(dir, maxEntries) {
		if state := tree.Text(dir + "/" + name + "/state"); state != "" {
			out = append(out, inventory.Volume{Type: "zpool", Name: name, State: strings.ToLower(state)})
		}
	}
	return out
}
