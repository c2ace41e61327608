package hardware_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// stack is a machine with two disks: sda2 and sdb2 make md0, which is encrypted, and holds
// a volume group with the root file system.
func stack(t *testing.T) map[string]string {
	const block, lvmUUID = "sys/class/block/", "LVM-NB3fyX404RLp2kMFVdWhCEFj6UeGBoSt"
	return map[string]string{
		block + "sda2/partition":        "2\n",
		block + "sda2/dev":              "8:2\n",
		block + "sda2/size":             "1000\n",
		block + "sdb2/dev":              "8:18\n",
		block + "sdb2/size":             "1000\n",
		block + "md0/md/level":          "raid1\n",
		block + "md0/md/array_state":    "active-idle\n",
		block + "md0/md/degraded":       "0\n",
		block + "md0/md/sync_action":    "idle\n",
		block + "md0/size":              "999\n",
		block + "md0/dev":               "9:0\n",
		block + "md0/slaves/sda2":       "",
		block + "md0/slaves/sdb2":       "",
		block + "dm-0/dm/name":          "cryptroot\n",
		block + "dm-0/dm/uuid":          "CRYPT-LUKS2-0123456789abcdef0123456789abcdef-cryptroot\n",
		block + "dm-0/size":             "998\n",
		block + "dm-0/dev":              "254:0\n",
		block + "dm-0/slaves/md0":       "",
		block + "dm-1/dm/name":          "vg--test-root\n",
		block + "dm-1/dm/uuid":          lvmUUID + "ez8donzOWiHztCkgtNoycwPG8T0y0S8K\n",
		block + "dm-1/size":             "40960\n",
		block + "dm-1/dev":              "254:1\n",
		block + "dm-1/slaves/dm-0":      "",
		block + "dm-2/dm/name":          "vg--test-r_rimage_0\n",
		block + "dm-2/dm/uuid":          lvmUUID + "ez8donzOWiHztCkgtNoycwPG8T0y0S9K\n",
		"sys/dev/block/254:1":           "-> ../../devices/virtual/block/dm-1",
		"proc/self/mountinfo":           "25 1 254:1 / / rw - ext4 /dev/mapper/vg--test-root rw\n",
		"run/udev/data/b9:0":            "E:MD_UUID=11111111:22222222\nE:ID_FS_TYPE=crypto_LUKS\n",
		"run/udev/data/b254:0":          "E:ID_FS_TYPE=LVM2_member\nE:ID_FS_UUID=v0tNLm-Xw5Q-ImW4-SoIF-uZRF-awLz-Vu4Qt7\n",
		"run/udev/data/b8:2":            "E:ID_FS_TYPE=crypto_LUKS\nE:ID_FS_VERSION=2\nE:ID_FS_UUID=u\n",
		"etc/lvm/backup/vg-test":        lvmBackup(t),
		"etc/lvm/backup/vg-of-old-disk": strings.NewReplacer("vg-test", "gone", "NB3fyX", "XXXXXX", "v0tNLm", "XXXXXX", "WjI1Wz", "XXXXXX").Replace(lvmBackup(t)),
	}
}

