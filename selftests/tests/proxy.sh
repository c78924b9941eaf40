#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# slow
# timeout 300
# TCP that ends on the appliance: a transparent proxy and a redirected service,
# in mode route and diverted, and a NAT gateway; bulk both ways. The rules are
# those of gwlb(7). Topology: lib.sh, and between app and inet
#
#   eth1 192.0.2.1/24, 2001:db8:9::1/64 ---- eth1 192.0.2.60/24, 2001:db8:9::60/64
set -u
# shellcheck source=selftests/tests/lib.sh
. "$(dirname "$0")/lib.sh"
lab
tmp=$(mktemp -d)
# shellcheck disable=SC2317	# called by the trap
cleanup() {
	lab_remove
	rm -rf "$tmp"
}
trap cleanup EXIT

ip link add eth1 netns app type veth peer name eth1 netns inet
ip -n app -batch - <<END
address add 192.0.2.1/24 dev eth1
address add 2001:db8:9::1/64 nodad dev eth1
address add 198.18.0.1/32 dev gwlb0
address add 2001:db8:5::1/128 nodad dev gwlb0
link set eth1 up
route add 10.1.0.0/16 dev gwlb0
route add 2001:db8:1::/64 dev gwlb0
route add 203.0.113.0/24 via 192.0.2.60
route add 2001:db8:2::/64 via 2001:db8:9::60
END
ip -n inet -batch - <<END
address add 192.0.2.60/24 dev eth1
address add 2001:db8:9::60/64 nodad dev eth1
link set eth1 up
END

# What the servers tell: to whom they speak; bulk, and what they got of it
cat >"$tmp/server" <<'END'
import socketserver, sys, threading
DATA = bytes(range(251)) * 4000
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.client_address[0].replace('::ffff:', '').encode() + b'\n')
        got = b''
        while len(got) < len(DATA):
            piece = self.request.recv(1 << 20)
            if not piece:
                break
            got += piece
        if got == DATA:
            self.request.sendall(DATA)
class Server(socketserver.ThreadingTCPServer):
    address_family = socketserver.socket.AF_INET6
    allow_reuse_address = daemon_threads = True
    request_queue_size = 50
for port in sys.argv[1:]:
    server = Server(('::', int(port)), Handler)
    threading.Thread(target=server.serve_forever).start()
END
# A client: prints whom the server saw, and whether bulk came back as it went
cat >"$tmp/client" <<'END'
import socket, sys, threading
DATA = bytes(range(251)) * 4000
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=100)
f = s.makefile('rb')
who = f.readline().decode().strip()
threading.Thread(target=s.sendall, args=(DATA,), daemon=True).start()
print(who, 'intact' if f.read(len(DATA)) == DATA else 'broken')
END
# A proxy on port 3129: connects to where the client wanted to go
cat >"$tmp/proxy" <<'END'
import socket, threading
def copy(a, b):
    try:
        while True:
            data = a.recv(1 << 20)
            if not data:
                break
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
def serve(client):
    address = client.getsockname()
    server = socket.create_connection((address[0].replace('::ffff:', ''), address[1]))
    threading.Thread(target=copy, args=(client, server), daemon=True).start()
    copy(server, client)
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.IPPROTO_IPV6, 75, 1)    # IPV6_TRANSPARENT, for IPv4 too
s.bind(('::', 3129))
s.listen(50)
while True:
    threading.Thread(target=serve, args=s.accept()[:1], daemon=True).start()
END
inet python3 "$tmp/server" 80 81 &
app python3 "$tmp/proxy" &
app python3 "$tmp/server" 8080 &
disown -a
wait_for listens inet 81 && wait_for listens app 3129 && wait_for listens app 8080 || exit 1

# sees NAME WHOM ADDRESS PORT: the client's bulk comes back, from a server that saw WHOM
sees() { is "$1" "$2 intact" "$(wl timeout 120 python3 "$tmp/client" "$3" "$4" 2>&1)"; }
clean() { is "$1: nothing dropped" '{}' "$(drops)"; }

tproxy='table inet proxy {
	chain pre {
		type filter hook prerouting priority mangle
		iifname gwlb0 tcp dport 80 tproxy to :3129 meta mark set 1 accept
	}
}'
for v in -4 -6; do
	app ip $v rule add fwmark 1 lookup 100
	app ip $v route add local default dev lo table 100
done

app gwlbctl set gwlb0 divert 1
app nft -f - <<<"$tproxy"
sees "divert: the proxy ends TCP of port 80" 192.0.2.1 $inet4 80
sees "divert, IPv6" 2001:db8:9::1 $inet6 80
sees "divert: everything else is bumped" $wl4 $inet4 81
sees "divert: everything else is bumped, IPv6" $wl6 $inet6 81
clean "divert"

app sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
app gwlbctl set gwlb0 divert none mode route
sees "mode route: the proxy ends TCP of port 80" 192.0.2.1 $inet4 80
sees "mode route, IPv6" 2001:db8:9::1 $inet6 80
clean "mode route, proxy"

app nft flush ruleset
app nft -f - <<'END'
table inet nat {
	chain pre {
		type nat hook prerouting priority dstnat
		iifname gwlb0 tcp dport 80 redirect to :8080
	}
	chain post {
		type nat hook postrouting priority srcnat
		oifname eth1 masquerade
	}
}
END
sees "redirect to a service" $wl4 $inet4 80
sees "redirect to a service, IPv6" $wl6 $inet6 80
sees "NAT gateway" 192.0.2.1 $inet4 81
sees "NAT gateway, IPv6" 2001:db8:9::1 $inet6 81
check "NAT gateway: ping" wl ping -q -c 3 -i 0.2 -W 10 $inet4
check "NAT gateway: ping, IPv6" wl ping -q -c 3 -i 0.2 -W 10 $inet6
for address in $inet4 $inet6; do
	check "NAT gateway: traceroute sees the appliance before $address" \
		grep -qE "From (198.18.0.1|2001:db8:5::1).*(exceeded|limit)" \
		<(wl ping -c 1 -t 1 -W 10 "$address")
done
# longer than the uplink takes: the appliance fragments, or tells the server
app ip route replace $gw4 dev eth0 mtu 1400
sees "NAT gateway, a narrow uplink" 192.0.2.1 $inet4 81
sees "NAT gateway, a narrow uplink, IPv6" 2001:db8:9::1 $inet6 81
sees "redirect, a narrow uplink" $wl4 $inet4 80
check "ping in fragments, a narrow uplink" wl ping -q -c 3 -i 0.2 -W 10 -M dont -s 1440 $inet4
is "nothing was dropped but for its length" '{}' "$(drops | jq -c 'del(."too-big")')"
finish
