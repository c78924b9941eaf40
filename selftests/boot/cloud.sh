#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The user-data of docs/aws/gwlbvpc.yaml, run by cloud-init as on the first boot of
# an instance; gwlb's packages come from a web server on the guest.
#
# On the host, it builds them and starts a guest of selftests/vm/run -b.
export LC_ALL=C
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top/selftests/tests" || exit
if [ -z "${BOOT:-}" ]; then
	# shellcheck source=selftests/vm/lib.sh
	. "$top/selftests/vm/lib.sh"
	mkdir -p "$cache"
	need debhelper dh-dkms dpkg-dev pkg-config libmnl-dev libjansson-dev
	d=$(mktemp -d)
	trap 'rm -rf "$d"' EXIT
	"$top/packaging/deb/build" "$d/packages" >"$d/log" 2>&1 || { cat "$d/log"; exit 1; }
	"$top/selftests/vm/run" -b -t 2400 -s "$d/packages" -- selftests/boot/cloud.sh
	exit
fi
# shellcheck source=selftests/tests/lib.sh
. ./lib.sh
# shellcheck source=selftests/boot/archive.sh
. ../boot/archive.sh
# shellcheck source=selftests/boot/boots.sh
. ../boot/boots.sh

url=http://127.0.0.1:8000
# shellcheck disable=SC2317	# by check
healthy() { curl -fs -o /dev/null http://127.0.0.1/; }
works() {
	is "$1: the unit is active" active "$(systemctl is-active gwlb@gwlb0)"
	is "$1: gwlb0 is up, with its allow list" '[true,["10.254.11.0/24","10.254.12.0/24"]]' \
		"$(gwlbctl show -j gwlb0 | jq -c '.[0] | [.up, .allow]')"
	check "$1: the health check is answered" wait_for healthy
}

# An echo request as in the capture of the public lab; prints what came back
bounce() {
	ip netns exec gw python3 - <<-'END'
		import socket
		options = ('01080102 2356de92d389839c', '01080202 0000000000000000', '01080301 98ef1b00')
		inner = ('450000541234400040010000 0a011565 36e63e3c'
		         '0800f7ff063701720000' + '00' * 54)
		packet = bytearray.fromhex('0800080000000000' + ''.join(options) + inner)
		total = sum(int.from_bytes(packet[40 + i:42 + i], 'big') for i in range(0, 20, 2))
		while total >> 16:
		    total = (total & 0xffff) + (total >> 16)
		packet[50:52] = (total ^ 0xffff).to_bytes(2, 'big')
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(('10.254.11.60', 60001))
		# it comes back to port 6081
		back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		back.bind(('10.254.11.60', 6081))
		back.settimeout(60)
		s.sendto(packet, ('10.254.11.101', 6081))
		data, sender = back.recvfrom(9000)
		print(sender[0], sender[1], 'same' if data == packet else data.hex())
	END
}

echo "# boot $BOOT"
case $BOOT in
1)
	check "no gwlb yet" make -s -C "$top" uninstall
	modprobe -r gwlb 2>/dev/null
	check "no gwlbctl" fails command -v gwlbctl

	archive_of "linux-headers-$(uname -r)" linux-headers-cloud-amd64 amazon-ssm-agent
	mkdir -p /srv/www/packages
	cp /share/packages/*.deb /srv/www/packages/
	cp $archive/amazon-ssm-agent_*.deb /srv/www/amazon-ssm-agent.deb
	cat >/etc/systemd/system/www.service <<-END
		[Service]
		ExecStart=python3 -m http.server -b 127.0.0.1 -d /srv/www 8000
		[Install]
		WantedBy=multi-user.target
	END
	systemctl -q enable www

	seed=/var/lib/cloud/seed/nocloud
	mkdir -p $seed
	echo "instance-id: appliance" >$seed/meta-data
	"$top/selftests/aws/template.py" --user-data Appliance "$top/docs/aws/gwlbvpc.yaml" \
		AmiId=ami-1 PackagesUrl=$url/packages \
		SsmAgentUrl=$url/amazon-ssm-agent.deb >$seed/user-data
	# nothing of what makes a server of an image, which the guest is not
	printf '%s\n' 'cloud_init_modules: []' 'cloud_config_modules: []' \
		'cloud_final_modules: [scripts-user]' >/etc/cloud/cloud.cfg.d/99-guest.cfg
	rm /etc/cloud/cloud-init.disabled
	again
	;;
2)
	cloud-init status --wait >/tmp/status
	is "cloud-init has run" "status: done" "$(grep '^status:' /tmp/status)"
	grep -q 'status: done' /tmp/status || tail -n 40 /var/log/cloud-init-output.log | sed 's/^/# /'
	is "the packages are installed" "install ok installed,install ok installed" \
		"$(dpkg-query -W -f '${Status}' gwlb-dkms),$(dpkg-query -W -f '${Status}' gwlb-tools)"
	check "DKMS has built the module" grep -q /dkms/ <(modinfo -n gwlb)
	works "first boot"

	ip netns add gw
	ip link add gw0 mtu 9001 type veth peer name eth0 netns gw mtu 9001
	ip address add 10.254.11.101/24 dev gw0
	ip link set gw0 up
	ip -n gw address add 10.254.11.60/24 dev eth0
	ip -n gw link set eth0 up
	ip -n gw link set lo up
	is "a packet comes back as it went" "10.254.11.101 60001 same" "$(bounce 2>&1)"

	check "stop" systemctl stop gwlb@gwlb0
	check "no answer to the health check without gwlb0" fails healthy
	check "start" systemctl start gwlb@gwlb0
	works "started again"
	again
	;;
3)
	check "everything has started" systemctl is-system-running --wait
	works "second boot"
	finish
	;;
esac
