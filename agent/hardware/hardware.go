// Package hardware reads what the machine is: its identity and identifiers, operating
// system, processors, memory, disks and what is made of them, file systems, network
// interfaces, what is built in and plugged in, and the people who can sign in.
//
// It reads files and asks the kernel; it asks no network but a cloud's metadata service,
// which the host's owner must allow. On macOS, whose registry of devices has no interface
// without C, it runs the system's own programs (source.Run); elsewhere it runs none.
// Rules and parsers are in files for all systems, so that
// they are tested on Linux; files with a system's suffix only fetch. The explicit list
// for a system is in sources_<os>.go. agent runs the sources and joins what they return.
//
// What a source cannot see stays empty. What it may not see (because the agent has too
// few rights) makes its answer partial, with a reason that says what to do.
package hardware

// Bounds on what is read.
const (
	maxSmallFile = 64 << 10 // configuration files: os-release, hosts
	maxBigFile   = 8 << 20  // /proc/cpuinfo of 4,096 processors, mountinfo, pci.ids
	maxEntries   = 16384    // in one directory
	maxList      = 8192     // items of one list
)
