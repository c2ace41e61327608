package service

import (
	"context"
	"encoding/json"
	"slices"
)

// redfish asks a management controller for its service root, which every client may read
// (DMTF DSP0266, 8.4). Only hosts that answer IPMI as well, or whose page speaks of such a
// controller, are asked.
func (w *web) redfish(ctx context.Context, f Facts) {
	ipmi := slices.ContainsFunc(w.met.Ports, func(p Port) bool { return p.Service == "ipmi" })
	if !ipmi && !controllerPage(f) {
		return
	}
	p, err := w.get(ctx, "GET", "/redfish/v1/", "", "", exchangeRoom)
	if err == nil && p.status == 200 {
		parseRedfish(p.body, f)
	}
}

func parseRedfish(b []byte, f Facts) {
	var root struct {
		RedfishVersion, UUID, Vendor, Product string
		Oem                                   map[string]json.RawMessage
	}
	if json.Unmarshal(b, &root) != nil || root.RedfishVersion == "" {
		return
	}
	f.set("redfish.version", root.RedfishVersion)
	f.set("redfish.uuid", root.UUID)
	f.set("redfish.vendor", root.Vendor)
	f.set("redfish.product", root.Product)
	names := make([]string, 0, len(root.Oem))
	for name := range root.Oem {
		names = append(names, name)
	}
	if slices.Sort(names); len(names) > 0 {
		f.set("redfish.oem", names[0])
	}
}

var controllerWords = []string{"idrac", "ilo ", "integrated lights-out", "xclarity", "megarac", "openbmc", "cimc", "supermicro", "bmc"}

func controllerPage(f Facts) bool {
	return slices.ContainsFunc(controllerWords, func(word string) bool {
		return containsFold(f["http.title"], word) || containsFold(f["http.server"], word)
	})
}
