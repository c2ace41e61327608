package hardware

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// mount is one line of /proc/self/mountinfo.
type mount struct {
	device string // major:minor
	root   string // which part of the file system is mounted
	point  string
	fsType string
	source string // a device node, server:/path, or a word
}

// parseMounts reads mountinfo (proc_pid_mountinfo(5)): fields that single spaces part,
// with a hyphen after the optional ones.
func parseMounts(r io.Reader) ([]mount, error) {
	var out []mount
	lines := bufio.NewScanner(io.LimitReader(r, maxBigFile))
	lines.Buffer(nil, maxSmallFile)
	for lines.Scan() {
		left, right, ok := strings.Cut(lines.Text(), " - ")
		l, r := strings.Split(left, " "), strings.Split(right, " ")
		if !ok || len(l) < 6 || len(r) < 2 {
			continue
		}
		if len(out) == maxEntries {
			return out, fmt.Errorf("more than %d mounts", maxEntries)
		}
		out = append(out, mount{device: l[2], root: unescape(l[3]), point: unescape(l[4]), fsType: unescape(r[0]), source: unescape(r[1])})
	}
	if err := lines.Err(); err != nil {
		return out, fmt.Errorf("mountinfo: %w", err)
	}
	return out, nil
}

// unescape undoes the kernel's and udev's escapes of odd bytes: \040 and \x20 are a space.
func unescape(s string) string {
	if !strings.ContainsRune(s, '\\') {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			digits, base := s[i+1:i+4], 8
			if s[i+1] == 'x' {
				digits, base = s[i+2:i+4], 16
			}
			if n, err := strconv.ParseUint(digits, base, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// mountKind says how a file system is treated.
type mountKind int

const (
	mountIgnored mountKind = iota // the kernel's own, images, temporary ones, container layers
	mountLocal                    // on a disk: asked for its size
	mountNetwork                  // its server may be dead: listed, never touched
)

// kind decides by the type, and for the rest by whether a device node is mounted.
func (m mount) kind() mountKind {
	switch m.fsType {
	case "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs",
		"ocfs2", "gfs2", "9p", "virtiofs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "davfs":
		return mountNetwork
	case "squashfs", "iso9660", "udf", "tmpfs", "devtmpfs", "ramfs", "autofs", "nsfs":
		return mountIgnored
	case "zfs", "fuseblk":
		return mountLocal
	}
	if strings.HasPrefix(m.source, "/dev/") && !strings.HasPrefix(m.source, "/dev/loop") && !strings.HasPrefix(m.source, "/dev/fuse") {
		return mountLocal
	}
	if m.point == "/" && m.fsType != "rootfs" { // a container's overlay, a live system
		return mountLocal
	}
	return mountIgnored
}

// volumes are the mounts to report: one for each file system, the one that shows all of
// it before bind mounts of a part, then the one with the shortest path.
func volumes(mounts []mount) []mount {
	best := map[string]int{}
	var out []mount
	for _, m := range mounts {
		if m.kind() == mountIgnored {
			continue
		}
		key := m.device + " " + m.source
		if m.kind() == mountNetwork {
			key += " " + m.point
		}
		i, seen := best[key]
		if !seen {
			best[key] = len(out)
			out = append(out, m)
			continue
		}
		whole, wasWhole := m.root == "/", out[i].root == "/"
		if whole && !wasWhole || whole == wasWhole && len(m.point) < len(out[i].point) {
			out[i] = m
		}
	}
	return out
}

// behindNetwork says whether the way to a mount point leads through a network file
// system, where looking can hang.
func behindNetwork(m mount, mounts []mount) bool {
	for _, n := range mounts {
		if (n.kind() == mountNetwork || n.fsType == "autofs") && strings.HasPrefix(m.point, strings.TrimSuffix(n.point, "/")+"/") {
			return true
		}
	}
	return false
}

// roundUsed rounds used space to a twentieth of the size, so that not every report differs.
func roundUsed(used, size int64) int64 {
	step := size / 20
	if step <= 0 || used < 0 {
		return 0
	}
	return min((used+step/2)/step*step, size)
}
