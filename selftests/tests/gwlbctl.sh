#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# gwlbctl: every verb, option, flag and error; what it shows of real packets.
#
#	namespace gw			namespace app, where gwlbctl runs
#	eth0 192.0.2.60  --- veth ---	eth0 192.0.2.101, gwlb0
#	     2001:db8::60		     2001:db8::101
set -u
set -o pipefail
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit

if [ "${1-}" != inside ]; then
	[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP must be root"; exit 4; }
	before=$(cat /proc/sys/kernel/modprobe)
	cleanup() {
		ip netns del gw
		ip netns del app
		echo "$before" >/proc/sys/kernel/modprobe
	} 2>/dev/null
	trap cleanup EXIT
	cleanup
	ip netns add gw && ip netns add app || exit
	ip netns exec app "$PWD/selftests/tests/gwlbctl.sh" inside
	exit
fi

n=0 failed=0
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all)
as=()		# who runs gwlbctl in the functions below
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# check WHAT COMMAND...; forks of an emulated machine are slow, so it has none
check() {
	local what=${1:0:80}
	shift
	n=$((n + 1))
	if "$@" >"$tmp/log" 2>&1; then
		echo "ok $n - $what"
	else
		failed=$((failed + 1))
		echo "not ok $n - $what"
		printf '%s\n' "$*" | cut -c 1-500 | cat - "$tmp/log" | sed 's/^/# /'
	fi
}

# done_ ARG...: gwlbctl ARG... succeeds and has nothing to say
done_() {
	"${as[@]}" gwlbctl "$@" >"$tmp/out" 2>&1 || failing cat "$tmp/out" || return
	[ ! -s "$tmp/out" ] || failing cat "$tmp/out"
}
failing() { "$@"; return 1; }

