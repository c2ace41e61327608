package hardware_test

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/muster-itam/muster/agent/hardware/smbios"
	"github.com/muster-itam/muster/internal/inventory"
)

// layout says where a structure keeps what dmidecode prints.
type layout struct {
	length int
	texts  map[string]int // offsets of string numbers
	set    func(data []byte, key, value string)
}

var layouts = map[int]layout{
	0:  {20, map[string]int{"Vendor": 4, "Version": 5, "Release Date": 8}, nil},
	1:  {27, map[string]int{"Manufacturer": 4, "Product Name": 5, "Version": 6, "Serial Number": 7, "SKU Number": 0x19, "Family": 0x1a}, setUUID},
	2:  {9, map[string]int{"Manufacturer": 4, "Product Name": 5, "Version": 6, "Serial Number": 7, "Asset Tag": 8}, nil},
	3:  {9, map[string]int{"Manufacturer": 4, "Version": 6, "Serial Number": 7, "Asset Tag": 8}, setChassis},
	4:  {48, map[string]int{"Socket Designation": 4, "Manufacturer": 7, "Version": 0x10, "Serial Number": 0x20}, setProcessor},
	39: {22, map[string]int{"Location": 5, "Name": 6, "Manufacturer": 7, "Serial Number": 8, "Model Part Number": 0x0a}, setSupply},
	17: {34, map[string]int{"Locator": 0x10, "Bank Locator": 0x11, "Manufacturer": 0x17, "Serial Number": 0x18, "Asset Tag": 0x19, "Part Number": 0x1a}, setMemory},
}

func setUUID(data []byte, key, value string) {
	raw, err := hex.DecodeString(strings.ReplaceAll(value, "-", ""))
	if key != "UUID" || err != nil || len(raw) != 16 { // made anonymous by hand
		return
	}
	copy(data[8:], raw)
	binary.LittleEndian.PutUint32(data[8:], binary.BigEndian.Uint32(raw))
	binary.LittleEndian.PutUint16(data[12:], binary.BigEndian.Uint16(raw[4:]))
	binary.LittleEndian.PutUint16(data[14:], binary.BigEndian.Uint16(raw[6:]))
}

func setSupply(data []byte, key, value string) {
	switch {
	case key == "Status" && strings.HasPrefix(value, "Present"):
		data[0x0e] = 1 << 1
	case key == "Max Power Capacity":
		binary.LittleEndian.PutUint16(data[0x0c:], uint16(number(value)))
	}
}

func setChassis(data []byte, key, value string) {
	for c := range 0x25 {
		if key == "Type" && smbios.ChassisName(c) == value {
			data[5] = byte(c)
		}
	}
}

func setProcessor(data []byte, key, value string) {
	n := number(value)
	switch {
	case key == "Type" && value == "Central Processor":
		data[5] = 3
	case key == "Status" && strings.HasPrefix(value, "Populated"):
		data[0x18] = 0x41
	case key == "Max Speed":
		binary.LittleEndian.PutUint16(data[0x14:], uint16(n))
	case key == "Core Count":
		data[0x23] = byte(n)
	case key == "Thread Count":
		data[0x25] = byte(n)
	}
}

func setMemory(data []byte, key, value string) {
	n := number(value)
	switch key {
	case "Size":
		switch {
		case strings.HasSuffix(value, "GB"):
			n *= 1024
		case strings.HasSuffix(value, "kB"):
			n /= 1024
		}
		if n < 0x7fff {
			binary.LittleEndian.PutUint16(data[0xc:], uint16(n))
			return
		}
		binary.LittleEndian.PutUint16(data[0xc:], 0x7fff)
		binary.LittleEndian.PutUint32(data[0x1c:], uint32(n))
	case "Speed":
		binary.LittleEndian.PutUint16(data[0x15:], uint16(n))
	case "Type":
		for code, name := range map[byte]string{0x0f: "SDRAM", 0x12: "DDR", 0x13: "DDR2", 0x18: "DDR3", 0x1a: "DDR4"} {
			if name == value {
				data[0x12] = code
			}
		}
	}
}

func number(value string) int {
	word, _, _ := strings.Cut(value, " ")
	n, _ := strconv.Atoi(word) // 0 for words
	return n
}

// rebuild turns dmidecode's text back into a table.
func rebuild(text string) []byte {
	var table []byte
	for block := range strings.SplitSeq(strings.ReplaceAll(text, "\r", ""), "\nHandle ") {
		_, after, ok := strings.Cut(block, "DMI type ")
		if !ok {
			continue
		}
		kind, _, _ := strings.Cut(after, ",")
		at, err := strconv.Atoi(kind)
		if l, known := layouts[at]; err == nil && known {
			table = append(table, l.structure(byte(at), after)...)
		}
	}
	return append(table, 127, 4, 0, 0, 0, 0)
}

