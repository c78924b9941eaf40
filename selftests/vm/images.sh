# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# Root file systems and kernels for guests, kept in the cache. Sourced after
# lib.sh.
#
# cache/root/SUITE-HASH/     tree/: chroot for building; img: squashfs of it
# cache/kernel/SUITE-RELEASE/
#	suite		whose userland (and compiler) it goes with
#	release		as uname -r says
#	arch		arm64 or i386, if it is not for amd64
#	vmlinuz
#	tree/		usr/lib/modules/RELEASE, headers, kbuild tools
#	img		squashfs of tree/
#	initrd-HASH	what it takes to mount both squashfs
# A second root, boot-SUITE-HASH, has systemd and the packages of boot: as well.
# A kernel is laid over a root by overlayfs, in the chroot and in the guest.

pack() {
	mksquashfs "$1" "$2" -comp zstd -Xcompression-level 3 -noappend \
		-no-progress -quiet "${@:3}"
}

# suite_packages SUITE [boot]
suite_packages() {
	sed -E "/^(#|$)/d; s/^($1${2:+|$2})://; /:/d" "$vm/packages" | paste -sd,
}

# build_root SUITE FOLDER [boot]
build_root() {
	local suite=$1 dir=$2 flavour=${3:-} debs=$cache/debs/$1
	fresh_dir "$dir"
	mkdir -p "$debs"
	# the hooks keep the downloads, for the next change of the list
	# shellcheck disable=SC2016
	sources_of "$suite" | grep -v -- -backports |
	mmdebstrap --mode=root --variant=apt --keyring="$keyring" \
		--architectures=amd64 \
		--skip=check/qemu,download/empty,essential/unlink,cleanup/apt/cache \
		--aptopt='Acquire::Languages "none"' \
		--aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Retries "3"' \
		--aptopt='APT::Sandbox::User "root"' \
		--dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--setup-hook='mkdir -p "$1/var/cache/apt/archives/partial"' \
		--setup-hook="cp -n '$debs'/*.deb \"\$1/var/cache/apt/archives/\" 2>/dev/null || true" \
		--include="$(suite_packages "$suite" "$flavour")" \
		--customize-hook="mv \"\$1\"/var/cache/apt/archives/*.deb '$debs/'" \
		"" "$dir.tmp/tree" -
	# mount points, and no name of the machine that built it
	mkdir -p "$dir.tmp/tree/src" "$dir.tmp/tree/out" "$dir.tmp/tree/share"
	echo gwlb >"$dir.tmp/tree/etc/hostname"
	echo "127.0.0.1 localhost gwlb" >"$dir.tmp/tree/etc/hosts"
	rm -rf "$dir.tmp/tree/var/lib/apt/lists" "$dir.tmp/tree/etc/apt/sources.list"
	[ -z "$flavour" ] || settle_boot "$dir.tmp/tree"
	pack "$dir.tmp/tree" "$dir.tmp/img" -e var/cache
	keep_dir "$dir"
	# an older one of this suite may be in use: leave what is young
	find "$cache/root" -maxdepth 1 -name "${flavour:+$flavour-}$suite-*" \
		! -path "$dir" -mtime +2 -exec rm -rf {} +
}

# settle_boot TREE: what a test wants of these it starts itself
settle_boot() {
	systemctl --root="$1" -q disable NetworkManager NetworkManager-wait-online \
		nginx systemd-networkd systemd-timesyncd apt-daily.timer \
		apt-daily-upgrade.timer
	touch "$1/etc/cloud/cloud-init.disabled"
	# without, systemd takes it for the first boot and enables everything
	echo 0123456789abcdef0123456789abcdef >"$1/etc/machine-id"
	ln -sf /proc/self/mounts "$1/etc/mtab"
}

# root_of SUITE [boot]: sets $root
root_of() {
	local key
	key=$( { suite_packages "$@"; declare -f build_root settle_boot; } | hash_of)
	root=$cache/root/${2:+$2-}$1-$key
	[ -e "$root" ] && return
	need mmdebstrap squashfs-tools zstd debian-archive-keyring
	locked "root-$1" need_root "$1" "$root" "${2:-}"
}
need_root() {
	[ -e "$2" ] || step "root file system of $1 (about 90 s)" build_root "$@" ||
		die "no root file system"
}

