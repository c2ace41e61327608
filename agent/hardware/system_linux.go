package hardware

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/hardware/smbios"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const (
	dmiTables = "sys/firmware/dmi/tables"
	dmiID     = "sys/class/dmi/id"

	dmiRights = "serial numbers and memory modules are in /" + dmiTables +
		"/DMI, which only root may read: run the agent as root or give it CAP_DAC_READ_SEARCH"
)

// readSMBIOS gives the firmware's description of the machine: nil when there is none.
// The problem is for an administrator; with one, the description is not whole.
func readSMBIOS(tree *source.Tree) (info *smbios.Info, problem string) {
	table, err := tree.ReadFile(dmiTables+"/DMI", smbios.MaxTable)
	if err == nil {
		entryPoint, _ := tree.ReadFile(dmiTables+"/smbios_entry_point", 4096) // nil will do
		info, err = smbios.Decode(entryPoint, table)
		if err != nil {
			problem = "the firmware's SMBIOS table is damaged: " + err.Error()
		}
		return info, problem
	}
	info = sysfsDMI(tree)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return info, dmiRights
	case !errors.Is(err, fs.ErrNotExist):
		return info, fmt.Sprintf("the firmware's SMBIOS table cannot be read: %v", err)
	}
	if _, err := tree.ReadFile(dmiID+"/product_serial", 4096); errors.Is(err, fs.ErrPermission) {
		return info, dmiRights
	}
	return info, "" // kernels before 4.2 have no table; many machines have no SMBIOS
}

// sysfsDMI reads the attributes that the kernel extracts from the table, of which all
// but serial numbers and the UUID are open to everybody
// (Documentation/ABI/testing/sysfs-class-dmi).
func sysfsDMI(tree *source.Tree) *smbios.Info {
	if !tree.Exists(dmiID) {
		return nil
	}
	text := func(name string) string { return tree.Text(dmiID + "/" + name) }
	kind, _ := strconv.Atoi(text("chassis_type")) // 0 is no type
	return &smbios.Info{
		BIOS: smbios.BIOS{Vendor: text("bios_vendor"), Version: text("bios_version"), Date: smbios.Date(text("bios_date"))},
		System: smbios.System{
			Vendor: text("sys_vendor"), Product: text("product_name"), Version: text("product_version"),
			Serial: text("product_serial"), SKU: text("product_sku"), Family: text("product_family"),
			UUID: strings.ToLower(text("product_uuid")),
		},
		Boards: []smbios.Board{{
			Vendor: text("board_vendor"), Product: text("board_name"), Version: text("board_version"),
			Serial: text("board_serial"), AssetTag: text("board_asset_tag"),
		}},
		Chassis: []smbios.Chassis{{
			Vendor: text("chassis_vendor"), Version: text("chassis_version"), Serial: text("chassis_serial"),
			AssetTag: text("chassis_asset_tag"), Type: kind,
		}},
	}
}

// readContainer finds out whether the agent itself is in a container.
func readContainer(tree *source.Tree) container {
	signs := containerSigns{
		systemd:      tree.Text("run/systemd/container"),
		cgroup:       contents(tree, "proc/1/cgroup"),
		dockerEnv:    tree.Exists(".dockerenv"),
		containerEnv: contents(tree, "run/.containerenv"),
		openvz:       tree.Exists("proc/vz") && !tree.Exists("proc/bc"),
	}
	if tree.Exists("run/.containerenv") && signs.containerEnv == "" {
		signs.containerEnv = "\n" // podman leaves it empty unless the container is privileged
	}
	// Root alone may read it; the other signs do without.
	signs.environ, _ = tree.ReadFile("proc/1/environ", maxSmallFile)
	signs.mounts, _ = readMounts(tree)
	return signs.detect()
}

