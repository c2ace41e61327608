package profiler

import (
	"bytes"
	"strings"
)

// titles are the headings of data types in text, where they are not the type's own name.
var titles = map[string]string{
	"Hardware": "SPHardwareDataType", "Network": "SPNetworkDataType", "Software": "SPSoftwareDataType",
	"ATA": "SPParallelATADataType", "Serial-ATA": "SPSerialATADataType", "SATA/SATA Express": "SPSerialATADataType",
	"NVMExpress": "SPNVMeDataType", "Memory": "SPMemoryDataType", "Power": "SPPowerDataType", "USB": "SPUSBDataType",
	"Graphics/Displays": "SPDisplaysDataType", "Printers": "SPPrintersDataType", "Bluetooth": "SPBluetoothDataType",
	"PCI": "SPPCIDataType", "PCI Cards": "SPPCIDataType", "PCI/PCI Express": "SPPCIDataType", "PCI/AGP": "SPPCIDataType",
	"Applications": "SPApplicationsDataType", "Fibre Channel": "SPFibreChannelDataType", "FireWire": "SPFireWireDataType",
	"Thunderbolt": "SPThunderboltDataType", "Thunderbolt/USB4": "SPThunderboltDataType", "Card Reader": "SPCardReaderDataType",
	"Storage": "SPStorageDataType", "Ethernet Cards": "SPEthernetDataType", "AirPort Card": "SPAirPortDataType",
	"AirPort": "SPAirPortDataType", "Wi-Fi": "SPAirPortDataType", "Controller": "SPiBridgeDataType", "SAS": "SPSASDataType",
	"Disc Burning": "SPDiscBurningDataType",
}

type textLine struct {
	indent int
	text   string
	begins bool // something is indented below it
}

// parseText reads a report as text: "Name:" heads what is indented below it, "Key: value"
// belongs to the heading above. Indentation is what counts, for a value may be empty or
// hold colons. A line that is neither goes on from the value before it.
func parseText(b []byte) (Report, error) {
	lines, err := splitText(b)
	if err != nil {
		return nil, err
	}
	root := &Entry{}
	type level struct {
		indent int
		entry  *Entry
	}
	open := []level{{-1, root}}
	entries := 0
	for _, l := range lines {
		for len(open) > 1 && l.indent <= open[len(open)-1].indent {
			open = open[:len(open)-1]
		}
		top := open[len(open)-1].entry
		key, value, isValue := strings.Cut(l.text, ": ")
		if name, ok := strings.CutSuffix(l.text, ":"); ok && l.begins {
			if entries++; entries > maxEntries || len(open) > maxDepth {
				return nil, errEntries
			}
			e := &Entry{Name: unquote(name)}
			if title := titles[e.Name]; title != "" && top == root {
				e.Name = title
			}
			top.Entries = append(top.Entries, e)
			open = append(open, level{l.indent, e})
			continue
		}
		if isValue && top != root {
			if entries++; entries > maxEntries {
				return nil, errEntries
			}
			top.set(key, unquote(strings.TrimSpace(value)))
		}
	}
	return root.Entries, nil
}

func splitText(b []byte) ([]textLine, error) {
	var lines []textLine
	for line := range bytes.Lines(bytes.ToValidUTF8(b, []byte("?"))) {
		text := strings.TrimRight(string(line), " \t\r\n")
		trimmed := strings.TrimLeft(text, " \t")
		if trimmed == "" || trimmed == "---" {
			continue
		}
		if strings.HasSuffix(string(line), ": \n") { // an empty value, which nothing is below
			trimmed += " "
		}
		if len(lines) > 2*maxEntries {
			return nil, errEntries
		}
		indent := len(text) - len(strings.TrimLeft(text, " \t"))
		if n := len(lines); n > 0 {
			lines[n-1].begins = indent > lines[n-1].indent
		}
		lines = append(lines, textLine{indent: indent, text: trimmed})
	}
	return lines, nil
}

// unquote takes away the quotes of YAML, which some tools print these reports as.
func unquote(s string) string {
	if len(s) > 1 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return strings.ReplaceAll(s[1:len(s)-1], "''", "'")
	}
	return s
}
