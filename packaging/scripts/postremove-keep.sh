#!/bin/sh
# After the files are gone. Identity, spool and account stay, so that the machine is the same
# source when the package comes back; "purge", which only deb has, takes them too.
set -e
service=@SERVICE@ user=@USER@ state=@STATE@

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
[ "$1" = purge ] || exit 0
if command -v deb-systemd-helper >/dev/null; then
	deb-systemd-helper purge "$service.service" >/dev/null || true
	deb-systemd-helper unmask "$service.service" >/dev/null || true
fi
# What cannot be had again is not deleted by a package manager.
if [ -d "$state" ]; then
	echo "The inventory and the keys of all sources stay in $state: remove them by hand, and the user $user."
fi
