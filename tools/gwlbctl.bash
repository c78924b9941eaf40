# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# bash completion for gwlbctl(8)

_gwlbctl_devices() {
	# not to load the module for the sake of a key press
	[ ! -e /sys/module/gwlb ] || gwlbctl show 2>/dev/null | sed -n 's/^\([^ ]*\): .*/\1/p'
}

_gwlbctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} option='' verb='' dev='' words i
	local options=' port local mode allow ttl tos critical max-flows catch timeout-tcp timeout-other divert '

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
				options=${options/ $option / }
			else
				option=''
			fi ;;
		esac
	done

	case $verb,$dev,$option,$cur in
	,*,-*) words='-s --statistics -j --json -p --pretty -h --help -V --version' ;;
	check,*,-*) words='-j --json -p --pretty' ;;
	show,*,-*) words='-s --statistics -j --json -p --pretty' ;;
	,*) words='add set del show up down save check help version' ;;
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
	*,catch,*) words='auto early socket' ;;
	*) words='' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _gwlbctl gwlbctl
