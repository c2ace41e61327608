package hardware

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/muster-itam/muster/agent/hardware/smbios"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// cpuInfo is what /proc/cpuinfo says; its keys differ between architectures.
type cpuInfo struct {
	model, vendor string
	processors    int // logical ones that are switched on
	sockets       int // 0 when not told
	cores         int
	hypervisor    bool
	board, serial string // of small ARM boards
}

// parseCPUInfo reads /proc/cpuinfo: a block of "key : value" for each logical processor,
// and on ARM one about the board at the end.
func parseCPUInfo(r io.Reader) (cpuInfo, error) {
	var c cpuInfo
	var implementer, part, hardware, physical string
	sockets, cores := map[string]bool{}, map[string]bool{}
	lines := bufio.NewScanner(io.LimitReader(r, maxBigFile))
	lines.Buffer(nil, maxSmallFile)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "processor":
			c.processors++
			physical = ""
		case "model name", "cpu model", "cpu", "Processor":
			c.model = first(c.model, value)
		case "vendor_id", "vendor":
			c.vendor = first(c.vendor, value)
		case "flags":
			c.hypervisor = c.hypervisor || strings.Contains(value+" ", " hypervisor ")
		case "physical id":
			physical = value
			sockets[value] = true
		case "core id":
			cores[physical+"/"+value] = true
		case "CPU implementer":
			implementer = value
		case "CPU part":
			part = value
		case "Hardware":
			hardware = value
		case "Model":
			c.board = value
		case "Serial":
			if strings.Trim(value, "0") != "" {
				c.serial = value
			}
		}
		if len(cores) > maxList || len(sockets) > maxList {
			return c, fmt.Errorf("cpuinfo: more than %d cores", maxList)
		}
	}
	if c.processors == 0 && c.model != "" { // one-processor ARM kernels do not number it
		c.processors = 1
	}
	c.sockets, c.cores = len(sockets), len(cores)
	if part != "" { // ARM kernels name the architecture's version, if anything
		maker, core := armName(implementer, part)
		c.vendor, c.model = first(c.vendor, maker), first(core, c.model, hardware)
	}
	c.board = first(c.board, hardware)
	c.model = source.Text(strings.Join(strings.Fields(c.model), " "))
	c.vendor, c.board, c.serial = source.Text(c.vendor), source.Text(c.board), source.Text(c.serial)
	if err := lines.Err(); err != nil {
		return c, fmt.Errorf("cpuinfo: %w", err)
	}
	return c, nil
}

// armName gives names to the fields of the Main ID Register (Arm ARM, MIDR_EL1).
func armName(implementer, part string) (maker, core string) {
	return armMakers[implementer], armCores[implementer+"/"+part]
}

var armMakers = map[string]string{
	"0x41": "ARM", "0x42": "Broadcom", "0x43": "Cavium", "0x46": "Fujitsu", "0x48": "HiSilicon", "0x4e": "NVIDIA",
	"0x50": "APM", "0x51": "Qualcomm", "0x61": "Apple", "0x69": "Intel", "0x6d": "Microsoft", "0xc0": "Ampere",
}

var armCores = map[string]string{
	"0x41/0xc07": "Cortex-A7", "0x41/0xc08": "Cortex-A8", "0x41/0xc09": "Cortex-A9", "0x41/0xc0f": "Cortex-A15",
	"0x41/0xd03": "Cortex-A53", "0x41/0xd04": "Cortex-A35", "0x41/0xd05": "Cortex-A55", "0x41/0xd07": "Cortex-A57",
	"0x41/0xd08": "Cortex-A72", "0x41/0xd09": "Cortex-A73", "0x41/0xd0a": "Cortex-A75", "0x41/0xd0b": "Cortex-A76",
	"0x41/0xd0c": "Neoverse-N1", "0x41/0xd40": "Neoverse-V1", "0x41/0xd49": "Neoverse-N2", "0x41/0xd4f": "Neoverse-V2",
	"0x41/0xb76": "ARM1176", "0xc0/0xac3": "Ampere-1", "0xc0/0xac4": "Ampere-1A",
}

// topology is how many parts the kernel sees; 0 when it does not tell.
type topology struct{ sockets, cores, threads, maxMHz int }

// setCPU fills in the processors. On real hardware the firmware's table names them as
// their maker does and counts also what is switched off, so the greater number counts;
// in virtual machines it holds the hypervisor's inventions.
func setCPU(h *inventory.Hardware, c cpuInfo, t topology, table *smbios.Info, physical bool) {
	h.CPUModel, h.CPUVendor = c.model, cpuVendor(c.vendor)
	h.CPUSockets = first0(t.sockets, c.sockets)
	h.CPUCores = first0(t.cores, c.cores)
	h.CPUThreads = first0(t.threads, c.processors)
	h.CPUMaxMHz = t.maxMHz
	if table == nil || !physical || len(table.Processors) == 0 {
		return
	}
	cores, threads := 0, 0
	for _, p := range table.Processors {
		cores, threads = cores+p.Cores, threads+p.Threads
	}
	p := table.Processors[0]
	if v := cpuVendor(p.Version); v != p.Version { // it names a maker, so it is no placeholder
		h.CPUModel, h.CPUVendor = source.Text(strings.Join(strings.Fields(p.Version), " ")), v
	}
	h.CPUSockets = max(h.CPUSockets, len(table.Processors))
	h.CPUCores, h.CPUThreads = max(h.CPUCores, cores), max(h.CPUThreads, threads)
	h.CPUMaxMHz = first0(h.CPUMaxMHz, p.MaxMHz)
}

// cpuVendor is the short name of a maker that appears in s, s without one.
func cpuVendor(s string) string {
	for _, v := range []struct{ text, name string }{
		{"Intel", "Intel"}, {"AMD", "AMD"}, {"Advanced Micro", "AMD"}, {"Ampere", "Ampere"}, {"Apple", "Apple"},
		{"Cavium", "Cavium"}, {"Hygon", "Hygon"}, {"Zhaoxin", "Zhaoxin"}, {"Qualcomm", "Qualcomm"}, {"VIA", "VIA"},
		{"HiSilicon", "HiSilicon"}, {"Kunpeng", "HiSilicon"}, {"Loongson", "Loongson"}, {"IBM", "IBM"},
	} {
		if strings.Contains(s, v.text) {
			return v.name
		}
	}
	return s
}

func first0(numbers ...int) int {
	for _, n := range numbers {
		if n != 0 {
			return n
		}
	}
	return 0
}
