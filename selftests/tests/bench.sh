#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# very slow
# The generator and sink of make bench: its sink tells packets that came back
# right from those that did not, so that what make bench measures is what the
# appliance is there for. No time is looked at.
set -uo pipefail
cd "$(dirname "$0")" || exit
# shellcheck source=selftests/tests/lib.sh
. ./lib.sh
make -s -C "/lib/modules/$(uname -r)/build" M="$(realpath ../bench)" modules || exit

trap 'bench_remove' EXIT
# shellcheck disable=SC2317	# by the trap
bench_remove() {
	rmmod gwlb_bench
	lab_remove
}
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
insmod ../bench/gwlb_bench.ko || exit
ip -batch - <<-END
	netns add gw
	netns add app
	link add g0 netns gw mtu 9001 type veth peer name eth0 netns app mtu 9001
END
ip -n gw link set g0 up
ip -n app -batch - <<-END
	address add $app4/24 dev eth0
	neigh add $gw4 lladdr $(gw cat /sys/class/net/g0/address) dev eth0
	link set eth0 up
	link add gwlb0 type gwlb
	link set gwlb0 up
END
mac=$(app cat /sys/class/net/eth0/address)

# send WORD...: what came of 3000 packets, as the module says it
send() {
	# shellcheck disable=SC2016	# for the shell there
	nsenter --net=/run/netns/gw bash -c '
		exec 3<>/sys/kernel/debug/gwlb-bench/run
		echo "$1" >&3 && cat <&3' - \
		"send dev=g0 to=$mac src=$gw4 dst=$app4 packets=3000 $*" |
		sed 's/ ns=[0-9]*//; s/ skbs=[0-9]*//; s/^dev=g0 //'
}

good="sent=3000 returned=3000 lost=0 bad=0"
is "each packet back, one flow" "$good" "$(send)"
is "each packet back, 1000 flows, 1400 bytes" "$good" \
	"$(send flows=1000 payload=1400)"
is "each packet back, TCP" "$good" "$(send flows=4 train=16 payload=1400)"

# as a NIC receives, by NAPI and GRO, which veth has since 5.13: of more than
# GWLB_FLOWS_CACHED the flow is looked for ahead
gw ethtool -K g0 tso off
app ethtool -K eth0 gro on
is "each packet back, 40,000 flows" "$good" "$(send flows=40000 warm=80000)"
is "each packet back, 40,000 flows of TCP" "$good" \
	"$(send flows=40000 train=2 warm=160000)"
app ethtool -K eth0 gro off
gw ethtool -K g0 tso on

is "found: not what a router would have done" \
	"sent=3000 returned=3000 lost=0 bad_outer=3000 bad=3000" \
	"$(send expect=forward)"

app nft -f - <<-END
	table ip t {
		chain forward {
			type filter hook forward priority 0
			ip ttl set 7
		}
	}
END
is "found: inner TTL changed" \
	"sent=3000 returned=3000 lost=0 bad_ttl=3000 bad=3000" "$(send)"
app nft flush chain ip t forward
app nft add rule ip t forward udp sport 443 udp sport set 444
# half of the packets, those of the other direction
is "found: inner header changed" \
	"sent=3000 returned=3000 lost=0 bad_inner=1500 bad=1500" "$(send)"
app nft flush chain ip t forward
app nft add rule ip t forward udp sport 443 drop
is "found: packets lost" "sent=64 returned=32 lost=32 bad=0" \
	"$(send packets=64)"
app nft delete table ip t
is "each packet back again" "$good" "$(send)"
check "a word that it does not know is refused" fails send what=1
finish
