# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the programs of selftests/vm share: the cache, messages, apt.
# Sourced, never run. The sourcing script has set -eu.

vm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$vm/../.." && pwd)
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gwlb}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
export vm top cache keyring
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

# 125 is "the guest or its surroundings failed", which no COMMAND should use
say() { echo "vm: $*" >&2; }
die() { say "$*"; exit 125; }

# step TEXT COMMAND...: one line of progress, the output only when it fails.
# In a shell of its own, because "set -e" is off in whatever is left of a ||, and
# a step that went on after an error would leave a broken image. So COMMAND may
# be one of our functions, but its variables must be arguments or exported.
step() {
	local text=$1 log start=$SECONDS rc=0
	shift
	log=$(mktemp "$cache/log.XXXXXX")
	say "$text ..."
	# shellcheck disable=SC2016
	bash -euo pipefail -c "$(declare -f)"' ; "$@"' step "$@" \
		>"$log" 2>&1 </dev/null || rc=$?
	if [ "$rc" != 0 ]; then
		tail -n 60 "$log" >&2
		say "$text: failed ($rc), whole log in $log"
		return "$rc"
	fi
	rm -f "$log"
	say "$text: done in $((SECONDS - start)) s"
}

# locked NAME COMMAND...: one process at a time builds a thing of the cache
locked() {
	local name=$1
	shift
	( flock 9; "$@" ) 9>"$cache/lock.$name"
}

# A folder of the cache appears whole or not at all
fresh_dir() { rm -rf "$1.tmp"; mkdir -p "$1.tmp"; }
keep_dir() { rm -rf "$1"; mv "$1.tmp" "$1"; }

hash_of() { sha256sum | cut -c1-12; }

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

host_codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

apt_install() {
	say "installing with apt: $*"
	step "apt-get update" apt-get -q update || return
	step "apt-get install" apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends "$@"
}

# need PACKAGE...: have these on this machine
need() {
	local p missing=()
	for p; do installed "$p" || missing+=("$p"); done
	[ ${#missing[@]} = 0 ] && return
	command -v apt-get >/dev/null || die "please install: ${missing[*]}"
	[ "$(id -u)" = 0 ] || die "please install, as root: ${missing[*]}"
	locked host-apt apt_install "${missing[@]}" || die "apt failed"
}

# shellcheck disable=SC2016	# apt expands them
apt_targets() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' \
		'Identifier: Packages' 'Component: main'
}

# mirror [-security]: the archive that this machine itself is set up to use
mirror() {
	local sec=${1:-} codename uri
	codename=$(host_codename)
	# apt names no targets before its first update
	[ -n "$(apt_targets)" ] || apt-get -qq update >/dev/null || true
	uri=$(apt_targets | awk -v r="$codename$sec" \
		'$2 == r && /debian/ { print $1; exit }')
	echo "${uri:-http://deb.debian.org/debian$sec}"
}

# sources_of SUITE[-ARCH]; without security updates for other architectures, of
# which nothing is wanted but headers to build with and a guest
sources_of() {
	local suite=${1%-*} m s
	m="[signed-by=$keyring] $(mirror)"
	s="[signed-by=$keyring] $(mirror -security)"
	echo "deb $m $suite main"
	[ "$suite" != sid ] || return 0
	[ "$suite" != "$1" ] || echo "deb $s $suite-security main"
	# its backports have left the mirrors
	[ "$suite" = bullseye ] || echo "deb $m $suite-backports main"
}

# suite_apt SUITE[-ARCH] COMMAND...: an apt that knows SUITE, its security updates
# and its backports, and neither reads nor writes the state of this machine's
suite_apt() {
	local d=$cache/apt/$1 arch=${1#*-} cmd=$2
	[ "$arch" != "$1" ] || arch=amd64
	shift 2
	"$cmd" -o Dir::Etc::SourceList="$d/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::PreferencesParts=/dev/null \
		-o Dir::State::Lists="$d/lists" -o Dir::State::Status="$d/status" \
		-o Dir::Cache="$d/cache" -o APT::Architecture="$arch" \
		-o APT::Sandbox::User=root -o Acquire::Languages=none \
		-o Acquire::Retries=3 -o Debug::NoLocking=1 "$@"
}

# The index is good for a week; an old one is better than none
index_update() {
	local suite=$1 d=$cache/apt/$1
	[ -z "$(find "$d/stamp" -mtime -7 2>/dev/null)" ] || return 0
	mkdir -p "$d/lists/partial" "$d/cache/archives/partial"
	: >>"$d/status"
	sources_of "$suite" >"$d/sources.list"
	if step "index of $suite" suite_apt "$suite" apt-get -q -o APT::Update::Error-Mode=any update; then
		touch "$d/stamp"
	else
		[ -e "$d/stamp" ] || die "no index of $suite"
	fi
}
need_index() { locked "apt-$1" index_update "$1"; }

# releases SUITE[-ARCH] FLAVOUR: what kernels SUITE has, oldest first. Images whose
# headers have left the mirror are of no use, nor are headers whose signed image
# has not arrived.
releases() {
	{
		suite_apt "$1" apt-cache pkgnames linux-headers-
		suite_apt "$1" apt-cache pkgnames linux-image-
	} | sed -nE "s/^linux-(headers|image)-([0-9]+\.[0-9]+\.[^-]*(-[0-9][^-]*)?-$2)\$/\2/p" |
		sort -V | uniq -d
}

qemu_major() { # ARCH
	"qemu-system-$1" --version 2>/dev/null |
		sed -n 's/^QEMU emulator version \([0-9]*\).*/\1/p'
}

# QEMU before 10 crashes guests of 6.12 and later now and then
need_qemu() { # x86_64|aarch64
	local codename d q=(qemu-system-x86 seabios) t=()
	[ "$1" = x86_64 ] || q=(qemu-system-arm)
	[ "$(qemu_major "$1" || true)" -ge 10 ] 2>/dev/null && return
	codename=$(host_codename)
	[ "$(id -u)" = 0 ] || die "please install QEMU 10 or later"
	case $codename in
	bookworm) t=(-t bookworm-backports) ;;
	trixie) ;;
	*) die "please install QEMU 10 or later" ;;
	esac
	need_index "$codename"
	d=$cache/apt/$codename
	say "installing with apt: ${q[*]} (${t[*]:+of }${t[*]:1:1})"
	# the suite's sources, but this machine's own list of what is installed
	locked host-apt step "apt-get install" apt-get -q -y \
		-o Dir::Etc::SourceList="$d/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$d/lists" -o Acquire::Retries=3 \
		-o DPkg::Lock::Timeout=300 "${t[@]}" \
		install --no-install-recommends "${q[@]}" || die "apt failed"
}