func (l layout) structure(kind byte, text string) []byte {
	data := make([]byte, l.length)
	data[0], data[1] = kind, byte(l.length)
	var texts []byte
	n := byte(0)
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		value = strings.TrimSpace(value)
		if at := l.texts[key]; at != 0 && data[at] == 0 && value != "" && value != "Not Specified" && value != "Not Present" {
			n++
			data[at] = n
			texts = append(append(texts, value...), 0)
		}
		if l.set != nil {
			l.set(data, key, value)
		}
	}
	if n == 0 {
		texts = []byte{0}
	}
	return append(append(data, texts...), 0)
}

// nothing is what is made of captures that hold power supplies or batteries alone: types 22,
// which is not read, and 39, of which TestPowerSupplyCaptures has more. Batteries are asked for their state by the kernel instead.
const nothing = ", , , ; board   ; chassis  ; BIOS  ; 0 x , 0 cores; 0 modules, 0 MiB"

// Everything that real firmware said, as it comes out of four sources.
func TestAllDmidecodeCaptures(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(captures+"generic/dmidecode", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		seen++
		file, _ := filepath.Rel(captures+"generic/dmidecode", name) // the walk's own
		t.Run(file, func(t *testing.T) {
			want, known := dmidecodes[file]
			if part := strings.HasPrefix(file, "psu/") || strings.HasPrefix(file, "batteries/"); part == known {
				t.Errorf("in the table: %v", known)
			}
			if got := summary(t, rebuild(capture(t, "generic/dmidecode/"+file))); got != cmp.Or(want, nothing) {
				t.Errorf("\n got %s\nwant %s", got, cmp.Or(want, nothing))
			}
		})
		return nil
	})
	if err != nil || seen < len(dmidecodes)+20 {
		t.Errorf("%d captures, %d in the table, %v", seen, len(dmidecodes), err)
	}
}

// summary is what the sources make of a table, in one line.
func summary(t *testing.T, table []byte) string {
	t.Helper()
	root := plant(t, map[string]string{"sys/firmware/dmi/tables/DMI": string(table), "proc/cpuinfo": "processor : 0\n"})
	d := collect(t, root, "identity").(*inventory.Device)
	h := collect(t, root, "system").(*inventory.Hardware)
	body, _ := look(t, root, "memory") // many tables list none
	modules, _ := body.(inventory.MemoryModules)
	memory, detail := int64(0), ""
	for _, m := range modules {
		memory += m.Bytes
		if detail == "" && m.Serial+m.PartNumber+m.Vendor != "" {
			detail = fmt.Sprintf(" %s %s %d %s %s", m.Slot, m.Type, m.SpeedMTs, m.Vendor, strings.TrimSpace(m.Serial+" "+m.PartNumber))
		}
	}
	return fmt.Sprintf("%s, %s, %s, %s; board %s %s %s; chassis %s %s; BIOS %s %s; %d x %s, %d cores; %d modules, %d MiB%s",
		d.Class, d.Vendor, d.Model, d.Serial, h.BoardVendor, h.BoardModel, h.BoardSerial, h.ChassisType, d.AssetTag,
		h.BIOSVersion, h.BIOSDate, h.CPUSockets, h.CPUModel, h.CPUCores, len(modules), memory>>20, detail)
}

