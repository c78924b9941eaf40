#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Whoever begins to watch gwlb0 in the middle of traffic sees the next packet
and each one after it, and traffic goes on when that ends. Topology: wirelab.py"""
import json
import re
import socket
import subprocess
from wirelab import (EARLY, INNER, Lab, aws, finish, fragments, geneve, netns, ok, run,
                     wire)

lab = Lab()
COUNT = 8
several = [wire(geneve(INNER[v](300 + i), aws(i)), sport=60000 + i)
           for i in range(COUNT // 2) for v in (4, 6)]
pieces = [wire(geneve(p)) for p in fragments(INNER[4](3000), 1480)]


def inside(*command, check=True):
    done = subprocess.run(['ip', 'netns', 'exec', 'app', *command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, check=False)
    if check and done.returncode:
        raise SystemExit('# %s: %s' % (command, done.stdout))
    return done.stdout


def nft(text, check=True):
    return inside('nft', text, check=check)


def nft_packets(chain):
    return [int(n) for n in re.findall(r'packets (\d+)', nft('list chain ' + chain))]


def watch(name, begin, seen, end, want=COUNT):
    """seen() tells how many there have been since begin()"""
    lab.bounce('%s: before' % name, several)
    begin()
    lab.bounce('%s: while it watches' % name, several)
    count = seen()
    ok(count == want, '%s: sees all of them' % name, 'seen %s' % count)
    lab.bounce('%s: fragments' % name, pieces)
    end()
    lab.bounce('%s: afterwards' % name, several)


# ---- taps

def open_tap():
    global tap
    with netns('app'):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        tap.bind(('gwlb0', 3))
    tap.setblocking(False)


def tapped():
    """Packets in, packets out"""
    kinds = []
    try:
        while True:
            kinds.append(tap.recvfrom(2048)[1][2])
    except BlockingIOError:
        return [kinds.count(kind) for kind in (socket.PACKET_HOST, socket.PACKET_OUTGOING)]


watch('a tap', open_tap, tapped, lambda: tap.close(), [COUNT, COUNT])

# ---- tc: a filter, a queue


def filtered(way):
    def begin():
        run('tc -n app qdisc add dev gwlb0 clsact')
        run('tc -n app filter add dev gwlb0 %s matchall action pass' % way)

    def seen():
        shown = json.loads(run('tc -n app -s -j filter show dev gwlb0 ' + way))
        return [r['options']['actions'][0]['stats']['packets'] for r in shown if 'options' in r][0]
    return begin, seen, lambda: run('tc -n app qdisc del dev gwlb0 clsact')


def queued():
    return json.loads(run('tc -n app -s -j qdisc show dev gwlb0'))[0]['packets']


watch('a filter at ingress', *filtered('ingress'))
watch('a filter at egress', *filtered('egress'))
watch('a queue', lambda: run('tc -n app qdisc replace dev gwlb0 root pfifo'), queued,
      lambda: run('tc -n app qdisc del dev gwlb0 root'))

# ---- netfilter, on the device and behind it


def chain(family, hook, match=''):
    def begin():
        nft('table %s w { chain c { type filter hook %s; %scounter; }; }' % (family, hook, match))
    return begin, lambda: sum(nft_packets(family + ' w c')), lambda: nft('delete table %s w' % family)


watch('a chain at ingress', *chain('netdev', 'ingress device gwlb0 priority 0'))
if 'rror' in nft('table netdev w { chain c { type filter hook egress device gwlb0 priority 0; }; }',
                 check=False):
    ok(True, 'a chain at egress # SKIP this kernel has none')
else:
    nft('delete table netdev w')
    watch('a chain at egress', *chain('netdev', 'egress device gwlb0 priority 0'))
for priority in -450, -300, -150, 100:
    watch('PREROUTING at %d' % priority,
          *chain('inet', 'prerouting priority %d' % priority, 'iifname gwlb0 '))

# -225 is where AppArmor has a hook that looks at nothing of ours
for hook, match in ('forward', 'iifname gwlb0 '), ('postrouting', 'oifname gwlb0 '):
    for priority in -225, 0, 300:
        watch('%s at %d' % (hook.upper(), priority),
              *chain('inet', '%s priority %d' % (hook, priority), match))
# the outer packets, which pass there unless they are caught early
for hook in 'output', 'postrouting':
    watch('outer packets in ' + hook.upper(),
          *chain('inet', hook + ' priority -225', 'udp dport 6081 '), 0 if EARLY else COUNT)

# ---- what else makes the stack do something

for cpus in '1', '0':
    inside('sh', '-c', 'echo %s >/sys/class/net/gwlb0/queues/rx-0/rps_cpus' % cpus)
    lab.bounce('RPS: CPUs ' + cpus, several + pieces)
run('ip netns exec app ethtool -K gwlb0 tx off sg off')
lab.bounce('offloads switched off', several + pieces)
run('ip netns exec app ethtool -K gwlb0 tx on sg on')
lab.bounce('and on', several + pieces)
finish()
