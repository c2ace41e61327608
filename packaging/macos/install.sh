#!/bin/sh
# Installs the muster agent on macOS, or brings it up to date, and enrols it where it is told how.
#   sudo ./install.sh [--collector https://HOST:PORT --token-file FILE]
# The token may also be in MUSTER_ENROLL_TOKEN, and FILE may be - for standard input.
set -eu
PATH=/usr/bin:/bin:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
state="/Library/Application Support/muster-agent"
plist=/Library/LaunchDaemons/org.muster.agent.plist

fail() { echo "install.sh: $1" >&2; exit "${2:-1}"; }

collector='' token=${MUSTER_ENROLL_TOKEN:-}
unset MUSTER_ENROLL_TOKEN
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || fail "$1 needs a value, or is no option" 2
	case "$1" in
	--collector) collector=$2 ;;
	--token-file) if [ "$2" = - ]; then token=$(cat); else token=$(cat "$2"); fi ;;
	*) fail "there is no option $1" 2 ;;
	esac
	shift 2
done
[ "$(id -u)" = 0 ] || fail "this needs root: sudo $0"
[ -n "$collector" ] || [ -z "$token" ] || fail "a token, but no --collector" 2
[ -z "$collector" ] || [ -n "$token" ] || fail "a collector, but no --token-file and no MUSTER_ENROLL_TOKEN" 2

# A folder that root alone may change: /usr/local is often somebody's.
for dir in /opt /opt/muster-agent "$state"; do
	[ ! -L "$dir" ] || fail "$dir is a link"
done
[ -d /opt ] || install -d -o root -g wheel -m 755 /opt
install -d -o root -g wheel -m 755 /opt/muster-agent
install -d -o root -g wheel -m 700 "$state"

launchctl bootout system/org.muster.agent 2>/dev/null || true
for program in muster-agent muster-agent-upgrade; do
	install -o root -g wheel -m 755 "$here/$program" "/opt/muster-agent/$program.new"
	mv -f "/opt/muster-agent/$program.new" "/opt/muster-agent/$program"
done
install -o root -g wheel -m 755 "$here/uninstall.sh" /opt/muster-agent/uninstall.sh
install -o root -g wheel -m 644 "$here/newsyslog.conf" /etc/newsyslog.d/muster-agent.conf
install -o root -g wheel -m 644 "$here/org.muster.agent.plist" "$plist"
if [ -n "$token" ]; then
	rm -f "$state/enroll"
	(umask 077 && printf 'MUSTER_COLLECTOR=%s\nMUSTER_ENROLL_TOKEN=%s\n' "$collector" "$token" >"$state/enroll")
fi
launchctl bootstrap system "$plist"
[ -n "$token" ] || exit 0
tries=0
until [ -f "$state/identity.json" ]; do
	tries=$((tries + 1))
	[ $tries -le 30 ] || { /opt/muster-agent/muster-agent status; fail "not enrolled yet; the service goes on trying" 3; }
	sleep 1
done
/opt/muster-agent/muster-agent status | head -n 5
