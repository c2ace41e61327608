#!/bin/sh
# After the files are gone. Identity, spool and account stay, so that the machine is the same
# source when the package comes back; "purge", which only deb has, takes them too.
set -e
service=@SERVICE@ user=@USER@ state=@STATE@ config=@CONFIG@

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
[ "$1" = purge ] || exit 0
if command -v deb-systemd-helper >/dev/null; then
	deb-systemd-helper purge "$service.service" >/dev/null || true
	deb-systemd-helper unmask "$service.service" >/dev/null || true
fi
rm -rf "$state" $config
if id -u "$user" >/dev/null 2>&1; then
	userdel "$user" >/dev/null
fi
if getent group "$user" >/dev/null; then
	groupdel "$user"
fi
