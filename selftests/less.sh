#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# less.sh: the module on kernels that lack conntrack, nf_tables or IPv6, with the
# tests that need none of it; User Mode Linux is built so, which takes some 10 minutes
# of CPU each the first time. And with IPv6 that is there, but switched off at boot.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=selftests/tap.sh
. selftests/tap.sh

# run-tests' closing line is not ours
tests() { # NAME COMMAND...
	echo "# $1"
	"${@:2}" 2>&1 | sed -E 's/^[0-9]+ passed, /# &/'
}
without() { # OPTION TEST...
	tests "without $1" selftests/bench/uml -w "$1" -- \
		env OUT=/tmp TIMEOUT_FACTOR=2 selftests/run-tests less "${@:2}"
}

echo "TAP version 13"
renumber without NF_CONNTRACK wire wire_early options flows stats malformed
renumber without NF_TABLES wire wire_early options flows stats malformed
renumber without IPV6 flow_table flows options
VM_APPEND=ipv6.disable=1 renumber tests "with ipv6.disable=1" \
	selftests/vm/run -- selftests/run-tests less flow_table flows options
finish
