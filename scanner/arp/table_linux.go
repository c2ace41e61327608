package arp

import (
	"fmt"
	"os"
)

// Table is the kernel's ARP table. Any user may read it.
func Table() ([]Sighting, error) {
	f, err := os.Open("/proc/net/arp")
	if err != nil {
		return nil, fmt.Errorf("open ARP table: %w", err)
	}
	defer func() { _ = f.Close() }()
	return ParseTable(f)
}
