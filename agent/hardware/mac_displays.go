package hardware

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/hardware/edid"
	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/plist"
)

// macGPUs are the graphics processors of a report. Memory that a processor shares with
// the rest of the machine is not its own.
func macGPUs(r profiler.Report) inventory.GPUs {
	list := inventory.GPUs{}
	for _, e := range r.Type("SPDisplaysDataType").Entries {
		g := inventory.GPU{Name: first(e.Get("sppci_model", "chipset model"), e.Name), Vendor: macGPUVendor(e.Get("spdisplays_vendor", "vendor"))}
		if g.Name == "" {
			continue
		}
		if cores := e.Get("sppci_cores", "total number of cores"); cores != "" {
			g.Name += " (" + cores + " cores)" // how the variants of one chip differ
		}
		memory := e.Get("_spdisplays_vram", "spdisplays_vram", "vram (total)")
		if memory == "" && strings.Contains(strings.ToLower(e.Get("sppci_bus", "bus")), "pcie") {
			memory = e.Get("vram (dynamic, max)") // not what an integrated one may take of the machine's
		}
		if !strings.Contains(memory, "Shared") {
			g.Bytes = macGPUMemory(memory)
		}
		g.DriverVersion = e.Get("spdisplays_efi-version", "efi driver version")
		list = append(list, *clean(&g))
	}
	return list
}

func macGPUMemory(text string) int64 {
	if n, err := strconv.ParseInt(text, 10, 40); err == nil { // a bare number counts MB
		return n << 20
	}
	return profiler.Bytes(text, 1024)
}

// macGPUVendor makes a name of "sppci_vendor_amd", "NVIDIA (0x10de)" or "Intel".
func macGPUVendor(text string) string {
	name, _, _ := strings.Cut(profiler.Word(text), " (")
	for _, v := range []string{"AMD", "NVIDIA", "Intel", "Apple", "VMware", "Parallels"} {
		if strings.EqualFold(name, v) {
			return v
		}
	}
	if strings.EqualFold(name, "ATI") {
		return "AMD"
	}
	if strings.HasPrefix(name, "0x") {
		return ""
	}
	return name
}

// macDisplay is a screen with the numbers that tell it from others, as in EDID: the same in
// the report and in the registry.
type macDisplay struct {
	vendorID, productID int64
	monitor             inventory.Monitor
}

// macMonitors are the screens that the registry knows, with what the report adds, and
// those that only the report names: built-in panels of Apple silicon.
func macMonitors(r profiler.Report, registry []*regNode) inventory.Monitors {
	var list []macDisplay
	for _, n := range allNodes(registry) {
		if d, ok := registryDisplay(n); ok {
			list = append(list, d)
		}
	}
	used := map[int]bool{}
	for _, e := range r.Type("SPDisplaysDataType").All() {
		d, ok := reportDisplay(e)
		if !ok {
			continue
		}
		if i := macFindDisplay(list, d, used); i >= 0 {
			used[i] = true
			m := &list[i].monitor
			m.Model, m.Resolution, m.Port = first(m.Model, d.monitor.Model), first(m.Resolution, d.monitor.Resolution), first(m.Port, d.monitor.Port)
			m.Serial = first(m.Serial, d.monitor.Serial)
			continue
		}
		used[len(list)] = true
		list = append(list, d)
	}
	out := inventory.Monitors{}
	for _, d := range list {
		out = append(out, *clean(&d.monitor))
	}
	return out
}

func macFindDisplay(list []macDisplay, d macDisplay, used map[int]bool) int {
	for i, known := range list {
		if !used[i] && known.vendorID == d.vendorID && known.productID == d.productID && d.vendorID != 0 {
			return i
		}
	}
	return -1
}

