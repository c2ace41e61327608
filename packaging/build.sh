#!/usr/bin/env bash
# Builds the packages into a folder, dist/ unless given.
#   packaging/build.sh [--only agent-linux|agent-windows|agent-macos|server]... [FOLDER]
# Environment:
#   VERSION            what the programs say they are (git describe)
#   PACKAGE_VERSION    version of the packages: that of the release; 1.2.4-pre7 seven commits after
#                      1.2.3; 0.0.COMMITS without any release
#   ARCHES             amd64 arm64
#   STATIC             no: the collector needs this system's C library
#   SOURCE_DATE_EPOCH  time of all files, the last commit's unless given
set -euo pipefail
cd "$(dirname "$0")/.."

only=()
while [ "${1:-}" = --only ]; do only+=("$2"); shift 2; done
((${#only[@]})) || only=(agent-linux agent-windows agent-macos server)
out=${1:-dist}
VERSION=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
if [ -z "${PACKAGE_VERSION:-}" ]; then
  described=${VERSION%-dirty}
  if [[ $described =~ ^v?([0-9]+\.[0-9]+\.)([0-9]+)-([0-9]+)-g[0-9a-f]+$ ]]; then # commits after a release
    PACKAGE_VERSION=${BASH_REMATCH[1]}$((BASH_REMATCH[2] + 1))-pre${BASH_REMATCH[3]}
  elif [[ $described =~ ^v?([0-9]+\.[0-9]+\.[0-9]+.*)$ ]]; then
    PACKAGE_VERSION=${BASH_REMATCH[1]}
  else
    PACKAGE_VERSION=0.0.$(git rev-list --count HEAD 2>/dev/null || echo 0)
  fi
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
read -ra arches <<<"${ARCHES:-amd64 arm64}"
nfpm=${NFPM:-bin/tools/nfpm}
mkdir -p "$out"
BUILD=$(mktemp -d)
trap 'rm -rf "$BUILD"' EXIT
export PACKAGE_VERSION SOURCE_DATE_EPOCH

program() { # PROGRAM OS ARCH [go build flags]
  local flags=(-trimpath)
  [[ $1 != muster-agent ]] || read -ra flags <<<"${AGENT_FLAGS:-$(sed -n "s/^AGENT_FLAGS := //p" Makefile)}"
  CGO_ENABLED=${CGO:-0} GOOS=$2 GOARCH=$3 go build "${flags[@]}" -ldflags "-s -w -X main.version=$VERSION ${LINK:-}" \
    "${@:4}" -o "$BUILD/$2-$3/" "./cmd/$1"
}

scripts() { # SERVICE USER STATE CONFIG POSTREMOVE
  local dir=$BUILD/scripts/$1 name
  mkdir -p "$dir"
  for name in postinstall preremove "$5"; do
    sed -e "s|@SERVICE@|$1|g; s|@USER@|$2|g; s|@STATE@|$3|g; s|@CONFIG@|$4|g" "packaging/scripts/$name.sh" >"$dir/${name%-keep}.sh"
  done
  sed 's|@UPGRADE@|yes|g' "$dir/postinstall.sh" >"$dir/postupgrade.sh"
  sed -i 's|@UPGRADE@|no|g' "$dir/postinstall.sh"
  touch -d "@$SOURCE_DATE_EPOCH" "$dir"/*
}

package() { # CONFIGURATION FORMAT ARCH
  sed -e "s|\${BUILD}|$BUILD|g; s|\${GOARCH}|$3|g; s|\${PACKAGE_VERSION}|$PACKAGE_VERSION|g" "packaging/nfpm/$1.yaml" >"$BUILD/$1.yaml"
  "$nfpm" package --config "$BUILD/$1.yaml" --packager "$2" --target "$out/" >"$BUILD/log" 2>&1 || { cat "$BUILD/log" >&2; exit 1; }
}

agent_linux() {
  scripts muster-agent muster-agent /var/lib/muster-agent /etc/muster-agent postremove
  local arch format
  for arch in "${arches[@]}"; do
    program muster-agent linux "$arch"
    program muster-agent-upgrade linux "$arch"
    for format in deb rpm apk archlinux; do package agent "$format" "$arch"; done
  done
}

# The collector's SQLite is C: it is linked statically, so that one package fits every
# distribution, and only for the machine that builds.
server() {
  scripts muster-collector muster /var/lib/muster '' postremove-keep
  scripts muster-scanner muster-scanner /var/lib/muster-scanner /etc/muster-scanner postremove
  local arch format name names
  for arch in "${arches[@]}"; do
    names=(scanner muster)
    program muster-scanner linux "$arch"
    program muster linux "$arch"
    if [ "$arch" = "$(go env GOHOSTARCH)" ]; then
      if [ "${STATIC:-yes}" = yes ]; then
        CGO=1 LINK='-linkmode external -extldflags -static' program muster-collector linux "$arch" -tags "netgo osusergo sqlite_omit_load_extension"
      else
        CGO=1 program muster-collector linux "$arch"
      fi
      names+=(collector)
    fi
    for name in "${names[@]}"; do
      for format in deb rpm; do package "$name" "$format" "$arch"; done
    done
  done
}

agent_macos() {
  local arch
  for arch in "${arches[@]}"; do
    program muster-agent darwin "$arch"
    program muster-agent-upgrade darwin "$arch"
    local dir=muster-agent-$PACKAGE_VERSION-macos-$arch
    mkdir -p "$BUILD/$dir"
    install -m 755 "$BUILD/darwin-$arch"/* packaging/macos/install.sh packaging/macos/uninstall.sh "$BUILD/$dir/"
    install -m 644 packaging/launchd/org.muster.agent.plist packaging/macos/newsyslog.conf LICENSE "$BUILD/$dir/"
    tar -C "$BUILD" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$dir" | gzip -n9 >"$out/$dir.tar.gz"
  done
}

agent_windows() {
  local arch
  for arch in "${arches[@]}"; do
    program muster-agent windows "$arch"
    program muster-agent-upgrade windows "$arch"
    packaging/msi/build.sh "$BUILD/windows-$arch" "$arch" "$out/muster-agent-$PACKAGE_VERSION-windows-$arch.msi"
  done
}

for part in "${only[@]}"; do "${part//-/_}"; done
(cd "$out" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs -r sha256sum >SHA256SUMS)
