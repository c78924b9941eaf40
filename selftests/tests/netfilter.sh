#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# slow
# Real connections through rules on gwlb0. Topology: lib.sh
set -u
# shellcheck source=selftests/tests/lib.sh
. "$(dirname "$0")/lib.sh"

lab
serve inet 80 hello
for family in 4 6; do
	to=inet$family
	check "IPv$family: ping" wl ping -q -c 3 -i 0.2 -W 10 "${!to}"
	is "IPv$family: fetch" hello "$(fetch wl "${!to}" 80)"
done
is "nothing dropped" "{}" "$(drops)"
received=$(link_stat rx packets)
check "it passed gwlb0" [ "${received:-0}" -ge 24 ]
is "and all of it went back" "$received" "$(link_stat tx packets)"

app nft -f - <<END
table inet t {
	counter blocked {}
	chain forward {
		type filter hook forward priority 0
		iifname gwlb0 oifname gwlb0 tcp dport 81 counter name blocked drop
	}
}
END
serve inet 81 never
for family in 4 6; do
	to=inet$family
	is "IPv$family: a rule blocks a port" "" "$(fetch wl "${!to}" 81 1)"
	blocked=$(nft_counter "inet t" blocked)
	check "IPv$family: and counts" [ "$blocked" -gt 0 ]
	is "IPv$family: but no other" hello "$(fetch wl "${!to}" 80)"
	app nft reset counters >/dev/null
done
is "the device counts no drop" "{}" "$(drops)"

# ---- bulk through NAT, a program behind a queue, a flowtable

# of services, and of gwlb0; whatever goes to these passes the appliance
vip4=198.51.100.7 vip6=2001:db8:aaaa::7
masq4=100.64.0.1 masq6=2001:db8:64::1
app ip address add $masq4/32 dev gwlb0
app ip address add $masq6/128 dev gwlb0
# a flowtable wants one for IPv6
app ip -6 route add default dev gwlb0
ip netns exec inet socat TCP6-LISTEN:82,ipv6only=0,reuseaddr,fork SYSTEM:"head -c 1000000 /dev/zero" \
	2>/dev/null &
disown
wait_for listens inet 82
ip netns exec app "$tests_dir/../nfq" 1 accept >/dev/null &
disown

# rules FORWARD_RULE: behind DNAT, before masquerade
rules() {
	app nft -f - <<-END
		flush ruleset
		table inet t {
			counter seen {}
			flowtable f {
				hook ingress priority 0
				devices = { gwlb0 }
			}
			chain prerouting {
				type nat hook prerouting priority dstnat
				ip daddr $vip4 dnat to $inet4
				ip6 daddr $vip6 dnat to $inet6
			}
			chain forward {
				type filter hook forward priority filter
				ct state invalid drop
				counter name seen
				$1
			}
			chain postrouting {
				type nat hook postrouting priority srcnat
				oifname gwlb0 masquerade
			}
		}
	END
}

# shellcheck disable=SC2317	# by check
tracked() { app conntrack -L -f "ipv$1" -p tcp 2>/dev/null | grep -q "dst=$2 "; }

for rule in accept "queue num 1" "flow add @f"; do
	for family in 4 6; do
		vip=vip$family masq=masq$family
		rules "$rule"
		app conntrack -F 2>/dev/null
		is "IPv$family: 1 MB through DNAT and masquerade, $rule" 1000000 \
			"$(fetch wl "${!vip}" 82 30 | wc -c)"
		check "IPv$family: from the address of gwlb0" tracked "$family" "${!masq}"
		seen=$(nft_counter "inet t" seen)
		# by the rules, whom a flowtable takes nothing away from
		check "IPv$family: seen by the rules" [ "$seen" -gt 20 ]
	done
done
is "the device counts no drop" "{}" "$(drops)"
finish
