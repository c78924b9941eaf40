#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""Flows: exact counters from several CPUs, timeouts, who is evicted. Topology:
wirelab.py"""
import json
import os
import time
from wirelab import TCP, UDP, Lab, aws, finish, geneve, ip4, ok, run, tcp, udp, wire

A, B = '10.1.21.101', '54.230.62.60'
CHILDREN, ROUNDS = 4, 500
FACTOR = int(os.environ.get('TIMEOUT_FACTOR', '1'))


def flows(words=''):
    return json.loads(run('ip netns exec app gwlbctl flow -j ' + words))


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds * FACTOR
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


def inner(i, proto=UDP):
    source = '10.2.%d.%d' % (i // 250, i % 250 + 1)
    body = udp(source, B, 1000, 53) if proto == UDP else tcp(source, B, 1000, 80)
    return wire(geneve(ip4(source, B, proto, body)))


lab = Lab('max-flows 500')

# ---- counters: packets of one direction on two CPUs, of both at once
there = ip4(A, B, UDP, udp(A, B, 1111, 53, b'question'))
back = ip4(B, A, UDP, udp(B, A, 53, 1111, b'an answer'))
with open('/proc/sys/net/core/netdev_max_backlog', 'r+') as f:
    f.write('1000000')
children = []
for n in range(CHILDREN):
    child = os.fork()
    if not child:
        os.sched_setaffinity(0, {n % os.cpu_count()})
        for _ in range(ROUNDS):
            lab.send(wire(geneve(there)))
            lab.send(wire(geneve(back)))
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
N = CHILDREN * ROUNDS
want = [N, N * len(there), N, N * len(back)]
NAMES = ('packets', 'bytes', 'packets_back', 'bytes_back')


def numbers():
    shown = flows()
    if len(shown) != 1:
        return shown
    f = shown[0]
    # whichever came first
    return [f[k] for k in (NAMES if f['source'] == A else NAMES[2:] + NAMES[:2])]


ok(wait_for(lambda: numbers() == want), 'counters are exact, %d packets each way from %d CPUs'
   % (N, os.cpu_count()), 'want %s, got %s' % (want, numbers()))
lab.receive(2 * N)

# ---- timeouts, by protocol
run('ip netns exec app gwlbctl set gwlb0 timeout-other 1')
lab.bounce('TCP and UDP', [inner(i, (TCP, UDP)[i % 2]) for i in range(20)])
ok(wait_for(lambda: {f['protocol'] for f in flows()} == {TCP}), 'UDP goes after its timeout')
ok(len(flows()) == 10, 'TCP stays', len(flows()))
run('ip netns exec app gwlbctl set gwlb0 timeout-tcp 1 timeout-other 600000')
lab.bounce('UDP again', [inner(1)])
ok(wait_for(lambda: {f['protocol'] for f in flows()} == {UDP}), 'now TCP goes, UDP stays')
ok(wait_for(lambda: flows()[0]['idle_ms'] > 2000), 'it is idle for longer and longer', flows())
idle = flows()[0]['idle_ms']
lab.bounce('a packet', [inner(1)])
ok(flows()[0]['idle_ms'] < idle, 'ends that', flows())

# ---- eviction: of the longest idle
run('ip netns exec app gwlbctl set gwlb0 timeout-tcp 3600 timeout-other 3600')
run('ip netns exec app gwlbctl flow flush')
lab.bounce('500 flows', [inner(i) for i in range(500)])
time.sleep(0.1)     # in other jiffies
lab.bounce('50 of them again', [inner(i) for i in range(50)])
lab.bounce('50 new ones', [inner(i) for i in range(1000, 1050)])
shown = {f['source']: f['packets'] for f in flows()}
# of 8 picked by chance all are of these 50 to 100 with a chance of one to a million
ok(len(shown) == 500, 'room was made for them', len(shown))
ok(sum(n == 2 for n in shown.values()) == 50, 'by none of those just used')
lab.bounce('who made room comes back all the same', [inner(i) for i in range(500)])
finish()
