package hardware

import (
	"context"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// nics joins the kernel's interfaces, the settings' names and burned-in addresses, the
// services' routers and resolvers, and the name of the wireless network.
func (t *tools) nics(ctx context.Context) (inventory.Body, error) {
	b, err := source.Run(ctx, source.Command{Path: "/sbin/ifconfig", Args: []string{"-a"}})
	if err != nil {
		return nil, err
	}
	list, err := parseIfconfig(b)
	if err != nil {
		return nil, err
	}
	ports, err := settingsPorts(file(preferences + "NetworkInterfaces.plist"))
	if err != nil { // written at the first start; the tool knows as well
		if b, err = source.Run(ctx, source.Command{Path: "/usr/sbin/networksetup", Args: []string{"-listallhardwareports"}}); err == nil {
			ports = parsePorts(b)
		}
	}
	joinPorts(list, ports)
	for i := range list {
		if n := &list[i]; n.Type == inventory.IfWiFi && n.Up {
			if b, err := source.Run(ctx, source.Command{Path: "/usr/sbin/ipconfig", Args: []string{"getsummary", n.Name}}); err == nil {
				n.SSID = source.Text(parseSSID(b))
			}
		}
	}
	report, err := told(ctx, t.parts, "SPNetworkDataType")
	list = joinServices(list, report)
	if err != nil {
		return list, source.Partial("routers and resolvers: %v", err)
	}
	return list, nil
}
