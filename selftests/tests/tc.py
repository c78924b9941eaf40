#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tc on gwlb0, ingress and egress. Topology: wirelab.py"""
import json
import select
import socket
import subprocess
import time
from wirelab import (GRE, ICMP6, TCP, UDP, Lab, aws, finish, geneve, icmp, inner4, inner6, ip4, ip6,
                     netns, ok, pseudo, run, swapped, tcp, udp, wire)

A4, B4, A6, B6 = '10.1.21.101', '54.230.62.60', '2001:db8::101', '2001:db8:ffff::60'


def rules(hook, texts, dev='gwlb0'):
    """These alone, in this order"""
    lines = ['qdisc replace dev %s clsact' % dev]
    lines += ['filter del dev %s %s' % (dev, h) for h in ('ingress', 'egress')]
    lines += ['filter add dev %s %s pref %d %s' % (dev, hook, i + 1, t)
              for i, t in enumerate(texts)]
    subprocess.run('tc -n app -batch -'.split(), input='\n'.join(lines), check=True,
                   universal_newlines=True)


def hits(hook):
    """Packets of the first action of each rule, in order"""
    shown = json.loads(run('tc -n app -s -j filter show dev gwlb0 ' + hook))
    return [r['options']['actions'][0]['stats']['packets'] for r in shown if 'options' in r]


def udp4(dport, ident=0, ttl=64, payload=b'some bytes'):
    return ip4(A4, B4, UDP, udp(A4, B4, 1111, dport, payload), ident=ident, ttl=ttl)


def udp6(dport, ttl=64, payload=b'some bytes'):
    return ip6(A6, B6, UDP, udp(A6, B6, 1111, dport, payload), ttl=ttl)


def tcp4(dport):
    return ip4(A4, B4, TCP, tcp(A4, B4, 1111, dport, b'some bytes'))


def tcp6(dport):
    return ip6(A6, B6, TCP, tcp(A6, B6, 1111, dport, b'some bytes'))


PING6 = ip6(A6, B6, ICMP6, icmp(128, 1, 2, b'some bytes', pseudo(A6, B6, ICMP6, 18)))
GOOD = wire(geneve(ip4('10.9.9.9', B4, UDP, udp('10.9.9.9', B4, 1111, 55))))


lab = Lab()
# from here on the time of arrival is on every packet
stamps = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
stamps.setsockopt(socket.SOL_SOCKET, 29, 1)  # SO_TIMESTAMP

# rule, packets that it takes, packets that it leaves
DROP = (
    ('protocol ip flower ip_proto udp dst_port 53', [udp4(53)] * 3,
     [udp4(54), tcp4(53), udp6(53)]),
    ('protocol ipv6 flower ip_proto tcp dst_port 443', [tcp6(443)] * 2,
     [tcp6(444), udp6(443), tcp4(443)]),
    ('protocol ip flower src_ip 10.1.22.0/24', [ip4('10.1.22.1', B4, GRE, b'some bytes')] * 4,
     [udp4(1), ip4('10.1.23.1', B4, GRE, b'some bytes')]),
    ('protocol ipv6 flower ip_proto icmpv6', [PING6], [udp6(1)]))
for where in ('ingress', 'egress'):
    rules(where, [rule + ' action drop' for rule, _, _ in DROP])
    for rule, bad, good in DROP:
        # what comes last shows that nothing came of those before
        lab.bounce('%s: %s, dropped' % (where, rule),
                   [wire(geneve(p)) for p in bad + good], [swapped(wire(geneve(p))) for p in good])
    want = [len(bad) for _, bad, _ in DROP]
    ok(hits(where) == want, '%s: flower counts %s' % (where, want), hits(where))

