package hardware_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// pciIDs is a list of names as distributions install it.
const pciIDs = "1002  AMD/ATI\n\t73bf  Navi 21\n10de  NVIDIA Corporation\n\t2204  GA102\n8086  Intel Corporation\nC 03  Display controller\n\t00  VGA compatible controller\n"

func TestGPUs(t *testing.T) {
	const dev = "sys/bus/pci/devices/"
	root := plant(t, map[string]string{
		"usr/share/misc/pci.ids":                           pciIDs,
		dev + "0000:03:00.0/class":                         "0x030000\n",
		dev + "0000:03:00.0/vendor":                        "0x1002\n",
		dev + "0000:03:00.0/device":                        "0x73bf\n",
		dev + "0000:03:00.0/mem_info_vram_total":           "17163091968\n",
		dev + "0000:03:00.0/driver":                        "-> ../../bus/pci/drivers/amdgpu",
		dev + "0000:04:00.0/class":                         "0x030200\n",
		dev + "0000:04:00.0/vendor":                        "0x10de\n",
		dev + "0000:04:00.0/device":                        "0x2204\n",
		dev + "0000:04:00.0/driver":                        "-> ../../bus/pci/drivers/nvidia",
		"sys/module/nvidia/version":                        "535.154.05\n",
		"proc/driver/nvidia/gpus/0000:04:00.0/information": "Model: \t\t NVIDIA GeForce RTX 3090\nIRQ:   \t\t 150\n",
		dev + "0000:05:00.0/class":                         "0x030000\n",
		dev + "0000:05:00.0/vendor":                        "0x8086\n",
		dev + "0000:05:00.0/device":                        "0x4680\n",
		dev + "0000:00:1f.3/class":                         "0x040300\n",
		"sys/class/drm/card1/device/uevent":                "DRIVER=vc4-drm\nOF_COMPATIBLE_0=brcm,bcm2711-vc5\n",
		"sys/class/drm/card2/device/uevent":                "DRIVER=amdgpu\nPCI_ID=1002:73BF\n",
		"sys/class/drm/card1-HDMI-A-1/device/uevent":       "OF_COMPATIBLE_0=not,this\n",
	})
	want := inventory.GPUs{
		{Name: "Navi 21", Vendor: "AMD/ATI", Bytes: 17163091968, Driver: "amdgpu", Address: "0000:03:00.0"},
		{Name: "NVIDIA GeForce RTX 3090", Vendor: "NVIDIA Corporation", Driver: "nvidia", DriverVersion: "535.154.05", Address: "0000:04:00.0"},
		{Name: "8086:4680", Vendor: "Intel Corporation", Address: "0000:05:00.0"},
		{Name: "brcm,bcm2711-vc5", Vendor: "brcm", Driver: "vc4-drm"},
	}
	if diff := cmp.Diff(want, collect(t, root, "graphics")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMonitors(t *testing.T) {
	const drm = "sys/class/drm/"
	dell := capture(t, "generic/edid/lcd.dell-U2415")
	wrongSum := []byte(capture(t, "generic/edid/lcd.lenovo-w500"))
	wrongSum[20] ^= 1
	files := map[string]string{
		drm + "card1-DP-1/status":      "connected\n",
		drm + "card1-DP-1/edid":        dell,
		drm + "card1-DP-2/status":      "disconnected\n",
		drm + "card1-DP-2/edid":        dell,
		drm + "card1-eDP-1/status":     "connected\n",
		drm + "card1-eDP-1/edid":       string(wrongSum),
		drm + "card1-VGA-1/status":     "connected\n",
		drm + "card1-VGA-1/edid":       "",
		drm + "renderD128/status":      "connected\n",
		drm + "card1-Virtual-1/status": "unknown\n",
	}
	want := inventory.Monitors{
		{
			Vendor: "Dell", Model: "DELL U2415", Serial: "7MT019AI34EU", Manufactured: "2019-W42",
			WidthMM: 518, HeightMM: 324, Resolution: "1920x1200", Port: "DP-1",
		},
		{
			Vendor: "Lenovo", Model: "LTN154U2-L05", Manufactured: "2007", WidthMM: 331, HeightMM: 207, Resolution: "1920x1200", Port: "eDP-1",
		},
	}
	if diff := cmp.Diff(want, collect(t, plant(t, files), "edid")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	files[drm+"card1-HDMI-A-1/status"], files[drm+"card1-HDMI-A-1/edid"] = "connected\n", "noise"
	body, err := look(t, plant(t, files), "edid")
	if status, reason := source.Status(err); status != inventory.StatusPartial || body.Len() != 2 || !strings.Contains(reason, "HDMI-A-1: EDID: 5 bytes") {
		t.Errorf("with a monitor that says noise: %s %q, %d monitors", status, reason, body.Len())
	}
}

// No monitors and not being able to see them are two things.
func TestNoMonitors(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  inventory.Status
	}{
		{"no driver", map[string]string{"etc/x": ""}, inventory.StatusUnsupported},
		{"nothing connected", map[string]string{"sys/class/drm/version": "drm"}, inventory.StatusOK},
		{"NVIDIA's driver shows none", map[string]string{
			"sys/class/drm/version": "drm", "proc/driver/nvidia/gpus/x": "", "sys/module/nvidia_drm/parameters/modeset": "N\n",
		}, inventory.StatusPartial},
		{"NVIDIA's driver shows them", map[string]string{
			"sys/class/drm/version": "drm", "proc/driver/nvidia/gpus/x": "", "sys/module/nvidia_drm/parameters/modeset": "Y\n",
		}, inventory.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := look(t, plant(t, tt.files), "edid")
			if got, reason := source.Status(err); got != tt.want {
				t.Errorf("got %s %q, want %s", got, reason, tt.want)
			}
		})
	}
}

// What a container sees of the hardware is its host's.
func TestHostsHardwareInContainer(t *testing.T) {
	root := plant(t, map[string]string{
		"run/systemd/container":                  "podman\n",
		"sys/class/drm/card0-DP-1/status":        "connected\n",
		"sys/bus/usb/devices/1-1/idVendor":       "0781\n",
		"sys/class/power_supply/BAT0/type":       "Battery\n",
		"sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n",
	})
	for _, name := range []string{"graphics", "edid", "usb", "power", "security", "storage", "memory", "block", "pci"} {
		body, err := look(t, root, name)
		var unsupported *source.UnsupportedError
		if body != nil || !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "belong to the host") {
			t.Errorf("%s: %v, %v", name, body, err)
		}
	}
}
