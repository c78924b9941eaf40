#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs every command of README.md, and those of docs/aws/README.md that are for an
# appliance, in the order in which they stand there. For selftests/vm/run -b.
#
# A command is an indented line, or what stands in backquotes and begins with a
# program of $programs.
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit
# shellcheck source=selftests/tests/lib.sh
. selftests/tests/lib.sh
# shellcheck source=selftests/boot/archive.sh
. selftests/boot/archive.sh
[ -n "${BOOT:-}" ] || skip "needs a guest of selftests/vm/run -b"

programs='apt-get|aws|dkms|firewall-cmd|gwlbctl|ip|iptables|make|modinfo|modprobe|mokutil|ping|rmmod|systemctl|tcpdump'
commands() {
	awk -v programs="^($programs) [^ ]" '
		/^```/ { fence = !fence }
		fence || /^```/ { next }
		/^    / {
			line = line substr($0, 5)
			# the line goes on, or the loop does
			if (sub(/\\$/, "", line)) next
			if (line ~ /^for / && line !~ /done$/) { line = line "\n"; next }
			sub(/  +# .*$/, "", line)
			printf "%s%c", line, 0
			line = ""
			next
		}
		{
			rest = $0
			while (match(rest, /`[^`]+`/)) {
				span = substr(rest, RSTART + 1, RLENGTH - 2)
				rest = substr(rest, RSTART + RLENGTH)
				if (span ~ programs) printf "%s%c", span, 0
			}
		}' "$1"
}

# What is not run here, and why. It begins with...
declare -A not=(
	["aws "]="run by selftests/aws/commands.py"
	["ami="]="run by selftests/aws/commands.py"
	["service="]="run by selftests/aws/commands.py"
	["for n in "]="run by selftests/aws/commands.py"
	["ping "]="for an instance of a workload"
	["make demo"]="starts a guest of its own; the same script runs with HOST=1"
	["make test"]="starts a guest of its own; this is part of it"
	["make ci"]="starts guests of its own"
	["gwlbctl up"]="named, not shown"
	["make bench"]="starts guests of its own"
	["make deb"]="run by packages.sh" ["make rpm"]="run by packages.sh"
	["firewall-cmd "]="firewalld is not in the guest"
	["mokutil "]="the guest has no EFI"
	["apt-get install dkms"]="the guest has it"
)
# What has to be so before one that begins with... is run
declare -A before=(
	["make && modprobe"]="gwlbctl del gwlb0; modprobe -r gwlb"
	["make install && modprobe"]="rmmod gwlb"
	# unlike "make demo"
	["make demo HOST=1"]=true
	["make && make install"]="modprobe -r gwlb; make -s uninstall"
	["iptables "]="iptables -N DOCKER-USER"
	["dkms add"]="modprobe -r gwlb; make -s uninstall"
	["gwlbctl show -s"]="modprobe gwlb; gwlbctl add gwlb0"
	["gwlbctl -s show"]="modprobe gwlb; gwlbctl add gwlb0"
	["ip route add"]="gwlbctl del gwlb0; gwlbctl add gwlb0; ip link set gwlb0 up"
	["systemctl disable"]="systemctl daemon-reload; systemctl enable --now gwlb@gwlb0"
	["modinfo"]="make -s install"
	["systemctl stop"]="make -s install; systemctl daemon-reload; systemctl start gwlb@gwlb0"
	["tcpdump -nvv -i ens5"]="ip link set eth0 up"
	["tcpdump -ni gwlb0"]="gwlbctl del gwlb0; gwlbctl add gwlb0; ip link set gwlb0 up"
	["gwlbctl set gwlb0 allow"]="gwlbctl del gwlb0; gwlbctl add gwlb0"
	["gwlbctl endpoint set ID"]="gwlbctl del gwlb0; gwlbctl add gwlb0"
	["gwlbctl add vpc1"]="gwlbctl del gwlb0; gwlbctl add gwlb0"
)
# longest KEY...: the longest of them with which $command begins
longest() {
	local key best=
	for key; do
		[[ $command == "$key"* && ${#key} -gt ${#best} ]] && best=$key
	done
	printf '%s' "$best"
}

# one COMMAND: in /src, as its reader does, ID and N are 7; tcpdump ends when it is
# told to
# shellcheck disable=SC2317	# by check
one() {
	local words=${1/ens5/eth0}
	words=${words/ ID / 0x7 }
	words=${words/% N/ 7}
	case $words in
	# 1: there is something to say
	"gwlbctl check") bash -c "$words" || [ $? = 1 ] ;;
	tcpdump*) [ "$(timeout 5 bash -c "$words" >/dev/null 2>&1; echo $?)" = 124 ] ;;
	*) bash -c "$words" ;;
	esac
}

systemctl is-system-running --wait >/dev/null
archive_of "linux-headers-$(uname -r)" git
apt-get -qq update
used=' '
for file in README.md docs/aws/README.md; do
	while IFS= read -r -d '' command; do
		key=$(longest "${!not[@]}")
		hook=$(longest "${!before[@]}")
		used+="[$key] [$hook] "
		name="$file: ${command//$'\n'/ }"
		name=${name//#/}
		if [ -n "$key" ] && [ ${#key} -ge ${#hook} ] && [ -n "${not[$key]}" ]; then
			number=$((number + 1))
			echo "ok $number - $name # SKIP ${not[$key]}"
			continue
		fi
		[ -z "$hook" ] || bash -c "${before[$hook]}" >/dev/null 2>&1
		# the rest of the list is not for it to read
		check "$name" one "$command" </dev/null
	done < <(commands $file)
done
for key in "${!not[@]}" "${!before[@]}"; do
	[[ $used == *"[$key]"* ]] || not_ok "the list has '$key', which is in no README"
done
finish
