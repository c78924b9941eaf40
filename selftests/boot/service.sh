#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# gwlb@.service from boot to boot, with ifupdown, systemd-networkd and
# NetworkManager. For selftests/vm/run -b -t 1800.
export LC_ALL=C
cd "$(dirname "$0")/../tests" || exit
# shellcheck source=selftests/tests/lib.sh
. ./lib.sh
[ -n "${BOOT:-}" ] || skip "needs a guest of selftests/vm/run -b"
# shellcheck source=selftests/boot/boots.sh
. ../boot/boots.sh

unit=gwlb@gwlb0.service file=/etc/gwlb/gwlb0.conf
last='default dev gwlb0 proto static scope link metric 4294967295'
property() { systemctl show -P "$1" "${2:-$unit}"; }
link() { gwlbctl show -j gwlb0 2>/dev/null | jq -c '.[0] | [.up, .local, .allow]'; }
addresses() { ip -j address show gwlb0 | jq -c '[.[].addr_info[]?.local]'; }
# said: by gwlbctl since it booted; journal: since the last start. Not by unit, for
# journald cannot tell the unit of a program that has ended already
said() {
	journalctl --sync
	journalctl -q -b -o cat -t gwlbctl
}
journal() { said | tail -n "+$(($(cat /run/said) + 1))"; }
has_address() { ip -4 address show "$1" | grep -q "inet 10.0.2.15"; }
start() { # [OPTION]
	said | wc -l >/run/said
	systemctl reset-failed $unit 2>/dev/null
	systemctl "$@" start $unit 2>/dev/null
}

# refused NAME TEXT: the unit does not start, once and for all, and says why
refused() {
	check "$1: it does not start" fails start
	is "$1: the journal says why" "gwlbctl: $2" "$(journal)"
	is "$1: it failed, and is not tried again" "failed,0" "$(property ActiveState),$(property NRestarts)"
	check "$1: no link is left" fails ip link show gwlb0
}

# in_peace NAME ALLOW: what has to hold under any of the three
in_peace() {
	is "$1: the unit is active" active "$(property ActiveState)"
	is "$1: the link is up, by its file" "$2" "$(link)"
	is "$1: nobody put an address on it" '[]' "$(addresses)"
	is "$1: route of last resort, IPv4" "$last" "$(ip -4 route show dev gwlb0 default | sed 's/default/& dev gwlb0/; s/ *$//')"
	is "$1: route of last resort, IPv6" 1 "$(ip -6 route show dev gwlb0 default | grep -c 'metric 4294967295')"
}

echo "# boot $BOOT"
check "boot $BOOT: everything has started" systemctl is-system-running --wait

case $BOOT in
1)
	# the text of "systemd-analyze verify" is about other units too
	is "the unit is valid" "" "$(systemd-analyze verify --man=no $unit 2>&1 | grep gwlb)"
	systemd-analyze security $unit | tail -n 1 | sed 's/^/# /'
	check "the unit is confined" systemd-analyze security --threshold=20 $unit
	rm -f $file
	refused "no file" "cannot read $file: No such file or directory"
	echo "ttl x" >$file
	refused "a wrong file" "$file:1: ttl takes a number up to 255, not 'x'"
	module=$(modinfo -n gwlb)
	modprobe -r gwlb 2>/dev/null
	mv "$module" /root/gwlb.kept
	depmod
	: >$file
	refused "no module" "cannot add gwlb0: there is no gwlb module for this kernel, $(uname -r); build it: dkms autoinstall, or make install where the source is"
	mv /root/gwlb.kept "$module"
	depmod

	echo "local 10.0.2.15" >$file
	early=$(gwlbctl up gwlb0 2>&1)
	# shellcheck disable=SC2317	# by wait_for
	restarted() { [ "$(property NRestarts)" != 0 ]; }
	start --no-block
	check "an address that is not there: it is tried again" wait_for restarted
	is "an address that is not there: the journal says so" "$early" "$(journal | head -n 1)"
	ip address add 10.0.2.15/32 dev lo
	check "the address comes, and so does the link" wait_for systemctl -q is-active $unit
	is "it has the address" '[true,"10.0.2.15",[]]' "$(link)"
	systemctl stop $unit

	# what gwlbctl(8) has for routes and rules
	mkdir -p /etc/systemd/system/$unit.d
	sed -n '/^Exec.*Post=/ { s/\\//g; p }' ../../tools/gwlbctl.8 | sed '1i [Service]' >/etc/systemd/system/$unit.d/override.conf
	systemctl daemon-reload
	start
	is "routes of its own come with it" "10.1.0.0/16 scope link" "$(ip route show dev gwlb0 10.1.0.0/16 | sed 's/ *$//')"
	is "and rules" 1 "$(ip rule show pref 200 | wc -l)"
	systemctl stop $unit
	is "and go" 0 "$(ip rule show pref 200 | wc -l)"
	rm -r /etc/systemd/system/$unit.d
	systemctl daemon-reload
	ip address del 10.0.2.15/32 dev lo

	# ifupdown, and an address that DHCP brings when it likes
	printf 'auto lo\niface lo inet loopback\nallow-hotplug eth0\niface eth0 inet dhcp\n' >/etc/network/interfaces
	echo "local 10.0.2.15" >$file
	systemctl enable $unit 2>/dev/null
	again
	;;
