package smbios

// memoryTypes are the names of 7.18.2; those that tell nothing are empty.
var memoryTypes = [...]string{
	0x03: "DRAM", 0x04: "EDRAM", 0x05: "VRAM", 0x06: "SRAM", 0x07: "RAM", 0x08: "ROM", 0x09: "Flash",
	0x0a: "EEPROM", 0x0b: "FEPROM", 0x0c: "EPROM", 0x0d: "CDRAM", 0x0e: "3DRAM", 0x0f: "SDRAM",
	0x10: "SGRAM", 0x11: "RDRAM", 0x12: "DDR", 0x13: "DDR2", 0x14: "DDR2 FB-DIMM", 0x18: "DDR3",
	0x19: "FBD2", 0x1a: "DDR4", 0x1b: "LPDDR", 0x1c: "LPDDR2", 0x1d: "LPDDR3", 0x1e: "LPDDR4",
	0x1f: "Logical non-volatile", 0x20: "HBM", 0x21: "HBM2", 0x22: "DDR5", 0x23: "LPDDR5", 0x24: "HBM3",
}

// chassisNames are the names of 7.4.1.
var chassisNames = [...]string{
	0x03: "Desktop", 0x04: "Low Profile Desktop", 0x05: "Pizza Box", 0x06: "Mini Tower", 0x07: "Tower",
	0x08: "Portable", 0x09: "Laptop", 0x0a: "Notebook", 0x0b: "Hand Held", 0x0c: "Docking Station",
	0x0d: "All in One", 0x0e: "Sub Notebook", 0x0f: "Space-saving", 0x10: "Lunch Box",
	0x11: "Main Server Chassis", 0x12: "Expansion Chassis", 0x13: "Sub Chassis", 0x14: "Bus Expansion Chassis",
	0x15: "Peripheral Chassis", 0x16: "RAID Chassis", 0x17: "Rack Mount Chassis", 0x18: "Sealed-case PC",
	0x19: "Multi-system Chassis", 0x1a: "Compact PCI", 0x1b: "Advanced TCA", 0x1c: "Blade",
	0x1d: "Blade Enclosure", 0x1e: "Tablet", 0x1f: "Convertible", 0x20: "Detachable", 0x21: "IoT Gateway",
	0x22: "Embedded PC", 0x23: "Mini PC", 0x24: "Stick PC",
}

// ChassisName is the name of a chassis type; "" for other, unknown and unassigned ones.
func ChassisName(t int) string {
	if t < 0 || t >= len(chassisNames) {
		return ""
	}
	return chassisNames[t]
}
