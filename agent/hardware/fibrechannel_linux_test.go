package hardware_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestFibreChannel(t *testing.T) {
	root := plant(t, map[string]string{
		"sys/class/fc_host/host1/port_name":  "0x500143801234abcd\n",
		"sys/class/fc_host/host1/node_name":  "0x500143801234abcc\n",
		"sys/class/fc_host/host1/port_state": "Online\n",
		"sys/class/fc_host/host1/speed":      "16 Gbit\n",
		"sys/class/fc_host/host2/port_name":  "0x5001\n",
		"sys/class/fc_host/host2/port_state": "Linkdown\n",
		"sys/class/fc_host/host2/speed":      "unknown\n",
	})
	want := inventory.Interfaces{
		{Name: "host1", Type: inventory.IfFibreChannel, Up: true, SpeedMbps: 16000, Description: "WWPN 50:01:43:80:12:34:ab:cd, WWNN 50:01:43:80:12:34:ab:cc"},
		{Name: "host2", Type: inventory.IfFibreChannel, Description: "WWPN 0x5001, WWNN "},
	}
	if diff := cmp.Diff(inventory.Body(want), collect(t, root, "fibre-channel"), cmp.Comparer(func(a, b inventory.Interface) bool {
		return a.Name == b.Name && a.Type == b.Type && a.Up == b.Up && a.SpeedMbps == b.SpeedMbps && a.Description == b.Description
	})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	_, err := look(t, t.TempDir(), "fibre-channel")
	if status, _ := source.Status(err); status != inventory.StatusUnsupported {
		t.Errorf("without: %v", err)
	}
}
