package hardware

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// readFibreChannel lists the ports into storage networks with their world-wide names, which
// switches and arrays know the machine by (the kernel's drivers/scsi/scsi_transport_fc.c).
func readFibreChannel(_ context.Context, tree *source.Tree) (inventory.Body, error) {
	const dir = "sys/class/fc_host"
	entries, err := tree.ReadDir(dir, maxList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("this machine has no Fibre Channel: /%s does not exist", dir)
	}
	if err != nil {
		return nil, err
	}
	list := inventory.Interfaces{}
	for _, e := range entries {
		text := func(name string) string { return tree.Text(dir + "/" + e.Name() + "/" + name) }
		i := inventory.Interface{
			Name: source.Text(e.Name()), Type: inventory.IfFibreChannel, Up: text("port_state") == "Online", SpeedMbps: gigabits(text("speed")),
			Description: "WWPN " + fibreName(text("port_name")) + ", WWNN " + fibreName(text("node_name")),
		}
		list = append(list, i)
	}
	return list, nil
}

// gigabits reads "16 Gbit" as Mbit/s; 0 is unknown.
func gigabits(s string) int64 {
	number, ok := strings.CutSuffix(s, " Gbit")
	n, err := strconv.ParseInt(number, 10, 16)
	if !ok || err != nil {
		return 0
	}
	return n * 1000
}

// fibreName writes 0x500143801234abcd as switches do, in pairs of digits.
func fibreName(s string) string {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok || len(digits) != 16 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(digits[i : i+2])
	}
	return b.String()
}
