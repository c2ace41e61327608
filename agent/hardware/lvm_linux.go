package hardware

import (
	"errors"
	"io/fs"
	"slices"
	"sort"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const lvmBackup = "etc/lvm/backup"

// lvmVolumes puts together what three witnesses say: the kernel which volumes are active,
// udev's database which devices are physical volumes, and the copy that LVM keeps of its
// metadata everything else. The copy of a group that none of its disks is here for counts
// for nothing. blocks are the records of udev by block device, active the mapper's devices.
func lvmVolumes(tree *source.Tree, blocks map[string]map[string]string, active []dmDevice) ([]inventory.Volume, error) {
	devices := map[string]string{} // physical volumes by UUID
	var list []inventory.Volume
	for name, udev := range blocks {
		if udev["ID_FS_TYPE"] == "LVM2_member" {
			devices[udev["ID_FS_UUID"]] = name
			list = append(list, inventory.Volume{
				Type: "lvm_pv", Name: source.Text("/dev/" + name), UUID: udev["ID_FS_UUID"], Bytes: sectors(tree.Text("sys/class/block/" + name + "/size")),
			})
		}
	}
	volumes, groups := activeVolumes(active)
	backups, problem := readLVMBackups(tree)
	if len(devices) == 0 && len(volumes) == 0 {
		problem = nil // nothing is missing where there is nothing
	}
	for _, b := range backups {
		here := groups[b.group.UUID].Name != ""
		for i := range b.physical {
			pv := &b.physical[i]
			if name := devices[pv.UUID]; name != "" {
				pv.Name, here = "/dev/"+name, true
			} else if len(blocks) == 0 && tree.Exists("sys/class/block/"+strings.TrimPrefix(pv.Name, "/dev/")) {
				list, here = append(list, *pv), true // no udev here
			}
			b.group.Members = append(b.group.Members, pv.Name)
		}
		if !here {
			continue
		}
		slices.Sort(b.group.Members)
		groups[b.group.UUID] = b.group
		for _, v := range b.volume {
			v.State = "inactive"
			if _, ok := volumes[v.UUID]; ok {
				v.State = "active"
			}
			volumes[v.UUID] = v
		}
	}
	for _, g := range groups {
		list = append(list, g)
	}
	for _, v := range volumes {
		list = append(list, v)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return a.Type+"|"+a.Name+"|"+a.UUID < b.Type+"|"+b.Name+"|"+b.UUID
	})
	return list, problem
}

// activeVolumes are the volumes that the kernel has, and their groups, by UUID.
func activeVolumes(active []dmDevice) (volumes, groups map[string]inventory.Volume) {
	volumes, groups = map[string]inventory.Volume{}, map[string]inventory.Volume{}
	for _, d := range active {
		group, volume, ok := lvmIDs(d.uuid)
		vg, lv := lvmName(d.name)
		if !ok || lv == "" || lvmPart(lv) {
			continue
		}
		groups[group] = inventory.Volume{Type: "lvm_vg", Name: vg, UUID: group}
		volumes[volume] = inventory.Volume{Type: "lvm_lv", Name: vg + "/" + lv, UUID: volume, State: "active", Bytes: d.bytes}
	}
	return volumes, groups
}

// readLVMBackups reads the copies of LVM's metadata, one file for each group.
func readLVMBackups(tree *source.Tree) (list []lvmGroup, problem error) {
	entries, err := tree.ReadDir(lvmBackup, maxEntries)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		var text []byte
		if text, err = tree.ReadFile(lvmBackup+"/"+e.Name(), maxBigFile); err != nil {
			break
		}
		groups, broken := lvmGroups(string(text))
		if broken != nil {
			problem = source.Partial("/%s/%s: %v", lvmBackup, source.Text(e.Name()), broken)
		}
		list = append(list, groups...)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		problem = source.Partial("sizes of volume groups and volumes that are not active are in /%s, which only root may read: "+
			"run the agent as root or give it CAP_DAC_READ_SEARCH", lvmBackup)
	case err != nil:
		problem = source.Partial("volume groups: %v", err)
	}
	return list, problem
}
