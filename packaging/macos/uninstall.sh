#!/bin/sh
# Takes the muster agent away: sudo /opt/muster-agent/uninstall.sh [--purge]
# Its identity stays, so that the machine is the same source when the agent comes back; --purge
# takes identity, settings and log too.
set -eu
PATH=/usr/bin:/bin:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || { echo "uninstall.sh: this needs root: sudo $0" >&2; exit 1; }
case "${1:-}" in '' | --purge) ;; *) echo "uninstall.sh: there is no option $1" >&2; exit 2 ;; esac
launchctl bootout system/org.muster.agent 2>/dev/null || true
rm -f /Library/LaunchDaemons/org.muster.agent.plist /etc/newsyslog.d/muster-agent.conf
rm -rf /opt/muster-agent
if [ "${1:-}" = --purge ]; then
	rm -rf "/Library/Application Support/muster-agent" "/Library/Application Support/muster-agent.yaml"
	rm -f /var/log/muster-agent.log*
fi
