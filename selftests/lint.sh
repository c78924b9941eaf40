#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Static checks; each checker is one test of a TAP. Installs what is missing.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export LC_ALL=C
# shellcheck source=selftests/vm/lib.sh
. selftests/vm/lib.sh
mkdir -p "$cache"
number=0 failed=0

# check NAME COMMAND...: silence and success pass, its output says why not
check() {
	local name=$1 log rc=0
	shift
	number=$((number + 1))
	log=$("$@" 2>&1 </dev/null) || rc=$?
	if [ "$rc" = 0 ]; then
		echo "ok $number - lint: $name"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $number - lint: $name"
	# not to be taken for TAP
	printf '%s\n' "${log:-exit status $rc}" | tail -n 100 | sed 's/^/# /'
}

# silent COMMAND...: any output is a finding
silent() {
	local log
	log=$("$@" 2>&1) || { printf '%s\n' "${log:-it failed}"; return 1; }
	[ -z "$log" ] || { printf '%s\n' "$log"; return 1; }
}

tracked() {
	git -c safe.directory='*' ls-files -co --exclude-standard -- "$@" |
		while read -r f; do [ ! -e "$f" ] || echo "$f"; done
}

shell_scripts() {
	local f line
	tracked . | while read -r f; do
		IFS= read -r line 2>/dev/null <"$f" || continue
		case $f:$line in
		*.sh:* | *.bash:* | *:'#!'*[/\ ]sh | *:'#!'*[/\ ]bash) echo "$f" ;;
		esac
	done
}

run_shellcheck() {
	local scripts
	mapfile -t scripts < <(shell_scripts)
	[ ${#scripts[@]} -gt 0 ] && silent shellcheck -x "${scripts[@]}"
}

# checkpatch OPTIONS -- FILE...
checkpatch() {
	local log
	# kzalloc_obj() is younger than most kernels that the module is for
	log=$(perl "$tools/scripts/checkpatch.pl" --no-tree --no-summary \
		--terse --showfile --max-line-length=100 \
		--ignore ALLOC_WITH_SIZEOF \
		"$@" 2>&1 | grep -E '(ERROR|WARNING|CHECK):')
	[ -z "$log" ] || { printf '%s\n' "$log"; return 1; }
}
checkpatch_kernel() {
	local files
	mapfile -t files < <(tracked 'kmod/*.[ch]' | grep -v 'netlink_gen\|uapi/')
	[ ${#files[@]} -gt 0 ] && checkpatch --strict -f "${files[@]}"
}
checkpatch_tests() {
	local files
	mapfile -t files < <(tracked 'selftests/*.[ch]' 'tools/*.[ch]')
	# __noreturn, __printf and such are of the kernel
	[ ${#files[@]} = 0 ] || checkpatch --ignore PREFER_DEFINED_ATTRIBUTE_MACRO \
		-f "${files[@]}"
}

kernel_doc() {
	local files
	mapfile -t files < <(tracked 'kmod/*.[ch]' | grep -v netlink_gen)
	[ ${#files[@]} -gt 0 ] &&
		silent "$tools/tools/docs/kernel-doc" -none -Wall -Werror "${files[@]}"
}

man_pages() {
	local files
	mapfile -t files < <(tracked '*.[1-9]')
	[ ${#files[@]} -gt 0 ] && silent groff -ww -z -man -Tutf8 "${files[@]}"
}

one_version() {
	local v
	v=$(sed -n 's/^MODULE_VERSION("\(.*\)");/\1/p' kmod/main.c)
	grep -xF "PACKAGE_VERSION=\"$v\"" dkms.conf &&
		grep -x "Version: *$v" packaging/rpm/gwlb.spec &&
		head -n 1 packaging/deb/debian/changelog | grep -F "gwlb ($v) "
}

# Both in one go of the chroot: warnings of W=1, then those of sparse, then
# sparse on a copy with a planted error. Headers of 7.x make C=2 do nothing and
# succeed, which is why the default kernel's are used and the plant is needed.
# shellcheck disable=SC2016	# for the shell in the chroot
build_script='
	k=/lib/modules/$rel/build
	make -s -j"$(nproc)" -C "$k" M=/src W=1 KCFLAGS=-Werror modules >/tmp/w1 2>&1 ||
		{ echo "W1 failed"; cat /tmp/w1; }
	echo "W1 done"
	rm -f tools/*.o
	make -s -C tools CFLAGS="-O2 -Werror" >/tmp/tools 2>&1 ||
		{ echo "TOOLS failed"; cat /tmp/tools; }
	echo "TOOLS done"
	sparse() { make -s -C "$k" M="$1" C=2 CF=-D__CHECK_ENDIAN__ modules 2>&1; }
	echo "SPARSE done $(sparse /src | grep -E "kmod/.*(warning|error):")"
	cp -r /src /tmp/plant
	f=$(ls /tmp/plant/kmod/*.c | grep -v _gen | head -n 1)
	echo "static __be16 __maybe_unused planted(u16 x) { return x; }" >>"$f"
	sparse /tmp/plant | grep -q "different base types" && echo "PLANT found"
	true'
log_has() { grep -qx "$1" <<<"$built" || { printf '%s\n' "$built"; return 1; }; }
# clean W1|TOOLS
clean() {
	log_has "$1 done" || return
	! grep -q "^$1 failed" <<<"$built" || { printf '%s\n' "$built"; return 1; }
}

echo "TAP version 13"
need shellcheck perl python3 python3-yaml git groff-base
tools=$(selftests/vm/kernel-tools) || exit
check shellcheck run_shellcheck
check "checkpatch, kernel" checkpatch_kernel
check "checkpatch, user space" checkpatch_tests
check kernel-doc kernel_doc
check "man pages" man_pages
check "CloudFormation templates" silent selftests/aws/plant.sh
check "they make the network of docs/aws" silent selftests/aws/design.py docs/aws
check "generated netlink code is current" \
	kmod/netlink-gen.sh --check "$tools/tools/net/ynl"
check "DKMS and packages have the version of the module" one_version
say "building with W=1 and sparse"
built=$(selftests/vm/chroot -- bash -c "$build_script" 2>&1)
check "W=1" clean W1
check "gwlbctl without warnings" clean TOOLS
check sparse log_has 'SPARSE done '
check "sparse finds a planted endian error" log_has 'PLANT found'
echo "1..$number"
[ "$failed" = 0 ]
