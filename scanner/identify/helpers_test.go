package identify_test

import (
	"net/netip"

	"github.com/muster-itam/muster/scanner/snmp"
)

func ethernet(index int, name, prefix string) snmp.Interface {
	return snmp.Interface{Index: index, Name: name, Type: 6, Addresses: []netip.Prefix{netip.MustParsePrefix(prefix)}}
}
