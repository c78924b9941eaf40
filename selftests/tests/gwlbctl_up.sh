#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# gwlbctl up, down, save: a link by its file, or none and the reason.
export LC_ALL=C
cd "$(dirname "$0")" || exit
# shellcheck source=selftests/tests/lib.sh
. ./lib.sh
[ "$(id -u)" = 0 ] || skip "must be root"

tmp=$(mktemp -d)
kept=$tmp/kept
# shellcheck disable=SC2317	# by the trap
cleanup() {
	rm -f /etc/gwlb/gwlb0.conf
	[ ! -e "$kept" ] || cp "$kept" /etc/gwlb/gwlb0.conf
	lab_remove
	rm -rf "$tmp"
}
[ ! -e /etc/gwlb/gwlb0.conf ] || cp /etc/gwlb/gwlb0.conf "$kept"
trap cleanup EXIT
lab_remove
ip netns add app
app ip link set lo up
mkdir -p /etc/gwlb

# shellcheck disable=SC2317	# by check
absent() { ! app ip link show "${1:-gwlb0}" >/dev/null 2>&1; }
conf() { cat >/etc/gwlb/gwlb0.conf; }
# routes FAMILY: those of last resort
routes() { app ip "-$1" route show default | sed 's/ proto static//; s/ scope link//; s/ pref medium//; s/ *$//'; }
last='default dev gwlb0 metric 4294967295'
show() { app gwlbctl show -j gwlb0 | jq -c '.[0] | [.up, .port, .local, .allow, .ttl, .tos, .critical, .max_flows, .catch, .timeout_tcp, .timeout_other, .mode, .divert.mask, .trust.mask, .trust.seconds]'; }

# refused WHAT STATUS TEXT: what up says of the file on standard input
refused() {
	local out rc=0
	conf
	out=$(app gwlbctl up gwlb0 2>&1) || rc=$?
	is "$1" "$2 gwlbctl: $3" "$rc $out"
	check "$1: no link is left" absent
}

file=/etc/gwlb/gwlb0.conf
rm -f $file
is "no file" "gwlbctl: cannot read $file: No such file or directory 1" \
	"$(app gwlbctl up gwlb0 2>&1) $(app gwlbctl up gwlb0 2>/dev/null; echo $?)"
conf </dev/null
check "an empty file is enough" app gwlbctl up gwlb0
is "it is up, with defaults" '[true,6081,null,[],64,0,"drop",262144,"auto",350,120,"bump",null,null,null]' "$(show)"
is "IPv4 route of last resort" "$last" "$(routes 4)"
is "IPv6 route of last resort" "$last" "$(routes 6)"
is "a link that is there" "gwlbctl: cannot add gwlb0: there is a device of that name already" \
	"$(app gwlbctl up gwlb0 2>&1)"
check "and it stays" app gwlbctl show gwlb0

echo "port 7000" >"$tmp/other"
check "a second link, from a file that is named" app gwlbctl up gwlb1 "$tmp/other"
is "both have routes of last resort" 2,2 \
	"$(routes 4 | grep -c metric),$(routes 6 | grep -c metric)"
app ip address add 198.18.0.1/32 dev gwlb1
app ip address add 2001:db8::9/128 dev gwlb1
is "an address more: they stay" 2,2 "$(routes 4 | grep -c metric),$(routes 6 | grep -c metric)"
app ip address del 198.18.0.1/32 dev gwlb1
app ip address del 2001:db8::9/128 dev gwlb1
is "the last address less: that of IPv4 goes" 1,2 \
	"$(routes 4 | grep -c metric),$(routes 6 | grep -c metric)"
app ip route append default dev gwlb1 proto static metric 4294967295
check "down" app gwlbctl down gwlb0
check "it is gone" absent
is "and so are its routes" "${last/0/1},${last/0/1}" "$(routes 4),$(routes 6)"
check "down: not again" fails app gwlbctl down gwlb0
app gwlbctl down gwlb1

conf <<-'END'
	# an appliance
	port 7001 ttl 9		# two on a line
	local 127.0.0.1

	allow 10.254.11.60,10.254.12.0/24
		tos 0x10
	critical pass
	max-flows 1000
	catch early
	timeout-tcp 6000 timeout-other 60
	mode route divert 0x1/0xf
	trust 0x10/0xf0 for 7
	last-resort no
END
check "all options" app gwlbctl up gwlb0
want='[true,7001,"127.0.0.1",["10.254.11.60/32","10.254.12.0/24"],9,16,"pass",1000,"early",6000,60,"route",15,240,7]'
is "all options are set" "$want" "$(show)"
is "last-resort no" , "$(routes 4),$(routes 6)"
check "save" app gwlbctl save gwlb0
app gwlbctl down gwlb0
check "what was saved comes up" app gwlbctl up gwlb0
is "and is the same" "$want" "$(show)"
is "without routes, too" , "$(routes 4),$(routes 6)"
is "everybody may read it" 644 "$(stat -c %a $file)"
is "nothing else is left there" "" "$(find /etc/gwlb -type f ! -name '*.conf')"
is "save to a folder that is not there" \
	"gwlbctl: cannot write $tmp/no/file: No such file or directory" \
	"$(app gwlbctl save gwlb0 "$tmp/no/file" 2>&1)"
