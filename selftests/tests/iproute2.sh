#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# ip(8) with our plugin, where ip looks for it, and without.
export LC_ALL=C
cd "$(dirname "$0")" || exit
# shellcheck source=selftests/tests/lib.sh
. ./lib.sh
[ "$(id -u)" = 0 ] || skip "must be root"
plugin=/usr/local/lib/ip/link_gwlb.so
[ -e $plugin ] || plugin=$(find /usr/lib -name link_gwlb.so | head -n 1)
echo "# $(ip -V)"

# before Debian 12, and since
dirs="/usr/lib/ip /usr/lib/$(gcc -dumpmachine)/ip"
placed=''
# shellcheck disable=SC2317	# by the trap
cleanup() {
	# shellcheck disable=SC2086
	rm -f $placed
	lab_remove
}
trap cleanup EXIT
lab_remove
ip netns add app
app ip link set lo up
show() { app gwlbctl show -j gwlb0 2>/dev/null | jq -c '.[0] | [.port, .allow, .ttl, .critical]'; }
# shellcheck disable=SC2317	# by check
absent() { ! app ip link show gwlb0 >/dev/null 2>&1; }
details() { app ip -d link show gwlb0 | grep -o '^    gwlb .*' | sed 's/  */ /g; s/ *$//; s/ addrgenmode.*//'; }

if [ -z "$(find /usr/lib -name link_gwlb.so)" ]; then
	check "without: add" app ip link add gwlb0 type gwlb
	is "without: the kind is shown" " gwlb" "$(details)"
	app gwlbctl del gwlb0
	check "without: no options" fails app ip link add gwlb0 type gwlb port 7000
	for d in $dirs; do
		mkdir -p "$d"
		ln -s "$plugin" "$d/link_gwlb.so"
		placed+=" $d/link_gwlb.so"
	done
fi

check "add" app ip link add gwlb0 type gwlb port 7000 mode bump ttl 9 \
	allow 10.254.11.60,2001:db8::/64
is "it has them" '[7000,["10.254.11.60/32","2001:db8::/64"],9,"drop"]' "$(show)"
check "change" app ip link set gwlb0 type gwlb critical pass ttl 10
is "they are changed, and no others" '[7000,["10.254.11.60/32","2001:db8::/64"],10,"pass"]' "$(show)"
shown=$(details)
for word in "port 7000" "mode bump" "allow 10.254.11.60/32,2001:db8::/64" "ttl 10" "critical pass"; do
	check "shown: $word" grep -qF " $word " <<<"$shown "
done
is "JSON is JSON" '"gwlb"' "$(app ip -j -d link show gwlb0 | jq '.[0].linkinfo.info_kind')"
app ip link del gwlb0

# refused NAME TEXT OPTION...
refused() {
	local name=$1 text=$2
	shift 2
	is "$name" "$text" "$(app ip link add gwlb0 type gwlb "$@" 2>&1 | head -n 1)"
	check "$name: no link" absent
}
refused "unknown option" "gwlb: unknown option 'prot'" prot 6081
refused "no value" "gwlb: ttl needs a value" ttl
refused "bad value" "gwlb: ttl takes a number up to 255, not 'x'" ttl x
refused "what the kernel refuses" "Error: The outer TTL must be from 1 to 255." ttl 0
refused "more than ip can send" \
	"gwlb: these are more options than ip has room for; use gwlbctl add" \
	allow "$(printf '2001:db8:%x::/48,' {1..31})2001:db8::/48"
check "another link, for an endpoint" app ip link add gwlb0 type gwlb
check "add on it" app ip link add link gwlb0 name vpc1 type gwlb mode route \
	endpoint vpce-02356de92d389839c endpoint 0x7
shown=$(app ip -d link show vpc1)
for word in vpc1@gwlb0: "endpoint vpce-02356de92d389839c" "endpoint vpce-00000000000000007" "mode route"; do
	check "shown: $word" grep -qF " $word " <<<"$shown "
done
check "without port" fails grep -qF " port " <<<"$shown"
is "an endpoint that is taken" "Error: One of these endpoints has another link already" \
	"$(app ip link add link gwlb0 name vpc2 type gwlb endpoint 0x7 2>&1 | head -n 1 | cut -d'(' -f1 | sed 's/ $//')"
check "deleted with the other" app ip link del gwlb0
check "it is gone" fails app ip link show vpc1
check "help" grep -q 'OPTION VALUE' <(ip link add gwlb0 type gwlb help 2>&1)
check "a batch" app ip -batch - <<-'END'
	link add gwlb0 type gwlb port 7001
	link set gwlb0 up
END
is "a batch: it has its options" '[7001,[],64,"drop"]' "$(show)"
finish
