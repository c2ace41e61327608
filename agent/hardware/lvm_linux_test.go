package hardware_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/internal/inventory"
)

// lvmBackup was written by LVM 2.03.16; the sizes below are those that its vgs and lvs printed.
func lvmBackup(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/lvm-backup")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLVMBackup(t *testing.T) {
	want := inventory.Volumes{
		{Type: "lvm_vg", Name: "vg-test", UUID: "NB3fyX-404R-Lp2k-MFVd-WhCE-Fj6U-eGBoSt", Bytes: 411041792, FreeBytes: 364904448},
		{Type: "lvm_pv", Name: "/dev/loop0", UUID: "v0tNLm-Xw5Q-ImW4-SoIF-uZRF-awLz-Vu4Qt7", Bytes: 200 << 20},
		{Type: "lvm_pv", Name: "/dev/loop1", UUID: "WjI1Wz-C2s9-t5JH-AbNy-fQGT-KDZr-dBn17L", Bytes: 200 << 20},
		{Type: "lvm_lv", Name: "vg-test/root", UUID: "ez8don-zOWi-HztC-kgtN-oycw-PG8T-0y0S8K", Level: "linear", Bytes: 20971520},
		{Type: "lvm_lv", Name: "vg-test/stri-ped", UUID: "5ijnfl-Yztv-1KXy-6wGO-u73Y-ZEIR-FHO145", Level: "striped", Bytes: 25165824},
	}
	got, err := hardware.LVMVolumes(lvmBackup(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A mirror is one volume; its parts take the space of the group.
func TestLVMParts(t *testing.T) {
	const text = `vg { id = "a" extent_size = 8
 physical_volumes { pv0 { device = "/dev/\"x" pe_count = 100 } pv1 { pe_count = 100 } }
 logical_volumes {
  r { status = ["READ", "VISIBLE"] segment1 { extent_count = 10 type = "raid1" raids = ["r_rmeta_0", "r_rimage_0", "r_rmeta_1", "r_rimage_1"] } }
  r_rimage_0 { status = ["READ"] segment1 { extent_count = 10 type = "striped" stripe_count = 1 stripes = ["pv0", 1] } }
  r_rimage_1 { status = [] segment1 { extent_count = 10 type = "striped" stripe_count = 1 stripes = ["pv1", 1] } }
  r_rmeta_0 { segment1 { extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 0] } }
  r_rmeta_1 { segment1 { extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv1", 0] } }
 } }`
	want := inventory.Volumes{
		{Type: "lvm_vg", Name: "vg", UUID: "a", Bytes: 200 * 4096, FreeBytes: 178 * 4096},
		{Type: "lvm_pv", Name: `/dev/"x`},
		{Type: "lvm_pv"},
		{Type: "lvm_lv", Name: "vg/r", Level: "raid1", Bytes: 10 * 4096},
	}
	got, err := hardware.LVMVolumes(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for bad, reason := range map[string]string{
		"vg {":                          `section "vg" does not end`,
		"}":                             "without a section",
		"vg id":                         `"id" after "vg"`,
		strings.Repeat("a {", 9):        "more than 8 deep",
		strings.Repeat("a=1 ", 1<<20+1): "more than 1048576 words",
	} {
		if _, err := hardware.LVMVolumes(bad); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%.20q: %v, want %q", bad, err, reason)
		}
	}
}

func TestLVMName(t *testing.T) {
	for name, want := range map[string][2]string{
		"vg0-root": {"vg0", "root"}, "vg--test-stri--ped": {"vg-test", "stri-ped"}, "a--b-c---d": {"a-b", "c--d"}, "plain": {}, "-x": {}, "": {},
	} {
		if group, volume := hardware.LVMName(name); group != want[0] || volume != want[1] {
			t.Errorf("%q: got %q %q, want %q", name, group, volume, want)
		}
	}
}

func FuzzLVM(f *testing.F) {
	f.Add(lvmBackup(f))
	f.Add("vg { extent_size = 9007199254740992 physical_volumes { p { pe_count = 9 } } logical_volumes { l { s { stripes = [\"p\" , 0 ] extent_count=5 } } } }")
	f.Add("a=\"\\")
	f.Fuzz(func(t *testing.T, s string) {
		list, err := hardware.LVMVolumes(s)
		if err != nil {
			return
		}
		for _, v := range list {
			if v.Bytes < 0 || v.FreeBytes < 0 {
				t.Errorf("negative size: %+v", v)
			}
		}
		valid(t, list)
	})
}
