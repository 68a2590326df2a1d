#!/bin/bash
# r0008 - the Debian package: built by an ordinary user, lintian, the same bytes again; installed in a booted systemd, serving
# as it is installed; upgraded under a push in flight, with a changed configuration; downgraded, removed, purged, and nothing left.
# shellcheck disable=SC2016,SC2317 # variables of inner shells; functions are called by check and wait_for
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

need nsenter systemd-nspawn git gcc make setsid timeout pgrep ip setpriv dpkg-buildpackage dh lintian readelf
make_tmp
version=$(sed -n 's/^VERSION := //p' "$top/Makefile")
arch=$(dpkg --print-architecture)
src=$T/build/git-gate
deb=$T/build/git-gate_${version}_$arch.deb

# --- building ---------------------------------------------------------------

# WORD...: as somebody who may nothing, with an environment of his own
as_nobody() {
	setpriv --reuid nobody --regid nogroup --clear-groups -- env -i HOME=/nonexistent LC_ALL=C.UTF-8 \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# DIR: what git has of the tree, as a fresh clone
source_in() {
	mkdir -p "$1"
	git -c safe.directory="$top" -C "$top" ls-files -z | tar --null -C "$top" -T - -c | tar -C "$1" -x --no-same-owner
	chown -R nobody:nogroup "$T/build"
}

# unit tests are a part of the build, but of this run already
build() {
	as_nobody DEB_BUILD_OPTIONS="nocheck parallel=2" "$@" sh -c 'cd "$0" && umask "$U" && shift &&
		rm -rf debian/.debhelper debian/*.debhelper.log && dpkg-buildpackage -us -uc -b "$@"' "$src" - "${more[@]}"
}

field() {
	dpkg-deb -f "$deb" "$1"
}

# FILE...: what they hold, without names of places
unpacked() {
	local file

	for file; do
		dpkg-deb --fsys-tarfile "$file" | tar -x -C "$T/unpacked" || return
	done
}

build_id() {
	readelf -n "$1" | sed -n 's/.*Build ID: //p' | grep .
}

source_in "$src"
more=()
check "dpkg-buildpackage, by an ordinary user" build U=022
check "its version is the Makefile's" same "$(field Version)" "$version"
check "the debug symbols are a package beside it" test -s "$T/build/git-gate-dbgsym_${version}_$arch.deb"

mkdir "$T/unpacked" "$T/first"
unpacked "$T/build"/*.deb
check "the build's place is in none of its files" fails grep -rlF "$T" "$T/unpacked"
check "the tester is not in it" fails test -e "$T/unpacked/usr/bin/git-gate-torture"
cp "$T/build"/*.* "$T/first"
rm "$T/build"/*.deb
# beside what follows, because it takes a while
as_nobody lintian --no-cfg -I -i --fail-on error,warning,info "$T/first/git-gate_${version}_$arch.changes" >"$T/lintian.log" 2>&1 &
lintian=$!
# made again from the same objects, by somebody in another zone with another umask and language
more=(-nc)
check "packed again" build U=077 TZ=Pacific/Kiritimati LC_ALL=C LANG=C
for file in "$T/first"/*.deb; do
	check "the same bytes: ${file##*/}" cmp "$file" "$T/build/${file##*/}"
done
# and one program compiled in another place
source_in "$T/build/elsewhere/and-deeper"
check "a program compiled elsewhere" as_nobody sh -c 'cd "$0" && DEB_BUILD_MAINT_OPTIONS=hardening=+all \
	DEB_CFLAGS_MAINT_APPEND=-Wno-error dpkg-buildflags --export=cmdline >flags &&
	eval "make -s -j2 PREFIX=/usr UNITDIR=/lib/systemd/system TOOLS= $(cat flags) build/git-gate-session"' "$T/build/elsewhere/and-deeper"
check "has the same id" same "$(build_id "$T/build/elsewhere/and-deeper/build/git-gate-session")" \
	"$(build_id "$T/unpacked/usr/libexec/git-gate/git-gate-session")"

wait $lintian
check "lintian has nothing to say" same "$? $(cat "$T/lintian.log")" "0 "

# the package as a later one, whose default configuration is another
later=$T/build/git-gate_later.deb
check "a later package" as_nobody sh -c '
	dpkg-deb -R "$0" "$3" && sed -i "s/^Version: .*/Version: $2/" "$3/DEBIAN/control" &&
	echo "; a new remark" >>"$3/etc/git-gate/config" && dpkg-deb --root-owner-group -b "$3" "$1"' \
	"$deb" "$later" "$version+later" "$T/build/later"

# --- a machine --------------------------------------------------------------

realm_up
client_home "$M/client"
mkdir "$M/client/deb"
cp "$deb" "$later" "$M/client/deb"
cp -r "$top/debian/tests" "$M/client/tests"
chmod 777 "$M/client"
# the first, of a container image, keeps everything from being started; without the second nobody waits for an index of manuals
rm -f "$M/usr/sbin/policy-rc.d" "$M/var/lib/man-db/auto-update"
deb=/client/deb/${deb##*/} later=/client/deb/${later##*/}

pkg() {
	forget_starts
	in_realm env DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io "$@" </dev/null
}

config() {
	in_realm git config -f /etc/git-gate/config "$@"
}

journal_has() {
	has "$(in_realm journalctl --no-pager -o cat -u git-gate.service)" "$1"
}

observed() {
	has "$(in_realm journalctl --no-pager -o json GIT_GATE_EVENT=session.observed)" '"GIT_GATE_KEY":"deadline.init"'
}

# What was written since the machine was booted: all of it is in the overlay's upper layer. Not what dpkg and the clients write, caches,
# and the backups of passwd.
written() (
	cd "$T/realm/upper" && find . -mindepth 1 \( -path ./client -o -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache -o -path ./tmp \
		-o -path ./var/tmp -o -path './etc/*-' \) -prune -o -printf '%y %P\n' | sort
)

# The same as on the machine below? A directory is, when something in it was changed and taken back.
as_below() {
	[ "$(stat -c '%F %a %u %g %N' "$1")" = "$(cd / && stat -c '%F %a %u %g %N' "$1" 2>/dev/null)" ] &&
		{ [ ! -f "$1" ] || [ -L "$1" ] || cmp -s "$1" "/$1"; }
}

# What is there that was not before, or is not as it was.
left() {
	local kind path

	comm -13 "$T/before" <(written) | (
		cd "$T/realm/upper" || exit
		while read -r kind path; do
			as_below "$path" || echo "$kind $path"
		done
	)
	in_realm find /run /dev/shm -name '*git-gate*'
	in_realm journalctl --list-catalog | grep git-gate
	in_realm systemctl list-unit-files --no-legend '*git-gate*'
	in_realm getent passwd git
	in_realm getent group git
}

url=git://127.0.0.1:9418
written >"$T/before"

# --- as installed -----------------------------------------------------------

out=$(pkg -i "$deb" 2>&1)
check "dpkg -i" same "$?" 0
diag <<<"$out"
check "it says that it observes, and where to read on" has "$out" "only observes.*enforce"
check "and what pushes lack" has "$out" "hook.scanner"
check "it serves" state_is active
for unit in git-gate.service git-gate-git.socket git-gate-http.socket; do
	check "$unit is enabled" same "$(ctl is-enabled $unit)" enabled
done
check "it says at its start that it observes" wait_for 60 journal_has "mode observe (no session is ended)"
check "and in git-gate status" has "$(in_realm git-gate status)" "observe"
check "the configuration is sound" has "$(in_realm git-gate check-config)" "gate.profile *= host"
check "its events are in the catalog" has "$(in_realm journalctl --list-catalog)" "git-gate: session.reaped"
check "its manual" in_realm test -e /usr/share/man/man5/git-gate.conf.5.gz
check "how to enforce" in_realm grep -q "reaper.mode enforce" /usr/share/doc/git-gate/README.Debian
check "a repository" in_realm git-gate add --local demo.git
check "which the gate is told" ctl reload git-gate.service
check "a clone" as_client clone -q $url/demo.git /client/work
check "over HTTP, too" as_client ls-remote -q http://127.0.0.1:9420/demo.git
as_client -C /client/work commit -q --allow-empty -m first
out=$(as_client -C /client/work push origin HEAD:main 2>&1)
check "a push is refused" has "$out" "remote rejected"
check "with the reason" has "$out" "hook.scanner"
check "the package's own test" in_realm setpriv --reuid nobody --regid nogroup --clear-groups env AUTOPKGTEST_TMP=/client/smoke \
	sh -c 'mkdir /client/smoke && sh /client/tests/smoke'

# --- set up -----------------------------------------------------------------

config hook.scanner none
config deadline.init 1s
check "reload" ctl reload git-gate.service
check "a push" as_client -C /client/work push -q origin HEAD:main
in_realm bash -c 'exec 3<>/dev/tcp/127.0.0.1/9418; : >/client/silent; read -r line <&3; : >/client/ended' &
silent=$!
check "a silent client" wait_for 60 test -e "$M/client/silent"
check "is observed" wait_for 60 observed
check "and not ended" fails test -e "$M/client/ended"
config reaper.mode enforce
check "enforce" ctl reload git-gate.service
check "and it is" wait_for 60 test -e "$M/client/ended"
wait $silent
config deadline.init 15s
config reaper.mode observe
ctl reload git-gate.service
cp "$M/etc/git-gate/config" "$T/config"
# as README.Debian has it, in a place that is gone afterwards
in_realm sh -c 'mkdir -p /run/systemd/system/git-gate-git.socket.d && cd /run/systemd/system/git-gate-git.socket.d &&
	printf "[Socket]\nListenStream=127.0.0.1:9419\n" >here.conf && systemctl daemon-reload'
forget_starts
check "the socket at another address" ctl restart git-gate-git.socket
check "serves there" as_client ls-remote -q --exit-code git://127.0.0.1:9419/demo.git main
in_realm sh -c 'rm -r /run/systemd/system/git-gate-git.socket.d && systemctl daemon-reload && systemctl restart git-gate-git.socket'
# another gate, of the template
in_realm sh -c 'cd /run/systemd/system && for t in git:9500 http:9501; do mkdir "git-gate-${t%:*}@two.socket.d" &&
	printf "[Socket]\nListenStream=\nListenStream=127.0.0.1:%s\n" "${t#*:}" >"git-gate-${t%:*}@two.socket.d/here.conf"; done'
in_realm git config -f /etc/git-gate/two.config hook.scanner none
check "an instance" ctl enable --now git-gate@two.service
check "is alive" in_realm git-gate health --gate two
check "with its sockets" same "$(ctl is-active git-gate-git@two.socket git-gate-http@two.socket | sort -u)" active
two=$(show MainPID git-gate@two.service)

# --- upgrading, with a push in flight ---------------------------------------

cat >"$M/client/work/.git/hooks/pre-push" <<-'EOC'
	#!/bin/sh
	: >/client/began
	while [ ! -e /client/go ]; do sleep 0.05; done
EOC
chmod +x "$M/client/work/.git/hooks/pre-push"
as_client -C /client/work commit -q --allow-empty -m "while it is upgraded"
as_client -C /client/work push -q origin HEAD:main >"$T/push.log" 2>&1 &
push=$!
check "a push is in flight" wait_for 60 test -e "$M/client/began"
old=$(show MainPID)
pkg --force-confdef --force-confold -i "$later" >"$T/upgrade.log" 2>&1 &
upgrade=$!
check "the upgrade waits for it" wait_for 60 state_is deactivating
as_client ls-remote -q $url/demo.git >"$T/waiting.log" 2>&1 &
waiting=$!
check "the socket stays" state_is active git-gate-git.socket
check "by the old gate" in_realm kill -0 "$old"
touch "$M/client/go"
wait $push
check "the push finishes" same "$? $(cat "$T/push.log")" "0 "
wait $upgrade
check "the upgrade, too" same $? 0
diag <"$T/upgrade.log"
wait $waiting
check "who came meanwhile was not refused" same $? 0
check "another process serves" fails same "$(show MainPID)" "$old"
check "of the instance, too" fails same "$(show MainPID git-gate@two.service)" "$two"
check "it is up" state_is active git-gate@two.service
check "the later one" same "$(in_realm dpkg-query -W -f '${Version}' git-gate)" "$version+later"
check "the push has arrived" same "$(as_client ls-remote $url/demo.git main | cut -f 1)" "$(as_client -C /client/work rev-parse HEAD)"
check "the configuration is kept" cmp "$T/config" "$M/etc/git-gate/config"
check "the new default is beside it" in_realm grep -q "a new remark" /etc/git-gate/config.dpkg-dist
rm "$M/client/work/.git/hooks/pre-push"

# --- back, and off, and on again --------------------------------------------

check "a downgrade" pkg --force-confold -i "$deb"
check "keeps the configuration" cmp "$T/config" "$M/etc/git-gate/config"
check "and serves" as_client ls-remote -q --exit-code $url/demo.git main
check "remove" pkg -r git-gate
check "stops all" same "$(ctl list-units --no-legend --state=active 'git-gate*')" ""
check "keeps the configuration" cmp "$T/config" "$M/etc/git-gate/config"
check "and the repository" in_realm test -e /srv/git/demo.git/HEAD
check "install again" pkg -i "$deb"
check "and it serves as before" as_client ls-remote -q --exit-code $url/demo.git main

# --- purging ----------------------------------------------------------------

echo secret >"$M/etc/git-gate/id_ed25519"
out=$(pkg -P git-gate 2>&1)
check "purge" same "$?" 0
check "says that repositories stay" has "$out" "/srv/git is not empty"
check "and whose they are" has "$out" "user git stays"
check "the repository is there" in_realm test -e /srv/git/demo.git/HEAD
check "and its owner" same "$(in_realm stat -c %U /srv/git/demo.git)" git
check "settings and keys are not" fails in_realm test -e /etc/git-gate

check "install once more" pkg -i "$deb"
check "which takes up the repository" as_client ls-remote -q --exit-code $url/demo.git main
config gate.basePath /srv/elsewhere
in_realm mv /srv/git /srv/elsewhere
check "purge, with repositories at another place" pkg -P git-gate
check "nothing is at the usual one" fails in_realm test -e /srv/git
check "their owner stays" same "$(in_realm stat -c %U /srv/elsewhere/demo.git)" git
in_realm userdel git
in_realm sh -c 'rm -r /srv/elsewhere /run/systemd/system/git-gate-*@two.socket.d && systemctl daemon-reload'

check "install, as if for the first time" pkg -i "$deb"
# that the next check can fail
check "what is there now would be noticed" has "$(left)" "f usr/bin/git-gate"
check "purge, with no repository left" pkg -P git-gate
check "nothing is left" same "$(left)" ""

finish
