#!/usr/bin/env bash
# Sees to it that this machine has what building and testing need.
set -euo pipefail
declare -A package=([gcc]=gcc [make]=make [git]=git [ip]=iproute2 [python3]=python3 [jq]=jq [curl]=curl [chromium]=chromium)
missing=()
for c in "${!package[@]}"; do command -v "$c" >/dev/null || missing+=("${package[$c]}"); done
command -v go >/dev/null || { echo "Go is missing: install the version that go.mod names, from go.dev or your distribution"; exit 1; }
((${#missing[@]})) || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "missing: ${missing[*]}"
  echo "get them with: sudo apt-get install ${missing[*]}"
  exit 1
fi
