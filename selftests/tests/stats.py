#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow stats_early
"""Counters, exact while two CPUs send. Topology: wirelab.py"""
import json
import os
import time
from wirelab import APP6, GW4, GW6, Lab, aws, finish, geneve, inner4, inner6, ok, run, wire

PROCESSES, ROUNDS = 4, 250
N = PROCESSES * ROUNDS
STRANGER, NARROW, UNREACHABLE, LOOP = ('10.254.11.%d' % n for n in (66, 61, 62, 63))
BACKLOG = '/proc/sys/net/core/netdev_max_backlog'

lab = Lab('allow 10.254.11.60/30,fd11::/64')
run('ip -n app route add %s dev eth0 mtu 1000' % NARROW)
run('ip -n app route add unreachable %s' % UNREACHABLE)
run('ip -n app route add %s dev gwlb0' % LOOP)


def set_backlog(packets):
    with open(BACKLOG, 'r+') as file:
        was = file.read()
        file.seek(0)
        file.write(packets)
    return was


def link_stats():
    shown = json.loads(run('ip -n app -s -s -j link show gwlb0'))[0]['stats64']
    return {'%s-%s' % (way, key): value for way in shown for key, value in shown[way].items()
            if value}


def on_all_cpus(packets):
    """Several processes on each CPU send them, ROUNDS times each"""
    children = []
    for n in range(PROCESSES):
        child = os.fork()
        if not child:
            os.sched_setaffinity(0, {n % os.cpu_count()})
            for _ in range(ROUNDS):
                for p in packets:
                    lab.send(p)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def is_at_last(name, want, get):
    """The last packets may still be on their way"""
    end = time.monotonic() + 10 * int(os.environ.get('TIMEOUT_FACTOR', '1'))
    while get() != want and time.monotonic() < end:
        time.sleep(0.05)
    ok(get() == want, name, 'want %s\ngot  %s' % (want, get()))


def lengths(inner):
    return sum(len(p) for p in inner)


good4 = [inner4(20), inner4(84), inner6(104), inner4(1500)]
good6 = [inner4(84, src='10.9.9.9'), inner6(1400)]
narrow = [inner4(n, frag=0x4000) for n in (933, 1000, 1400)] + [inner6(933), inner6(1400)]
bad = {
    'sender': [wire(geneve(inner4()), src=STRANGER)] * 2,
    'geneve-version': [wire(geneve(inner4(), version=1))],
    'geneve-control': [wire(geneve(inner4(), flags=0x80))] * 3,
    'protocol': [wire(geneve(inner4(), proto=0x6558))],
    'inner-short': [wire(geneve(inner4()[:19]))] * 2,
    'inner-checksum': [wire(geneve(inner4(check=1)))],
    'too-big': [wire(geneve(p), src=NARROW) for p in narrow],
    'no-route': [wire(geneve(inner4()), src=UNREACHABLE)],
    'route-loop': [wire(geneve(inner4()), src=LOOP)] * 2,
}
packets = [wire(geneve(p, aws(i)), sport=60000 + i) for i, p in enumerate(good4)] + \
    [wire(geneve(p), GW6, APP6) for p in good6] + [p for reason in bad.values() for p in reason]

usual = set_backlog('1000000')
try:
    on_all_cpus(packets)
    print('# sent %d' % (N * len(packets)))
    back = good4 + good6
    came = back + narrow + [inner4()] * 3
    # what is too big is answered: 576 bytes of IPv4, of IPv6 all that fits
    errors = 3 * 576 + 2 * 932
    stats = {'rx-packets': N * len(came), 'rx-bytes': N * lengths(came),
             'tx-packets': N * (len(back) + 5), 'tx-bytes': N * (lengths(back) + errors)}
    drops = {reason: N * len(p) for reason, p in bad.items()}
    is_at_last('generic netlink: packets, bytes, each drop under its cause',
               dict(stats, **drops), lambda: {k: v for k, v in lab.genl.counters().items() if v})
finally:
    set_backlog(usual)

stats.update({'rx-dropped': N * 2, 'rx-errors': N * 8, 'tx-dropped': N * 5, 'tx-errors': N * 3,
              'tx-carrier_errors': N * 3})
is_at_last('ip -s link: packets, bytes, drops and errors', stats, link_stats)
ok(sum(stats[k] for k in ('rx-dropped', 'rx-errors', 'tx-dropped', 'tx-errors')) ==
   sum(drops.values()), 'they are as many as the causes have')

shown = json.loads(run('ip netns exec app gwlbctl -s -j show gwlb0'))[0]
ok({k: v['packets'] for k, v in shown['drops'].items() if v['packets']} == drops and
   {k.replace('_', '-'): v for k, v in shown['stats'].items()} ==
   {k: v for k, v in stats.items() if k.endswith(('packets', 'bytes'))},
   'gwlbctl show -s', shown)
peers = {p['address']: [p[k] for k in ('rx_packets', 'rx_bytes', 'tx_packets', 'tx_bytes')]
         for p in shown['peers']}
want = {GW4: [N * len(good4), N * lengths(good4)] * 2,
        GW6: [N * len(good6), N * lengths(good6)] * 2,
        NARROW: [N * 5, N * lengths(narrow), N * 5, N * errors], UNREACHABLE: [N, N * 84, 0, 0],
        LOOP: [N * 2, N * 168, 0, 0]}
ok(peers == want, 'packets and bytes of each load balancer', 'want %s\ngot  %s' % (want, peers))
ok({k: v['last_sender'] for k, v in shown['drops'].items() if v['packets']} ==
   {k: {'sender': STRANGER, 'too-big': NARROW, 'no-route': UNREACHABLE, 'route-loop': LOOP}
    .get(k, GW4) for k in drops}, 'each cause has its sender', shown['drops'])
finish()
