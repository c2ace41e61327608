#!/usr/bin/env bash
# Makes the Windows installer: packaging/msi/build.sh FOLDER amd64|arm64 OUTPUT
# FOLDER has the programs; with PACKAGE_VERSION and SOURCE_DATE_EPOCH. Needs wixl and msibuild (Debian: wixl, msitools).
set -euo pipefail
programs=$1 arch=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)

# Windows Installer compares three numbers, and wants a code of its own for every product and package.
[[ $PACKAGE_VERSION =~ ^([0-9]+)\.([0-9]+)\.([0-9]+) ]] || { echo "version $PACKAGE_VERSION does not begin with three numbers" >&2; exit 1; }
version=${BASH_REMATCH[0]}
guid() { # the same for the same words
  local h
  h=$( (echo "muster-agent $PACKAGE_VERSION $arch $1" && cat "$programs"/*.exe) | sha256sum | tr a-f A-F)
  echo "${h:0:8}-${h:8:4}-4${h:13:3}-8${h:17:3}-${h:20:12}"
}

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cp "$programs/muster-agent.exe" "$programs/muster-agent-upgrade.exe" "$temp"
cp "$here/agent.wxs" "$temp" # wixl looks for files beside it
touch -d "@$SOURCE_DATE_EPOCH" "$temp"/*.exe
(cd "$temp" && wixl --arch x64 -D "ProductCode=$(guid product)" -D "Version=$version" -o agent.msi agent.wxs)
sql() { msibuild "$temp/agent.msi" -q "$1"; }
# wixl has no SecureCustomProperties: what the caller gives reaches the part that runs as the system.
secure=$(msiinfo export "$temp/agent.msi" Property | tr -d '\r' | awk -F'\t' '$1 == "SecureCustomProperties" {print $2}')
[ -z "$secure" ] || sql "DELETE FROM Property WHERE Property = 'SecureCustomProperties'"
sql "INSERT INTO Property (Property, Value) VALUES ('SecureCustomProperties', '${secure:+$secure;}COLLECTOR;TOKEN')"
# wixl takes HideTarget for another bit and does not know rollback. 51 sets a property, 18 runs an
# installed program; 0x400 is deferred, 0x100 with it at a rollback only, 0x800 as the system, 0x40
# whatever comes of it, and 0x2000 keeps what is passed, the token, out of logs.
sql "UPDATE CustomAction SET Type = $((0x2000 + 51)) WHERE Action = 'SetEnrollAgent'"
sql "UPDATE CustomAction SET Type = $((0x2000 + 0x400 + 0x800 + 18)) WHERE Action = 'EnrollAgent'"
sql "UPDATE CustomAction SET Type = $((0x100 + 0x400 + 0x800 + 0x40 + 18)) WHERE Action = 'UndoService'"
# The old version goes inside the transaction and before anything of the new one comes.
order() { sql "UPDATE InstallExecuteSequence SET Sequence = $2 WHERE Action = '$1'"; }
order RemoveExistingProducts 1501
order RemoveService 1850
order UndoService 4100
order InstallService 4101
order SetEnrollAgent 4102
order EnrollAgent 4103
order StartService 6500
platform=x64
[ "$arch" != arm64 ] || platform=Arm64
msibuild "$temp/agent.msi" -s "muster agent" muster "$platform;1033" "{$(guid package)}"
mv "$temp/agent.msi" "$out"
