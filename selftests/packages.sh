#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# packages.sh: the packages are built, lintian and rpmlint have nothing to say, and
# in a chroot that has nothing but what they depend on they are installed, upgraded
# and purged. Of the RPMs, the scripts are run there; the names of what they depend
# on are not Debian's.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=selftests/tap.sh
. selftests/tap.sh

# silent COMMAND...: any output is a finding
silent() {
	local log
	log=$("$@" 2>&1) || { printf '%s\n' "$log"; return 1; }
	log=$(grep -v 'running with root privileges' <<<"$log") || true
	[ -z "$log" ] || { printf '%s\n' "$log"; return 1; }
}
no_finding() {
	local log
	log=$(rpmlint -r packaging/rpm/gwlb.rpmlintrc "$@" 2>&1) || true
	grep ' 0 errors, 0 warnings' <<<"$log" || { printf '%s\n' "$log"; return 1; }
}

# The tree as version 9.2, in $d/tree
next_version() {
	# shellcheck source=packaging/lib.sh
	( . packaging/lib.sh; copy_tree "$d/tree" )
	sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"9.2\"/" "$d/tree/dkms.conf"
	sed -i "s/^MODULE_VERSION(.*/MODULE_VERSION(\"9.2\");/" "$d/tree/kmod/main.c"
	sed -i "1s/(.*)/(9.2)/" "$d/tree/packaging/deb/debian/changelog"
	sed -i "s/^Version:.*/Version: 9.2/" "$d/tree/packaging/rpm/gwlb.spec"
}

# A system with the packages and what apt gets for them; rpm for the others, and
# what the headers of 6.12 depend on, which are unpacked and not installed
clean_root() {
	local debs=$cache/debs/bookworm
	mkdir -p "$debs" "$d/root"
	# shellcheck disable=SC2016
	sources_of bookworm | grep -v -- -backports |
	mmdebstrap --mode=root --variant=apt --keyring="$keyring" --include=rpm,pahole \
		--skip=check/qemu,download/empty,essential/unlink,cleanup/apt/cache \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='APT::Install-Recommends "false"' \
		--aptopt='APT::Sandbox::User "root"' \
		--dpkgopt=force-unsafe-io \
		--setup-hook='mkdir -p "$1/var/cache/apt/archives/partial"' \
		--setup-hook="cp -n '$debs'/*.deb \"\$1/var/cache/apt/archives/\" 2>/dev/null || true" \
		--customize-hook="cp -r '$d/share/old' \"\$1/tmp/\"" \
		--customize-hook='chroot "$1" sh -c "apt-get install -y /tmp/old/gwlb-dkms_*.deb /tmp/old/gwlb-tools_*.deb"' \
		--customize-hook='rm -rf "$1"/tmp/old "$1"/var/cache/apt/archives/*.deb' \
		"" "$d/root/tree" - || return
	mkdir -p "$d/root/tree/src"
}

outside() {
	local kernel kernels=
	# shellcheck source=selftests/vm/lib.sh
	. selftests/vm/lib.sh
	# shellcheck source=selftests/vm/images.sh
	. selftests/vm/images.sh
	# shellcheck source=selftests/vm/tree.sh
	. selftests/vm/tree.sh
	mkdir -p "$cache/build" "$cache/kernel"
	need debhelper dh-dkms dpkg-dev lintian rpm rpmlint pkg-config libmnl-dev \
		libjansson-dev mmdebstrap debian-archive-keyring
	d=$(mktemp -d "$cache/build/packages.XXXXXX")
	trap 'rm -rf "$d"' EXIT
	mkdir -p "$d/share" "$d/src/selftests"
	next_version
	echo "TAP version 13"
	check "make deb" packaging/deb/build "$d/share/old"
	check "make deb, a newer version" "$d/tree/packaging/deb/build" "$d/share/new"
	check "make rpm" packaging/rpm/build "$d/share/old"
	check "make rpm, a newer version" "$d/tree/packaging/rpm/build" "$d/share/new"
	check "lintian" silent lintian -I --pedantic "$d"/share/old/*.changes
	check "rpmlint" no_finding packaging/rpm/gwlb.spec "$d"/share/old/*.rpm
	check "apt finds what the packages depend on" clean_root
	cp -a selftests/packages.sh selftests/tap.sh "$d/src/selftests/"
	cp -a "$d/share" "$d/src/"
	for kernel in bookworm/6.1 bookworm/6.12; do
		kernel_of $kernel
		kernels+=${kernels:+:}$kernel
	done
	renumber in_chroot "$d/root" "$kernels" "$d" "selftests/packages.sh inside"
	finish
}

# everywhere VERSION: each kernel has it and no other, and the tools are of it
everywhere() {
	local r
	for r in ${rels:?}; do
		[ "$(find "/lib/modules/$r" -name 'gwlb.ko*' -exec modinfo -F version {} ';')" = "$1" ] || return
	done
	gwlbctl version | grep "^gwlbctl $1,"
}
files() {
	find / -xdev '(' -path /proc -o -path /tmp -o -path /src -o -path /dev -o \
		-path /var/lib/dpkg -o -path /var/log -o -path /var/lib/rpm \
		-o -path /usr/lib/sysimage -o -path /usr/share/licenses ')' -prune -o -print |
		grep -v '/modules\.[a-z.]*$' | sort
}
same() { diff /tmp/before <(files); }

inside() {
	local version
	cd share
	version=$(echo old/gwlb-dkms_*.deb)
	version=${version#*_}
	version=${version%%_*}
	dpkg --purge gwlb-dkms gwlb-tools >/dev/null
	files >/tmp/before
	check "deb: install" dpkg -i old/gwlb-dkms_*.deb old/gwlb-tools_*.deb
	check "deb: tools, and a module for each kernel" everywhere "$version"
	check "deb: manual page and completion" ls /usr/share/man/man8/gwlbctl.8.gz \
		/usr/share/bash-completion/completions/gwlbctl
	echo "allow 10.0.0.1" >/etc/gwlb/gwlb0.conf
	check "deb: upgrade" dpkg -i new/gwlb-dkms_*.deb new/gwlb-tools_*.deb
	check "deb: the new ones took their place" everywhere 9.2
	check "deb: remove" dpkg --remove gwlb-dkms gwlb-tools
	check "deb: a configuration stays" rm /etc/gwlb/gwlb0.conf
	check "deb: purge" dpkg --purge gwlb-dkms gwlb-tools
	rmdir /etc/gwlb 2>/dev/null || true
	check "deb: nothing is left" same

	rpm --initdb
	files >/tmp/before
	set -- --force-debian --nodeps
	check "rpm: install" rpm -i "$@" old/gwlb-dkms-*.rpm old/gwlb-tools-"$version"*.rpm
	check "rpm: tools, and a module for each kernel" everywhere "$version"
	check "rpm: upgrade" rpm -U "$@" new/gwlb-dkms-*.rpm new/gwlb-tools-9*.rpm
	check "rpm: the new ones took their place" everywhere 9.2
	check "rpm: erase" rpm -e "$@" gwlb-dkms gwlb-tools
	check "rpm: nothing is left" same
	finish
}

if [ "${1:-}" = inside ]; then
	inside
else
	outside
fi
