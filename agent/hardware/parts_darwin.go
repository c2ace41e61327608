package hardware

import (
	"context"
	"runtime"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

func (t *tools) hardware(ctx context.Context) (inventory.Body, error) {
	h := &inventory.Hardware{
		SystemModel: sysctl("hw.model"), CPUModel: sysctl("machdep.cpu.brand_string"),
		CPUSockets: int(sysctlNumber("hw.packages")), CPUCores: int(sysctlNumber("hw.physicalcpu")),
		CPUThreads: int(sysctlNumber("hw.logicalcpu")), CPUMaxMHz: int(sysctlNumber("hw.cpufrequency_max") / 1e6),
		MemoryBytes: sysctlNumber("hw.memsize"), SwapBytes: swap(ctx), BoardVendor: apple,
	}
	h.CPUVendor = macCPUVendor(h.CPUModel)
	e, err := t.expert.get(ctx)
	h.BoardModel, h.SystemSKU = e.board, e.regulatory
	report, reportErr := told(ctx, t.fixed, "SPHardwareDataType")
	overview(report).fill(h)
	clean(h)
	if reportErr != nil {
		return h, source.Partial("firmware and family: %v", reportErr)
	}
	if err != nil {
		return h, source.Partial("board: %v", err)
	}
	return h, nil
}

func (t *tools) memory(ctx context.Context) (inventory.Body, error) {
	report, err := told(ctx, t.fixed, "SPMemoryDataType")
	if err != nil {
		return nil, err
	}
	return macModules(report), nil
}

func (t *tools) disks(ctx context.Context) (inventory.Body, error) {
	nodes, err := ioRegistry(ctx, "3", "IOBlockStorageDevice")
	if err != nil {
		return nil, err
	}
	report, err := t.parts.get(ctx)
	list := macDisks(report, nodes)
	if err != nil {
		return list, source.Partial("health of disks: %v", err)
	}
	return list, nil
}

func (t *tools) gpus(ctx context.Context) (inventory.Body, error) {
	report, err := told(ctx, t.parts, "SPDisplaysDataType")
	if err != nil {
		return nil, err
	}
	return macGPUs(report), nil
}

// monitors asks for the displays of Intel's machines and for the drivers of both
// generations of Apple silicon.
func (t *tools) monitors(ctx context.Context) (inventory.Body, error) {
	nodes, err := ioRegistry(ctx, "1", "IODisplay", "AppleCLCD2", "IOMobileFramebufferShim")
	if err != nil {
		return nil, err
	}
	report, err := told(ctx, t.parts, "SPDisplaysDataType")
	list := macMonitors(report, nodes)
	if err != nil {
		return list, source.Partial("built-in panels: %v", err)
	}
	return list, nil
}

func (t *tools) batteries(ctx context.Context) (inventory.Body, error) {
	nodes, err := ioRegistry(ctx, "1", "AppleSmartBattery")
	if err != nil {
		return nil, err
	}
	if len(nodes) == 0 {
		return inventory.Batteries{}, nil
	}
	report, err := t.parts.get(ctx)
	list := macBatteries(nodes, report)
	if err != nil {
		return list, source.Partial("health as the system shows it: %v", err)
	}
	return list, nil
}

func (t *tools) printers(ctx context.Context) (inventory.Body, error) {
	report, err := told(ctx, t.printer, "SPPrintersDataType")
	if err != nil {
		return nil, err
	}
	return macPrinters(report), nil
}

func readUSB(ctx context.Context) (inventory.Body, error) {
	nodes, err := ioRegistry(ctx, "1", "IOUSBHostDevice", "IOUSBHostInterface")
	if err != nil {
		return nil, err
	}
	return registryUSB(nodes), nil
}

func (t *tools) plugs(ctx context.Context) (inventory.Body, error) {
	report, err := told(ctx, t.plugged, "SPThunderboltDataType", "SPBluetoothDataType")
	if err != nil {
		return nil, err
	}
	return append(macThunderbolt(report), macBluetooth(report)...), nil
}

func readPCI(ctx context.Context) (inventory.Body, error) {
	nodes, err := ioRegistry(ctx, "1", "IOPCIDevice")
	if err != nil {
		return nil, err
	}
	return registryPCI(nodes), nil
}

func (t *tools) security(ctx context.Context) (inventory.Body, error) {
	report, err := told(ctx, t.fixed, "SPiBridgeDataType", "SPSoftwareDataType")
	if err != nil {
		return nil, err
	}
	model := sysctl("hw.model")
	s := macSecurity(report, runtime.GOARCH == "amd64" && sysctlNumber("sysctl.proc_translated") == 0, macHypervisor(virtual(), model) != "")
	status, err := source.Run(ctx, source.Command{Path: "/usr/sbin/spctl", Args: []string{"--status"}})
	word := gatekeeper(status)
	if err != nil { // it may end with an error to say that it is switched off
		word = gatekeeperPrefs(file("private/var/db/SystemPolicy-prefs.plist"))
	}
	s.MandatoryAccess = strings.Trim(s.MandatoryAccess+","+word, ",")
	if a, err := t.apfs.get(ctx); err == nil {
		s.DiskEncryption = a.encryption(rootDevice())
	}
	if s.DiskEncryption == "" {
		b, err := source.Run(ctx, source.Command{Path: "/usr/bin/fdesetup", Args: []string{"status"}})
		if err != nil {
			return clean(s), source.Partial("disk encryption: %v", err)
		}
		s.DiskEncryption = fileVault(b)
	}
	return clean(s), nil
}

func readUsers(ctx context.Context) (inventory.Body, error) {
	users, err := source.Run(ctx, source.Command{Path: "/usr/bin/dscl", Args: []string{
		"-plist", ".", "-readall", "/Users", "RecordName", "UniqueID", "RealName", "NFSHomeDirectory", "UserShell", "IsHidden", "AuthenticationAuthority",
	}})
	if err != nil {
		return nil, err
	}
	admins, err := source.Run(ctx, source.Command{Path: "/usr/bin/dscl", Args: []string{"-plist", ".", "-read", "/Groups/admin", "GroupMembership"}})
	if err != nil {
		return nil, err
	}
	return macUsers(users, admins)
}
