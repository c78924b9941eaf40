#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# install.sh: make install honours DESTDIR and PREFIX, and make uninstall takes
# away what it put and nothing else. Without arguments: in the chroot.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=selftests/tap.sh
. selftests/tap.sh
[ "${1:-}" = inside ] || exec selftests/vm/chroot -- selftests/install.sh inside

: "${rel:?}"
files() { find "$1" ! -type d | sort; }
installed() { make -s KDIR="/lib/modules/$rel/build" "$@"; }
# what was there before is not ours to delete
neighbours() {
	local d
	for d in "$1$2/sbin" "$1$2/share/man/man8" "$1/lib/modules/$rel/updates"; do
		mkdir -p "$d"
		: >"$d/neighbour"
	done
}
same() { diff <(echo "$1") <(files "$2"); }
below() { # PREFIX: nothing but that and modules
	files /tmp/dest | grep -vE "^/tmp/dest($1|/lib/modules/$rel)/" && return 1
	test -x "/tmp/dest$1/sbin/gwlbctl" &&
		find "/tmp/dest/lib/modules/$rel" -name 'gwlb.ko*' | grep .
}

for prefix in /usr /opt/gwlb; do
	rm -rf /tmp/dest
	neighbours /tmp/dest $prefix
	before=$(files /tmp/dest)
	: >/tmp/stamp
	check "install, PREFIX=$prefix" installed install DESTDIR=/tmp/dest PREFIX=$prefix
	check "all of it is below DESTDIR and PREFIX" below $prefix
	check "nothing is outside of DESTDIR" \
		bash -c '! find /usr /etc /lib/modules -newer /tmp/stamp ! -type d | grep .'
	check "uninstall" installed uninstall DESTDIR=/tmp/dest PREFIX=$prefix
	check "what is left is what was there" same "$before" /tmp/dest
done
finish