# rule, and packets as they come and leave: these with the checksums, outer
# ones too, of packets made afresh
PEDIT = (
    ('protocol ip flower src_ip 10.1.22.0/24 action pedit ex munge ip ttl set 9 pipe csum ip',
     [(inner4(size, src='10.1.22.1'), inner4(size, src='10.1.22.1', ttl=9))
      for size in (20, 84, 1500)]),
    ('protocol ip flower ip_proto udp dst_port 53 '
     'action pedit ex munge udp dport set 5353 pipe csum ip4h udp',
     [(udp4(53), udp4(5353)), (tcp4(53), tcp4(53))]),
    ('protocol ipv6 flower ip_proto udp dst_port 53 '
     'action pedit ex munge udp dport set 5353 pipe csum udp',
     [(udp6(53), udp6(5353)), (tcp6(53), tcp6(53))]),
    ('protocol ipv6 flower ip_proto tcp dst_port 80 '
     'action pedit ex munge tcp dport set 8080 pipe csum tcp',
     [(tcp6(80), tcp6(8080)), (udp6(80), udp6(80))]),
    ('protocol ip flower ip_proto udp dst_port 54 '
     'action pedit ex munge ip dst set 10.77.0.1 pipe csum ip4h udp',
     [(udp4(54), ip4(A4, '10.77.0.1', UDP, udp(A4, '10.77.0.1', 1111, 54, b'some bytes')))]))
for where in ('ingress', 'egress'):
    rules(where, [rule for rule, _ in PEDIT])
    for rule, pairs in PEDIT:
        lab.bounce('%s: %s' % (where, rule), [wire(geneve(a)) for a, b in pairs],
                   [swapped(wire(geneve(b))) for a, b in pairs])

# ---- policing; the rate is so low that only the burst passes
for where in ('ingress', 'egress'):
    rules(where, ['protocol ip matchall action police rate 80bit burst 1000 mtu 2000 '
                  'conform-exceed drop/pipe'])
    sizes = [wire(geneve(udp4(i, payload=bytes(372)))) for i in range(8)]
    last = wire(geneve(udp6(1)))
    lab.bounce('%s: police passes a burst of 1000 bytes, two of 400' % where, sizes + [last],
               [swapped(p) for p in sizes[:2] + [last]])

# ---- mirred
run('ip -n app link add dummy0 type dummy')
# no packets of its own
run('ip -n app link set dummy0 addrgenmode none')
run('ip -n app link set dummy0 address 02:00:00:00:00:09 up')
with netns('app'):
    mirror = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    mirror.bind(('dummy0', 3))
mirror.setblocking(False)


def mirrored():
    """Packets that went out by dummy0"""
    packets = []
    while select.select([mirror], [], [], 0)[0]:
        packets.append(mirror.recv(1 << 16))
    return packets


several = [udp4(1), tcp6(2), inner4(20), inner6(1400), PING6]
mirrored()
for where in ('ingress', 'egress'):
    rules(where, ['matchall action mirred egress mirror dev dummy0'])
    lab.bounce('%s: mirred mirror, the original goes back' % where,
               [wire(geneve(p), sport=60000 + i) for i, p in enumerate(several)])
    seen = mirrored()
    ok(seen == several, '%s: mirred mirror, the copy is the inner packet' % where,
       [p.hex() for p in seen])

rules('ingress', ['matchall action mirred egress redirect dev dummy0'])
for p in several:
    lab.send(wire(geneve(p)))
rules('ingress', [])
lab.bounce('mirred redirect, nothing of it goes back', [GOOD])
ok(mirrored() == several, 'mirred redirect, all of it is there')

rules('ingress', ['matchall action mirred egress redirect dev gwlb0'])
lab.bounce('mirred redirect from ingress to egress of gwlb0, own contexts',
           [wire(geneve(p, aws(i)), sport=60000 + i) for i, p in enumerate(several)])
rules('ingress', ['matchall action mirred egress mirror dev gwlb0'])
lab.bounce('mirred mirror from ingress to egress of gwlb0, both have the context',
           [wire(geneve(p, aws(i)), sport=60000 + i) for i, p in enumerate(several)],
           [swapped(wire(geneve(p, aws(i)), sport=60000 + i))
            for i, p in enumerate(several) for _ in range(2)])