func readMounts(tree *source.Tree) ([]mount, error) {
	f, err := tree.Open("proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return parseMounts(f)
}

// contents is a configuration file's text, "" when it cannot be read.
func contents(tree *source.Tree, name string) string {
	b, err := tree.ReadFile(name, maxSmallFile)
	if err != nil {
		return ""
	}
	return string(b)
}

func readCPUInfo(tree *source.Tree) (cpuInfo, error) {
	f, err := tree.Open("proc/cpuinfo")
	if err != nil {
		return cpuInfo{}, err
	}
	defer func() { _ = f.Close() }() // only read
	return parseCPUInfo(f)
}

// readFindings looks at everything that tells who the machine is.
func readFindings(tree *source.Tree) (f findings, problem string) {
	f.smbios, problem = readSMBIOS(tree)
	if f.container = readContainer(tree); f.container.kind != "" {
		problem = "" // the table is about the host
	}
	cpu, _ := readCPUInfo(tree) // its absence is the hardware section's matter
	f.board = readDeviceTree(tree)
	f.board.model = first(f.board.model, cpu.board)
	f.board.serial = first(f.board.serial, cpu.serial)
	f.kernel = kernelSigns{
		flag:         cpu.hypervisor,
		clockSources: tree.Text("sys/devices/system/clocksource/clocksource0/available_clocksource"),
		xen:          tree.Text("sys/hypervisor/type") == "xen",
		release:      tree.Text("proc/sys/kernel/osrelease"),
	}
	return f, problem
}

func readDeviceTree(tree *source.Tree) deviceTree {
	const dir = "sys/firmware/devicetree/base/"
	text := func(name string) string {
		b, _, _ := bytes.Cut([]byte(contents(tree, dir+name)), []byte{0})
		return source.Text(string(b))
	}
	return deviceTree{model: text("model"), serial: text("serial-number"), compatible: text("compatible")}
}

func readDevice(_ context.Context, tree *source.Tree) (inventory.Body, error) {
	f, problem := readFindings(tree)
	f.hostname = first(tree.Text("proc/sys/kernel/hostname"), firstWord(tree.Text("etc/hostname")))
	f.hosts = contents(tree, "etc/hosts")
	// machine-id(5); on systems without systemd D-Bus keeps one.
	f.machineID = first(tree.Text("etc/machine-id"), tree.Text("var/lib/dbus/machine-id"))
	if f.machineID == "uninitialized" {
		f.machineID = ""
	}
	f.sshKeys = readSSHKeys(tree)
	if b, err := tree.ReadFile("run/cloud-init/instance-data.json", maxBigFile); err == nil {
		f.cloud, _ = parseCloudInit(b) // a hint; nothing is missing without it
	}
	var unseen string
	if f.directory, unseen = readDirectory(tree); unseen != "" {
		problem = strings.TrimPrefix(problem+"; "+unseen, "; ")
	}
	d := clean(f.device())
	if problem != "" {
		return d, source.Partial("%s", problem)
	}
	return d, nil
}

func readSSHKeys(tree *source.Tree) []string {
	var out []string
	for _, name := range tree.Names("etc/ssh", maxEntries) {
		if len(out) == 16 || !strings.HasPrefix(name, "ssh_host_") || !strings.HasSuffix(name, "_key.pub") {
			continue
		}
		if fingerprint, err := sshFingerprint(contents(tree, "etc/ssh/"+name)); err == nil {
			out = append(out, fingerprint)
		}
	}
	return out
}

func (r osReader) read(_ context.Context, tree *source.Tree) (inventory.Body, error) {
	release := contents(tree, "etc/os-release")
	if release == "" {
		release = contents(tree, "usr/lib/os-release")
	}
	redhat := first(tree.Text("etc/redhat-release"), tree.Text("etc/centos-release"))
	os := linuxOS(parseOSRelease(release), tree.Text("etc/debian_version"), redhat)
	os.Kernel = tree.Text("proc/sys/kernel/osrelease")
	os.Arch = machineArch()
	if stat, err := tree.ReadFile("proc/stat", maxBigFile); err == nil {
		os.BootTime = bootTime(string(stat))
	}
	os.Timezone = readTimezone(tree)
	if readContainer(tree).kind == "" { // an image is not installed
		os.Installed = r.installed()
	}
	if os.Name == "" {
		return os, source.Partial("the distribution is unknown: no /etc/os-release")
	}
	return os, nil
}

// osReader reads about the operating system beneath root.
type osReader struct{ root string }

// installed is the day of installation: that on which the installer of Debian, Ubuntu or
// Red Hat left its traces, or else on which the root file system was made, or the machine
// was given its id, whichever is later: images are made once and started often.
func (r osReader) installed() string {
	for _, name := range []string{"var/log/installer", "root/anaconda-ks.cfg"} {
		if t := r.born(name); !t.IsZero() {
			return t.Format(time.DateOnly)
		}
	}
	t := r.born(".")
	if id := r.born("etc/machine-id"); id.After(t) {
		t = id
	}
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// born is when a file was made, where the file system tells (statx(2)).
func (r osReader) born(name string) time.Time {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, filepath.Join(r.root, name), unix.AT_SYMLINK_NOFOLLOW|unix.AT_STATX_DONT_SYNC, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 || st.Btime.Sec <= 0 {
		return time.Time{}
	}
	return time.Unix(st.Btime.Sec, 0).UTC()
}

func machineArch() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return source.Text(unix.ByteSliceToString(u.Machine[:]))
}

// bootTime finds the line "btime SECONDS" of /proc/stat, which follows the interrupts
// and can be some way into it. The kernel computes it from the clock, so it moves by
// seconds when the clock is set; minutes are steady enough.
func bootTime(stat string) time.Time {
	for line := range strings.Lines(stat) {
		if s, ok := strings.CutPrefix(line, "btime "); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 40); err == nil && n > 0 {
				return time.Unix(n, 0).UTC().Round(time.Minute)
			}
		}
	}
	return time.Time{}
}

func readTimezone(tree *source.Tree) string {
	if target, err := tree.Readlink("etc/localtime"); err == nil {
		if _, zone, ok := strings.Cut(target, "zoneinfo/"); ok {
			return source.Text(zone)
		}
	}
	return tree.Text("etc/timezone")
}