# kernel_debs SUITE RELEASE: image and headers with what they need that is
# made from the same source. Only unpacked, never installed: the packages of
# trixie and later would draw in systemd and make an initrd.
kernel_debs() {
	local suite=$1 todo=("linux-image-$2" "linux-headers-$2") p seen=' '
	while [ ${#todo[@]} -gt 0 ]; do
		p=${todo[0]}
		todo=("${todo[@]:1}")
		case $seen in *" $p "*) continue ;; esac
		seen="$seen$p "
		echo "$p"
		mapfile -t -O ${#todo[@]} todo < <(
			suite_apt "$suite" apt-cache show --no-all-versions "$p" |
			sed -n 's/^Depends: //p' | tr ',|' '\n' |
			sed -nE 's/^ *(linux-(image|binary|modules|headers|kbuild|base)-[0-9][^ ]*).*/\1/p')
	done
}

# $1: SUITE[-ARCH], $2: RELEASE, $3: folder, $4: ARCH
unpack_kernel() {
	local debs=$cache/debs/$1-$2 deb tree=$3.tmp/tree
	local pkgs
	fresh_dir "$3"
	mkdir -p "$debs" "$tree/usr/lib" "$tree/usr/bin"
	ln -s usr/lib "$tree/lib"
	mapfile -t pkgs < <(kernel_debs "$1" "$2")
	rm -f "$debs"/*.deb
	# what runs when modules are built is to run on this machine
	( cd "$debs" && for p in "${pkgs[@]}"; do
		case $p in
		linux-kbuild-*) suite_apt "${1%-*}" apt-get -q download "$p" ;;
		*) suite_apt "$1" apt-get -q download "$p" ;;
		esac
	done )
	for deb in "$debs"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar -x -C "$tree" --keep-directory-symlink
	done
	rm -rf "$debs" "$tree/usr/share/doc"
	[ -z "${4:-}" ] || echo "$4" >"$3.tmp/arch"
	finish_kernel "${1%-*}" "$2" "$3"
}

# The rest is the same for kernels of our own. $3.tmp/tree is there
finish_kernel() {
	local tree=$3.tmp/tree
	depmod -b "$tree" "$2"
	# 7.x keeps it with the modules
	cp "$tree/boot/vmlinuz-$2" "$3.tmp/vmlinuz" 2>/dev/null ||
		cp "$tree/usr/lib/modules/$2/vmlinuz" "$3.tmp/vmlinuz"
	echo "$1" >"$3.tmp/suite"
	echo "$2" >"$3.tmp/release"
	pack "$tree" "$3.tmp/img" -e boot
	rm -rf "${tree:?}/boot"
	keep_dir "$3"
}

# kernel_of NAME|PATH: sets $kernel, the folder
kernel_of() {
	local suite version release flavour=cloud-amd64 index arch=
	case $1 in
	*/vmlinuz) kernel=$(dirname "$1") ;;
	*) kernel=$1 ;;
	esac
	if [ -e "$kernel/vmlinuz" ]; then
		kernel=$(realpath "$kernel")
		return
	fi
	suite=${1%/*} version=${1##*/}
	case $version in
	*-full) flavour=amd64 ;;
	*-arm64) flavour=cloud-arm64 arch=arm64 ;;
	*-i386) flavour=686-pae arch=i386 ;;
	esac
	index=$suite${arch:+-$arch}
	version=${version%-*}
	case $suite/$version in
	bullseye/[0-9]* | bookworm/[0-9]* | trixie/[0-9]*) ;;
	*) die "-k $1: neither the name nor the folder of a kernel (see selftests/vm/kernels)" ;;
	esac
	need_index "$suite"
	need_index "$index"
	release=$(releases "$index" $flavour | grep -F "$version." | grep "^$version\." | tail -n 1) ||
		die "-k $1: no such kernel in $suite"
	kernel=$cache/kernel/$suite-$release
	[ -e "$kernel" ] && return
	need squashfs-tools zstd kmod
	locked "kernel-$suite-$release" need_kernel "$index" "$release" "$kernel" $arch
}
need_kernel() {
	[ -e "$3" ] && return
	step "kernel $2" unpack_kernel "$@" && return
	# a kernel may have left the mirror since the index was read
	rm -f "$cache/apt/$1/stamp"
	die "no kernel $2; if it has left the mirror, try again"
}

# build_initrd KERNEL-FOLDER FILE BUSYBOX
build_initrd() {
	local k=$1 rel t m f b
	rel=$(cat "$k/release")
	t=$(mktemp -d "$cache/initrd.XXXXXX")
	mkdir -p "$t/bin" "$t/mods" "$t/proc" "$t/dev" "$t/sys"
	cp "$3" "$t/bin/busybox"
	install -m 755 "$vm/init" "$t/init"
	for m in virtio_pci virtio_blk squashfs overlay ext4 virtio_console; do
		# nothing is printed for what is built in
		modprobe -d "$k/tree" -S "$rel" --show-depends "$m" 2>/dev/null |
			sed -n 's/^insmod \([^ ]*\).*/\1/p' || true
	done | awk '!seen[$0]++' |
	while read -r f; do
		b=$(basename "$f")
		case $f in
		*.xz) b=${b%.xz}; xz -dc "$f" >"$t/mods/$b" ;;
		*.zst) b=${b%.zst}; zstd -qdc "$f" >"$t/mods/$b" ;;
		*) cp "$f" "$t/mods/" ;;
		esac
		echo "$b" >>"$t/mods/order"
	done
	( cd "$t" && find . | sort | cpio -o -H newc --quiet ) | gzip -1 >"$2.tmp"
	mv "$2.tmp" "$2"
	rm -rf "$t"
}

# initrd_of KERNEL-FOLDER [BUSYBOX]: sets $initrd
initrd_of() {
	initrd=$1/initrd-$( { cat "$vm/init"; declare -f build_initrd; } | hash_of)
	[ -e "$initrd" ] && return
	need busybox-static cpio xz-utils zstd kmod
	locked "initrd-$(basename "$1")" build_initrd "$1" "$initrd" "${2:-/bin/busybox}"
}
