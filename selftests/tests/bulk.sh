#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# slow
# Bulk transfers through a load balancer of stock kernel parts, each time over
# IPv4 one way and over IPv6 the other way. Topology: lib.sh
set -u
# shellcheck source=selftests/tests/lib.sh
. "$(dirname "$0")/lib.sh"

limit=$((30 * ${TIMEOUT_FACTOR:-1}))

# shellcheck disable=SC2317	# by way of check
# iperf FAMILY OPTION...: from the workload; -R the other way
iperf() {
	local to=inet$1 port=520$1
	wl timeout "$limit" iperf3 -J -i 0.25 -c "${!to}" -p "$port" "${@:2}" >"$tmp/$1" || return
	# it succeeds with some
	! jq -e .error "$tmp/$1"
}

# shellcheck disable=SC2317
# at_once FAMILY OTHER OPTION...: one as it is, the other in reverse
at_once() {
	local first second
	iperf "$1" "${@:3}" &
	first=$!
	iperf "$2" "${@:3}" -R &
	second=$!
	wait "$first" && wait "$second"
}

checksum_errors() {
	local ns
	for ns in wl gw app inet; do
		ip netns exec $ns nstat -as | grep -E 'CsumErrors|TcpInErrs' | sed "s/^/$ns /"
	done
}

# clean NAME: nothing has gone wrong up to now, and what came in went back
clean() {
	is "$1: no drop" "{}" "$(drops)"
	is "$1: no checksum error counted anywhere" "" "$(checksum_errors)"
	read -r received received_bytes sent sent_bytes < <(app ip -s -j link show gwlb0 |
		jq -r '.[0].stats64 | "\(.rx.packets) \(.rx.bytes) \(.tx.packets) \(.tx.bytes)"')
	is "$1: all of it went back" "$received $received_bytes" "$sent $sent_bytes"
}

# tcp NAME: either family goes either way; sets the length of an average packet
tcp() {
	local family before=${received:-0} before_bytes=${received_bytes:-0}
	for order in "4 6" "6 4"; do
		# shellcheck disable=SC2086
		check "$1: IPv${order% *} up, IPv${order#* } down" at_once $order -t 1
		for family in 4 6; do
			# a stalled connection never moves again, a slow one does
			check "$1: IPv$family does not stall" jq -e \
				'[.intervals[].sum.bytes] | length >= 2 and .[-2:] != [0, 0] and add > 0' \
				"$tmp/$family"
		done
	done
	clean "$1"
	length=$(((received_bytes - before_bytes) / (received - before + 1)))
}

lab
tmp=$(mktemp -d)
trap 'lab_remove; rm -rf "$tmp"' EXIT
for port in 5204 5206; do
	ip netns exec inet iperf3 -s -p $port >/dev/null &
	disown
	wait_for listens inet $port
done

tcp aggregates
# an aggregate is one packet to a device that it passes whole
check "aggregates: they passed gwlb0 whole" [ "$length" -gt 1500 ]

app nft -f - <<END
table inet t {
	counter known {}
	counter new {}
	chain forward {
		type filter hook forward priority 0; policy drop
		ct state established counter name known accept
		ct state new meta l4proto { tcp, udp } th dport { 5204, 5206 } counter name new accept
	}
}
END
tcp conntrack
check "conntrack: connections were new" [ "$(nft_counter "inet t" new)" -ge 4 ]
check "conntrack: and then known" [ "$(nft_counter "inet t" known)" -gt 100 ]

# what a burst needs that the receiver is slow to read
usual=$(sysctl net.core.rmem_max net.core.wmem_max)
sysctl -qw net.core.rmem_max=16777216 net.core.wmem_max=16777216
check "UDP: IPv4 up, IPv6 down" at_once 4 6 -u -b 10M -l 1200 -t 1 -w 8M
sysctl -q -p - <<<"$usual"
for family in 4 6; do
	is "UDP: IPv$family in order and without loss" "0 0" "$(jq -r \
		'.end.streams[0].udp | "\(.lost_packets) \(.out_of_order)"' "$tmp/$family")"
	check "UDP: IPv$family packets came" [ "$(jq .end.sum.packets "$tmp/$family")" -gt 0 ]
done
clean UDP

gw ethtool -K eth0 gso off tso off tx-udp_tnl-segmentation off \
	tx-udp_tnl-csum-segmentation off
app ethtool -K eth0 gro off gso off tso off tx-udp_tnl-segmentation off \
	tx-udp_tnl-csum-segmentation off
tcp "single packets"
check "single packets: no aggregate was among them" [ "$length" -le 1500 ]
finish
