#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""Tables have bounds, and no packet is refused because of them. Topology:
wirelab.py"""
import json
from wirelab import (GW4, UDP, Lab, aws, finish, geneve, inner4, inner6, ip4, ok, option, run,
                     udp, wire)

PEERS_MAX = 1024    # GWLB_PEERS_MAX
A4, B4 = '10.1.21.101', '54.230.62.60'


def link():
    return json.loads(run('ip netns exec app gwlbctl -s -j show gwlb0'))[0]


def within(name, limit):
    flows = link()['flows']
    ok(0 < flows <= limit, name, flows)


def made_up(count, kind):
    """One packet for each of many flows, and one of a real flow between them"""
    out = []
    for i in range(count):
        a = '10.%d.%d.1' % (100 + i // 256, i % 256)
        out.append({
            'cookies': lambda: wire(geneve(inner4(84), aws(i))),
            'hosts': lambda: wire(geneve(ip4(a, B4, UDP, udp(a, B4, 1, 2)))),
            'ports': lambda: wire(geneve(inner6(104)), sport=1024 + i),
            'options': lambda: wire(geneve(inner4(84), option(0x1234, 0, i.to_bytes(124, 'big')))),
        }[kind]())
        if not i % 50:
            out.append(wire(geneve(inner4(100, src='10.9.9.9'))))
    return out


lab = Lab('max-flows 64')
for kind in ('cookies', 'hosts', 'ports', 'options'):
    lab.bounce('2000 %s, each packet comes back' % kind, made_up(2000, kind))
    within('and no more than 64 flows are kept', 64)
run('ip netns exec app gwlbctl set gwlb0 max-flows 1')
lab.bounce('a lower limit', made_up(300, 'hosts'))
within('is reached in time', 1)
run('ip netns exec app gwlbctl set gwlb0 max-flows 4096')
lab.bounce('a higher limit', made_up(3000, 'hosts'))
ok(link()['flows'] > 3000, 'more are kept', link()['flows'])

# with memory for listed ones only, and nothing lost
run('ip -n app route add 10.99.0.0/16 via ' + GW4)
senders = ['10.99.%d.%d' % (i // 250, i % 250 + 1) for i in range(3000)]
lab.bounce('3000 senders, each packet comes back',
           [wire(geneve(inner4(84)), src=s) for s in senders])
peers = link()['peers']
ok(len(peers) == PEERS_MAX, 'no more than %d are listed' % PEERS_MAX, len(peers))
ok(all((p['rx_packets'], p['tx_packets']) == (1, 1) for p in peers if p['address'] != GW4),
   'each with its own packet')
finish()