rules('ingress', [])
run('ip -n app link add ifb0 type ifb')
run('ip -n app link set ifb0 up')
rules('ingress', ['matchall action mirred egress redirect dev ifb0'])
lab.bounce('mirred redirect to ifb0 and back, own contexts',
           [wire(geneve(p, aws(i)), sport=60000 + i) for i, p in enumerate(several)])
run('ip -n app link del ifb0')


def foreign(name, frames, send):
    """None of these packets has ever been in GENEVE: counted, never sent"""
    before = lab.genl.counters()
    for f in frames:
        send(f)
    deadline = time.monotonic() + 10
    while lab.drops_since(before).get('no-context', 0) < len(frames) and \
            time.monotonic() < deadline:
        time.sleep(0.01)
    drops = lab.drops_since(before)
    got = lab.receive()
    ok(drops == {'no-context': len(frames)} and not got, name, '%s, sent: %s' % (drops, got))


ETHER = b'\x02\0\0\0\0\x0a\x02\0\0\0\0\x09'
frames4 = [ETHER + (b'\x86\xdd' if p[0] >> 4 == 6 else b'\x08\0') + p for p in several]
rules('ingress', [])
run('ip -n app addr add 10.55.0.1/24 dev dummy0')
run('ip -n app neigh add 10.55.0.2 lladdr 02:00:00:00:00:0a dev dummy0')
with netns('app'):
    routed = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for where in ('egress', 'ingress'):
    # and no packets of dummy0's own
    rules('egress', ['flower dst_mac 02:00:00:00:00:0a action mirred %s redirect dev gwlb0'
                     % where], dev='dummy0')
    foreign('from another device to %s of gwlb0: no context' % where, frames4, mirror.send)

    foreign('routed by the kernel, then to %s of gwlb0: no context' % where,
            [b'some bytes'] * 5, lambda p: routed.sendto(p, ('10.55.0.2', 4444)))
    # one with a tuple that a flow has
    known = wire(geneve(udp4(7)))
    lab.bounce('the flow of it is known', [known])
    foreign('the tuple of a flow from another device to %s of gwlb0: no context' % where,
            [ETHER + b'\x08\0' + udp4(7)], mirror.send)
lab.bounce('what came in GENEVE is unharmed', [wire(geneve(p)) for p in several])
run('ip -n app link del dummy0')

# ---- a scheduler that takes the time on a packet for its departure
run('tc -n app qdisc replace dev eth0 root fq')
sent = [wire(geneve(udp4(i), aws(i)), family=(4, 6)[i % 2]) for i in range(100)]
lab.bounce('fq on eth0 with arrival times on packets', sent)
fq = json.loads(run('tc -n app -s -j qdisc show dev eth0'))[0]
ok(fq['kind'] == 'fq' and fq['drops'] == 0 and fq['packets'] >= len(sent),
   'fq on eth0 drops nothing', fq)
run('tc -n app qdisc del dev eth0 root')

# ---- packets that wait behind the bump
run('tc -n app qdisc add dev gwlb0 root netem delay 100ms limit 2000')
lab.bounce('netem on gwlb0, 16 contexts of one tuple delayed, each keeps its own',
           [wire(geneve(udp4(9, ident=i), aws(i % 16)), sport=60000 + i % 16) for i in range(160)])
run('tc -n app qdisc replace dev gwlb0 root netem delay 200s limit 2000')


def held(name, count):
    for i in range(count):
        lab.send(wire(geneve(udp4(9), aws(i))))
    end = time.monotonic() + 10
    queued = -1
    while queued != count and time.monotonic() < end:
        queued = json.loads(run('tc -n app -s -j qdisc show dev gwlb0'))[0]['qlen']
    ok(queued == count, name, queued)


held('netem holds 50 packets', 50)
run('ip -n app link set gwlb0 down')
run('ip -n app link set gwlb0 up')
held('down and up lets go of them, 60 new ones wait', 60)
run('ip -n app link del gwlb0')
run('ip -n app link add gwlb0 type gwlb')
run('ip -n app link set gwlb0 up')
lab.bounce('link deleted with packets in the qdisc; a new link bumps', [GOOD])
finish()
