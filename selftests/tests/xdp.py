#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Generic XDP on gwlb0. Topology: wirelab.py; the programs: ../xdp.c"""
import atexit
import contextlib
import os
from wirelab import (TCP, Lab, aws, finish, fragments, geneve, inner4, inner6, ip4, netns, ok, run,
                     swapped, tcp, wire)

PIN = '/sys/fs/bpf/gwlb-test'


def load(action):
    unload()
    run('../xdp %s %s' % (action, PIN))


@atexit.register
def unload():
    for path in (PIN, PIN + '_map'):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def attach(dev='gwlb0'):
    # "ip -n" would hide the file system that the program is pinned in
    with netns('app'):
        run('ip -force link set dev %s xdpgeneric pinned %s' % (dev, PIN))


def detach(dev='gwlb0'):
    run('ip -n app link set dev %s xdpgeneric off' % dev)


def seen():
    return int(run('../xdp count ' + PIN))


lab = Lab()
# the program sees the IP header as the first bytes, and tells them apart by it
inner = [inner4(n) for n in (20, 40, 63, 84, 1500, 4096, 8500, 8900)] + \
    [inner6(n) for n in (40, 63, 104, 1500, 4096, 8500, 8900)]
several = [wire(geneve(p, aws(i)), sport=60000 + i, family=(4, 6)[i % 2])
           for i, p in enumerate(inner)]
several4 = [w for w, p in zip(several, inner) if p[0] >> 4 == 4]
several6 = [w for w, p in zip(several, inner) if p[0] >> 4 == 6]

load('pass')
attach()
lab.bounce('pass: whatever comes', several)
ok(seen() == len(several4), 'pass: IPv4 packets are counted', 'seen %d' % seen())
lab.bounce('pass: fragments', [wire(geneve(p)) for p in fragments(inner4(3000), 1000)])
run('ip netns exec app ethtool -K eth0 gro on')
A, B = '10.1.21.101', '54.230.62.60'
lab.bounce('pass: aggregates of GRO', [
    wire(geneve(ip4(A, B, TCP, tcp(A, B, 1, 2, bytes(1000), 1 + 1000 * i, 0x10),
                    ident=1 + i, frag=0x4000))) for i in range(200)])

load('drop')
attach()
before = lab.genl.counters()
lab.bounce('drop: IPv4 packets, and no others', several, [swapped(p) for p in several6])
ok(seen() == len(several4), 'drop: dropped packets are counted', 'seen %d' % seen())
now = lab.genl.counters()
came, went = ({k: now[w + k] - before[w + k] for k in ('packets', 'bytes')} for w in ('rx-', 'tx-'))
ok(came['packets'] == len(several) and went['packets'] == len(several6),
   'drop: received, not sent', (came, went))

detach()
lab.bounce('off: whatever comes', several)
load('pass')
attach('eth0')
lab.bounce('pass on eth0', several)
detach('eth0')

# ---- with traffic on another CPU
with lab.flood(several):
    for action in ('pass', 'drop'):
        load(action)
        attach()
        detach()
        attach()
        run('ip -n app link del gwlb0')
        run('ip -n app link add gwlb0 type gwlb')
        run('ip -n app link set gwlb0 up')
lab.receive()
lab.bounce('attached, detached, and deleted with the link, all under traffic', several)
finish()
