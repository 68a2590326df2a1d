#!/bin/sh
# setup.sh [ROOT] - what an image has beside programs: user git, where the volumes go, and where names of users and hosts are
# looked up. For sidecar/Containerfile and sidecar/rootfs.sh. ROOT: default /. Needs root.
set -eu
root=${1:-}

mkdir -p "$root/etc/git-gate" "$root/srv" "$root/var/lib/extrausers"
grep -q '^git:' "$root/etc/passwd" || echo 'git:x:9418:9418::/srv/git:/usr/sbin/nologin' >>"$root/etc/passwd"
grep -q '^git:' "$root/etc/group" || echo 'git:x:9418:' >>"$root/etc/group"
# group 0: what a platform that chooses the uid runs it in; a new volume is like this directory
install -d -o 9418 -g 0 -m 775 "$root/srv/git"
# runc gives a tmpfs the mode of the directory it covers
install -d -m 1777 "$root/run" "$root/tmp"
# ssh needs an entry for the uid it runs as. When there is none, the gate writes one behind this link, at its start
ln -sfn /run/git-gate.passwd "$root/var/lib/extrausers/passwd"
printf 'passwd: files extrausers\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