var dmidecodes = map[string]string{
	"dell-fx160": "desktop, Dell Inc., OptiPlex FX160, C83T54J; board Dell Inc. 0F259F ..CN701638BM00EW.; chassis Desktop ; " +
		"BIOS A13 2012-01-19; 1 x Intel(R) Atom(TM) CPU 230 @ 1.60GHz, 1 cores; " +
		"1 modules, 1024 MiB DIMM_1 DDR2 800 Nanya 3B085E1E NT1GT64U88D0BY-AD",
	"dell-r630": "server, Dell Inc., PowerEdge R630, 2WF88P2; board Dell Inc. 02C2CP .2WF88P2.CNIVC007CQ1846.; " +
		"chassis Rack Mount Chassis ; BIOS 2.7.1 001/22/2018; 2 x Intel(R) Xeon(R) CPU E5-2650 v4 @ 2.20GHz, 24 cores; " +
		"16 modules, 65536 MiB A1 DDR4 2400 SK hynix 425BB5D0 HMA451R7AFR8N-UH",
	"dell-r640": "server, Dell Inc., PowerEdge R640, 2RJF153; board Dell Inc. 06NR82 .2RJF153.CNIVC0005G0184.; " +
		"chassis Rack Mount Chassis ; BIOS 2.6.4 2020-04-09; 2 x Intel(R) Xeon(R) Gold 6244 CPU @ 3.60GHz, 16 cores; " +
		"8 modules, 262144 MiB A1 DDR4 2933 Samsung 3780385B M393A4K40CB2-CVF",
	"dell-r640-1": "server, Dell Inc., PowerEdge R640, 6J29H63; board Dell Inc. 0H28RR .6J29H63.CNCMS0006U00VG.; " +
		"chassis Rack Mount Chassis ; BIOS 2.8.2 2020-08-27; 2 x Intel(R) Xeon(R) Silver 4210 CPU @ 2.20GHz, 20 cores; " +
		"12 modules, 98304 MiB A1 DDR4 3200 Micron F16A7647 9ASF1G72PZ-3G2E2",
	"dell-r720": "server, Dell Inc., PowerEdge R720xd, 7PPDY12; board Dell Inc. 0X3D66 ..CN7016346K000G.; " +
		"chassis Rack Mount Chassis ; BIOS 2.4.3 2014-07-09; 2 x Intel(R) Xeon(R) CPU E5-2660 v2 @ 2.20GHz, 20 cores; " +
		"8 modules, 65536 MiB DIMM_A1 DDR3 1866 Samsung 16B8328C M393B1G73QH0-CMA",
	"freebsd-6.2": "desktop, , CN700-8237R, ; board  CN700-8237R ; chassis Desktop ; BIOS  ; 1 x VIA C7, 0 cores; " +
		"1 modules, 512 MiB A0  0 None None None",
	"freebsd-8.1": "laptop, Hewlett-Packard, HP Pavilion dv6 Notebook PC, CNF01207X6; board Hewlett-Packard 3659 CNF01207X6; " +
		"chassis Notebook ; BIOS F.1C 2010-05-17; 1 x Intel(R) Core(TM) i5 CPU M 430 @ 2.27GHz, 2 cores; " +
		"2 modules, 4096 MiB Bottom - Slot 1  1067 Hynix 1A1541FC HMT125S6BFR8C-H9",
	"hp-dl360-gen7": "server, HP, ProLiant DL360 G7, CZJ1280RQ2; board   ; chassis Rack Mount Chassis ; BIOS P68 2015-08-16; " +
		"2 x Intel(R) Xeon(R) CPU X5650 @ 2.67GHz, 12 cores; 8 modules, 65536 MiB",
	"hp-dl360-gen7_2": "server, HP, ProLiant DL360 G7, CZJ1280RMQ; board   ; chassis Rack Mount Chassis ; BIOS P68 2012-12-02; " +
		"2 x Intel(R) Xeon(R) CPU X5660 @ 2.80GHz, 12 cores; 8 modules, 131072 MiB",
	"hp-dl360-gen8": "server, HP, ProLiant DL360p Gen8, USE2236835; board   ; chassis Rack Mount Chassis ; BIOS P71 2015-07-01; " +
		"2 x Intel(R) Xeon(R) CPU E5-2640 0 @ 2.50GHz, 12 cores; " +
		"8 modules, 65536 MiB PROC  1 DIMM  1 DDR3 1333 HP 647650-071",
	"lenovo-thinkpad": "laptop, LENOVO, 1298A8G, LR9NKZ7; board LENOVO 1298A8G 1ZJJC21G0N6; chassis Notebook No Asset Information; " +
		"BIOS 8NET32WW (1.16 ) 2011-12-01; 1 x Intel(R) Core(TM) i5-2450M CPU @ 2.50GHz, 2 cores; " +
		"2 modules, 8192 MiB ChannelA-DIMM0 DDR3 1333 Samsung B52A5D9F M471B5273CH0-CH9",
	"linux-1": "desktop, System manufacturer, System Product Name, System Serial Number; " +
		"board ASUSTeK Computer INC. P5Q MS1C93BB0H00980; chassis Desktop Asset-1234567890; BIOS 2102 2009-04-07; " +
		"1 x Intel(R) Core(TM)2 Duo CPU E8400 @ 3.00GHz, 2 cores; " +
		"4 modules, 4096 MiB DIMM0 DDR2 1066 Manufacturer00 SerNum00 ModulePartNumber00",
	"memory/hynix-kingmax": ", , , ; board   ; chassis  ; BIOS  ; 0 x , 0 cores; " +
		"2 modules, 16384 MiB DIMM A DDR4 3200 SK hynix 25477B84 HMAA1GS6CJR6N-XN",
	"memory/positivo-informatica": ", , , ; board   ; chassis  ; BIOS  ; 0 x , 0 cores; " +
		"1 modules, 8192 MiB ChannelB-DIMM0 DDR4 2667 0416 0000065D P48808GSHCRN-VK",
	"openbsd-3.8": "server, Dell Computer Corporation, PowerEdge 1800, 2K1012J; " +
		"board Dell Computer Corporation 0P8611 ..CN717035A80217.; chassis Main Server Chassis ; BIOS A05 2005-09-21; " +
		"1 x , 0 cores; 2 modules, 1024 MiB DIMM1_A  400 Samsung 50075483 M3 93T6450FZ0-CCC",
	"oracle-server-6.7-oda": "server, Oracle Corporation, ORACLE SERVER X5-2, 1634NM1100; " +
		"board Oracle Corporation ASM,MOTHERBOARD,1U 489089M+16324B21FK; chassis Main Server Chassis 7092459; " +
		"BIOS 30080300 2016-05-26; 2 x Intel(R) Xeon(R) CPU E5-2699 v3 @ 2.30GHz, 36 cores; " +
		"8 modules, 262144 MiB D11 DDR4 2133 Samsung 324AA44C M386A4G40DM0-CPB",
	"oracle-server-x5-2": "server, Oracle Corporation, ORACLE SERVER X5-2, 1634NM1107; " +
		"board Oracle Corporation ASM,MOTHERBOARD,1U 489089M+16324B2191; chassis Main Server Chassis 7092459; " +
		"BIOS 30080300 2016-05-26; 2 x Intel(R) Xeon(R) CPU E5-2699 v3 @ 2.30GHz, 36 cores; " +
		"16 modules, 524288 MiB D11 DDR4 2133 Samsung 330DC586 M386A4G40DM0-CPB",
	"rhel-2.1": ", , , KBKGW40; board   NA60B7Y0S3Q; chassis  N/A; BIOS -[JPE130AUS-1.30]- ; 0 x , 0 cores; 0 modules, 0 MiB",
	"rhel-3.4": "desktop, IBM, IBM eServer x226-[8488PCR]-, KDXPC16; board IBM MSI-9151 Boards #A123456789; " +
		"chassis Tower 12345678901234567890123456789012; BIOS IBM BIOS Version 1.57-[PME157AUS-1.57]- 2005-08-25; " +
		"2 x Intel(R) Xeon(TM) CPU 2.80GHz, 0 cores; 3 modules, 1536 MiB DIMM 1 DDR 400  460360BB M3 93T6553BZ3-CCC",
	"rhel-3.9": "virtual machine, innotek GmbH, VirtualBox, 0; board   ; chassis  ; BIOS VirtualBox 2006-12-01; 0 x , 0 cores; " +
		"0 modules, 0 MiB",
	"rhel-4.3": "desktop, IBM, -[86494jg]-, KDMAH1Y; board IBM MS-9121 48Z1LX; chassis Tower ; BIOS -[OQE115A]- 2006-03-14; " +
		"2 x Intel Xeon(tm), 0 cores; 4 modules, 2048 MiB",
	"rhel-5.6": "server, Dell Inc., PowerEdge R710, 861YZ4J; board Dell Inc. 0MD99X ..CN708210BL002B.; " +
		"chassis Rack Mount Chassis ; BIOS 2.2.10 2010-11-09; 2 x Intel(R) Xeon(R) CPU E5620 @ 2.40GHz, 8 cores; " +
		"4 modules, 8192 MiB DIMM_A2 DDR3 1333 SK hynix 2AA3F87D HMT325R7BFR8C-H9",
	"rhel-6.2-vmware-2vcpus": "virtual machine, VMware, Inc., VMware Virtual Platform, VMware-42 1b ba bd 5f 4e af 7e-3a 56 b5 af 1c e1 a9 77; " +
		"board Intel Corporation 440BX Desktop Reference Platform None; chassis  No Asset Tag; BIOS 6.00 2013-07-30; " +
		"0 x , 0 cores; 1 modules, 4096 MiB",
	"rhel-6.3-esx-1vcpu": "virtual machine, VMware, Inc., VMware Virtual Platform, VMware-56 4d 60 49 9d 7d 6e 8b-4a 41 7b 2d b1 47 ab a7; " +
		"board Intel Corporation 440BX Desktop Reference Platform None; chassis  No Asset Tag; BIOS 6.00 2013-07-31; " +
		"0 x , 0 cores; 1 modules, 512 MiB",
	"vmware": "virtual machine, VMware, Inc., VMware Virtual Platform, VMware-50 0c 23 94 04 63 a1 3c-0d d4 f5 37 a6 bb f0 a6; " +
		"board Intel Corporation 440BX Desktop Reference Platform None; chassis  No Asset Tag; BIOS 6.00 2008-07-22; " +
		"0 x , 0 cores; 1 modules, 2048 MiB",
	"windows": "laptop, TOSHIBA, Satellite 2410, X2735244G; board TOSHIBA Portable PC $$T02XB1K9; " +
		"chassis Notebook 0000000000; BIOS Version 1.10 2002-08-13; 1 x , 0 cores; 2 modules, 768 MiB",
	"windows-2003R2-Hotfix": "virtual machine, Red Hat, KVM, ; board   ; chassis  ; BIOS 0.5.1 2007-01-01; 0 x , 0 cores; " +
		"1 modules, 4096 MiB",
	"windows-2008-with-2-different-cpus": ", , , ; board   ; chassis  ; BIOS  ; 2 x Intel(R) Xeon(R) CPU E5504 @ 2.00GHz, 8 cores; 0 modules, 0 MiB",
	"windows-2019-amd-epyc":              ", , , ; board   ; chassis  ; BIOS  ; 1 x , 4 cores; 0 modules, 0 MiB",
	"windows-7": "desktop, System manufacturer, System Product Name, System Serial Number; " +
		"board ASUSTeK Computer INC. P8P67 MT7013K30709271; chassis Desktop Asset-1234567890; BIOS 1503 2011-03-10; " +
		"1 x Intel(R) Core(TM) i5-2300 CPU @ 2.80GHz, 4 cores; " +
		"2 modules, 4096 MiB DIMM1  1600 Undefined 0000000 F3-12800CL9-2GBXL",
	"windows-7.2": "desktop, System manufacturer, System Product Name, System Serial Number; " +
		"board ASUSTeK Computer INC. M3A78-CM MF7097G05100710; chassis Desktop Asset-1234567890; BIOS 2003 2009-06-26; " +
		"1 x AMD Athlon(tm) II X2 245 Processor, 2 cores; " +
		"4 modules, 6144 MiB DIMM0 DDR2 667 Manufacturer0 SerNum0 PartNum0",
	"windows-hyperV": "virtual machine, Microsoft Corporation, Virtual Machine, 2349-2347-2234-2340-2341-3240-48; " +
		"board Microsoft Corporation Virtual Machine 2349-2347-2234-2340-2341-3240-48; " +
		"chassis Desktop 4568-2345-6432-9324-3433-2346-47; BIOS 090004 2009-03-19; 0 x , 0 cores; " +
		"1 modules, 1024 MiB M0  0 Microsoft None None",
	"windows-xp": "laptop, Dell Inc., Precision M4400, HLG964J; board Dell Inc. 0P019G .HLG964J.CN129618C52450.; " +
		"chassis Portable ; BIOS A24 2010-08-19; 1 x , 2 cores; " +
		"2 modules, 4096 MiB DIMM_A DDR2 800 Elpida 14FA6621 EBE21UE8ACUA-8G-E",
}

