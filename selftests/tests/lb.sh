#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# slow
# Traffic through gwlb0 by way of lb, a load balancer that checks every packet;
# then what lb says if the appliance does it wrong.
#
#   namespace wl             gw                          app               inet
#   wl -------------------- lb  eth0 ------------- eth0   gwlb0
#   10.1.21.101            |    10.254.11.60       10.254.11.101, .102
#   2001:db8:1::101        |    fd11::60           fd11::101
#                          +------------------------------------------- inet
#                                         203.0.113.60, 2001:db8:2::60
set -u
# shellcheck source=selftests/tests/lib.sh
. "$(dirname "$0")/lib.sh"
program=$tests_dir/../lb

[ "$(id -u)" = 0 ] || skip "must be root"
[ -x "$program" ] || skip "selftests/lb is not built"
modprobe -q tun
[ -e /dev/net/tun ] || skip "no /dev/net/tun"
tmp=$(mktemp -d)
pid=
# shellcheck disable=SC2317	# called by the trap
cleanup() {
	[ -z "$pid" ] || kill "$pid"
	lab_remove
	rm -rf "$tmp"
}
trap cleanup EXIT
lab_remove
ip -batch - <<END
netns add wl
netns add gw
netns add app
netns add inet
link add eth0 netns gw mtu 9001 type veth peer name eth0 netns app mtu 9001
END
ip -n gw -batch - <<END
address add $gw4/24 dev eth0
address add fd11::60/64 nodad dev eth0
link set eth0 up
END
# what lb checks must be there: a checksum that nobody computed is not
app ethtool -K eth0 tx off >/dev/null
ip -n app -batch - <<END
link set lo up
address add $app4/24 dev eth0
address add ${app4%1}2/24 dev eth0
address add fd11::101/64 nodad dev eth0
link set eth0 up
link add gwlb0 type gwlb
link set gwlb0 up
END

lb() { gw "$program" "$@" >"$tmp/out" 2>"$tmp/err"; }
# counter NAME: as lb wrote it last
counter() { awk -v name="$1" '$1 == name { n = $2 } END { print n }' "$tmp/out"; }
wrongs() { awk '$1 ~ /^wrong-/ { n[$1] = $2 } END { for (i in n) if (n[i]) print i }' "$tmp/out"; }
# counters: what matters if something is wrong
counters() { grep -v ' 0$' "$tmp/out"; head -n 3 "$tmp/err"; }

ip netns exec gw "$program" -a "$app4" -w wl@wl -i inet@inet >"$tmp/out" 2>"$tmp/err" &
pid=$!
wait_for grep -q ready "$tmp/out" || { cat "$tmp/err"; exit 1; }
for side in wl inet; do
	four=${side}4 six=${side}6
	ip -n $side -batch - <<-END
		link set lo up
		address add ${!four}/24 dev $side
		address add ${!six}/64 nodad dev $side
		link set $side mtu 8500 up
		route add default dev $side
		route add 2000::/3 dev $side
	END
done
pings="-q -c 5 -i 0.05 -W 10"
# shellcheck disable=SC2086
{
	check "ping" wl ping $pings "$inet4"
	check "ping, 8500 bytes" inet ping $pings -M 'do' -s 8472 "$wl4"
	check "IPv6 ping" inet ping $pings "$wl6"
	check "IPv6 ping, 8500 bytes" wl ping $pings -M 'do' -s 8452 "$inet6"
}

# transfer NAME FROM TO ADDRESS: a file by TCP
head -c 1M /dev/urandom >"$tmp/file"
transfer() {
	ip netns exec "$3" socat -u "TCP6-LISTEN:5001,ipv6only=0,reuseaddr" "CREATE:$tmp/got" &
	wait_for listens "$3" 5001
	ip netns exec "$2" timeout "$((60 * ${TIMEOUT_FACTOR:-1}))" \
		socat -u "OPEN:$tmp/file" "TCP:$4:5001"
	wait $!
	check "$1" cmp "$tmp/file" "$tmp/got"
}
transfer "TCP, 1 MiB" wl inet "$inet4"
transfer "TCP over IPv6, 1 MiB, the other way" inet wl "[$wl6]"

