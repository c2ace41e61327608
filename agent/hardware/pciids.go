package hardware

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/muster-itam/muster/agent/source"
)

// pciNames gives names to PCI numbers. Keys are hexadecimal: a vendor "8086", a device
// "8086 100e", a class "02" and with its subclass "0200".
type pciNames struct{ vendors, devices, classes map[string]string }

// readPCIIDs takes from a pci.ids file (https://pci-ids.ucw.cz/) the names that are
// wanted: those whose keys the maps already have. The file lists vendors, with devices
// below them after a tab, and classes after a "C".
func (n pciNames) readPCIIDs(r io.Reader) error {
	lines := bufio.NewScanner(io.LimitReader(r, maxBigFile))
	lines.Buffer(nil, 4096)
	var above, key []byte // the numbers of the line that is above those with a tab
	inClasses := false
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 || line[0] == '#' || bytes.HasPrefix(line, []byte("\t\t")) {
			continue
		}
		id, name, ok := bytes.Cut(line, []byte("  "))
		if !ok || len(id) == 0 {
			continue
		}
		class, isClass := bytes.CutPrefix(id, []byte("C "))
		switch {
		case isClass:
			above, inClasses = append(above[:0], class...), true
			want(n.classes, above, name)
		case id[0] == '\t' && inClasses:
			key = append(append(key[:0], above...), id[1:]...)
			want(n.classes, key, name)
		case id[0] == '\t':
			key = append(append(append(key[:0], above...), ' '), id[1:]...)
			want(n.devices, key, name)
		default:
			above, inClasses = append(above[:0], id...), false
			want(n.vendors, above, name)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("pci.ids: %w", err)
	}
	return nil
}

func want(names map[string]string, key, name []byte) {
	if _, ok := names[string(key)]; ok {
		names[string(key)] = source.Text(string(name))
	}
}

// class names a class by its first four digits: the subclass, or the class above it, or
// without a file this table of the PCI Code and ID Assignment Specification.
func (n pciNames) class(code string) string {
	if len(code) < 4 {
		return ""
	}
	return first(n.classes[code[:4]], n.classes[code[:2]], pciBaseClasses[code[:2]])
}

var pciBaseClasses = map[string]string{
	"00": "Unclassified device", "01": "Mass storage controller", "02": "Network controller",
	"03": "Display controller", "04": "Multimedia controller", "05": "Memory controller", "06": "Bridge",
	"07": "Communication controller", "08": "Generic system peripheral", "09": "Input device controller",
	"0a": "Docking station", "0b": "Processor", "0c": "Serial bus controller", "0d": "Wireless controller",
	"0e": "Intelligent controller", "0f": "Satellite communications controller", "10": "Encryption controller",
	"11": "Signal processing controller", "12": "Processing accelerators", "13": "Non-Essential Instrumentation",
}
