package hardware_test

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestDiskLife(t *testing.T) {
	nvme := func(warning, used byte) []byte {
		page := make([]byte, 512)
		page[0], page[5] = warning, used
		return page
	}
	tests := []struct {
		name   string
		health string
		wear   int
		page   []byte
	}{
		{"new", "ok", 0, nvme(0, 0)},
		{"worn", "ok", 130, nvme(0, 130)},
		{"hot", "ok", 3, nvme(2, 3)},
		{"out of spare blocks", "failing", 99, nvme(1, 99)},
		{"read only, hot", "failing", 99, nvme(8|2, 99)},
		{"short answer", "", 0, []byte{1, 2, 3}},
	}
	for _, tt := range tests {
		if health, wear := hardware.NVMeLife(tt.page); health != tt.health || wear != tt.wear {
			t.Errorf("%s: got %q %d, want %q %d", tt.name, health, wear, tt.health, tt.wear)
		}
	}
}

// senseWith is sense data in descriptor format with an ATA disk's registers.
func senseWith(count, middle, high byte) []byte {
	s := make([]byte, 32)
	s[0], s[1], s[7], s[8], s[9] = 0x72, 1, 14, 9, 12
	s[13], s[17], s[19], s[21] = count, middle, high, 0x50
	return s
}

func TestATAAnswers(t *testing.T) {
	fixed := make([]byte, 32)
	fixed[0] = 0x70
	tests := []struct {
		name   string
		sense  []byte
		health string
		sleeps bool
	}{
		{"well", senseWith(0xff, 0x4f, 0xc2), "ok", false},
		{"failing", senseWith(0xff, 0xf4, 0x2c), "failing", false},
		{"other registers", senseWith(0x80, 0, 0), "", false},
		{"standby", senseWith(0, 0, 0), "", true},
		{"another format", fixed, "", false},
		{"none", nil, "", false},
	}
	for _, tt := range tests {
		if health, sleeps := hardware.ATAAnswer(tt.sense); health != tt.health || sleeps != tt.sleeps {
			t.Errorf("%s: got %q, sleeps %v", tt.name, health, sleeps)
		}
	}
}

func TestATAWear(t *testing.T) {
	page := make([]byte, 512)
	page[2] = 7
	if _, ok := hardware.ATAUsed(page); ok {
		t.Error("a value that is not valid was taken")
	}
	binary.LittleEndian.PutUint64(page[8:], 3<<62|17)
	if got, ok := hardware.ATAUsed(page); got != 17 || !ok {
		t.Errorf("statistics: got %d, %v", got, ok)
	}
	data := make([]byte, 512)
	copy(data[2:], []byte{9, 0, 0, 50})                // hours
	copy(data[14:], []byte{177, 0, 0, 93, 93, 80})     // Samsung
	copy(data[26:], []byte{202, 0, 0, 200, 200, 1, 1}) // no percentage
	if got, ok := hardware.ATARemaining(data); got != 7 || !ok {
		t.Errorf("attributes: got %d, %v", got, ok)
	}
	if got, ok := hardware.ATARemaining(data[:361]); ok {
		t.Errorf("short attributes: got %d", got)
	}
}

// The commands as the standards lay them out.
func TestATACommands(t *testing.T) {
	want := map[string][16]byte{
		"power":      {0x85, 0x06, 0x20, 14: 0xe5},
		"status":     {0x85, 0x06, 0x20, 0, 0xda, 10: 0x4f, 12: 0xc2, 14: 0xb0},
		"statistics": {0x85, 0x09, 0x0e, 6: 1, 8: 4, 10: 7, 14: 0x2f},
		"data":       {0x85, 0x08, 0x0e, 0, 0xd0, 0, 1, 10: 0x4f, 12: 0xc2, 14: 0xb0},
	}
	if diff := cmp.Diff(want, hardware.ATACommands()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if nvme, sg := hardware.IoctlSizes(); nvme != 72 || sg != 88 {
		t.Errorf("struct nvme_admin_cmd has %d bytes, struct sg_io_hdr %d", nvme, sg)
	}
}

func TestMemoryCard(t *testing.T) {
	const dev = "sys/devices/platform/mmc_host/mmc0/mmc0:0001/block/mmcblk0/"
	files := map[string]string{
		"sys/block/mmcblk0":        "-> ../devices/platform/mmc_host/mmc0/mmc0:0001/block/mmcblk0",
		dev + "size":               "61071360\n",
		dev + "device":             "-> ../../../mmc0:0001",
		dev + "../../name":         "DG4032\n",
		dev + "../../life_time":    "0x01 0x03\n",
		dev + "../../pre_eol_info": "0x01\n",
	}
	got := collect(t, plant(t, files), "block").(inventory.Disks)
	want := inventory.Disks{{Name: "mmcblk0", Model: "DG4032", Bus: "mmc", Bytes: 61071360 * 512, Health: "ok", WearPercent: 30}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzDiskLife(f *testing.F) {
	f.Add(senseWith(0xff, 0x4f, 0xc2), "0x01 0x0b")
	f.Add(make([]byte, 512), "")
	f.Fuzz(func(t *testing.T, b []byte, s string) {
		_, wear := hardware.NVMeLife(b)
		used, _ := hardware.ATAUsed(b)
		left, _ := hardware.ATARemaining(b)
		card := hardware.CardWear(s)
		if min(wear, used, left, card) < 0 || max(wear, used, left, card) > 255 {
			t.Errorf("%d %d %d %d percent", wear, used, left, card)
		}
		_, _ = hardware.ATAAnswer(b)
	})
}
