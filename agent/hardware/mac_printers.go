package hardware

import (
	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
)

// macPrinters are the print queues.
func macPrinters(r profiler.Report) inventory.Printers {
	list := inventory.Printers{}
	for _, e := range r.Type("SPPrintersDataType").Entries {
		address := e.Get("uri")
		if e.Name == "" || address == "" && e.Get("ppd", "status") == "" {
			continue // "no printers" is an entry as well
		}
		p := inventory.Printer{
			Name: e.Name, Model: e.Get("ppd"), Driver: e.Get("driverversion", "driver version"),
			Location: e.Get("location"), Default: profiler.Yes(e.Get("default")), Shared: profiler.Yes(e.Get("shared", "printer sharing")),
		}
		if address != "" {
			setPrinterURI(&p, address)
		}
		list = append(list, *clean(&p))
	}
	return list
}
