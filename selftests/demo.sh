#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Shows the main job, each part in a network namespace of its own:
#
#   workload             load balancer           appliance        internet
#   10.1.21.101          10.254.11.60            10.254.11.101    54.230.62.60
#   eth0 ------------ work   eth0 ------------- eth0   gwlb0
#                        net ----------------------------------- eth0
#
# The load balancer is made of parts of the stock kernel: tc gives each packet
# of workload and internet the options of a real one, a geneve device wraps it,
# and what comes back is unwrapped by that device and routed.
#
# Called by "make demo". Ends with one line over all, and agrees with it by its
# exit status. Leaves nothing behind, and touches nothing outside of namespaces.
set -uo pipefail
export LC_ALL=C
export no_proxy='*'
compare=$(realpath "$(dirname "$0")")/demo.awk
lb=10.254.11.60 app=10.254.11.101 workload=10.1.21.101 internet=54.230.62.60
faults=0

say() { printf '\n== %s\n' "$*"; }
die() { echo "demo: $*" >&2; exit 1; }
at() { local ns=gwlbdemo-$1; shift; ip netns exec "$ns" "$@"; }
# show NAMESPACE COMMAND...: as if typed there
show() { printf '%s# %s\n' "$1" "${*:2}"; at "$@"; }
# must TEXT COMMAND...
must() {
	local text=$1
	shift
	if "$@"; then echo "  yes: $text"; else
		echo "  NO:  $text"
		faults=$((faults + 1))
	fi
}
fails() { ! "$@"; }
wait_for() {
	local end=$((SECONDS + 60))
	until "$@"; do
		[ $SECONDS -lt $end ] || return
		sleep 0.1
	done
}

[ "$(id -u)" = 0 ] || die "must be root"
for c in ip:iproute2 tc:iproute2 nft:nftables tcpdump:tcpdump ping:iputils-ping \
	curl:curl ethtool:ethtool python3:python3 awk:mawk; do
	command -v "${c%%:*}" >/dev/null || missing+=" ${c#*:}"
done
[ -z "${missing:-}" ] || die "please install:$missing"
command -v gwlbctl >/dev/null || die "no gwlbctl; make install, or call make demo"
for ns in workload lb appliance internet; do
	[ ! -e "/run/netns/gwlbdemo-$ns" ] ||
		die "there is a namespace gwlbdemo-$ns: of another demo, or to be deleted (ip netns del)"
done

