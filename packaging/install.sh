#!/bin/sh
# Installs the muster agent on Linux from a package that is here already, and enrols it.
set -eu

usage() {
	cat <<'TEXT'
Usage, as root:
  install.sh --collector https://HOST:PORT --token-file FILE PACKAGE|FOLDER
        installs the package, or this system's newest one in the folder, and enrols;
        the token may also be in MUSTER_ENROLL_TOKEN, and FILE may be - for standard input
  install.sh PACKAGE|FOLDER
        installs or upgrades only
  install.sh --remove [--purge]
        takes the agent away; --purge takes its identity, settings and account too
Exit status: 0 done, 1 failed, 2 a mistake in the call, 3 installed but not enrolled yet.
TEXT
}

fail() { echo "install.sh: $1" >&2; exit "${2:-1}"; }

collector='' token=${MUSTER_ENROLL_TOKEN:-} token_file='' remove='' purge='' source=''
unset MUSTER_ENROLL_TOKEN
while [ $# -gt 0 ]; do
	case "$1" in
	--collector | --token-file)
		[ $# -ge 2 ] || fail "$1 needs a value" 2
		if [ "$1" = --collector ]; then collector=$2; else token_file=$2; fi
		shift
		;;
	--remove) remove=yes ;;
	--purge) purge=yes ;;
	-h | --help) usage; exit 0 ;;
	-*) fail "there is no option $1; --help lists them" 2 ;;
	*) [ -z "$source" ] || fail "one package or folder, got $source and $1" 2; source=$1 ;;
	esac
	shift
done
[ "$(id -u)" = 0 ] || fail "this needs root"

if command -v dpkg >/dev/null && [ -s /var/lib/dpkg/status ]; then kind=deb
elif command -v rpm >/dev/null; then kind=rpm
elif command -v apk >/dev/null; then kind=apk
elif command -v pacman >/dev/null; then kind=pkg.tar.zst
else fail "this system has neither dpkg, rpm, apk nor pacman"
fi

if [ -n "$remove" ]; then
	case $kind in
	deb) if [ -n "$purge" ]; then dpkg --purge muster-agent; else dpkg --remove muster-agent; fi ;;
	rpm) ! rpm -q muster-agent >/dev/null || rpm -e muster-agent ;;
	apk) apk del muster-agent ;;
	*) ! pacman -Q muster-agent >/dev/null 2>&1 || pacman -R --noconfirm muster-agent ;;
	esac
	if [ -n "$purge" ]; then
		rm -rf /var/lib/muster-agent /etc/muster-agent
		! id -u muster-agent >/dev/null 2>&1 || userdel muster-agent 2>/dev/null || deluser muster-agent
		! grep -q '^muster-agent:' /etc/group || groupdel muster-agent 2>/dev/null || delgroup muster-agent
	fi
	exit 0
fi
[ -z "$purge" ] || fail "--purge goes with --remove" 2
[ -n "$source" ] || { usage >&2; exit 2; }

package=$source
if [ -d "$source" ]; then
	case $(uname -m) in
	x86_64) arch='amd64|x86_64' ;;
	aarch64) arch='arm64|aarch64' ;;
	*) fail "there are packages for x86_64 and aarch64, this is $(uname -m)" ;;
	esac
	package=$(find "$source" -maxdepth 1 -type f -name "muster-agent[-_][0-9]*.$kind" | grep -E "[-_.]($arch)\\.$kind\$" | sort -V | tail -n 1)
	[ -n "$package" ] || fail "no $kind package of muster-agent for $(uname -m) in $source"
fi
[ -f "$package" ] || fail "there is no file $package"
case $package in *."$kind") ;; *) fail "this system takes .$kind packages, not $package" 2 ;; esac
if [ -f "$(dirname "$package")/SHA256SUMS" ]; then
	(cd "$(dirname "$package")" && grep " $(basename "$package")\$" SHA256SUMS | sha256sum -c - >/dev/null) ||
		fail "$package does not have the checksum in SHA256SUMS"
fi

if [ -n "$token_file" ]; then
	[ -z "$token" ] || fail "a token in MUSTER_ENROLL_TOKEN and in $token_file: which one?" 2
	if [ "$token_file" = - ]; then token=$(cat); else token=$(cat "$token_file"); fi
fi
if [ -n "$collector$token" ]; then
	[ -n "$collector" ] || fail "a token, but no --collector" 2
	[ -n "$token" ] || fail "a collector, but no --token-file and no MUSTER_ENROLL_TOKEN" 2
	[ -d /etc/muster-agent ] || install -d -m 0755 /etc/muster-agent
	rm -f /etc/muster-agent/enroll
	(umask 077 && printf 'MUSTER_COLLECTOR=%s\nMUSTER_ENROLL_TOKEN=%s\n' "$collector" "$token" >/etc/muster-agent/enroll)
fi

case $kind in
deb) dpkg --install "$package" ;;
rpm) rpm --upgrade --replacepkgs "$package" ;;
apk) case $package in /*) ;; *) package=./$package ;; esac; apk add --allow-untrusted "$package" ;;
*) pacman -U --noconfirm "$package" ;;
esac

if [ ! -d /run/systemd/system ] && [ ! -e /run/openrc/softlevel ]; then
	echo "Installed. It starts, and enrols, with the system."
	exit 0
fi
if [ ! -f /var/lib/muster-agent/identity.json ] && [ -z "$collector" ]; then
	echo "Installed, not enrolled: give --collector and --token-file, or run muster-agent enroll."
	exit 0
fi
tries=0
until [ -f /var/lib/muster-agent/identity.json ]; do
	tries=$((tries + 1))
	[ $tries -le 30 ] || { muster-agent status; fail "not enrolled yet; the service goes on trying" 3; }
	sleep 1
done
muster-agent status | head -n 5
