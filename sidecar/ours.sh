#!/bin/sh
# ours.sh FROM TO - what an image has of what `make install` made below FROM (a PREFIX): the programs, without symbols, the hooks and
# the scripts of scanners. No manual, completions and units. For sidecar/Containerfile and sidecar/rootfs.sh.
set -eu
mkdir -p "$2/bin" "$2/libexec" "$2/share"
cp -a "$1/bin/git-gate" "$2/bin/"
cp -a "$1/libexec/git-gate" "$2/libexec/"
cp -a "$1/share/git-gate" "$2/share/"
find "$2/bin/git-gate" "$2/libexec/git-gate" -type f -exec strip --strip-unneeded {} +
