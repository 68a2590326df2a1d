#!/bin/bash
# rootfs.sh DIR - make in DIR what the image of sidecar/Containerfile holds, from this machine's files and
# without a network: git, ssh, our programs, the libraries they load, the user, and busybox as the shell that hooks
# written in sh need. For tests, and for machines where no image can be pulled. Needs root and busybox-static.
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

mkdir -p "$root"/{bin,dev,etc,proc,srv/git,sys,usr/bin}
install -d -m 1777 "$root/run" "$root/tmp"

add_program "$(command -v git)"
for name in ssh ssh-keygen; do
	if command -v $name >/dev/null; then
		add_program "$(command -v $name)"
	fi
done
# receive-pack, index-pack and most others are names of git itself
for name in git-daemon git-http-backend; do
	if [ -x "$exec_path/$name" ]; then
		add_program "$exec_path/$name"
	fi
done
ln -s "$(command -v git)" "$root$exec_path/git"
if [ -d /usr/share/git-core/templates ]; then
	mkdir -p "$root/usr/share/git-core"
	cp -a /usr/share/git-core/templates "$root/usr/share/git-core/"
fi

install "$(command -v busybox)" "$root/bin/busybox"
busybox --list | while read -r name; do
	[ -e "$root/bin/$name" ] || ln -s busybox "$root/bin/$name"
done

# as the image does, without what is systemd's
prefix=${PREFIX:-/usr/local}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
make -s -C "$top" ${O:+O="$O"} PREFIX="$prefix" DESTDIR="$stage" install >&2
install -D "$stage$prefix/bin/git-gate" "$root$prefix/bin/git-gate"
mkdir -p "$root$prefix/libexec"
cp -a "$stage$prefix/libexec/git-gate" "$root$prefix/libexec/"
mkdir -p "$root$prefix/share"
cp -a "$stage$prefix/share/git-gate" "$root$prefix/share/"
for file in bin/git-gate libexec/git-gate/git-gate-session libexec/git-gate/git-gate-http libexec/git-gate/git-gate-admin libexec/git-gate/hooks/pre-receive; do
	add_libs "$root$prefix/$file"
done

printf 'root:x:0:0::/:/bin/sh\ngit:x:9418:9418::/srv/git:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\ngit:x:9418:\n' >"$root/etc/group"
chown 9418:9418 "$root/srv/git"
