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

// readComponents lists what the firmware knows of slots and power supplies.
func readComponents(_ context.Context, tree *source.Tree) (inventory.Body, error) {
	info, problem := readSMBIOS(tree)
	switch {
	case info == nil && problem == "":
		return nil, source.Unsupported("slots and power supplies are unknown: this machine has no SMBIOS table")
	case info == nil:
		return nil, errors.New(problem)
	}
	list := components(info)
	switch {
	case problem != "" && len(list) == 0:
		return nil, errors.New(problem)
	case problem != "":
		return list, source.Partial("%s", problem)
	case len(list) == 0:
		return nil, source.Unsupported("slots and power supplies are unknown: the SMBIOS table lists none")
	}
	return list, nil
}

const pciDir = "sys/bus/pci/devices"

func readPCI(ctx context.Context, tree *source.Tree) (inventory.Body, error) {
	entries, err := tree.ReadDir(pciDir, maxEntries)
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
		list = append(list, readPCIDevice(tree, e.Name()))
	}
	return list, namePCI(tree, list)
}

// readPCIDevice reads the numbers of a function; the class is still a code.
func readPCIDevice(tree *source.Tree, address string) inventory.PCIDevice {
	at := pciDir + "/" + address + "/"
	hex := func(name string) string { return strings.TrimPrefix(tree.Text(at+name), "0x") }
	return inventory.PCIDevice{
		Address: source.Text(address), Class: hex("class"), VendorID: hex("vendor"), DeviceID: hex("device"),
		Driver: linkName(tree, at+"driver"),
	}
}

// namePCI replaces class codes by names and fills in the names of vendors and devices.
func namePCI(tree *source.Tree, list inventory.PCIDevices) error {
	if len(list) == 0 {
		return nil
	}
	names := pciNames{map[string]string{}, map[string]string{}, map[string]string{}}
	for _, d := range list {
		names.vendors[d.VendorID], names.devices[d.VendorID+" "+d.DeviceID] = "", ""
		if len(d.Class) >= 4 {
			names.classes[d.Class[:2]], names.classes[d.Class[:4]] = "", ""
		}
	}
	err := names.load(tree, "pci.ids")
	for i := range list {
		d := &list[i]
		d.Class = names.class(d.Class)
		d.VendorName, d.DeviceName = names.vendors[d.VendorID], names.devices[d.VendorID+" "+d.DeviceID]
	}
	return err
}

// load reads the list of names that distributions install in one of these places; a
// system without it shows numbers.
func (n pciNames) load(tree *source.Tree, file string) error {
	for _, dir := range []string{"usr/share/hwdata/", "usr/share/misc/"} {
		f, err := tree.Open(dir + file)
		if err != nil {
			continue
		}
		err = n.readPCIIDs(f)
		_ = f.Close() // only read
		if err != nil {
			return source.Partial("names of devices: %v", err)
		}
		return nil
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
