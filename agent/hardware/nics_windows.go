package hardware

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// readNICs lists what the network stack has. Names of wireless networks are left out:
// since Windows 11 24H2 asking for them asks the person at the screen for their location.
func readNICs(ctx context.Context) (inventory.Body, error) {
	first, err := adapterAddresses()
	if err != nil {
		return nil, err
	}
	list := inventory.Interfaces{}
	for a := first; a != nil && len(list) < maxList; a = a.Next {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		list = append(list, newAdapter(a).networkInterface(registry.System{}))
	}
	return list, nil
}

func adapterAddresses() (*windows.IpAdapterAddresses, error) {
	const flags = windows.GAA_FLAG_SKIP_ANYCAST | windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_INCLUDE_GATEWAYS
	for size := uint32(1 << 15); size <= 1<<22; {
		b := make([]byte, size)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&b[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, flags, 0, first, &size)
		switch {
		case errors.Is(err, windows.ERROR_BUFFER_OVERFLOW):
			size = max(size, uint32(len(b))*2)
		case errors.Is(err, windows.ERROR_NO_DATA):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("list network adapters: %w", err)
		default:
			return first, nil
		}
	}
	return nil, errors.New("list network adapters: more than 4 MiB")
}

// ifEntry fills in the row of the interface whose LUID it has. GetIfEntry2Ex, which would leave
// out the statistics, is missing in Windows Server 2016.
func ifEntry(row *windows.MibIfRow2) bool {
	get := windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetIfEntry2")
	if get.Find() != nil {
		return false
	}
	status, _, _ := get.Call(uintptr(unsafe.Pointer(row)))
	return status == 0
}

func newAdapter(a *windows.IpAdapterAddresses) adapter {
	const suffixRandom = 5 // IpSuffixOriginRandom
	out := adapter{
		guid: windows.BytePtrToString(a.AdapterName), name: windows.UTF16PtrToString(a.FriendlyName), description: windows.UTF16PtrToString(a.Description),
		mac: append([]byte(nil), a.PhysicalAddress[:min(a.PhysicalAddressLength, windows.MAX_ADAPTER_ADDRESS_LENGTH)]...), ifType: a.IfType,
		index: int(a.IfIndex), mtu: int(int32(a.Mtu)), up: a.OperStatus == windows.IfOperStatusUp, bitsPerSecond: a.TransmitLinkSpeed,
	}
	out.mtu = max(out.mtu, 0) // of the loopback it is all ones
	if out.index == 0 {
		out.index = int(a.Ipv6IfIndex)
	}
	row := windows.MibIfRow2{InterfaceLuid: a.Luid}
	if ifEntry(&row) {
		const hardwareInterface = 1
		out.medium, out.hardware = row.PhysicalMediumType, row.InterfaceAndOperStatusFlags&hardwareInterface != 0
		out.permanent = append([]byte(nil), row.PermanentPhysicalAddress[:min(row.PhysicalAddressLength, uint32(len(row.PermanentPhysicalAddress)))]...)
	}
	for u := a.FirstUnicastAddress; u != nil && len(out.addresses) < maxList; u = u.Next {
		if ip, ok := netip.AddrFromSlice(u.Address.IP()); ok {
			ip = ip.Unmap().WithZone("")
			out.addresses = append(out.addresses, adapterAddress{netip.PrefixFrom(ip, int(u.OnLinkPrefixLength)), u.SuffixOrigin == suffixRandom && ip.Is6()})
		}
	}
	for g := a.FirstGatewayAddress; g != nil && len(out.gateways) < maxList; g = g.Next {
		if ip, ok := netip.AddrFromSlice(g.Address.IP()); ok {
			out.gateways = append(out.gateways, ip.Unmap())
		}
	}
	for d := a.FirstDnsServerAddress; d != nil && len(out.dns) < maxList; d = d.Next {
		if ip, ok := netip.AddrFromSlice(d.Address.IP()); ok {
			out.dns = append(out.dns, ip.Unmap())
		}
	}
	out.name = source.Text(out.name)
	return out
}
