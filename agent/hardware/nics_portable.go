//go:build windows

package hardware

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// readNICs lists network interfaces as the standard library sees them, which is without
// burned-in addresses, speeds and drivers. kind says what an interface is made of, by
// its name; "" when it does not tell.
func readNICs(kind func(name string) inventory.InterfaceType) func(context.Context) (inventory.Body, error) {
	return func(context.Context) (inventory.Body, error) {
		nics, err := net.Interfaces()
		if err != nil {
			return nil, fmt.Errorf("list network interfaces: %w", err)
		}
		list := inventory.Interfaces{}
		for _, n := range nics {
			out := inventory.Interface{
				Name: source.Text(n.Name), MAC: macText(n.HardwareAddr), Index: n.Index, MTU: n.MTU,
				Up: n.Flags&net.FlagRunning != 0, Type: kind(n.Name),
			}
			if n.Flags&net.FlagLoopback != 0 {
				out.Type = inventory.IfLoopback
			}
			addresses, err := n.Addrs()
			if err != nil {
				return nil, fmt.Errorf("list addresses of %s: %w", n.Name, err)
			}
			for _, a := range addresses {
				if p, err := netip.ParsePrefix(a.String()); err == nil {
					out.Addresses = append(out.Addresses, p)
				}
			}
			list = append(list, out)
		}
		return list, nil
	}
}

// unsupported is a source that is not there yet, and says what it would take.
func unsupported(section inventory.SectionName, name, reason string) source.Source {
	return source.Source{Section: section, Name: name, Read: func(context.Context) (inventory.Body, error) {
		return nil, source.Unsupported("%s", reason)
	}}
}
