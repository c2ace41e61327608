//go:build !linux

package arp

import "errors"

// Table cannot be read on this operating system.
func Table() ([]Sighting, error) {
	return nil, errors.New("the system's ARP table cannot be read on this operating system")
}
