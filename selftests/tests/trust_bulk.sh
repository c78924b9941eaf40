#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# very slow
# timeout 300
# A transfer of 1 GB whose trust comes and goes each second, under rules that
# drop what conntrack takes for out of its window. Topology: lib.sh
set -u
# shellcheck source=selftests/tests/lib.sh
. "$(dirname "$0")/lib.sh"

lab
tmp=$(mktemp -d)
trap 'lab_remove; rm -rf "$tmp"' EXIT
ip netns exec inet iperf3 -s >/dev/null &
disown
wait_for listens inet 5201
app gwlbctl set gwlb0 allow $gw4 trust 0x10 for 1
app nft -f - <<END
table inet t {
	counter known {}
	counter invalid {}
	chain forward {
		type filter hook forward priority 0; policy drop
		ct state invalid counter name invalid drop
		ct state established meta mark set 0x10 counter name known accept
		ct state new accept
	}
}
END
for family in 4 6; do
	to=inet$family
	app nft reset counters >/dev/null
	before=$(link_stat rx packets)
	check "IPv$family: 1 GB" wl timeout $((100 * ${TIMEOUT_FACTOR:-1})) \
		iperf3 -J -n 1G -c "${!to}" --logfile "$tmp/$family"
	seconds=$(jq '.end.sum_sent.seconds | floor' "$tmp/$family")
	passed=$(($(link_stat rx packets) - before))
	known=$(nft_counter "inet t" known)
	echo "# $seconds s, $passed packets, $known of them through the rules"
	is "IPv$family: nothing was out of its window" 0 "$(nft_counter "inet t" invalid)"
	check "IPv$family: trust came again and again" [ "$known" -ge "$seconds" ]
	check "IPv$family: most of it was bounced in place" [ "$known" -lt $((passed / 2)) ]
done
is "nothing dropped" "{}" "$(drops)"
finish