func TestStorage(t *testing.T) {
	files := stack(t)
	maps.Copy(files, map[string]string{
		"sys/class/block/dm-3/dm/name":              "mpatha\n",
		"sys/class/block/dm-3/dm/uuid":              "mpath-360000000000000001\n",
		"sys/class/block/dm-3/slaves/sdc":           "",
		"sys/class/block/dm-3/slaves/sdd":           "",
		"sys/class/block/bcache0/bcache/state":      "dirty\n",
		"sys/class/block/bcache0/bcache/cache_mode": "writethrough [writeback] writearound none\n",
		"sys/class/block/bcache0/slaves/sde":        "",
		"sys/fs/btrfs/features/x":                   "",
		"sys/fs/btrfs/b-1/label":                    "pool\n",
		"sys/fs/btrfs/b-1/devices/sda2":             "",
		"sys/fs/btrfs/b-1/devices/sdb2":             "",
		"sys/fs/btrfs/b-1/allocation/data/raid1/x":  "",
		"sys/fs/btrfs/b-1/devinfo/1/missing":        "0\n",
		"sys/fs/btrfs/b-2/devices/sdf":              "",
		"proc/spl/kstat/zfs/tank/state":             "ONLINE\n",
		"proc/spl/kstat/zfs/arcstats":               "x\n",
	})
	vg, crypt := "NB3fyX-404R-Lp2k-MFVd-WhCE-Fj6U-eGBoSt", "01234567-89ab-cdef-0123-456789abcdef"
	want := inventory.Volumes{
		{Type: "bcache", Name: "bcache0", Level: "writeback", State: "active", Members: []string{"/dev/sde"}},
		{Type: "dm_crypt", Name: "cryptroot", UUID: crypt, Level: "luks2", State: "active", Bytes: 998 * 512, Members: []string{"/dev/md0"}},
		{Type: "multipath", Name: "mpatha", UUID: "360000000000000001", State: "active", Members: []string{"/dev/sdc", "/dev/sdd"}},
		{
			Type: "md", Name: "md0", UUID: "11111111:22222222", Level: "raid1", State: "active", Bytes: 999 * 512,
			Members: []string{"/dev/sda2", "/dev/sdb2"},
		},
		{Type: "btrfs", Name: "pool", UUID: "b-1", Level: "raid1", Bytes: 2000 * 512, Members: []string{"/dev/sda2", "/dev/sdb2"}},
		{Type: "zpool", Name: "tank", State: "online"},
		{Type: "lvm_lv", Name: "vg-test/root", UUID: "ez8don-zOWi-HztC-kgtN-oycw-PG8T-0y0S8K", Level: "linear", State: "active", Bytes: 20 << 20},
		{Type: "lvm_lv", Name: "vg-test/stri-ped", UUID: "5ijnfl-Yztv-1KXy-6wGO-u73Y-ZEIR-FHO145", Level: "striped", State: "inactive", Bytes: 24 << 20},
		{Type: "lvm_pv", Name: "/dev/dm-0", UUID: "v0tNLm-Xw5Q-ImW4-SoIF-uZRF-awLz-Vu4Qt7", Bytes: 998 * 512},
		{Type: "lvm_vg", Name: "vg-test", UUID: vg, Bytes: 411041792, FreeBytes: 364904448, Members: []string{"/dev/dm-0", "/dev/loop1"}},
	}
	if diff := cmp.Diff(want, collect(t, plant(t, files), "storage")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Without LVM's copies the kernel and udev still tell what is active.
func TestStorageWithoutRights(t *testing.T) {
	root := plant(t, stack(t))
	want := inventory.Volumes{
		{Type: "lvm_lv", Name: "vg-test/root", UUID: "ez8don-zOWi-HztC-kgtN-oycw-PG8T-0y0S8K", State: "active", Bytes: 20 << 20},
		{Type: "lvm_pv", Name: "/dev/dm-0", UUID: "v0tNLm-Xw5Q-ImW4-SoIF-uZRF-awLz-Vu4Qt7", Bytes: 998 * 512},
		{Type: "lvm_vg", Name: "vg-test", UUID: "NB3fyX-404R-Lp2k-MFVd-WhCE-Fj6U-eGBoSt"},
	}
	asNobody(t, root, []string{"etc/lvm/backup"}, func() {
		body, err := look(t, root, "storage")
		if status, reason := source.Status(err); status != inventory.StatusPartial || !strings.Contains(reason, "CAP_DAC_READ_SEARCH") {
			t.Errorf("%s %q", status, reason)
		}
		if diff := cmp.Diff(want, body.(inventory.Volumes)[2:]); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestRAIDStates(t *testing.T) {
	tests := []struct{ state, degraded, action, want string }{
		{"clean", "0", "idle", "active"},
		{"active", "0", "resync", "active"},
		{"clean", "1", "idle", "degraded"},
		{"active", "1", "recover", "recover"},
		{"inactive", "", "", "inactive"},
		{"readonly", "0", "idle", "readonly"},
	}
	for _, tt := range tests {
		const md = "sys/class/block/md127/md/"
		root := plant(t, map[string]string{md + "array_state": tt.state, md + "degraded": tt.degraded, md + "sync_action": tt.action})
		got := collect(t, root, "storage").(inventory.Volumes)
		if len(got) != 1 || got[0].State != tt.want {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
}