2)
	wait_for has_address eth0
	wait_for systemctl -q is-active $unit
	journalctl -b -o cat -t gwlbctl | sed 's/^/# /'
	in_peace ifupdown '[true,"10.0.2.15",[]]'
	check "stop" systemctl stop $unit
	check "the link is gone" fails ip link show gwlb0

	# the link as ifupdown makes it
	systemctl -q disable $unit
	cat >/etc/network/interfaces.d/gwlb0 <<-'END'
		auto gwlb0
		iface gwlb0 inet manual
			pre-up gwlbctl up gwlb0
			post-down gwlbctl down gwlb0
	END
	echo "source /etc/network/interfaces.d/*" >>/etc/network/interfaces
	check "ifup" ifup gwlb0
	is "ifup: the link is up" '[true,"10.0.2.15",[]]' "$(link)"
	check "ifdown" ifdown gwlb0
	check "ifdown: the link is gone" fails ip link show gwlb0
	rm /etc/network/interfaces.d/gwlb0

	# systemd-networkd, of a mind to manage whatever there is
	printf 'auto lo\niface lo inet loopback\n' >/etc/network/interfaces
	printf '[Match]\nName=*\n[Network]\nDHCP=yes\nLinkLocalAddressing=yes\nAddress=192.0.2.77/24\n' \
		>/etc/systemd/network/99-all.network
	systemctl -q enable systemd-networkd systemd-networkd-wait-online
	echo "allow 10.254.11.60" >$file
	systemctl -q enable $unit
	# somebody who wants to be online
	mkdir -p /etc/systemd/system/multi-user.target.wants
	ln -s /lib/systemd/system/network-online.target /etc/systemd/system/multi-user.target.wants/
	again
	;;
3)
	when() { property ActiveEnterTimestampMonotonic "$1"; }
	check "up after network-pre" [ "$(when network-pre.target)" -le "$(when $unit)" ]
	check "up before network-online" [ "$(when $unit)" -le "$(when network-online.target)" ]
	wait_for has_address eth0
	setup() { networkctl --json=short list | jq -r '.Interfaces[] | select(.Name == "gwlb0").AdministrativeState'; }
	in_peace networkd '[true,null,["10.254.11.60/32"]]'
	is "networkd: it is not managed" unmanaged "$(setup)"
	systemctl restart systemd-networkd
	wait_for networkctl status eth0
	is "networkd restarted: it is not managed" unmanaged "$(setup)"
	in_peace "networkd restarted" '[true,null,["10.254.11.60/32"]]'

	# that this took our file
	ln -s /dev/null /etc/systemd/network/10-gwlb.network
	systemctl restart systemd-networkd
	# shellcheck disable=SC2317	# by wait_for
	managed() { [ "$(addresses)" != '[]' ]; }
	check "networkd without our file: it is" wait_for managed
	rm /etc/systemd/network/10-gwlb.network /etc/systemd/network/99-all.network

	systemctl -q disable systemd-networkd systemd-networkd-wait-online
	systemctl -q enable NetworkManager NetworkManager-wait-online
	again
	;;
4)
	wait_for has_address eth0
	state() { nmcli -g GENERAL.STATE device show "$1"; }
	is "NetworkManager manages eth0" "100 (connected)" "$(state eth0)"
	is "NetworkManager: gwlb0 is not managed" "10 (unmanaged)" "$(state gwlb0)"
	in_peace NetworkManager '[true,null,["10.254.11.60/32"]]'
	systemctl restart NetworkManager
	wait_for nmcli general status
	is "NetworkManager restarted: it is not managed" "10 (unmanaged)" "$(state gwlb0)"
	in_peace "NetworkManager restarted" '[true,null,["10.254.11.60/32"]]'
	finish
	;;
esac
