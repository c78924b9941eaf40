#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# very slow
# timeout 600
"""NAT with a port range under 60,000 flows: all of them behind two addresses,
each with its context, and each answer to its workload. Topology: wirelab.py"""
import socket
import struct
from nflab import B, dgram, nft
from wirelab import UDP, Lab, aws, finish, geneve, ip4, ok, run, swapped, udp, wire, without_id

FLOWS, PER_HOST = 60000, 1000
BEHIND = '198.51.100.7', '198.51.100.8'
COOKIE = 20 + 8 + 8 + 28        # where it is in the outer packet
INNER = COOKIE + 4
lab = Lab()
run('modprobe nf_conntrack')
with open('/proc/sys/net/netfilter/nf_conntrack_max', 'w') as f:
    f.write('131072')
# none ends before the last has begun
run('ip netns exec app sysctl -qw net.netfilter.nf_conntrack_udp_timeout=3600')
nft('''
table ip t {
    chain c {
        type nat hook postrouting priority srcnat
        udp dport 53 snat to %s-%s:1024-65535
    }
}
''' % BEHIND)


def host(flow):
    return '10.%d.0.9' % (1 + flow // PER_HOST)


def packet(flow):
    """Without checksums, so that only two fields differ within a host"""
    return bytearray(wire(geneve(ip4(host(flow), B[4], UDP,
                                     udp(host(flow), B[4], 1024, 53, b'data', False)),
                                 aws(0)), check=False))


# ---- out: every flow with a port of its own, under its own context
before = lab.genl.counters()
ports, wrong = {}, []
for at in range(0, FLOWS, PER_HOST):
    sent = packet(at)
    got = []
    for flow in range(at, at + PER_HOST):
        struct.pack_into('!I', sent, COOKIE, flow)
        struct.pack_into('!H', sent, INNER + 20, 1024 + flow % PER_HOST)
        lab.send(bytes(sent))
        if flow % 50 == 49:
            got += lab.receive(50)
    # another inner source, the rest as it came
    like = [without_id(swapped(wire(geneve(ip4(a, B[4], UDP, udp(
        a, B[4], 0, 53, b'data', False)), aws(0)), check=False))) for a in BEHIND]
    for p in got:
        p = bytearray(without_id(p))
        flow, = struct.unpack_from('!I', p, COOKIE)
        port = p[INNER + 12:INNER + 16] + p[INNER + 20:INNER + 22]
        port = socket.inet_ntoa(port[:4]), int.from_bytes(port[4:], 'big')
        p[COOKIE:COOKIE + 4], p[INNER + 20:INNER + 22] = bytes(4), bytes(2)
        if bytes(p) not in like or port in ports or not at <= flow < at + PER_HOST:
            wrong.append((flow, port, p.hex()))
        ports[port] = flow
ok(len(ports) == FLOWS and not wrong, '%d flows, as many ports' % FLOWS,
   '%d ports, wrong: %s' % (len(ports), wrong[:3]))
ok(len(set(ports.values())) == FLOWS, 'and each under its own context')

# ---- back: an answer to every hundredth, under a context of its own


def under(context, inner):
    """of() has an endpoint for each hundred, whose zones know nothing of these"""
    return wire(geneve(inner, aws(0x10000000 + context), vni=context), sport=60000 + context)


some = sorted(ports)[::100]
lab.bounce('answers reach their workloads',
           [under(i, dgram(4, port[1], B[4], port[0], 53)) for i, port in enumerate(some)],
           [swapped(under(i, dgram(4, 1024 + ports[port] % PER_HOST, B[4], host(ports[port]), 53)))
            for i, port in enumerate(some)])
ok(not lab.drops_since(before), 'nothing is dropped')
finish()
