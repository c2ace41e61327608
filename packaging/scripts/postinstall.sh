#!/bin/sh
# After the files are there, at the first installation and at an upgrade. deb calls it with
# "configure OLD-VERSION", rpm with the number of versions, apk and pacman with versions.
set -e
service=@SERVICE@ user=@USER@ state=@STATE@

case "$1" in abort-*|triggered) exit 0 ;; esac

if ! id -u "$user" >/dev/null 2>&1; then
	if command -v useradd >/dev/null; then
		getent group "$user" >/dev/null || groupadd --system "$user"
		useradd --system --gid "$user" --home-dir "$state" --no-create-home --shell /usr/sbin/nologin --comment "$service" "$user"
	else # busybox
		grep -q "^$user:" /etc/group || addgroup -S "$user"
		adduser -S -D -H -h "$state" -s /sbin/nologin -G "$user" -g "$service" "$user"
	fi
fi
# Never through a link, and with the account of this installation: an older one may have had
# another number.
if [ -L "$state" ]; then
	echo "$state is a link: $service wants a folder" >&2
	exit 1
fi
install -d -m 0700 "$state"
chown -hR "$user:$user" "$state"
if [ -f "@CONFIG@/snmp.yaml" ]; then # root writes it, the service reads it, nobody else
	chown -h "root:$user" "@CONFIG@/snmp.yaml"
	chmod 0640 "@CONFIG@/snmp.yaml"
fi

if command -v deb-systemd-helper >/dev/null; then
	if deb-systemd-helper --quiet was-enabled "$service.service"; then
		deb-systemd-helper enable "$service.service" >/dev/null
	else
		deb-systemd-helper update-state "$service.service" >/dev/null || true
	fi
elif command -v systemctl >/dev/null; then
	# Only the first time: what an administrator switched off stays off.
	[ "$1" = 2 ] || [ "@UPGRADE@" = yes ] || systemctl --quiet enable "$service.service" || true
elif command -v rc-update >/dev/null; then
	[ "@UPGRADE@" = yes ] || rc-update --quiet add "$service" default || true
fi

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	if systemctl --quiet is-enabled "$service.service"; then
		if command -v deb-systemd-invoke >/dev/null; then # heeds policy-rc.d
			deb-systemd-invoke restart "$service.service" >/dev/null || true
		else
			systemctl restart "$service.service" || true
		fi
	fi
elif [ -e /run/openrc/softlevel ]; then
	if [ "@UPGRADE@" = yes ]; then
		rc-service --quiet --ifstarted "$service" restart || true
	else
		rc-service --quiet "$service" start || true
	fi
fi
