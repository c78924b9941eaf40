# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# TAP for the tests that run outside of guests. Sourced.

# shellcheck disable=SC2034	# for the tests
number=0 failed=0

check() { # TEXT COMMAND...
	local text=$1 log
	shift
	number=$((number + 1))
	if log=$("$@" 2>&1); then
		echo "ok $number - $text"
		return
	fi
	failed=1
	echo "not ok $number - $text"
	printf '%s\n' "failed: $*" "$log" | tail -n 40 | sed 's/^/# /'
}

# shellcheck disable=SC2317	# by way of check
fails() { ! "$@"; }

# The last line of a test
finish() {
	echo "1..$number"
	[ $failed = 0 ]
}

# renumber COMMAND...: runs it, its TAP goes on from number and failed
renumber() {
	local line before=$failed
	failed=0
	while IFS= read -r line; do
		case $line in
		# its status says the same
		"not ok 0 "*) [ $failed = 0 ] || continue ;;&
		"ok "* | "not ok "*)
			number=$((number + 1))
			[ "${line%% *}" = ok ] || failed=1
			sed -E "s/^((not )?ok) [0-9]+/\1 $number/" <<<"$line"
			;;
		[0-9]*..[0-9]*) ;;
		*) echo "$line" ;;
		esac
	done < <("$@" || echo "not ok 0 - $*: exit status $?")
	failed=$((failed | before))
}
