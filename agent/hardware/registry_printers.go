package hardware

import (
	"errors"
	"io/fs"
	"net/url"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/registry"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const printKey = `HKLM\SYSTEM\CurrentControlSet\Control\Print\`

// printers are the queues of the machine and the connections of its users to queues of
// print servers. Serial numbers are those of the USB devices behind them.
func printers(r registry.Reader, devices []pnpDevice) (inventory.Printers, error) {
	list := inventory.Printers{}
	names, err := r.Subkeys(printKey + "Printers")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, source.Unsupported("this system has no print service: registry key %sPrinters does not exist", printKey)
	case err != nil:
		return nil, err
	}
	ports := usbPorts(r, devices)
	for _, name := range names {
		v, err := r.Values(printKey + `Printers\` + name)
		if err != nil {
			continue
		}
		// https://learn.microsoft.com/windows/win32/printdocs/printer-info-2
		const shared, network = 0x8, 0x10
		attributes, _ := v.Number("attributes")
		driver := v.Text("printer driver")
		p := inventory.Printer{
			Name: first(v.Text("name"), source.Text(name)), Driver: driver, Model: driver, Location: v.Text("location"),
			Shared: attributes&shared != 0, Network: attributes&network != 0,
		}
		port := v.Text("port")
		if p.URI = portURI(r, port); strings.Contains(p.URI, "://") { // ports of the Internet Printing Protocol are named by one
			shown := p.Network
			setPrinterURI(&p, p.URI)
			p.Network = p.Network || shown
		}
		if usb, ok := ports[strings.ToUpper(port)]; ok {
			p.Vendor, p.Serial, p.Model = usb.maker, usb.serial, first(usb.model, p.Model)
		}
		list = append(list, p)
	}
	return userPrinters(r, list), nil
}

// userPrinters adds connections, which are keys such as ",,server,queue", and says which queue
// is the default of somebody who is signed in.
func userPrinters(r registry.Reader, list inventory.Printers) inventory.Printers {
	people, err := registry.Profiles(r)
	if err != nil {
		return list
	}
	known := map[string]int{}
	for i, p := range list {
		known[strings.ToLower(p.Name)] = i
	}
	for _, person := range people {
		if !person.SignedIn {
			continue
		}
		root := `HKU\` + person.SID
		names, _ := r.Subkeys(root + `\Printers\Connections`)
		for _, name := range names {
			part := strings.Split(name, ",")
			if len(part) != 4 || part[3] == "" || len(list) == maxList {
				continue
			}
			p := inventory.Printer{
				Name: source.Text(`\\` + part[2] + `\` + part[3]), URI: source.Text("smb://" + part[2] + "/" + url.PathEscape(part[3])), Network: true,
			}
			if _, ok := known[strings.ToLower(p.Name)]; ok {
				continue
			}
			known[strings.ToLower(p.Name)] = len(list)
			list = append(list, p)
		}
		// "name,winspool,Ne00:"
		chosen := registry.Text(r, root+`\Software\Microsoft\Windows NT\CurrentVersion\Windows`, "Device")
		if name, _, ok := strings.Cut(chosen, ",winspool"); ok {
			if i, there := known[strings.ToLower(name)]; there {
				list[i].Default = true
			}
		}
	}
	return list
}

// portURI says where a port leads, or is its name. Ports of the TCP/IP monitor have their
// address in a key of theirs.
func portURI(r registry.Reader, port string) string {
	v, err := r.Values(printKey + `Monitors\Standard TCP/IP Port\Ports\` + port)
	if err != nil || port == "" || strings.ContainsRune(port, '\\') {
		return port
	}
	host := first(v.Text("hostname"), v.Text("ipaddress"))
	if host == "" {
		return port
	}
	const lpr = 2
	if v.Is("protocol", lpr) {
		return "lpd://" + host + "/" + url.PathEscape(v.Text("queue"))
	}
	if n, ok := v.Number("portnumber"); ok && n > 0 && n < 1<<16 {
		return "socket://" + host + ":" + strconv.FormatUint(n, 10)
	}
	return "socket://" + host
}

// usbPrinter is what Plug and Play knows of a printer at a port such as USB001.
type usbPrinter struct{ maker, model, serial string }

func usbPorts(r registry.Reader, devices []pnpDevice) map[string]usbPrinter {
	out := map[string]usbPrinter{}
	for _, d := range devices {
		if d.bus != "USBPRINT" {
			continue
		}
		port := registry.Text(r, enumKey+d.id+`\Device Parameters`, "PortName")
		i := strings.LastIndexByte(d.instance, '&')
		if port == "" && i >= 0 {
			port = d.instance[i+1:]
		}
		p := usbPrinter{maker: d.maker(), model: description(d.values, "devicedesc")}
		for _, parent := range devices {
			if parent.bus == "USB" && i >= 0 && isParent(parent, d, d.instance[:i]) && !strings.Contains(parent.instance, "&") {
				p.serial = source.Text(parent.instance)
			}
		}
		out[strings.ToUpper(port)] = p
	}
	return out
}

// isParent compares what a parent gives to its children's instances, and its container.
func isParent(parent, child pnpDevice, prefix string) bool {
	if given := parent.values.Text("parentidprefix"); given != "" && strings.EqualFold(given, prefix) {
		return true
	}
	container := parent.values.Text("containerid")
	return container != "" && container == child.values.Text("containerid")
}
