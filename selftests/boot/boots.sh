# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A test that goes on over boots of its guest; BOOT says which this is. Sourced
# behind selftests/tests/lib.sh.

TIMEOUT_FACTOR=${TIMEOUT_FACTOR:-4}
kept=/var/lib/boot-test
# shellcheck source=/dev/null
[ "$BOOT" = 1 ] || . $kept

# again: boots, and goes on with the counts of so far
again() {
	# shellcheck disable=SC2154	# of selftests/tests/lib.sh
	echo "number=$number failed=$failed" >$kept
	exit 123
}