tmp=$(mktemp -d)
cd "$tmp" || exit
jobs=()
# shellcheck disable=SC2317	# by the trap
cleanup() {
	[ ${#jobs[@]} = 0 ] || kill "${jobs[@]}" 2>/dev/null
	wait
	for ns in workload lb appliance internet; do
		ip netns del "gwlbdemo-$ns" 2>/dev/null
	done
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# ---- all that is not the appliance's

# checksums are to be on the wire, and TCP in packets of the wire's size
wire() { # NAMESPACE DEVICE
	at "$1" ethtool -K "$2" tx off gso off gro off >/dev/null &&
		ip -n "gwlbdemo-$1" link set "$2" up
}
to_appliance() { # DEVICE
	at lb tc qdisc add dev "$1" clsact &&
		at lb tc filter add dev "$1" ingress protocol ip matchall \
			action tunnel_key set src_ip $lb dst_ip $app id 0 dst_port 6081 ttl 255 \
			geneve_opts 0108:01:2356de92d389839c,0108:02:0000000000000000,0108:03:98ef1b00 \
			csum pipe action mirred egress redirect dev gnv
}
topology() {
	for ns in workload lb appliance internet; do
		ip netns add "gwlbdemo-$ns" && ip -n "gwlbdemo-$ns" link set lo up || return
	done
	ip -n gwlbdemo-workload link add eth0 mtu 8500 type veth peer name work netns gwlbdemo-lb mtu 8500 &&
		ip -n gwlbdemo-internet link add eth0 mtu 8500 type veth peer name net netns gwlbdemo-lb mtu 8500 &&
		ip -n gwlbdemo-lb link add eth0 mtu 9001 type veth peer name eth0 netns gwlbdemo-appliance mtu 9001 &&
		wire workload eth0 && wire internet eth0 && wire appliance eth0 &&
		wire lb work && wire lb net && wire lb eth0 &&
		ip -n gwlbdemo-workload addr add $workload/24 dev eth0 &&
		ip -n gwlbdemo-workload route add default via 10.1.21.1 &&
		ip -n gwlbdemo-internet addr add $internet/24 dev eth0 &&
		ip -n gwlbdemo-internet route add default via 54.230.62.1 &&
		ip -n gwlbdemo-lb addr add 10.1.21.1/24 dev work &&
		ip -n gwlbdemo-lb addr add 54.230.62.1/24 dev net &&
		ip -n gwlbdemo-lb addr add $lb/24 dev eth0 &&
		ip -n gwlbdemo-appliance addr add $app/24 dev eth0 || return
	# hop limits as seen on a real appliance
	at workload sysctl -qw net.ipv4.ip_default_ttl=254 &&
		at internet sysctl -qw net.ipv4.ip_default_ttl=241 &&
		at lb sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
			net.ipv4.conf.default.rp_filter=0 &&
		at lb ip link add gnv mtu 8500 type geneve dstport 6081 external innerprotoinherit &&
		at lb sysctl -qw net.ipv4.conf.gnv.rp_filter=0 &&
		at lb ip link set gnv up && to_appliance work && to_appliance net
}
capture() { # DEVICE FILTER...
	local dev=$1
	shift
	# no "at": the process to end is tcpdump itself
	ip netns exec gwlbdemo-appliance tcpdump -Z root -i "$dev" -s 9216 -B 8192 -U --immediate-mode \
		-w "$dev.pcap" "$@" 2>"$dev.log" &
	jobs+=($!)
	wait_for grep -q '^listening\|listening on' "$dev.log"
}
serve() { # PORT
	ip netns exec gwlbdemo-internet python3 -m http.server -d www "$1" >/dev/null 2>&1 &
	jobs+=($!)
}
fetch() { at workload curl -sS "$@"; }
counted() {
	nft_list=$(at appliance nft list chain inet filter forward)
	sed -n 's/.*counter packets \([0-9]*\).*/\1/p' <<<"$nft_list"
}

topology || die "the namespaces could not be set up; tc and geneve of Linux 6.1 or later are needed"
mkdir www
head -c 50000 /dev/urandom >www/file
serve 80
serve 8080
for port in 80 8080; do
	wait_for at internet curl -s -o /dev/null "http://127.0.0.1:$port/file" || die "no web server"
done

# ---- the story

say "workload - load balancer - appliance - internet. The appliance gets its link"
show appliance ip link add gwlb0 type gwlb || die "no link"
show appliance ip link set gwlb0 up || die "the link does not come up"
capture eth0 udp port 6081 || die "tcpdump does not start"
capture gwlb0 || die "tcpdump does not start"

say "A ping, and a file by HTTP, from the workload to the internet through it"
show workload ping -c 2 -i 0.3 -W 5 $internet | tee ping
must "two answers, with the hop limit they should have" \
	test "$(grep -c 'ttl=240' ping)" = 2
show workload curl -sS -m 30 -o got "http://$internet/file"
must "the file of 50,000 bytes is the same" cmp www/file got

say "Outer packets on the appliance's eth0: in, out, and the answer in, out"
echo "appliance# tcpdump -nvv -i eth0 udp port 6081"
tcpdump -Z root -nvvt -c 4 -r eth0.pcap 2>/dev/null

say "The inner ones on gwlb0, each on its way in and on its way out"
echo "appliance# tcpdump -nvv -i gwlb0"
tcpdump -Z root -nvvt -c 4 -r gwlb0.pcap 2>/dev/null

say "A rule on gwlb0 blocks port 8080, which was open before"
must "port 8080 answers" fetch -m 30 -o /dev/null "http://$internet:8080/file"
show appliance nft add table inet filter
show appliance nft 'add chain inet filter forward { type filter hook forward priority filter; }'
show appliance nft add rule inet filter forward iifname gwlb0 tcp dport 8080 counter drop
show workload curl -sS --connect-timeout 3 -o /dev/null "http://$internet:8080/file"
status=$?
must "curl ran into its time limit (28)" test $status = 28
must "port 80 answers still" fetch -m 30 -o /dev/null "http://$internet/file"
blocked=$(counted)
show appliance nft list chain inet filter forward
must "the rule's counter moved" test "${blocked:-0}" -gt 0

say "What gwlbctl says"
show appliance gwlbctl -s show gwlb0 | tee show
must "it lists the load balancer" grep -q "$lb" show

say "Every packet of the two captures compared, byte for byte"
stats=/sys/class/net/gwlb0/statistics
all_captured() {
	local want
	want=$(at appliance cat $stats/rx_packets $stats/tx_packets | paste -sd+)
	for dev in eth0 gwlb0; do
		[ "$(tcpdump -Z root -ntqK -r "$dev.pcap" 2>/dev/null | wc -l)" -ge $((want)) ] || return
	done
}
hex() { tcpdump -Z root -ntqKx -r "$1.pcap" 2>/dev/null; }
address() { # DOTTED
	local n
	IFS=. read -ra n <<<"$1"
	printf '%02x' "${n[@]}"
}
header=0800080000000000
header+=010801022356de92d389839c010802020000000000000000
header+=0108030198ef1b00
must "no packet is missing in them" wait_for all_captured
must "addresses swapped; ports, GENEVE header, options, inner packet as they were" \
	awk -f "$compare" -v lb="$(address $lb)" -v app="$(address $app)" -v header=$header \
	-v blocked="${blocked:-0}" -v port=1f90 <(hex eth0) <(hex gwlb0)

echo
[ $faults = 0 ] || { echo "demo: NOT all was as it must be, see the $faults marked NO"; exit 1; }
echo "demo: all was as it must be"
