#!/usr/bin/env bash
# Sees to it that this machine has what building and testing need.
set -euo pipefail
declare -A package=([gcc]=gcc [make]=make [git]=git [ip]=iproute2 [python3]=python3 [jq]=jq [curl]=curl)
# Package managers that judge, in agent/software's tests, what the agent reads of their databases.
package+=([sqlite3]=sqlite3 [rpmbuild]=rpm [db5.3_load]=db5.3-util [pacman]=pacman-package-manager [nix-env]=nix-bin)
# What draws the topology reads it in cmd/muster's tests.
package+=([dot]=graphviz)
# What makes packages, and reads them in internal/e2e's tests.
package+=([wixl]=wixl [msibuild]=msitools [bsdtar]=libarchive-tools [systemd-analyze]=systemd)
# The agent for Windows is run, not only compiled.
package+=([wine]='wine wine64' [x86_64-w64-mingw32-gcc]=gcc-mingw-w64-x86-64-win32)
# Servers that scanner's tests ask who they are (28 MB to fetch, 220 MB of disk; most of both is MariaDB).
package+=([sshd]=openssh-server [nginx]=nginx-light [smbd]=samba [cupsd]=cups [avahi-daemon]=avahi-daemon [redis-server]=redis-server)
package+=([slapd]=slapd [vsftpd]=vsftpd [dovecot]=dovecot-imapd [mariadbd]=mariadb-server [openssl]=openssl)
PATH=$PATH:/usr/sbin
missing=()
for c in "${!package[@]}"; do command -v "$c" >/dev/null || read -ra missing <<<"${missing[*]} ${package[$c]}"; done
# The tests start a PostgreSQL server of their own; only its programs are needed.
command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
command -v go >/dev/null || { echo "Go is missing: install the version that go.mod names, from go.dev or your distribution"; exit 1; }
((${#missing[@]})) || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing: ${missing[*]}"
  apt-get update -qq
  if [ ! -e /usr/sbin/policy-rc.d ]; then # the tests start what they need; nothing shall run on the machine
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
  if [[ " ${missing[*]} " == *" postgresql "* ]]; then # no cluster and no service of the system's
    install postgresql-common
    sed -i -E 's/^#?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
  fi
  install "${missing[@]}"
else
  echo "missing: ${missing[*]}"
  echo "get them with: sudo apt-get install ${missing[*]}"
  exit 1
fi
