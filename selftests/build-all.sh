#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# build-all.sh [KERNEL]...: the module builds without a warning (W=1) for every
# kernel that selftests/vm/kernels lists and one for 32-bit x86, or for those named,
# in the userland of each.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=selftests/tap.sh
. selftests/tap.sh

# shellcheck disable=SC2016	# for the shell in the chroot
script='
	make -s -C /lib/modules/$rel/build M=/src W=1 KCFLAGS=-Werror modules 2>&1 | tee /tmp/log
	[ "${PIPESTATUS[0]}" = 0 ]
	! grep -i warning /tmp/log
	modinfo -F vermagic gwlb.ko | grep "^$rel "'

echo "TAP version 13"
if [ $# = 0 ]; then
	mapfile -t kernels < <(selftests/vm/kernels)
	kernels+=(bookworm/6.1-i386)
	set -- "${kernels[@]}"
fi
for kernel; do
	check "builds for $kernel" selftests/vm/chroot -k "$kernel" -- bash -euc "$script"
done
finish
