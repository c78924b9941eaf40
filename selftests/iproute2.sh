#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# iproute2.sh: ip(8) of the newest iproute2 that Debian has anywhere, with our
# plugin, in a guest of the newest kernel. Those of the suites are tried by the
# functional suite.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=selftests/vm/lib.sh
. selftests/vm/lib.sh
mkdir -p "$cache"

need_index sid
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
( cd "$d" && step "iproute2 of sid" suite_apt sid apt-get -q download iproute2 )
dpkg-deb -x "$d"/iproute2_*.deb "$d/iproute2"
bin=/share/iproute2/usr/bin:/share/iproute2/usr/sbin
# shellcheck disable=SC2016	# for the shell in the guest
selftests/vm/run -k "$(selftests/vm/kernels | grep -v -- - | sort -t/ -k2V | tail -n 1)" \
	-s "$d/iproute2" -- bash -c "PATH=$bin:"'$PATH exec "$@"' - selftests/run-tests iproute2
