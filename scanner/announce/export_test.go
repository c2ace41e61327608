package announce

import "net/netip"

// What tests of the parsers need.
var (
	ParseSSDP         = parseSSDP
	ParseDescription  = parseDescription
	ParseWSD          = parseWSD
	ParseNodeStatus   = parseNodeStatus
	ParseRegistration = parseRegistration
	NodeStatus        = nodeStatus
	WSDProbe          = wsdProbe
	Unescape          = unescape
	Text              = text
)

// Hear takes a datagram as if from a station's port.
func (b *Notebook) Hear(source netip.Addr, by, to int, payload []byte) bool {
	_, ok := b.hear(source, by, to, payload)
	return ok
}
