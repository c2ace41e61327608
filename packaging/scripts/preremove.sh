#!/bin/sh
# Before the files go. At an upgrade (deb: "upgrade", rpm: 1) the service runs on until the new
# version restarts it.
set -e
service=@SERVICE@

case "$1" in upgrade|failed-upgrade|deconfigure|1) exit 0 ;; esac

if [ -d /run/systemd/system ]; then
	systemctl stop "$service.service" || true
fi
if command -v deb-systemd-helper >/dev/null; then
	: # remembers whether it was enabled; purge forgets
elif command -v systemctl >/dev/null; then
	systemctl --quiet disable "$service.service" || true
elif command -v rc-service >/dev/null; then
	[ ! -e /run/openrc/softlevel ] || rc-service --quiet --ifstarted "$service" stop || true
	rc-update --quiet del "$service" || true
fi
