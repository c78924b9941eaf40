# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# bash completion for gwlbctl(8)

_gwlbctl_devices() {
	# not to load the module for the sake of a key press
	[ ! -e /sys/module/gwlb ] || gwlbctl show 2>/dev/null | sed -n 's/^\([^ ]*\): .*/\1/p'
}

_gwlbctl_endpoints() {
	[ ! -e /sys/module/gwlb ] ||
		gwlbctl endpoint 2>/dev/null | awk '$1 ~ /^vpce-|[.:]/ && NF > 4 {
			print $1
			if ($2 != "-")
				print $2
		}'
}

# What may stand behind "endpoint"
_gwlbctl_endpoint() {
	local last=${COMP_WORDS[COMP_CWORD - 1]} i verb=''

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		list | set | forget) verb=${COMP_WORDS[i]} ;;
		esac
	done
	case $verb,$last,$1 in
	,endpoint,-* | list,*,-*) echo '-s --statistics -j --json -p --pretty' ;;
	*,link,*) _gwlbctl_devices ;;
	,endpoint,*) echo 'list set forget link' ;;
	list,list,*) echo link ;;
	set,set,* | forget,forget,*) _gwlbctl_endpoints ;;
	set,zone,*) echo 'auto none' ;;
	set,mark,* | set,name,*) echo none ;;
	set,*) echo 'link name mark zone' ;;
	forget,*) echo link ;;
	esac
}

# The words behind "flow": list, flush or untrust, then filters
_gwlbctl_flow() {
	local filters=' link address port protocol endpoint ' i filter='' first='list flush untrust'

	for ((i = 2; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		flow) ;;
		list | flush | untrust) [ -z "$first" ] || first='' ;;
		*)
			first=''
			if [ -z "$filter" ]; then
				filter=${COMP_WORDS[i]}
				filters=${filters/ $filter / }
			else
				filter=''
			fi ;;
		esac
	done
	case $filter,$cur in
	,-*) words='-s --statistics -j --json -p --pretty' ;;
	,*) words="$first$filters" ;;
	link,*) words=$(_gwlbctl_devices) ;;
	endpoint,*) words=$(_gwlbctl_endpoints) ;;
	protocol,*) words='tcp udp icmp icmpv6 sctp gre esp ah dccp udplite fragment' ;;
	*) words='' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

_gwlbctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} option='' verb='' dev='' words i
	local options=' port local mode allow ttl tos critical max-flows catch timeout-tcp timeout-other divert max-endpoints zones zone-range trust for endpoint on '

	# a flag may stand anywhere, and an option's value is no option
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-*) ;;
		*)
			if [ -z "$verb" ]; then
				verb=${COMP_WORDS[i]}
			elif [ -z "$dev" ]; then
				dev=${COMP_WORDS[i]}
			elif [ -z "$option" ]; then
				option=${COMP_WORDS[i]}
				# may be repeated
				[ "$option" = endpoint ] || options=${options/ $option / }
			else
				option=''
			fi ;;
		esac
	done

	if [ "$verb" = flow ]; then
		_gwlbctl_flow
		return
	fi

	case $verb,$dev,$option,$cur in
	,*,-*) words='-s --statistics -j --json -p --pretty -h --help -V --version' ;;
	endpoint,*) words=$(_gwlbctl_endpoint "$cur") ;;
	check,*,-*) words='-j --json -p --pretty' ;;
	monitor,*,-*) words='-j --json --exec' ;;
	show,*,-*) words='-s --statistics -j --json -p --pretty' ;;
	,*) words='add set del show up down save check endpoint flow monitor help version' ;;
	up,,*) words=$(cd /etc/gwlb 2>/dev/null && compgen -G '*.conf' | sed 's/\.conf$//') ;;
	up,?*,,* | save,?*,,*) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	show,,* | check,,* | set,,* | del,,* | down,,* | save,,*) words=$(_gwlbctl_devices) ;;
	add,?*,,* | set,?*,,*) words=$options ;;
	*,port,*) words=6081 ;;
	*,local,*) words="any $(ip -o address show 2>/dev/null |
		awk '{ sub("/.*", "", $4); print $4 }')" ;;
	*,mode,*) words='bump route' ;;
	*,divert,*) words=none ;;
	*,allow,*) words=any ;;
	*,critical,*) words='drop pass' ;;
	*,trust,*) words=none ;;
	*,catch,*) words='auto early socket' ;;
	*,zones,*) words='auto off' ;;
	*,endpoint,*) words=$(_gwlbctl_endpoints) ;;
	*,on,*) words=$(_gwlbctl_devices) ;;
	*) words='' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _gwlbctl gwlbctl
