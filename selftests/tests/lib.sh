# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the shell tests share: TAP, the lab, waiting, counters. Sourced.
#
#   namespace wl                gw                          app
#   eth0 ---------- wl0                 eth0 ------------- eth0   gwlb0
#   10.1.21.101/24      10.1.21.1       10.254.11.60/24    10.254.11.101/24
#   2001:db8:1::101     fe80::1         MTU 9001
#                       gnv (geneve)
#   inet
#   eth0 ---------- inet0
#   203.0.113.60/24     203.0.113.1
#   2001:db8:2::60      fe80::1
#
# gw is a load balancer of stock kernel parts: what comes from wl and inet goes
# encapsulated to app, what comes back from app is routed to wl or inet.

# shellcheck disable=SC2034	# for the tests
wl4=10.1.21.101 wl6=2001:db8:1::101 inet4=203.0.113.60 inet6=2001:db8:2::60
gw4=10.254.11.60 app4=10.254.11.101
options=0108:01:2356de92d389839c,0108:02:0000000000000000,0108:03:98ef1b00
tests_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# ---- TAP

number=0 failed=0

# ok NAME, not_ok NAME [WHY]
ok() {
	number=$((number + 1))
	echo "ok $number - $1"
}
not_ok() {
	number=$((number + 1))
	failed=$((failed + 1))
	echo "not ok $number - $1"
	[ -z "${2-}" ] || printf '%s\n' "$2" | tail -n 20 | sed 's/^/# /'
}

# check NAME COMMAND...: passes if the command succeeds
check() {
	local name=$1 log
	shift
	if log=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name" "failed: $*
$log"
	fi
}

# fails COMMAND...: succeeds if the command does not
# shellcheck disable=SC2317
fails() { ! "$@"; }

# is NAME WANT GOT: passes if they are equal
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "want: $2
got: $3"
	fi
}

# The last line of a test
finish() {
	echo "1..$number"
	[ "$failed" = 0 ] || exit 1
	exit 0
}

skip() {
	echo "1..0 # SKIP $*"
	exit 4
}

bail() {
	echo "Bail out! $*"
	exit 1
}

# wait_for COMMAND...: until it succeeds; fails after a time that only a hang takes
wait_for() {
	local end=$((SECONDS + 30 * ${TIMEOUT_FACTOR:-1}))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { echo "# waited in vain for: $*"; return 1; }
		sleep 0.1
	done
}

# ---- the lab

# wl COMMAND... and so on: in that namespace
wl() { ip netns exec wl "$@"; }
gw() { ip netns exec gw "$@"; }
app() { ip netns exec app "$@"; }
inet() { ip netns exec inet "$@"; }

lab_remove() {
	local ns
	for ns in wl gw app inet; do
		[ -e /run/netns/$ns ] || continue
		ip netns pids $ns | xargs -r kill -9 2>/dev/null
		ip netns del $ns
	done
}

# encap DEV: what comes in on DEV of gw goes to the appliance; for tc -batch
encap() {
	local to="action tunnel_key set src_ip $gw4 dst_ip $app4 id 0 dst_port 6081"
	to+=" geneve_opts $options csum pipe action mirred egress redirect dev gnv"
	# neighbour discovery and multicast are the link's own
	cat <<-END
		qdisc add dev $1 clsact
		filter add dev $1 ingress protocol ip pref 1 matchall $to
		filter add dev $1 ingress protocol ipv6 pref 2 flower dst_ip 2000::/3 $to
	END
}

# side NAMESPACE IPV4 IPV6: a namespace behind the load balancer
side() {
	ip -batch - <<-END || return
		netns add $1
		link add eth0 netns $1 mtu $mtu type veth peer name ${1}0 netns gw mtu $mtu
	END
	ip -n gw -batch - <<-END || return
		address add ${2%.*}.1/24 dev ${1}0
		address add fe80::1/64 nodad dev ${1}0
		link set ${1}0 up
		route add ${3%::*}::/64 dev ${1}0
	END
	ip -n "$1" -batch - <<-END
		link set lo up
		address add $2/24 dev eth0
		address add $3/64 nodad dev eth0
		link set eth0 up
		route add default via ${2%.*}.1
		route add default via fe80::1 dev eth0
	END
}

# bare_inner: stock parts can wrap a packet without an Ethernet header
bare_inner() {
	ip -n gw link add gnv mtu 8900 type geneve external innerprotoinherit dstport 6081 ||
		return
	# a kernel that does not know the attribute takes no notice of it
	ip -n gw -d link show gnv | grep -qw innerprotoinherit
}

# lab: makes the topology above, gwlb0 with its defaults included; $mtu is that
# of wl and inet
mtu=1500
lab() {
	[ "$(id -u)" = 0 ] || skip "must be root"
	ip link help geneve 2>&1 | grep -q innerprotoinherit ||
		skip "ip of this system does not know geneve innerprotoinherit"
	trap lab_remove EXIT
	lab_remove
	lab_make || bail "the lab could not be made"
}
lab_make() {
	ip -batch - <<-END || return
		netns add gw
		netns add app
		link add eth0 netns gw mtu 9001 type veth peer name eth0 netns app mtu 9001
	END
	gw sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 ||
		return
	bare_inner || skip "this kernel does not know geneve innerprotoinherit"
	ip -n gw -batch - <<-END || return
		address add $gw4/24 dev eth0
		link set eth0 up
		link set gnv up
	END
	side wl $wl4 $wl6 && side inet $inet4 $inet6 || return
	{ encap wl0; encap inet0; } | gw tc -batch - || return
	ip -n app -batch - <<-END
		link set lo up
		address add $app4/24 dev eth0
		link set eth0 up
		link add gwlb0 type gwlb
		link set gwlb0 up
	END
}

# serve NAMESPACE PORT TEXT: a TCP service for IPv4 and IPv6 that sends TEXT
serve() {
	ip netns exec "$1" socat "TCP6-LISTEN:$2,ipv6only=0,reuseaddr,fork" \
		SYSTEM:"echo '$3'" &
	disown
	wait_for listens "$1" "$2"
}
listens() { [ -n "$(ip netns exec "$1" ss -Hltn "sport = :$2")" ]; }

# fetch NAMESPACE ADDRESS PORT [SECONDS]: prints what the service there sends
fetch() {
	local to=TCP4:$2:$3
	case $2 in *:*) to="TCP6:[$2]:$3" ;; esac
	ip netns exec "$1" timeout "$((${4:-10} * ${TIMEOUT_FACTOR:-1}))" \
		socat -u "$to" -
}

# ---- counters

# link_stat rx|tx FIELD: of gwlb0, as "ip -s link" has them
link_stat() {
	app ip -s -j link show gwlb0 | jq ".[0].stats64.$1.$2"
}

# drops: all causes counted on gwlb0 as JSON, {} for none
drops() {
	app gwlbctl -j -s show gwlb0 |
		jq -c '.[0].drops | map_values(.packets) | with_entries(select(.value > 0))'
}

# dropped CAUSE: packets
dropped() { drops | jq ".\"$1\" // 0"; }

# nft_counter TABLE COUNTER: packets of a named counter, TABLE as "ip filter"
nft_counter() {
	# shellcheck disable=SC2086
	app nft -j list counter $1 "$2" | jq '.nftables[].counter.packets // empty'
}
