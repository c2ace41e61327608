package hardware

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/hardware/edid"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const drmDir = "sys/class/drm"

// readGPUs lists display controllers on the PCI bus, and what drives displays on boards
// without one. Of the memory only amdgpu tells in sysfs.
func readGPUs(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	list := inventory.GPUs{}
	var devices inventory.PCIDevices
	for _, address := range tree.Names(pciDir, maxEntries) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if strings.HasPrefix(tree.Text(pciDir+"/"+address+"/class"), "0x03") {
			devices = append(devices, readPCIDevice(tree, address))
		}
	}
	err := namePCI(tree, devices)
	slots := map[string]bool{}
	for _, d := range devices {
		slot, function, _ := strings.Cut(d.Address, ".")
		if function != "0" && d.Driver == "" && slots[slot] {
			continue // a second head of the same processor
		}
		slots[slot] = true
		g := inventory.GPU{
			Name: first(tree.Text(pciDir+"/"+d.Address+"/product_name"), d.DeviceName), Vendor: d.VendorName, Driver: d.Driver, Address: d.Address,
		}
		g.Bytes, _ = strconv.ParseInt(tree.Text(pciDir+"/"+d.Address+"/mem_info_vram_total"), 10, 64) // 0 when it is not told
		if g.Driver != "" {
			g.DriverVersion = tree.Text("sys/module/" + g.Driver + "/version")
		}
		if about := contents(tree, "proc/driver/nvidia/gpus/"+d.Address+"/information"); about != "" {
			g.Name = first(colonValue(about, "Model"), g.Name)
		}
		if g.Name == "" && d.VendorID != "" {
			g.Name = d.VendorID + ":" + d.DeviceID
		}
		list = append(list, *clean(&g))
	}
	return append(list, boardGPUs(tree)...), err
}

// boardGPUs are display drivers of devices that a device tree describes (Documentation/devicetree/bindings/gpu).
func boardGPUs(tree *source.Tree) []inventory.GPU {
	var out []inventory.GPU
	seen := map[string]bool{}
	for _, name := range tree.Names(drmDir, maxEntries) {
		if !strings.HasPrefix(name, "card") || strings.Contains(name, "-") {
			continue
		}
		values := assignments(contents(tree, drmDir+"/"+name+"/device/uevent"))
		model := source.Text(values["OF_COMPATIBLE_0"])
		if model == "" || seen[model] {
			continue
		}
		seen[model] = true
		vendor, _, _ := strings.Cut(model, ",")
		out = append(out, inventory.GPU{Name: model, Vendor: vendor, Driver: source.Text(values["DRIVER"])})
	}
	return out
}

// readMonitors reads what the monitors at connected outputs say of themselves.
func readMonitors(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	entries, err := tree.ReadDir(drmDir, maxEntries)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("no graphics driver with outputs is loaded: /%s does not exist", drmDir)
	}
	if err != nil {
		return nil, err
	}
	list := inventory.Monitors{}
	var damaged []string
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		card, port, ok := strings.Cut(e.Name(), "-")
		at := drmDir + "/" + e.Name()
		if !ok || !strings.HasPrefix(card, "card") || tree.Text(at+"/status") != "connected" {
			continue
		}
		block, err := tree.ReadFile(at+"/edid", maxSmallFile)
		if len(block) == 0 && err == nil {
			continue // a switch or an old projector that says nothing
		}
		var m inventory.Monitor
		if err == nil {
			m, err = edid.Parse(block)
		}
		if err != nil && !errors.Is(err, edid.ErrChecksum) {
			damaged = append(damaged, fmt.Sprintf("%s: %v", port, err))
			continue
		}
		m.Port = source.Text(port)
		list = append(list, m)
	}
	switch {
	case len(damaged) > 0:
		return list, source.Partial("monitors that do not describe themselves: %s", source.Text(strings.Join(damaged, "; ")))
	case hiddenOutputs(tree):
		return list, source.Partial("the NVIDIA driver shows no monitors: load nvidia-drm with modeset=1")
	}
	return list, nil
}

// hiddenOutputs says whether NVIDIA's driver runs without its half that shows outputs to the kernel.
func hiddenOutputs(tree *source.Tree) bool {
	return tree.Exists("proc/driver/nvidia/gpus") && tree.Text("sys/module/nvidia_drm/parameters/modeset") != "Y"
}

// colonValue finds the value of a line "key: value".
func colonValue(text, key string) string {
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return source.Text(v)
		}
	}
	return ""
}

// assignments are the lines KEY=value of a uevent file.
func assignments(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && len(out) < 256 {
			out[key] = value
		}
	}
	return out
}