// registryDisplay reads a display of Intel's machines, which has its EDID, or one of
// Apple silicon, whose driver has taken it apart.
func registryDisplay(n *regNode) (macDisplay, bool) {
	if block := n.props.Data("IODisplayEDID"); len(block) > 0 {
		m, err := edid.Parse(block)
		if err != nil && !errors.Is(err, edid.ErrChecksum) {
			return macDisplay{}, false
		}
		return macDisplay{n.props.Int("DisplayVendorID"), n.props.Int("DisplayProductID"), m}, true
	}
	a := n.props.Dict("DisplayAttributes")
	p := a.Dict("ProductAttributes")
	if p.Text("ProductName") == "" && p.Int("ProductID") == 0 {
		return macDisplay{}, false
	}
	m := inventory.Monitor{
		Vendor: edid.Maker(p.Text("ManufacturerID")), Model: p.Text("ProductName"), Serial: macDisplaySerial(p),
		Manufactured: macManufactured(p.Int("YearOfManufacture"), p.Int("WeekOfManufacture")),
		// In centimetres, as the first block of EDID has them.
		WidthMM: 10 * macSmall(a.Int("MaxHorizontalImageSize")), HeightMM: 10 * macSmall(a.Int("MaxVerticalImageSize")),
	}
	if w, h := macSmall(a.Int("NativeFormatHorizontalPixels")), macSmall(a.Int("NativeFormatVerticalPixels")); w > 0 && h > 0 {
		m.Resolution = fmt.Sprintf("%dx%d", w, h)
	}
	return macDisplay{p.Int("LegacyManufacturerID"), p.Int("ProductID"), m}, true
}

// macDisplaySerial prefers the text on the case to the number in the block's head, of which
// 0, 1 and 0x01010101 are fillers.
func macDisplaySerial(p plist.Dict) string {
	if s := p.Text("AlphanumericSerialNumber"); s != "" {
		return s
	}
	switch n := p.Int("SerialNumber"); n {
	case 0, 1, 0x01010101, 0xffffffff:
		return ""
	default:
		return fmt.Sprintf("%08x", n)
	}
}

func macManufactured(year, week int64) string {
	switch {
	case year < 1990 || year > 2245:
		return ""
	case week < 1 || week > 53:
		return strconv.FormatInt(year, 10)
	}
	return fmt.Sprintf("%04d-W%02d", year, week)
}

func macSmall(n int64) int {
	if n < 0 || n > 1<<20 {
		return 0
	}
	return int(n)
}

// reportDisplay reads a display's entry; an empty connector has one as well. The report's
// own number for a screen (_spdisplays_display-serial-number) is not what is on its case.
func reportDisplay(e *profiler.Entry) (macDisplay, bool) {
	resolution := e.Get("_spdisplays_pixels", "spdisplays_pixelresolution", "_spdisplays_resolution", "spdisplays_resolution", "resolution")
	if resolution == "" || e.Name == "" {
		return macDisplay{}, false
	}
	m := inventory.Monitor{Model: e.Name, Resolution: macPixels(resolution)}
	m.Serial = e.Get("spdisplays_display-serial-number", "display serial number")
	kind := e.Get("spdisplays_connection_type", "connection type", "spdisplays_display_type", "display type")
	if strings.Contains(strings.ToLower(kind), "internal") || strings.HasPrefix(strings.ToLower(profiler.Word(kind)), "built-in") ||
		profiler.Yes(e.Get("spdisplays_builtin", "built-in")) || e.Name == "Color LCD" {
		m.Port, m.Vendor = "built-in", edid.Maker("APP")
	}
	hexNumber := func(key string) int64 { return profiler.Number("0x" + strings.TrimPrefix(e.Get(key), "0x")) }
	d := macDisplay{hexNumber("_spdisplays_display-vendor-id"), hexNumber("_spdisplays_display-product-id"), m}
	d.monitor.Manufactured = macManufactured(profiler.Number(e.Get("_spdisplays_display-year")), profiler.Number(e.Get("_spdisplays_display-week")))
	full, err := edid.Parse(plist.Hex(e.Get("_spdisplays_edid")))
	if err == nil || errors.Is(err, edid.ErrChecksum) {
		full.Port, full.Model = m.Port, first(full.Model, m.Model)
		d.monitor = full
	}
	return d, true
}

// macPixels makes 2880x1800 of "2880 x 1800 Retina", "1920 x 1080 @ 60 Hz" and
// "spdisplays_2560x1600Retina".
func macPixels(text string) string {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "spdisplays_"), " ", "")
	w, rest, ok := strings.Cut(text, "x")
	width, height := profiler.Number(w), profiler.Number(rest)
	if !ok || width == 0 || height == 0 {
		return ""
	}
	return fmt.Sprintf("%dx%d", width, height)
}