// What servers say of their power supplies; what a board's maker left open is none.
func TestPowerSupplyCaptures(t *testing.T) {
	for name, want := range map[string]string{
		"dell-r640":             "PWR SPLY,750W,RDNT,DELTA, DELL, 05RHVVA03 (750 W), CNDED0003G0NQA; PWR SPLY,750W,RDNT,DELTA, DELL, 05RHVVA03 (750 W), CNDED0003G0O0P; ",
		"hp-dl360-gen8":         "Power Supply 1, HP, 503296-B21 (460 W), 5ANLF0CHL2J3Q4; Power Supply 2, HP, 503296-B21 (460 W), 5ANLF0CHL2J3PZ; ",
		"psu/Supermicro_X11DPU": "PWS-751P-1R, SUPERMICRO, PWS-751P-1R (750 W), P751PCH10A00840; PWS-751P-1R, SUPERMICRO, PWS-751P-1R (750 W), P751PCH10A00839; ",
		"psu/Supermicro_3":      "PWS-703P-1R, SUPERMICRO, PWS-703P-1R (700 W), P7031CC16UT9413; ",
		"psu/MSI_MS-7817":       "", "lenovo-thinkpad": "", "windows-7": "",
	} {
		root := plant(t, map[string]string{"sys/firmware/dmi/tables/DMI": string(rebuild(capture(t, "generic/dmidecode/"+name)))})
		body, _ := look(t, root, "slots") // some list none
		list, _ := body.(inventory.Components)
		got := ""
		for _, c := range list {
			got += fmt.Sprintf("%s, %s, %s, %s; ", c.Name, c.Vendor, c.Model, c.Serial)
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}
