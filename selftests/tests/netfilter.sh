#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
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
finish
