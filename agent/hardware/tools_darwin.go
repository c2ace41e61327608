package hardware

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/agent/source"
)

// oneLook is how long what a program said stands for all sources.
const oneLook = 2 * time.Minute

// tools are the answers that sources share. Data types of system_profiler are asked for in
// groups, so that what the host's owner switched off is not asked for either.
type tools struct {
	fixed   *shared[profiler.Report] // what is soldered in or decided at start
	parts   *shared[profiler.Report]
	printer *shared[profiler.Report]
	plugged *shared[profiler.Report]
	apfs    *shared[apfs]
	expert  *shared[macExpert]
}

func newTools() *tools {
	profile := func(keep time.Duration, types ...string) *shared[profiler.Report] {
		return newShared(keep, time.Now, func(ctx context.Context) (profiler.Report, error) {
			b, err := source.Run(ctx, source.Command{
				// Its own time limit is longer: when that ends, it leaves out what it does not know yet.
				Path: "/usr/sbin/system_profiler", Args: append([]string{"-xml"}, types...), Timeout: 50 * time.Second,
			})
			if err != nil {
				return nil, err
			}
			return profiler.Parse(b)
		})
	}
	return &tools{
		fixed: profile(0, "SPHardwareDataType", "SPMemoryDataType", "SPiBridgeDataType", "SPSoftwareDataType"),
		parts: profile(oneLook, "SPNVMeDataType", "SPSerialATADataType", "SPCardReaderDataType", "SPDisplaysDataType",
			"SPPowerDataType", "SPNetworkDataType"),
		printer: profile(oneLook, "SPPrintersDataType"),
		plugged: profile(oneLook, "SPThunderboltDataType", "SPBluetoothDataType"),
		apfs: newShared(oneLook, time.Now, func(ctx context.Context) (apfs, error) {
			b, err := source.Run(ctx, source.Command{Path: "/usr/sbin/diskutil", Args: []string{"apfs", "list", "-plist"}})
			if err != nil {
				return apfs{}, err
			}
			return parseAPFS(b)
		}),
		expert: newShared(0, time.Now, func(ctx context.Context) (macExpert, error) {
			nodes, err := ioRegistry(ctx, "1", "IOPlatformExpertDevice")
			if err != nil {
				return macExpert{}, err
			}
			return expert(nodes), nil
		}),
	}
}

// told is a report that has one of the data types at least.
func told(ctx context.Context, s *shared[profiler.Report], types ...string) (profiler.Report, error) {
	report, err := s.get(ctx)
	if err == nil {
		err = report.Without(types...)
	}
	return report, err
}

// ioRegistry asks for the entries of some classes and those derived from them, each with so
// many levels below it.
func ioRegistry(ctx context.Context, depth string, classes ...string) ([]*regNode, error) {
	var all []*regNode
	for _, class := range classes {
		b, err := source.Run(ctx, source.Command{Path: "/usr/sbin/ioreg", Args: []string{"-a", "-r", "-l", "-d", depth, "-c", class}})
		if err != nil {
			return nil, err
		}
		nodes, err := parseRegistry(b)
		if err != nil {
			return nil, err
		}
		all = append(all, nodes...)
	}
	return all, nil
}

// file reads a file of the running system through a tree, with its bounds; nothing when
// it is not there or may not be read.
func file(name string) []byte {
	tree, err := source.OpenTree("/")
	if err != nil {
		return nil
	}
	defer func() { _ = tree.Close() }() // only read
	b, err := tree.ReadFile(name, maxBigFile)
	if err != nil {
		return nil
	}
	return b
}

// day is that of a file's last change, "" without the file.
func day(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return ""
	}
	return info.ModTime().UTC().Format(time.DateOnly)
}

// sysctl is a kernel value as text, "" when there is none.
func sysctl(name string) string {
	s, err := unix.Sysctl(name)
	if err != nil {
		return ""
	}
	return source.Text(s)
}

func sysctlNumber(name string) int64 {
	if n, err := unix.SysctlUint64(name); err == nil {
		return int64(n)
	}
	if n, err := unix.SysctlUint32(name); err == nil {
		return int64(n)
	}
	return 0
}
