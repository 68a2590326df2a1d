#!/bin/bash
# rootfs.sh DIR - make in DIR the smallest root file system that the gate runs in, from this machine's files and without a
# network: git, ssh, our programs, the libraries they load, busybox as the shell that hooks written in sh need, and what
# setup.sh adds. It is the image of `podman build --target minimal`, where the machine is that of the stage before; for tests it
# is the root file system of a container, where no image can be pulled. Needs root, busybox-static and libnss-extrausers.
# O, PREFIX: as for make.
set -eu

if [ $# != 1 ] || [ "${1#-}" != "$1" ]; then
	echo "usage: rootfs.sh DIR" >&2
	exit 2
fi
mkdir -p "$1"
root=$(cd "$1" && pwd)
top=$(cd "$(dirname "$0")/.." && pwd)
exec_path=$(git --exec-path)

# The libraries of a program, and its loader, to the same places.
add_libs() {
	local lib

	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
		[ -e "$root$lib" ] || install -D "$lib" "$root$lib"
	done
}

add_program() {
	install -D "$1" "$root$1"
	add_libs "$1"
}

mkdir -p "$root"/{bin,dev,etc,proc,sys,usr/bin}

add_program "$(command -v git)"
# ssh-keygen: git-gate add and doctor look at keys with it
for name in ssh ssh-keygen; do
	add_program "$(command -v $name)"
done
# receive-pack, index-pack and most others are names of git itself
for name in git-daemon git-http-backend; do
	add_program "$exec_path/$name"
done
ln -s "$(command -v git)" "$root$exec_path/git"
if [ -d /usr/share/git-core/templates ]; then
	mkdir -p "$root/usr/share/git-core"
	cp -a /usr/share/git-core/templates "$root/usr/share/git-core/"
fi
# loaded by name, and in its package's own place
add_program /usr/lib/libnss_extrausers.so.2

install "$(command -v busybox)" "$root/bin/busybox"
busybox --list | while read -r name; do
	[ -e "$root/bin/$name" ] || ln -s busybox "$root/bin/$name"
done

# Ours, as the image has them, without symbols, and without what only a host needs.
prefix=${PREFIX:-/usr/local}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
make -s -C "$top" ${O:+O="$O"} PREFIX="$prefix" TOOLS= DESTDIR="$stage" install >&2
"$top/sidecar/ours.sh" "$stage$prefix" "$root$prefix"
find "$root$prefix" -type f | while read -r file; do
	add_libs "$file"
done

printf 'root:x:0:0::/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
"$top/sidecar/setup.sh" "$root"
