#!/usr/bin/env bash
# Boots a second system on top of this one's files, in namespaces of its own: nothing that
# happens in it reaches the files outside, and all of it is gone with its first process.
#   machine.sh FOLDER    FOLDER is empty and gets the file system
# It shares the network, so its services reach a collector on loopback.
set -euo pipefail
root=$1/root
mount -t tmpfs machine "$1"
mkdir "$1/upper" "$1/work" "$root"
mount -t overlay machine -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
cd "$root"
mount -t proc proc proc
mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys # its kernel is this one
mount -t sysfs -o ro sys sys
mount -t tmpfs run run
mount -t tmpfs tmp tmp
mount -t tmpfs dev dev
for n in null zero full random urandom tty; do touch dev/$n && mount --bind /dev/$n dev/$n; done
mkdir dev/shm dev/pts dev/mqueue dev/hugepages # units with PrivateDevices want all of them
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t cgroup2 cgroup sys/fs/cgroup
else
  mount -t tmpfs cgroup sys/fs/cgroup
  mkdir sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
  mount -o remount,ro sys/fs/cgroup # systemd must not add the others, which are this machine's
fi
# Only what every service needs, and none of this machine's own.
rm -rf etc/systemd/system/*.wants var/log/journal usr/sbin/policy-rc.d
for u in systemd-sysctl systemd-modules-load systemd-udevd systemd-udev-trigger systemd-timesyncd systemd-resolved systemd-networkd \
  modprobe@ systemd-binfmt systemd-pcrphase systemd-update-utmp systemd-random-seed; do
  ln -sf /dev/null "etc/systemd/system/$u.service"
done
for u in dev-hugepages dev-mqueue sys-kernel-debug sys-kernel-tracing sys-kernel-config sys-fs-fuse-connections proc-sys-fs-binfmt_misc; do
  ln -sf /dev/null "etc/systemd/system/$u.mount"
done
ln -sf /dev/null etc/systemd/system/proc-sys-fs-binfmt_misc.automount
: >etc/fstab
exec env -i container=muster-test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd --system --unit=multi-user.target