kill -USR1 "$pid"
wait_for grep -q '^wrong ' "$tmp/out"
is "counters while it runs" 0 "$(counter wrong)"
kill "$pid"
wait "$pid"
is "nothing of it came back wrong" 0 $?
pid=
is "in lb's own words" "wrong 0 lost 0 unsent 0" \
	"wrong $(counter wrong) lost $(counter lost) unsent $(counter unsent)"
check "all of it came back" [ "$(counter returned)" = "$(counter sent)" ]

# bulk NAME FLOWS ARGUMENT...: made up packets
bulk() {
	local name=$1 flows=$2 status
	shift 2
	lb -g $((flows * 2)) -f "$flows" -l 60-1400 "$@"
	status=$?
	is "$name" "0 $flows $((flows * 2))" "$status $(counter flows) $(counter returned)"
	[ $status = 0 ] || counters | sed 's/^/# /'
}
bulk "1500 flows, both ways" 1500 -a "$app4"
bulk "IPv6 outside, no checksum, class 0x0167, a VNI" 100 -a fd11::101 -z -c 0x0167 -v 0xabcdef
bulk "two appliances" 100 -a "$app4,${app4%1}2"
is "nothing dropped" "0 0" "$(link_stat rx dropped) $(link_stat tx dropped)"

# ---- the appliance does it wrong: lb must say so

# caught NAME WHAT ARGUMENT...
caught() {
	local name=$1 what=$2 status
	shift 2
	# one packet of a flow, so that none is taken for another
	lb -g 10 -f 10 -a "$app4" "$@"
	status=$?
	is "lb finds $name" "1 $what" "$status $(wrongs)"
}
# mangled NAME WHAT OFFSET BYTE [ARGUMENT...]: a byte of the outer packet
mangled() {
	local name=$1 what=$2
	app tc filter add dev eth0 egress protocol ip pref 1 matchall \
		action pedit munge offset "$3" u8 set "$4" pipe action csum ip4h
	shift 4
	caught "$name" "wrong-$what" "$@"
	app tc filter del dev eth0 egress
}
app tc qdisc add dev eth0 clsact
mangled "a ToS" outer-header 1 4
mangled "DF" outer-header 6 0x40
mangled "another source" outer-address 15 99 -z
mangled "a wrong checksum" outer-checksum 27 0
mangled "a checksum where none was" outer-checksum 27 1 -z
mangled "another source port" outer-port 20 1 -z
mangled "a GENEVE version" geneve-header 28 0x48 -z
mangled "a flag" geneve-header 29 0x40 -z
mangled "another VNI" vni 34 1 -z
mangled "a reserved byte" geneve-header 35 1 -z
mangled "options cut" options 28 7 -z
mangled "another endpoint" options 47 0 -z
mangled "an unknown cookie" cookie 67 200 -z
mangled "a cookie of another flow" cookie 67 3 -z
mangled "a changed inner packet" inner 85 77 -z
app tc qdisc del dev eth0 clsact

app tc qdisc add dev eth0 root netem duplicate 100%
caught "packets that came twice" wrong-unexpected
app tc qdisc del dev eth0 root

app nft -f - <<END
table ip t {
	chain forward {
		type filter hook forward priority 0
		iifname gwlb0 @th,16,16 set 77
	}
}
END
caught "what a rule changed" wrong-inner
lb -n -g 10 -f 10 -a "$app4"
is "but not if it may change" 0 $?
app nft delete table ip t
app nft -f - <<END
table ip t {
	chain forward {
		type filter hook forward priority 0
		iifname gwlb0 drop
	}
}
END
lb -g 20 -k 5 -f 2 -a "$app4"
is "lb misses what a rule drops" "1 lost 5 wrong 0" \
	"$? lost $(counter lost) wrong $(counter wrong)"
finish