# refused STATUS TEXT ARG...: one line on standard error, which is TEXT
refused() {
	local status=$1 text=$2 rc=0 err
	shift 2
	"${as[@]}" gwlbctl "$@" >"$tmp/out" 2>"$tmp/err" || rc=$?
	mapfile err <"$tmp/err"
	echo "status $rc, ${err[*]}"
	[ "$rc" = "$status" ] && [ ! -s "$tmp/out" ] && [ ${#err[@]} = 1 ] &&
		[ "${err[0]}" = "gwlbctl: $text"$'\n' ]
}
wrong() { # TEXT ARG...
	local text=$1
	shift
	check "wrong: gwlbctl $*" refused 2 "$text; try gwlbctl help" "$@"
}
error() { # TEXT ARG...
	local text=$1
	shift
	check "refused: gwlbctl $*" refused "${status:-1}" "$text" "$@"
}

# facts [ARG...]: of the JSON of gwlb0, with ARG... to show; lines of standard
# input are WHAT: FILTER OF JQ
facts() {
	local lines line filters='' results i=0
	mapfile -t lines
	for line in "${lines[@]}"; do
		filters+=", (${line#*: })"
	done
	gwlbctl show -j gwlb0 "$@" >"$tmp/json"
	mapfile -t results < <(jq ".[0] | ${filters:2}" "$tmp/json" 2>&1)
	for line in "${lines[@]}"; do
		check "${line%%: *}" same "${results[i++]-}" true
	done
	[[ "${results[*]} " =~ ^(true )+$ ]] || sed 's/^/# /' "$tmp/json"
}

# The JSON of gwlb0 before any traffic; want has what it says of the options
declare -A want
up=false
defaults() {
	want=([port]=6081 [local]=null [mode]='"bump"' [allow]='[]' [ttl]=64 [tos]=0
		[critical]='"drop"' [max-flows]=262144 [catch]='"auto"' [divert]=null [trust]=null
		[max-endpoints]=1024
		[zones]='"auto"' [zone-range]='[1024,65535]'
		[timeout-tcp]=350 [timeout-other]=120)
}
config() {
	same "$("${as[@]}" gwlbctl show -j gwlb0)" "$(printf '%s' '[{"ifindex":' \
		"$(</sys/class/net/gwlb0/ifindex),\"ifname\":\"gwlb0\",\"up\":$up," \
		"\"mode\":${want[mode]},\"port\":${want[port]},\"local\":${want[local]}," \
		"\"allow\":${want[allow]},\"ttl\":${want[ttl]},\"tos\":${want[tos]}," \
		"\"critical\":${want[critical]},\"max_flows\":${want[max-flows]}," \
		"\"catch\":${want[catch]}," \
		"\"divert\":${want[divert]}," \
		'"flows":0,"dropped":0,' \
		"\"trust\":${want[trust]}," \
		"\"timeout_tcp\":${want[timeout-tcp]},\"timeout_other\":${want[timeout-other]}," \
		"\"max_endpoints\":${want[max-endpoints]}," \
		"\"zones\":${want[zones]},\"zone_range\":${want[zone-range]}," \
		'"peers":[]}]')"
}

# text LINE [ARG...]: a line that show has
text() {
	local line=" *$1"
	shift
	gwlbctl show gwlb0 "$@" >"$tmp/out"
	grep -qxE "$line" "$tmp/out" || failing cat "$tmp/out"
}

listens() { grep -qF " $1 " <(ss -Hlun); }
not() { ! "$@"; }
same() { [ "$1" = "$2" ] || failing printf '%s\n' "$1" -- "$2"; }
absent() { ! ip link show "$1" >/dev/null 2>&1; }

# until_ COMMAND...: waits for what comes soon
until_() {
	local i
	for ((i = 0; i < 300; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	"$@"
}


# ---- without module, help, usage

absence="the gwlb module is not loaded and could not be; modprobe gwlb says why"
if modprobe -r gwlb; then
	modprobe=$(cat /proc/sys/kernel/modprobe)
	echo /bin/false >/proc/sys/kernel/modprobe
	error "$absence" show
	error "$absence" show gwlb0
	error "$absence" del gwlb0
	error "$absence" set gwlb0 ttl 3
	error "cannot add gwlb0: $absence" add gwlb0
	check "version without module" same "$(gwlbctl version)" \
		"gwlbctl $(sed -n 's/^MODULE_VERSION("\(.*\)");/\1/p' kmod/main.c), module not loaded"
	wrong "flows cannot be chosen by 'colour'" flow colour red
	wrong "port needs a value" flow flush link gwlb0 endpoint shop port
	error "$absence" flow endpoint shop
	echo "$modprobe" >/proc/sys/kernel/modprobe
	check "show loads the module, and of no link shows nothing" done_ show
	modprobe -r gwlb
	check "nobody's show loads it as well" same "$("${nobody[@]}" gwlbctl -j show)" '[]'
	modprobe -r gwlb
	check "add loads it as well" done_ add gwlb0
	check "del" done_ del gwlb0
	check "and it is gone" absent gwlb0
fi
check "JSON of no link" same "$(gwlbctl -j show)" '[]'
check "version" same "$(gwlbctl version)" \
	"gwlbctl $(modinfo -F version gwlb), module $(modinfo -F version gwlb)"
for flag in -V --version; do
	check "version: $flag" same "$(gwlbctl $flag)" "$(gwlbctl version)"
done
for option in port local mode allow ttl tos critical max-flows catch timeout-tcp timeout-other divert max-endpoints zones zone-range trust for endpoint on; do
	check "help has $option" grep -q "^  $option " <(gwlbctl help)
done
for flag in -h --help "show -h" "add --help"; do
	# shellcheck disable=SC2086	# words
	check "help: $flag" same "$(gwlbctl $flag)" "$(gwlbctl help)"
done

wrong "no command"
wrong "no command" -s
wrong "unknown command 'list'" list
wrong "unknown command 'sho'" sho
wrong "unknown command ''" ""
wrong "unknown flag '-x'" -x show
wrong "unknown flag '-sx'" show -sx
wrong "unknown flag '--stats'" show --stats
wrong "unknown command '-s'" -- -s
wrong "show does not take --exec" show --exec
wrong "monitor takes no 'gwlb0'" monitor gwlb0
wrong "monitor takes no 'b'" monitor --exec a b
wrong "--exec needs a program" monitor --exec
wrong "monitor takes one of -j and --exec" monitor -j --exec true
wrong "monitor takes none of the flags -s and -p" monitor -s
for verb in add set del; do
	wrong "$verb needs the name of a device" $verb
	for flag in -s -j -p --json; do
		wrong "$verb takes none of the flags -s, -j and -p" $verb $flag gwlb0
	done
	wrong "device name '0123456789abcdef' is longer than 15 characters" \
		$verb 0123456789abcdef
	for name in "" . .. a/b "a b" a:b; do
		wrong "'$name' cannot be the name of a device" $verb "$name"
	done
done
wrong "device name '0123456789abcdef' is longer than 15 characters" show 0123456789abcdef
wrong "show takes one device, 'b' is too much" show a b
wrong "del takes one device, 'b' is too much" del a b
wrong "set gwlb0 needs an option" set gwlb0
for verb in add set; do
	wrong "unknown option 'id'" $verb gwlb0 id 5
	wrong "unknown option 'por'" $verb gwlb0 por 5
	wrong "port needs a value" $verb gwlb0 ttl 5 port
	wrong "ttl is given twice" $verb gwlb0 ttl 5 port 7 ttl 5
done
for value in x "" " 1" +1 1x 65536 0x10000 0x 4294967297 18446744073709551617; do
	wrong "port takes a number up to 65535, not '$value'" add gwlb0 port "$value"
done
wrong "unknown flag '-1'" add gwlb0 port -1
wrong "ttl takes a number up to 255, not '256'" add gwlb0 ttl 256
wrong "tos takes a number up to 255, not '0x100'" add gwlb0 tos 0x100
wrong "max-flows takes a number up to 4294967295, not '4294967296'" \
	add gwlb0 max-flows 4294967296
wrong "timeout-tcp takes a number up to 4294967295, not '5m'" add gwlb0 timeout-tcp 5m
wrong "mode can be bump or route, not 'bridge'" add gwlb0 mode bridge
for value in x "" /1 0x100000000; do
	wrong "divert takes a number up to 4294967295, not '${value%%/*}'" add gwlb0 divert "$value"
done
for value in 1/ 1/x 1/2/3; do
	wrong "the mask of divert takes a number up to 4294967295, not '${value#*/}'" \
		add gwlb0 divert "$value"
done
wrong "the mask of divert must not be 0; say none" add gwlb0 divert 0/0
wrong "the mask of trust must not be 0; say none" add gwlb0 trust 0/0
wrong "critical can be drop or pass, not 'keep'" add gwlb0 critical keep
for value in 0.0.0.0 :: host 1.2.3 192.0.2.1/32 ""; do
	wrong "local takes an address of this machine or any, not '$value'" \
		add gwlb0 local "$value"
done
for value in "" "," "10.0.0.0/8," ",10.0.0.0/8" "10.0.0.0/8,,10.1.0.0/16"; do
	wrong "allow takes prefixes with commas between them, or any; '' is no address" \
		add gwlb0 allow "$value"
done
wrong "allow takes prefixes with commas between them, or any; 'any' is no address" \
	add gwlb0 allow 10.0.0.0/8,any
for value in 33 -1 x "" 1.1; do
	wrong "the length of a prefix takes a number up to 32, not '$value'" \
		add gwlb0 allow 10.0.0.0/"$value"
done
wrong "the length of a prefix takes a number up to 128, not '129'" add gwlb0 allow fd00::/129
wrong "allow: 10.1.2.3 has bits set behind the first 8; 10.0.0.0/8 has not" \
	add gwlb0 allow 192.0.2.0/24,10.1.2.3/8
wrong "allow: 2001:db8::1 has bits set behind the first 33; 2001:db8::/33 has not" \
	add gwlb0 allow 2001:db8::1/33
wrong "allow: 0.0.0.1 has bits set behind the first 0; 0.0.0.0/0 has not" \
	add gwlb0 allow 0.0.0.1/0
wrong "allow: too many prefixes" add gwlb0 allow "$(yes 10.1.1.1 | head -n 1000 | paste -sd ,)"
check "nothing of that made a link" same "$(gwlbctl show)" ""

# ---- add, set, show, del

ip link set lo up
ip link add eth0 address 02:00:00:00:00:02 type veth \
	peer name eth0 netns gw address 02:00:00:00:00:01
ip -n gw link set eth0 up
ip link set eth0 up
ip -n gw address add 192.0.2.60/24 dev eth0
ip -n gw address add 2001:db8::60/64 dev eth0 nodad
ip address add 192.0.2.101/24 dev eth0
ip address add 2001:db8::101/64 dev eth0 nodad

check "ip makes a link with defaults" ip link add gwlb0 type gwlb
defaults
check "which show knows" config
check "ip deletes it" ip link del gwlb0
check "add" done_ add gwlb0
check "has the same defaults" config
check "is of kind gwlb for ip" ip -d link show gwlb0 type gwlb
check "text of a link" same "$(gwlbctl show)" "gwlb0: down
    mode bump port 6081 local any
    ttl 64 tos 0x00 critical drop max-flows 262144
    timeout-tcp 350 timeout-other 120
    catch auto
    max-endpoints 1024 zones auto zone-range 1024-65535
    allow any
    flows 0
    no load balancer seen yet"
error "cannot add gwlb0: there is a device of that name already" add gwlb0
error "cannot add eth0: there is a device of that name already" add eth0 port 6082
ip link set gwlb0 up
up=true
check "up" config
check "up, as text" text "gwlb0: up"
gwlbctl del gwlb0
up=false

check "add with each option" done_ add gwlb0 port 7081 local 192.0.2.101 mode bump \
	allow 192.0.2.0/24,2001:db8::/32,198.51.100.7,fd00::1 ttl 3 tos 0xb8 critical pass max-flows 77 \
	timeout-tcp 6000 timeout-other 60 \
	max-endpoints 99 zones off zone-range 7-70
want=([port]=7081 [local]='"192.0.2.101"' [mode]='"bump"' [ttl]=3 [tos]=184 [critical]='"pass"'
	[max-flows]=77 [timeout-tcp]=6000 [timeout-other]=60 [catch]='"auto"' [divert]=null [trust]=null
	[max-endpoints]=99 [zones]='"off"' [zone-range]='[7,70]'
	[allow]='["192.0.2.0/24","2001:db8::/32","198.51.100.7/32","fd00::1/128"]')
check "each is read back" config
check "as text: mode, port, local" text "mode bump port 7081 local 192.0.2.101"
check "as text: ttl, tos, critical, max-flows" text "ttl 3 tos 0xb8 critical pass max-flows 77"
check "as text: endpoints and zones" text "max-endpoints 99 zones off zone-range 7-70"
check "as text: allow" text "allow 192.0.2.0/24,2001:db8::/32,198.51.100.7/32,fd00::1/128"
check "the kernel took port and address" listens 192.0.2.101:7081

# option NAME VALUE JSON: is changed, and nothing else
changed() {
	want[$1]=$3
	done_ set gwlb0 "$1" "$2" && config
}
option() { check "set $1 $2" changed "$@"; }
option port 7082 7082
check "the kernel took the new port" listens 192.0.2.101:7082
check "and gave the old one back" not listens 192.0.2.101:7081
option ttl 255 255
option tos 0 0
option tos 0xFf 255
option critical drop '"drop"'
option critical pass '"pass"'
option max-flows 16777216 16777216
option max-flows 1 1
option catch socket '"socket"'
option catch auto '"auto"'
option trust 0x10/0xf0 '{"mark":16,"mask":240,"seconds":1}'
option trust 7 '{"mark":7,"mask":4294967295,"seconds":1}'
check "as text: trust" text "trust 0x7/0xffffffff for 1"
option trust none null
option timeout-tcp 604800 604800
option timeout-tcp 1 1
option timeout-other 604800 604800
option timeout-other 1 1
option mode route '"route"'
option mode bump '"bump"'
option divert 7 '{"mark":7,"mask":4294967295}'
check "as text: divert" text "mode bump port 7082 local 192.0.2.101 divert 0x7"
option divert none null
option divert 0/0xffffffff '{"mark":0,"mask":4294967295}'
option divert 0x1/0xf '{"mark":1,"mask":15}'
check "as text: divert with a mask" text "mode bump port 7082 local 192.0.2.101 divert 0x1/0xf"
option local 192.0.2.101 '"192.0.2.101"'
option allow 10.0.0.0/8 '["10.0.0.0/8"]'
option allow 0.0.0.0/0,::/0 '["0.0.0.0/0","::/0"]'
option allow any '[]'
check "set several at once" done_ set gwlb0 port 7083 local any ttl 9 allow 2001:db8:f::/48
want[port]=7083 want[local]=null want[ttl]=9 want[allow]='["2001:db8:f::/48"]'
check "all of them, nothing else" config
check "any is both families" listens '[::]:7083'
check "an IPv6 address" done_ set gwlb0 port 7084 local 2001:db8::101
want[port]=7084 want[local]='"2001:db8::101"'
check "is read back" config
check "is the one that the kernel took" listens '[2001:db8::101]:7084'
prefixes=$(seq -s , -f 10.%g.0.0/16 32)
option allow "$prefixes" "[\"${prefixes//,/'","'}\"]"
check "32 prefixes as text" text "allow $prefixes"
read -ra words <<<"$(gwlbctl show gwlb0 | sed -n 2,6p | tr '\n' ' ')"
check "set what was shown" done_ set gwlb0 "${words[@]}"
check "changes nothing" config
gwlbctl set gwlb0 port 7085 local any
want[port]=7085 want[local]=null

# ---- refused by the kernel, in its words

in_use="The UDP port is in use, by another tunnel or a program (ss -lun shows it); stop that or choose another port"
ip link add gen0 type geneve external dstport 7100
ip link set gen0 up
socat -u UDP-RECV:7101 - >/dev/null 2>&1 &
program=$!
until_ listens 0.0.0.0:7101
for verb in "add gwlb1" "set gwlb0"; do
	dev=${verb#* } doing=${verb% *}
	doing="cannot ${doing/set/change} $dev"
	# shellcheck disable=SC2086	# words
	{
		error "$doing: $in_use" $verb ttl 7 port 7100
		error "$doing: $in_use" $verb ttl 7 port 7101
		status=2 error "$doing: The UDP port must be from 1 to 65535" $verb port 0
		status=2 error "$doing: The mark to divert by has bits that its mask has not" $verb divert 3/1
		status=2 error "$doing: The outer TTL must be from 1 to 255" $verb tos 7 ttl 0
		for flows in 0 16777217 0xffffffff; do
			status=2 error "$doing: The number of flows must be from 1 to 16777216" \
				$verb tos 7 max-flows $flows
		done
		for timeout in tcp other; do
			status=2 error "$doing: A timeout must be from 1 to 604800 seconds" \
				$verb tos 7 timeout-$timeout 0
			status=2 error "$doing: A timeout must be from 1 to 604800 seconds" \
				$verb tos 7 timeout-$timeout 604801
		done
		status=3 error "$doing: The local address is not on this machine; add it to an interface first" \
			$verb port 7102 local 192.0.2.77
		status=2 error "$doing: At most 32 prefixes can be allowed; use shorter ones" \
			$verb ttl 7 port 7102 allow "$(seq -s , -f 10.1.%g.0 33)"
	}
done
kill $program
ip link del gen0
error "cannot add gwlb1: $in_use" add gwlb1 port 7085
error "cannot change gwlb0: The local address cannot be changed while the port stays; delete the link and add it again" \
	set gwlb0 local 192.0.2.101 ttl 7
check "nothing of that changed the link" config
check "or made one" absent gwlb1

for verb in show del "set ttl=7"; do
	args=${verb#* } word=${verb% *}
	[ "$args" != "$verb" ] && args=${args/=/ } || args=
	doing=${word/del/delete}
	doing=${doing/set/change}
	# shellcheck disable=SC2086	# words
	{
		error "cannot $doing nothing0: There is no such link in this network namespace" $word nothing0 $args
		error "cannot $doing eth0: This link is not of kind gwlb" $word eth0 $args
		error "cannot $doing lo: This link is not of kind gwlb" $word lo $args
	}
done
check "which is still there" ip link show eth0

root="Operation not permitted; run it as root, it needs CAP_NET_ADMIN"
as=("${nobody[@]}")
error "cannot add gwlb1: $root" add gwlb1
error "cannot change gwlb0: $root" set gwlb0 ttl 7
error "cannot delete gwlb0: $root" del gwlb0
check "anybody may look, and changed nothing" config
as=()

# ---- flags

pretty=$(gwlbctl show -sp gwlb0)
for args in "-s -p show gwlb0" "-sp show gwlb0" "show gwlb0 -ps" "show -p gwlb0 -s" \
	"--statistics --pretty show gwlb0" "show --json --pretty gwlb0 --statistics" \
	"-jsp show gwlb0" "-s show -p -- gwlb0" "-p -s -- show gwlb0"; do
	# shellcheck disable=SC2086	# words
	check "flags: $args" same "$(gwlbctl $args)" "$pretty"
done
check "flags: POSIXLY_CORRECT is no reason" \
	same "$(POSIXLY_CORRECT=1 gwlbctl show gwlb0 -sp)" "$pretty"
check "-p is on many lines" test "$(wc -l <<<"$pretty")" -gt 50
check "-j is on one line" same "$(gwlbctl show -js | wc -l)" 1
check "both say the same" same 1 "$(gwlbctl show -js | jq -cS . - <(echo "$pretty") | uniq | wc -l)"
check "-s shows traffic without traffic" text "received +0 packets +0 bytes" -s

reasons=$(sed -n '/name: drop-reason/,/^attribute-sets/s/^ *name: //p' kmod/gwlb.yaml |
	grep -vx 'drop-reason\|none')
check "drop causes of the specification" test "$(wc -w <<<"$reasons")" -ge 24
facts -s <<EOF
-s has each of them: (.drops | keys_unsorted) == ($(jq -R . <<<"$reasons" | jq -cs .))
as zero, of no sender: [.drops[]] | all(.packets == 0 and .last_sender == null and length == 2)
and the traffic: .stats == {rx_packets: 0, rx_bytes: 0, tx_packets: 0, tx_bytes: 0}
numbers are numbers: [.ifindex, .port, .ttl, .tos, .max_flows, .timeout_tcp, .timeout_other, .flows, .dropped] | all(type == "number")
EOF
check "the man page explains each" same \
	"$(sed -n '/^.SH DROP CAUSES/,/^.SH EXIT/{/^.TP/{n;s/^.B //p}}' tools/gwlbctl.8 | sort)" \
	"$(sort <<<"$reasons")"
for option in port local mode allow ttl tos critical max-flows catch timeout-tcp timeout-other divert max-endpoints zones zone-range trust for endpoint on; do
	check "the man page explains $option" grep -qE "^\.(B|BI|BR) \"?$option " tools/gwlbctl.8
done
gwlbctl del gwlb0

# ---- real packets

# An IPv4 header of 20 bytes, alone in GENEVE without options
good='\x00\x00\x08\x00\x00\x00\x00\x00\x45\x00\x00\x14\x00\x00\x00\x00\x40\xfd\xf5\xe9'
good+='\xc0\x00\x02\x01\xc0\x00\x02\x02'
send() { # DESTINATION PACKET...
	local to=$1
	shift
	# shellcheck disable=SC2016	# for the inner shell
	ip netns exec gw bash -c 'for p in "${@:2}"; do printf "$p" >/dev/udp/$1/6081; done' \
		- "$to" "$@"
}
received() { text "$1" -s && text "$2" -s; }

gwlbctl add gwlb0
send 192.0.2.101 "$good" "$good"
check "link-down" until_ received "dropped +2 packets" \
	"link-down +2  it came while the link was down, last from 192.0.2.60"
ip link set gwlb0 up
send 192.0.2.101 "$good" "$good" "$good" '\x00' '\x40\x00\x08\x00\x00\x00\x00\x00'
send 2001:db8::101 "$good" '\x00'
check "each packet is counted, sent back or dropped" until_ received \
	"dropped +5 packets" "sent back +4 packets +80 bytes"
nft add table inet test
nft add chain inet test forward '{ type filter hook forward priority 0; policy drop; }'
send 192.0.2.101 "$good"
check "what a rule drops is no drop of the module" until_ received \
	"received +5 packets +100 bytes" "dropped +5 packets"
nft delete table inet test
gwlbctl set gwlb0 allow 2001:db8::/32
send 192.0.2.101 "$good" "$good"
check "so is that of a sender who is not allowed" until_ received \
	"sender +2  sender not in the allow list, last from 192.0.2.60" "dropped +7 packets"
facts -s <<'EOF'
traffic: .stats == {rx_packets: 5, rx_bytes: 100, tx_packets: 4, tx_bytes: 80}
link-down: .drops["link-down"] == {packets: 2, last_sender: "192.0.2.60"}
sender: .drops.sender == {packets: 2, last_sender: "192.0.2.60"}
geneve-short, of two senders: .drops["geneve-short"] == {packets: 2, last_sender: "2001:db8::60"}
geneve-version: .drops["geneve-version"] == {packets: 1, last_sender: "192.0.2.60"}
no other: [.drops[] | select(.packets > 0)] | length == 4
their sum: .dropped == 7 and ([.drops[].packets] | add) == 7
flows: .flows > 0
two load balancers: .peers | length == 2
the one with IPv4: .peers[0] | del(.idle_ms) == {address: "192.0.2.60", local: "192.0.2.101", rx_packets: 4, rx_bytes: 80, tx_packets: 3, tx_bytes: 60, vrf: null}
the one with IPv6: .peers[1] | del(.idle_ms) == {address: "2001:db8::60", local: "2001:db8::101", rx_packets: 1, rx_bytes: 20, tx_packets: 1, tx_bytes: 20, vrf: null}
when they were seen: [.peers[].idle_ms] | all(. >= 0 and . < 60000)
EOF
facts <<'EOF'
members without -s: keys == ["allow", "catch", "critical", "divert", "dropped", "flows", "ifindex", "ifname", "local", "max_endpoints", "max_flows", "mode", "peers", "port", "timeout_other", "timeout_tcp", "tos", "trust", "ttl", "up", "zone_range", "zones"]
the sum without -s: .dropped == 7
EOF
check "text: received" text "received +5 packets +100 bytes" -s
check "text: sent back" text "sent back +4 packets +80 bytes" -s
check "text: dropped" text "dropped +7 packets" -s
check "text: dropped, without -s" text "dropped 7 packets, show -s tells why"
check "text: causes that occurred, no others" same 4 \
	"$(gwlbctl show -s | grep -c '^      [a-z]')"
check "text: an IPv4 load balancer" text "192.0.2.60 +192.0.2.101 +4 +80 +3 +60  [0-9]+ s ago"
check "text: an IPv6 load balancer" text "2001:db8::60 +2001:db8::101 +1 +20 +1 +20  [0-9]+ s ago"
check "text: columns stand below their heads" same 1 "$(gwlbctl show | grep -A2 'load balancer' |
	awk '{ sub(/  [^ ]+ [^ ]+( ago)?$/, ""); print length }' | sort -u | wc -l)"
check "an age grows" until_ text "192.0.2.60 .*  [1-9][0-9]* s ago"
ip link set gwlb0 netns gw
check "a link that went away is not shown" same "$(gwlbctl show)" ""
check "but where it is" grep -q '^gwlb0: ' <(ip netns exec gw gwlbctl show)
ip netns exec gw gwlbctl del gwlb0

# ---- long lists

for ((i = 1; i <= 12; i++)); do
	gwlbctl add "gwlb$i" port $((8000 + i)) allow "$prefixes"
done
names=$(seq -f gwlb%g 12)
names_of() { gwlbctl show "$@" | grep -o '"ifname":"[^"]*' | cut -d '"' -f 4; }
check "as many links as do not fit one message" same "$(names_of -j)" \
	"$names"
check "as text" same "$(gwlbctl show | sed -n 's/^\([^ ]*\): .*/\1/p')" "$names"
check "one of them" same "$(names_of -j gwlb5)" gwlb5
# A list is long enough to change while it is read: one goes after its first part
cat >"$tmp/meanwhile.c" <<'EOF'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t (*next)(int, struct msghdr *, int) = dlsym(RTLD_NEXT, "recvmsg");
	ssize_t len = next(fd, msg, flags);
	static int calls;

	/* the family, its acknowledgement, and the first part */
	if (++calls == 3) {
		unsetenv("LD_PRELOAD");
		if (system("ip link del gwlb1"))
			abort();
	}
	return len;
}
EOF
gcc -shared -fPIC -o "$tmp/meanwhile.so" "$tmp/meanwhile.c" -ldl
export LD_PRELOAD="$tmp/meanwhile.so"
gwlbctl show -j >"$tmp/out"
unset LD_PRELOAD
check "a list that changed while it was read" same \
	"$(grep -o '"ifname":"[^"]*' "$tmp/out" | cut -d '"' -f 4)" "$(seq -f gwlb%g 2 12)"
for ((i = 2; i <= 12; i++)); do
	gwlbctl del "gwlb$i"
done
check "all are deleted" same "$(gwlbctl show)" ""

# ---- names, output, completion, installation

check "a name with blanks behind the flags' end" done_ add -- -j
check "is shown" same "$(names_of -j -- -j)" -j
check "is deleted" done_ del -- -j
ip link add $'gw\xff' type gwlb
check "a name that is not UTF-8 leaves JSON valid" same "$(gwlbctl show -j | jq 'length')" 1
ip link del $'gw\xff'

gwlbctl add gwlb0
unwritten() {
	local status=0
	"$@" 2>"$tmp/err" || status=$?
	cat "$tmp/err"
	[ $status = 1 ] && grep -q '^gwlbctl: cannot write: ' "$tmp/err" &&
		[ "$(wc -l <"$tmp/err")" = 1 ]
}
full() { gwlbctl "$@" >/dev/full; }
closed() { { sleep 0.3; gwlbctl "$@"; echo $? >"$tmp/status"; } | true; return "$(cat "$tmp/status")"; }
for args in "show -s gwlb0" "show -j" "flow -j" help version; do
	# shellcheck disable=SC2086	# words
	{
		check "full disk: $args" unwritten full $args
		check "closed pipe: $args" unwritten closed $args
	}
done

# shellcheck source=tools/gwlbctl.bash
. tools/gwlbctl.bash
completes() { # EXPECTED WORD...: the last WORD is completed
	local expected=$1
	shift
	COMP_WORDS=(gwlbctl "$@") COMP_CWORD=$#
	COMPREPLY=()
	_gwlbctl
	same "${COMPREPLY[*]}" "$expected"
}
complete_() { check "completion: gwlbctl ${*:2}" completes "$@"; }
complete_ "add set del show up down save check endpoint flow monitor help version" ""
complete_ "set show save" s
complete_ "list flush untrust link address port protocol endpoint" flow ""
complete_ "link address port protocol endpoint" flow list ""
complete_ "link address" flow -s port 53 protocol udp endpoint 0x1 ""
complete_ "address port protocol" flow flush link gwlb0 endpoint 0x1 ""
complete_ gwlb0 flow link ""
complete_ "tcp" flow protocol t
complete_ "-s --statistics -j --json -p --pretty" flow -
complete_ "-j --json --exec" monitor -
complete_ gwlb0 down ""
complete_ gwlb0 save ""
complete_ "--statistics" --s
complete_ "-s --statistics -j --json -p --pretty" show -
complete_ gwlb0 show ""
complete_ gwlb0 -s show g
complete_ gwlb0 del ""
complete_ gwlb0 set gw
complete_ "" show gwlb0 ""
complete_ "" add ""
complete_ "port local mode allow ttl tos critical max-flows catch timeout-tcp timeout-other divert max-endpoints zones zone-range trust for endpoint on" add gwlb1 ""
complete_ "ttl tos timeout-tcp timeout-other trust" set gwlb0 t
complete_ "tos timeout-tcp timeout-other trust" set gwlb0 ttl 7 t
complete_ "port local mode allow tos critical max-flows catch timeout-tcp timeout-other divert max-endpoints zones zone-range trust for endpoint on" set gwlb0 ttl 7 ""
complete_ "drop pass" set gwlb0 critical ""
complete_ "any" set gwlb0 ttl 7 allow a
complete_ "192.0.2.101" set gwlb0 local 192
complete_ "" set gwlb0 ttl ""
complete_ "auto off" set gwlb0 zones ""
complete_ "list set forget link" endpoint ""
complete_ "gwlb0" endpoint list link ""
complete_ "link name mark zone" endpoint set 0x1 ""
gwlbctl endpoint set 0x1 name shop
gwlbctl endpoint set 0x2 zone 3
complete_ "vpce-00000000000000001 shop vpce-00000000000000002" endpoint set ""
complete_ shop flow endpoint s
complete_ "auto none" endpoint set 0x1 name a zone ""
gwlbctl del gwlb0

plugin=$(make -s -C tools -n install PREFIX=/usr | sed -n 's,.* \(/.*\)/link_gwlb.so$,\1,p')
check "the plugin of PREFIX=/usr goes where ip looks" grep -aqF "$plugin" "$(command -v ip)"
installed() { make -s -C tools "$1" DESTDIR="$tmp/root" PREFIX=/usr IPLIBDIR=/usr/lib/ip && find "$tmp/root" -type f -printf '%m %P\n' | sort -k2; }
check "install" same "$(installed install)" "644 usr/lib/ip/link_gwlb.so
644 usr/lib/systemd/network/10-gwlb.network
644 usr/lib/systemd/system/gwlb@.service
755 usr/sbin/gwlbctl
644 usr/share/bash-completion/completions/gwlbctl
644 usr/share/man/man7/gwlb.7
644 usr/share/man/man8/gwlbctl.8"
check "uninstall" same "$(installed uninstall)" ""

echo "1..$n"
[ $failed = 0 ]