app gwlbctl down gwlb0

conf </dev/null
app gwlbctl up gwlb0
app gwlbctl save gwlb0 "$tmp/plain"
is "save: no word of routes that are there" 0 "$(grep -c last-resort "$tmp/plain")"
app ip link set gwlb0 down
app gwlbctl save gwlb0 "$tmp/plain"
is "save: nor of a link that is down" 0 "$(grep -c last-resort "$tmp/plain")"
app gwlbctl down gwlb0

# ---- what save says of the routes of last resort

state() { app ip link show gwlb0 | grep -c '[<,]UP[,>]'; routes 4; routes 6; }
# again WHAT: saved, deleted, and up by what was saved, gwlb0 is as before
again() {
	local before
	before=$(state)
	app gwlbctl save gwlb0 "$tmp/state" && app gwlbctl down gwlb0 &&
		app gwlbctl up gwlb0 "$tmp/state"
	is "$1: as before" "$before" "$(state)"
}
app gwlbctl add gwlb0
app ip link set gwlb0 up
again "add and up without routes"
is "save says so, and where that comes from" 1 \
	"$(grep -c '^last-resort no	# .*gwlbctl(8)$' "$tmp/state")"
app gwlbctl down gwlb0
app gwlbctl add gwlb0
app gwlbctl save gwlb0 "$tmp/state"
app gwlbctl down gwlb0
check "add, saved while it is down" app gwlbctl up gwlb0 "$tmp/state"
is "is up with routes" "$last,$last" "$(routes 4),$(routes 6)"
again "up"
app ip link set gwlb0 down
app ip link set gwlb0 up
is "down and up by hand: the routes are gone" , "$(routes 4),$(routes 6)"

# ---- standard output and input

app gwlbctl save gwlb0 "$tmp/state"
is "save to -" "$(cat "$tmp/state")" "$(cd "$tmp" && app gwlbctl save gwlb0 -)"
check "is no file of that name" test ! -e "$tmp/-"
is "save to a full disk" "gwlbctl: cannot write: No space left on device" \
	"$(app gwlbctl save gwlb0 - 2>&1 >/dev/full)"
app gwlbctl down gwlb0
is "up by -: what is wrong" "gwlbctl: standard input:2: ttl needs a value" \
	"$(printf '\nttl' | app gwlbctl up gwlb0 - 2>&1)"
check "up by -" app gwlbctl up gwlb0 - <"$tmp/state"
is "is the same" "$(cat "$tmp/state")" "$(app gwlbctl save gwlb0 -)"

# ---- an endpoint in a VRF, which comes later

printf 'on gwlb0\nendpoint 10.0.0.1%%red\nendpoint 0x1\nendpoint 0x1 name shop\n' >"$tmp/vpc1"
is "it is not there yet" 3 "$(app gwlbctl up vpc1 "$tmp/vpc1" 2>/dev/null; echo $?)"
app ip link add red type vrf table 7
check "it is there" app gwlbctl up vpc1 "$tmp/vpc1"
is "both endpoints, one with settings" '["10.0.0.1%red","vpce-00000000000000001"] shop' \
	"$(app gwlbctl show -j vpc1 | jq -c '.[0].endpoints') $(app gwlbctl endpoint -j list link vpc1 | jq -r '.[].name')"
app ip link del red
app gwlbctl down vpc1

# ---- for, without trust

app gwlbctl set gwlb0 for 77
is "for is shown" "    trust none for 77" "$(app gwlbctl show gwlb0 | grep trust)"
app gwlbctl save gwlb0
app gwlbctl down gwlb0
app gwlbctl up gwlb0
app gwlbctl set gwlb0 trust 5
is "and saved, for when it is needed" 77 "$(app gwlbctl show -j gwlb0 | jq '.[0].trust.seconds')"
app gwlbctl down gwlb0

# ---- what is wrong

refused "on what is of another kind" 1 \
	"$file:2: cannot add gwlb0: lo is not of kind gwlb, and so has no endpoints" \
	<<<$'endpoint 0x1\non lo'
refused "on what is not there" 3 \
	"$file:1: cannot add gwlb0: there is no gwlb link gwlb5 in this network namespace to take endpoints of; add that first" \
	<<<$'on gwlb5\nendpoint 0x1'
refused "a VRF that is not there" 3 \
	"$file:3: there is no VRF 'red' in this network namespace; add it first" \
	<<<$'port 6081\n\nendpoint 10.0.0.1%red name shop'
refused "nor for a link to be taken" 3 \
	"$file:1: there is no VRF 'red' in this network namespace; add it first" \
	<<<$'endpoint 10.0.0.1%red\non gwlb5'
