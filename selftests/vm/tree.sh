# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# The project tree, copied and built for one kernel. Sourced after images.sh.
#
# cache/build/TREE-SUITE-RELEASE/
#	src/		the copy, with what make left there
#	files		what was copied
#	inst/		what make install and depmod left, to lie over the root

# Tracked files and new ones that are not ignored, NUL-separated
tree_files() {
	# not the owner's git in a container or under sudo: any is fine to read
	git -c safe.directory='*' -C "$top" ls-files -z -co --exclude-standard ||
		( cd "$top" && find . -type f -printf '%P\0' )
}

# Keeps time stamps, so make builds again only what changed
copy_tree() {
	local b=$1
	mkdir -p "$b/src"
	tree_files | while IFS= read -r -d '' f; do
		# deleted, and git does not know yet
		[ ! -e "$top/$f" ] || printf '%s\0' "$f"
	done | sort -zu >"$b/files.new"
	[ ! -e "$b/files" ] || comm -z -23 "$b/files" "$b/files.new" |
		( cd "$b/src" && xargs -0 -r rm -f -- )
	tar -C "$top" --null -T "$b/files.new" -cf - | tar -xf - -C "$b/src"
	mv "$b/files.new" "$b/files"
}

# in_chroot ROOT KERNEL[:KERNEL]... BUILD SCRIPT: kernels laid over root, writes
# going to memory, the copy of the tree at /src; what SCRIPT installs ends up in
# inst/. In its environment rel is the release of the first kernel, rels of all.
# All in a mount namespace of its own: nothing to clean up.
in_chroot() {
	# shellcheck disable=SC2016
	unshare -m --propagation private bash -euc '
		root=$1 b=$3 script=$4 lower= rels= cross=
		IFS=: read -ra kernels <<<"$2"
		for k in "${kernels[@]}"; do
			lower+=$k/tree:
			rels+="$(cat "$k/release") "
			! grep -qsx arm64 "$k/arch" || cross=aarch64-linux-gnu-
		done
		mkdir -p "$b/mnt"
		mount -t tmpfs tmpfs "$b/mnt"
		cd "$b/mnt"
		mkdir upper work m
		mount -t overlay -o "lowerdir=$lower$root/tree,upperdir=upper,workdir=work" overlay m
		mount --bind "$b/src" m/src
		mount -t proc proc m/proc
		mount --bind /dev m/dev
		mount -t tmpfs tmpfs m/tmp
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
			rel="${rels%% *}" rels="${rels% }" jobs="$(nproc)" \
			CROSS_COMPILE="$cross" \
			chroot m bash -euc "cd /src; $script"
		rm -rf "$b/inst"
		mkdir "$b/inst"
		tar -C upper --exclude=./src --exclude=./tmp --exclude=./dev \
			--exclude=./proc -cf - . | tar -xf - -C "$b/inst"
	' - "$@"
}

# build_tree ROOT KERNEL BUILD: what the tree does not have yet is not built
build_tree() {
	# shellcheck disable=SC2016
	local script='
		k=/lib/modules/$rel/build
		[ ! -e Kbuild ] || make -j"$jobs" KDIR="$k" module install-module
		[ -n "$CROSS_COMPILE" ] || [ ! -e tools/Makefile ] || make -j"$jobs" KDIR="$k" tools install-tools
		[ -n "$CROSS_COMPILE" ] || [ ! -e selftests/Makefile ] || make -j"$jobs" -C selftests all'
	[ -z "${VM_BUILD:-}" ] || script+="
		make -C \"\$k\" M=/src/$VM_BUILD modules"
	copy_tree "$3"
	in_chroot "$1" "$2" "$3" "$script"
}
