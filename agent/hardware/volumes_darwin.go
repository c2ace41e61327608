package hardware

import (
	"context"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// filesystems lists mounted local file systems; MNT_NOWAIT gives the sizes that the
// kernel remembers and never waits for a server.
func (t *tools) filesystems(ctx context.Context) (inventory.Body, error) {
	stats, err := mounts()
	if err != nil {
		return nil, err
	}
	list := inventory.Filesystems{}
	for _, st := range stats {
		point := unix.ByteSliceToString(st.Mntonname[:])
		// The system's own parts of the same disk are hidden from people, but for the
		// volume with their data.
		if st.Flags&unix.MNT_DONTBROWSE != 0 && st.Flags&unix.MNT_ROOTFS == 0 && point != "/System/Volumes/Data" {
			continue
		}
		fs := inventory.Filesystem{
			Device: unix.ByteSliceToString(st.Mntfromname[:]), Mountpoint: point, Type: unix.ByteSliceToString(st.Fstypename[:]),
		}
		if st.Flags&unix.MNT_LOCAL != 0 {
			block := int64(st.Bsize)
			fs.Bytes = int64(st.Blocks) * block
			fs.UsedBytes = roundUsed(int64(st.Blocks-st.Bfree)*block, fs.Bytes)
		}
		list = append(list, *clean(&fs))
	}
	a, err := t.apfs.get(ctx)
	a.join(list)
	if err != nil {
		return list, source.Partial("names and encryption of volumes: %v", err)
	}
	return list, nil
}

func (t *tools) volumes(ctx context.Context) (inventory.Body, error) {
	a, err := t.apfs.get(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Clone(a.containers), nil // who sends it may change it
}

func mounts() ([]unix.Statfs_t, error) {
	n, err := unix.Getfsstat(nil, unix.MNT_NOWAIT)
	if err != nil {
		return nil, err
	}
	stats := make([]unix.Statfs_t, min(n+8, maxList))
	if n, err = unix.Getfsstat(stats, unix.MNT_NOWAIT); err != nil {
		return nil, err
	}
	return stats[:n], nil
}

// rootDevice is what is mounted as the root, "" when that cannot be told.
func rootDevice() string {
	stats, err := mounts()
	if err != nil {
		return ""
	}
	for _, st := range stats {
		if unix.ByteSliceToString(st.Mntonname[:]) == "/" {
			return unix.ByteSliceToString(st.Mntfromname[:])
		}
	}
	return ""
}