refused "with what is wrong besides" 2 "$file:2: ttl takes a number up to 255, not 'x'" \
	<<<$'endpoint 10.0.0.1%red name shop\nttl x'
refused "an endpoint twice" 2 "$file:3: endpoint vpce-00000000000000001 is given twice" \
	<<<$'on gwlb5 endpoint 0x2\nendpoint 0x1\nendpoint vpce-00000000000000001'
refused "a word too much" 2 "$file:2: unknown option 'extra'" <<<$'port 6081\nextra'
refused "a word too much in between" 2 "$file:1: unknown option 'extra'" <<<$'port 6081 extra\nttl 3'
refused "an endpoint too much" 2 "$file:1: unknown option '0x2'" <<<$'endpoint 0x1 0x2 on gwlb5'
refused "last-resort without value" 2 "$file:2: last-resort needs a value" <<<$'ttl 3\nlast-resort'
refused "port and on" 2 "$file:3: port cannot be given: a link that takes endpoints of another has no port; port, local, allow, ttl, tos, critical, catch and max-endpoints are set there" \
	<<<$'on gwlb5\nendpoint 0x1\nport 6081'
refused "on without endpoint" 2 "$file:1: a link on another takes some of its endpoints; name them: endpoint ID" \
	<<<'on gwlb5'
refused "a setting that the kernel refuses" 2 "$file:2: cannot bring up gwlb0: endpoint 0x1: The mark has bits that its mask has not" \
	<<<$'port 6081\nendpoint 0x1 mark 3/1'
refused "unknown option" 2 "$file:3: unknown option 'prot'" <<-'END'
	ttl 3
	# here
	prot 6081
END
refused "bad value" 2 "$file:1: ttl takes a number up to 255, not 'x'" <<<'ttl x'
refused "no value" 2 "$file:2: ttl needs a value" <<<$'\nttl'
refused "twice" 2 "$file:2: ttl is given twice" <<<$'ttl 1\nttl 1'
refused "last-resort: bad value" 2 "$file:1: last-resort can be yes or no, not 'maybe'" \
	<<<'last-resort maybe'
refused "last-resort: twice" 2 "$file:2: last-resort is given twice" \
	<<<$'last-resort no\nlast-resort no'
refused "what the kernel refuses" 2 \
	"$file:2: cannot add gwlb0: $(app gwlbctl add gwlb0 ttl 0 2>&1 | sed 's/.*gwlb0: //')" \
	<<<$'port 7001\nttl 0\nmax-flows 5'
refused "an address of another machine" 3 \
	"$file:2: cannot add gwlb0: $(app gwlbctl add gwlb0 local 192.0.2.9 2>&1 | sed 's/.*gwlb0: //')" \
	<<<$'port 7001\nlocal 192.0.2.9'
app gwlbctl add gwlb9 port 7001
refused "a port that is taken" 1 \
	"$file:3: cannot add gwlb0: $(app gwlbctl add gwlb0 port 7001 2>&1 | sed 's/.*gwlb0: //')" \
	<<<$'\nttl 1\nport 7001'

conf </dev/null
app sysctl -qw net.ipv6.conf.default.disable_ipv6=1
check "with IPv6 switched off" app gwlbctl up gwlb0
is "with IPv6 switched off: the route of IPv4" "$last" "$(routes 4)"
app gwlbctl down gwlb0

# a kernel that refuses the second route
cat >"$tmp/refuse.c" <<-'END'
	#define _GNU_SOURCE
	#include <dlfcn.h>
	#include <errno.h>
	#include <linux/rtnetlink.h>
	#include <sys/socket.h>
	ssize_t mnl_socket_sendto(void *nl, struct nlmsghdr *nlh, size_t len)
	{
		ssize_t (*real)(void *, void *, size_t) = dlsym(RTLD_NEXT, "mnl_socket_sendto");
		struct rtmsg *rtm = NLMSG_DATA(nlh);

		errno = ENOBUFS;
		return nlh->nlmsg_type == RTM_NEWROUTE && rtm->rtm_family == AF_INET6 ?
			-1 : real(nl, nlh, len);
	}
END
gcc -shared -fPIC -o "$tmp/refuse.so" "$tmp/refuse.c" -ldl
is "the last step fails" "gwlbctl: cannot bring up gwlb0: No buffer space available" \
	"$(LD_PRELOAD=$tmp/refuse.so app gwlbctl up gwlb0 2>&1)"
check "the last step fails: no link is left" absent

is "too many words" "gwlbctl: up takes a device and a file, 'x' is too much; try gwlbctl help" \
	"$(gwlbctl up gwlb0 "$file" x 2>&1)"
is "not as root" 1 "$(setpriv --reuid 65534 --clear-groups --bounding-set -all --inh-caps -all \
	gwlbctl up gwlb0 2>/dev/null; echo $?)"
finish
