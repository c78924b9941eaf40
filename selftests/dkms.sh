#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# dkms.sh [SUITE]...: DKMS builds the module, signs it, builds it again when
# headers arrive, and keeps the old one when it cannot. In the userland of each
# Debian suite, for its oldest and its newest kernel.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=selftests/tap.sh
. selftests/tap.sh

outside() {
	local suite first last
	# shellcheck source=selftests/vm/lib.sh
	. selftests/vm/lib.sh
	mkdir -p "$cache"
	need openssl
	keys=$(mktemp -d)
	trap 'rm -rf "$keys"' EXIT
	mkdir "$keys/keys"
	openssl req -new -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=thrown away" \
		-outform DER -keyout "$keys/keys/mok.key" -out "$keys/keys/mok.pub" 2>/dev/null
	selftests/vm/kernels | grep -v -- - >"$keys/kernels"
	[ $# -gt 0 ] || set -- bullseye bookworm trixie
	echo "TAP version 13"
	for suite; do
		first=$(grep "^$suite/" "$keys/kernels" | sort -V | head -n 1)
		last=$(grep "^$suite/" "$keys/kernels" | sort -V | tail -n 1)
		[ "$first" != "$last" ] || last=$first-full
		renumber selftests/vm/chroot -k "$first" -k "$last" -s "$keys/keys" \
			-- selftests/dkms.sh inside "$first" "$last"
	done
	finish
}

module() { find "/lib/modules/$1" -name 'gwlb.ko*' | grep .; }
# version_is RELEASE VERSION: of the module there
version_is() {
	local file
	file=$(module "$1") && [ "$(modinfo -F version "$file")" = "$2" ] &&
		modinfo -F vermagic "$file" | grep "^$1 "
}
signed() { modinfo -F signer "$(module "$1")" | grep -x "thrown away"; }
installed() { dkms status -m gwlb -v "$1" -k "$2" | grep ': installed'; }
# as postinst of a linux-headers package does
headers_arrive() {
	mv /tmp/build "/lib/modules/$1/build"
	run-parts --verbose --exit-on-error --arg="$1" /etc/kernel/header_postinst.d
}
# The name of the file, the line and what is wrong are all in it
readable() { grep -E 'kmod/main.c:[0-9]+:.*error.*spoilt' "/var/lib/dkms/gwlb/$1/build/make.log"; }
gone() { ! find /lib/modules /var/lib/dkms -name 'gwlb*' | grep .; }

# another VERSION: the same source under that name
another() {
	cp -a /src "/tmp/$1"
	sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$1\"/" "/tmp/$1/dkms.conf"
	sed -i "s/^MODULE_VERSION(.*/MODULE_VERSION(\"$1\");/" "/tmp/$1/kmod/main.c"
}

inside() {
	local old new name version on=$1
	: "${rel:?}" "${rels:?}"
	new=${rels##* }
	version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
	name=gwlb/$version
	# both forms: up to version 2 a script signs, which has its key in /root
	mkdir -p /var/lib/dkms
	cp share/keys/mok.* /var/lib/dkms/
	cp share/keys/mok.key /root/mok.priv
	cp share/keys/mok.pub /root/mok.der
	case $(dkms --version) in *2.*)
		echo sign_tool=/etc/dkms/sign_helper.sh >>/etc/dkms/framework.conf ;;
	esac
	rm -rf share
	mv "/lib/modules/$new/build" /tmp/build

	check "$on: dkms add" dkms add /src
	check "$on: dkms build" dkms build "$name" -k "$rel"
	check "$on: not installed by that" fails module "$rel"
	check "$on: dkms install" dkms install "$name" -k "$rel"
	check "$on: the module is of this kernel" version_is "$rel" "$version"
	check "$on: and signed" signed "$rel"
	check "$2: headers arrive" headers_arrive "$new"
	check "$2: the module was built" version_is "$new" "$version"
	check "$2: and signed" signed "$new"

	another 9.1
	echo '#error spoilt' >>/tmp/9.1/kmod/main.c
	check "$on: a spoilt version is added" dkms add /tmp/9.1
	check "$on: and does not build" fails dkms install gwlb/9.1 -k "$rel"
	check "$on: the log says where and why" readable 9.1
	check "$on: the old module stays" version_is "$rel" "$version"
	check "$on: for DKMS too" installed "$version" "$rel"

	another 9.2
	check "$on: a good version is added" dkms add /tmp/9.2
	check "$on: and takes its place" dkms install gwlb/9.2 -k "$rel"
	check "$on: as the one that modprobe finds" version_is "$rel" 9.2
	check "$on: make uninstall" make -s uninstall KDIR="/lib/modules/$rel/build"
	check "$on: leaves what is of DKMS" version_is "$rel" 9.2

	for old in "$version" 9.1 9.2; do
		check "$on: dkms remove gwlb/$old" dkms remove "gwlb/$old" --all
	done
	check "$on: nothing is left" gone
	finish
}

if [ "${1:-}" = inside ]; then
	shift
	inside "$@"
else
	outside "$@"
fi
