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

func readHardware(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	f, problem := readFindings(tree)
	h := &inventory.Hardware{}
	if f.container.kind == "" {
		f.fill(h)
	}
	cpu, err := readCPUInfo(tree)
	if err != nil {
		problem = strings.TrimPrefix(problem+"; processors: "+err.Error(), "; ")
	}
	setCPU(h, cpu, readTopology(ctx, tree), f.smbios, f.physical())
	h.MemoryBytes, h.SwapBytes = parseMeminfo(contents(tree, "proc/meminfo"))
	clean(h)
	if problem != "" {
		return h, source.Partial("%s", problem)
	}
	return h, nil
}

const cpuDir = "sys/devices/system/cpu"

// readTopology counts the distinct packages and sets of sibling threads of the
// processors that are switched on (Documentation/admin-guide/cputopology.rst).
func readTopology(ctx context.Context, tree *source.Tree) topology {
	var t topology
	sockets, cores := map[string]bool{}, map[string]bool{}
	for _, name := range tree.Names(cpuDir, maxEntries) {
		n, err := strconv.Atoi(strings.TrimPrefix(name, "cpu"))
		if err != nil || n < 0 || ctx.Err() != nil {
			continue
		}
		dir := cpuDir + "/" + name
		siblings := first(tree.Text(dir+"/topology/core_cpus_list"), tree.Text(dir+"/topology/thread_siblings_list"))
		if siblings == "" { // switched off
			continue
		}
		t.threads++
		cores[siblings] = true
		sockets[tree.Text(dir+"/topology/physical_package_id")] = true
		if khz, err := strconv.Atoi(tree.Text(dir + "/cpufreq/cpuinfo_max_freq")); err == nil {
			t.maxMHz = max(t.maxMHz, khz/1000)
		}
	}
	t.sockets, t.cores = len(sockets), len(cores)
	return t
}

func readMemory(_ context.Context, tree *source.Tree) (inventory.Body, error) {
	if c := readContainer(tree); c.kind != "" {
		return nil, source.Unsupported("memory modules belong to the host of this container")
	}
	info, problem := readSMBIOS(tree)
	switch {
	case info == nil && problem == "":
		return nil, source.Unsupported("memory modules are unknown: this machine has no SMBIOS table")
	case info == nil || len(info.Memory) == 0 && problem != "":
		return nil, errors.New(problem)
	case len(info.Memory) == 0:
		return nil, source.Unsupported("memory modules are unknown: the SMBIOS table lists none")
	}
	list := modules(info)
	if problem != "" {
		return list, source.Partial("%s", problem)
	}
	return list, nil
}

func readPCI(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	const dir = "sys/bus/pci/devices"
	if c := readContainer(tree); c.kind != "" {
		return nil, source.Unsupported("PCI devices belong to the host of this container")
	}
	entries, err := tree.ReadDir(dir, maxEntries)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, source.Unsupported("this machine has no PCI bus")
	}
	if err != nil {
		return nil, err
	}
	list := make(inventory.PCIDevices, 0, len(entries))
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at := dir + "/" + e.Name() + "/"
		hex := func(name string) string { return strings.TrimPrefix(tree.Text(at+name), "0x") }
		list = append(list, inventory.PCIDevice{
			Address: source.Text(e.Name()), Class: hex("class"), VendorID: hex("vendor"), DeviceID: hex("device"),
			Driver: linkName(tree, at+"driver"),
		})
	}
	return list, namePCI(tree, list)
}

// namePCI replaces class codes by names and fills in the names of vendors and devices.
func namePCI(tree *source.Tree, list inventory.PCIDevices) error {
	names := pciNames{map[string]string{}, map[string]string{}, map[string]string{}}
	for _, d := range list {
		names.vendors[d.VendorID], names.devices[d.VendorID+" "+d.DeviceID] = "", ""
		if len(d.Class) >= 4 {
			names.classes[d.Class[:2]], names.classes[d.Class[:4]] = "", ""
		}
	}
	var err error
	for _, name := range []string{"usr/share/hwdata/pci.ids", "usr/share/misc/pci.ids"} {
		f, openErr := tree.Open(name)
		if openErr != nil {
			continue // a system without the file shows numbers
		}
		err = names.readPCIIDs(f)
		_ = f.Close() // only read
		break
	}
	for i := range list {
		d := &list[i]
		d.Class = names.class(d.Class)
		d.VendorName, d.DeviceName = names.vendors[d.VendorID], names.devices[d.VendorID+" "+d.DeviceID]
	}
	if err != nil {
		return source.Partial("names of PCI devices: %v", err)
	}
	return nil
}

// linkName is the last part of a symbolic link's target: what sysfs calls a driver or a subsystem.
func linkName(tree *source.Tree, name string) string {
	target, err := tree.Readlink(name)
	if err != nil {
		return ""
	}
	return source.Text(target[strings.LastIndexByte(target, '/')+1:])
}
