# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# The userland of arm64 guests. Sourced after images.sh.
#
# Its packages are unpacked and not configured, which programs of that
# architecture would have to do, at a tenth of their speed. What the tests want of
# that is done here by hand. Module and kernel are built in the chroot of amd64.

build_arm64_root() {
	local suite=$1 dir=$2 debs=$cache/debs/$1-arm64 t=$2.tmp/tree p
	fresh_dir "$dir"
	mkdir -p "$debs"
	# shellcheck disable=SC2016
	sources_of "$suite" | grep -v -- -backports |
	mmdebstrap --mode=root --variant=extract --keyring="$keyring" \
		--architectures=arm64 \
		--skip=check/qemu,download/empty,cleanup/apt/cache \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Retries "3"' \
		--aptopt='APT::Sandbox::User "root"' \
		--setup-hook='mkdir -p "$1/var/cache/apt/archives/partial"' \
		--setup-hook="cp -n '$debs'/*.deb \"\$1/var/cache/apt/archives/\" 2>/dev/null || true" \
		--include='?essential' --include="$(suite_packages "$suite"),busybox-static" \
		--customize-hook="mv \"\$1\"/var/cache/apt/archives/*.deb '$debs/'" \
		"" "$t" -
	for p in awk:mawk cc:gcc nc:nc.openbsd iptables:/usr/sbin/iptables-nft \
		ip6tables:/usr/sbin/ip6tables-nft; do
		ln -sf "${p#*:}" "$t/usr/bin/${p%%:*}"
	done
	cp "$t/usr/share/base-passwd/passwd.master" "$t/etc/passwd"
	cp "$t/usr/share/base-passwd/group.master" "$t/etc/group"
	echo "tcpdump:x:100:65534::/nonexistent:/usr/sbin/nologin" >>"$t/etc/passwd"
	mkdir -p "$t/src" "$t/out" "$t/share"
	echo gwlb >"$t/etc/hostname"
	echo "127.0.0.1 localhost gwlb" >"$t/etc/hosts"
	rm -rf "$t/var/lib/apt/lists" "$t/usr/share/"{man,doc,locale}
	pack "$t" "$dir.tmp/img" -e var/cache
	keep_dir "$dir"
}

# arm64_root_of SUITE: sets $root
arm64_root_of() {
	root=$cache/root/arm64-$1-$( { suite_packages "$1"; declare -f build_arm64_root; } | hash_of)
	[ -e "$root" ] && return
	need mmdebstrap squashfs-tools zstd debian-archive-keyring
	locked "root-arm64-$1" need_arm64_root "$1" "$root"
}
need_arm64_root() {
	[ -e "$2" ] || step "root file system of $1, arm64" build_arm64_root "$1" "$2" ||
		die "no root file system"
}
