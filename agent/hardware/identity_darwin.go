package hardware

import (
	"context"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const preferences = "Library/Preferences/SystemConfiguration/"

func (t *tools) device(ctx context.Context) (inventory.Body, error) {
	host, err := macHostName(file(preferences + "preferences.plist"))
	if err != nil || host == "" {
		if host, err = os.Hostname(); err != nil {
			return nil, err
		}
	}
	d := &inventory.Device{Role: inventory.RoleHost, Vendor: apple}
	d.Name, d.Domain = hostName(host, "")
	model := sysctl("hw.model")
	e, problem := t.expert.get(ctx)
	name := marketingName(ctx, model)
	d.Model, d.Serial = first(name, model, e.model), e.serial
	d.Virtual = macHypervisor(virtual(), model, e.model, e.vendor, e.serial)
	d.Class = macClass(d.Virtual, model, name)
	d.Identifiers = macIdentifiers(e.serial, e.uuid)
	clean(d)
	if problem != nil {
		return d, source.Partial("serial number and platform UUID: %v", problem)
	}
	if e.serial == "" || e.uuid == "" {
		return d, source.Partial("the I/O Registry names no serial number or no platform UUID")
	}
	return d, nil
}

func virtual() bool {
	return sysctlNumber("kern.hv_vmm_present") == 1 || strings.Contains(" "+sysctl("machdep.cpu.features")+" ", " VMM ")
}

// marketingName asks the firmware, which knows on Apple silicon, or a list in the system.
func marketingName(ctx context.Context, model string) string {
	b, err := source.Run(ctx, source.Command{
		Path: "/usr/sbin/ioreg", Args: []string{"-a", "-r", "-l", "-d", "1", "-p", "IODeviceTree", "-n", "product"},
	})
	if err == nil {
		if nodes, err := parseRegistry(b); err == nil && marketing(nodes) != "" {
			return marketing(nodes)
		}
	}
	const dir = "System/Library/PrivateFrameworks/ServerInformation.framework/Versions/A/Resources/"
	for _, language := range []string{"en.lproj", "English.lproj"} {
		if name, err := macAttributes(file(dir+language+"/SIMachineAttributes.plist"), model); err == nil && name != "" {
			return name
		}
	}
	return ""
}

// readDirectory names the Active Directory by the file of its configuration, which root may list.
func readDirectory(context.Context) (inventory.Body, error) {
	const dir = "Library/Preferences/OpenDirectory/Configurations/Active Directory"
	tree, err := source.OpenTree("/")
	if err != nil {
		return nil, err
	}
	defer func() { _ = tree.Close() }() // only read
	d := &inventory.Device{}
	if !tree.Exists(dir) {
		return d, nil
	}
	entries, err := tree.ReadDir(dir, 64)
	if err != nil {
		return d, source.Partial("the directory that the machine belongs to: %v", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".plist") {
			d.Directory = "active_directory"
			d.DirectoryName, d.Domain = macDirectory(e.Name(), file(dir+"/"+e.Name()))
			break
		}
	}
	return clean(d), nil
}

func (t *tools) enrolment(ctx context.Context) (inventory.Body, error) {
	b, err := source.Run(ctx, source.Command{Path: "/usr/bin/profiles", Args: []string{"status", "-type", "enrollment"}})
	if err != nil {
		return nil, err
	}
	d := &inventory.Device{}
	enrolled, server := macEnrolment(b)
	if !enrolled {
		return d, nil
	}
	e, err := t.expert.get(ctx)
	if err != nil {
		return nil, err
	}
	if e.uuid != "" {
		d.Identifiers = []inventory.Identifier{{Type: inventory.IDMDM, Value: e.uuid, Scope: server}}
	}
	return clean(d), nil
}

func readLastUser(context.Context) (inventory.Body, error) {
	b := file("Library/Preferences/com.apple.loginwindow.plist")
	if b == nil {
		return nil, source.Unsupported("/Library/Preferences/com.apple.loginwindow.plist is not there: nobody has signed in")
	}
	user, err := macLastUser(b)
	if err != nil {
		return nil, err
	}
	return clean(&inventory.Device{User: user}), nil
}

func readOS(context.Context) (inventory.Body, error) {
	out, err := macVersion(file("System/Library/CoreServices/SystemVersion.plist"))
	if err != nil {
		version := sysctl("kern.osproductversion")
		out = inventory.OS{Family: "darwin", Name: macOSName("", version), Version: version, Build: sysctl("kern.osversion")}
	}
	out.Kernel, out.Arch = sysctl("kern.osrelease"), runtime.GOARCH
	if t, err := unix.SysctlTimeval("kern.boottime"); err == nil {
		out.BootTime = time.Unix(t.Sec, 0).UTC().Round(time.Minute)
	}
	if target, err := os.Readlink("/etc/localtime"); err == nil {
		_, out.Timezone, _ = strings.Cut(target, "zoneinfo/")
	}
	out.Installed = day("/private/var/db/.AppleSetupDone") // written when the first account was made
	return clean(&out), nil
}
