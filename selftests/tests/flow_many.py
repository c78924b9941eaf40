#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Very many flows: what they take of memory, a list while packets pass and the
table is resized. Topology: wirelab.py"""
# very slow
# timeout 1500
import os
import re
import subprocess
import time
from wirelab import UDP, Lab, aws, finish, geneve, inner4, ip4, ip6, ok, run, udp, wire

MANY, MANY6, STABLE = 220000, 20000, 20000
# what a flow may take, with 32 bytes of options and its part of the hash table
MOST = {4: 336, 6: 448}
B = {4: '54.230.62.60', 6: '2001:db8:ffff::60'}
PAGE = os.sysconf('SC_PAGESIZE')
templates = {}


def packet(i, version=4, net=10):
    """From 10.0.0.0/8 or fd0a::/32, or another net. Made once and then changed
    in its inner source, for there are very many."""
    if (version, net) not in templates:
        a = '%d.0.0.0' % net if version == 4 else 'fd%02x::' % net
        data = udp(a, B[version], 1000, 53, check=False)
        p = (ip4 if version == 4 else ip6)(a, B[version], UDP, data)
        whole = wire(geneve(p, aws()), check=False)
        templates[version, net] = bytearray(whole), len(whole) - len(p)
    whole, at = templates[version, net]
    whole = bytearray(whole)
    if version == 4:
        check = 0xffff - int.from_bytes(whole[at + 10:at + 12], 'big') + (i >> 16) + (i & 0xffff)
        whole[at + 10:at + 12] = (0xffff - check % 0xffff).to_bytes(2, 'big')
        whole[at + 13:at + 16] = i.to_bytes(3, 'big')
    else:
        whole[at + 20:at + 24] = i.to_bytes(4, 'big')
    return bytes(whole)


def learn(packets):
    """Sends them, and takes back as many"""
    missing = 0
    for i, p in enumerate(packets):
        lab.send(p)
        missing += 1
        if not i % 256:
            missing -= len(lab.receive())
    while missing > 0:
        back = len(lab.receive(1, 10))
        if not back:
            break
        missing -= back
    return missing


def slabs(version):
    """Bytes of the slabs of flows. The kernel may have them in a cache with
    others of their size, under another name, which the link leads to."""
    base = '/sys/kernel/slab/gwlb_flow%d/' % version
    with open(base + 'slabs') as f, open(base + 'order') as order:
        return int(f.read().split()[0]) * (PAGE << int(order.read()))


def table(flows):
    """Bytes of a hash table that is 3/4 full at most"""
    size = 1
    while size * 3 // 4 < flows:
        size *= 2
    return 8 * size


def sources(out):
    return re.findall(r'^gwlb0 udp \[?([0-9a-f.:]*?)\]?:1000 > ', out, re.M)


def listed(*words):
    return sources(run('ip netns exec app gwlbctl flow ' + ' '.join(words)))


lab = Lab('timeout-tcp 600000 timeout-other 600000')

# ---- while the table grows and shrinks, a list has what is there all the while
stable = [packet(i) for i in range(STABLE)]
learn(stable)
want = {'10.0.%d.%d' % (i >> 8, i & 0xff) for i in range(STABLE)}
rounds = []
with lab.flood([packet(i, 4, 11) for i in range(30000)]):
    for _ in range(8):
        shown = listed()
        rounds.append((len(want - set(shown)), len(shown) - len(set(shown)), len(shown)))
        run('ip netns exec app gwlbctl flow flush address 11.0.0.0/8')
ok(not any(r[0] for r in rounds), 'no flow that is there all the while is missed', rounds)
ok(not any(r[1] for r in rounds), 'none comes twice', rounds)
ok(any(r[2] > STABLE for r in rounds), 'meanwhile there were others', rounds)
lab.receive()
run('ip netns exec app gwlbctl flow flush')
ok(not listed(), 'flush')

# ---- memory
for version, count in (6, MANY6), (4, MANY):
    run('ip netns exec app gwlbctl flow flush')
    time.sleep(1)   # freed by RCU
    before = slabs(version)
    missing = learn(packet(i, version) for i in range(count))
    ok(not missing, 'IPv%d: %d flows, each packet comes back' % (version, count), missing)
    each = (slabs(version) - before + table(count)) / count
    ok(each <= MOST[version], 'IPv%d: %.1f bytes a flow, at most %d' % (version, each,
                                                                       MOST[version]))

# ---- a list of very many while packets pass
with subprocess.Popen('ip netns exec app gwlbctl flow'.split(), stdout=subprocess.PIPE,
                      universal_newlines=True) as listing, \
        open('/tmp/flows.txt', 'w+') as copy:
    child = os.fork()
    if not child:
        for line in listing.stdout:
            copy.write(line)
        copy.flush()
        os._exit(0)
    listing.stdout.close()
    rounds = 0
    while not rounds or not os.waitpid(child, os.WNOHANG)[0]:
        lab.bounce('packets pass while they are listed', [
            wire(geneve(inner4(84, src='172.16.0.%d' % (i % 7)), aws(i % 3))) for i in range(100)])
        rounds += 1
    copy.seek(0)
    shown = [s for s in sources(copy.read()) if s.startswith('10.')]
os.unlink('/tmp/flows.txt')
ok(listing.returncode == 0 and len(shown) == MANY and len(set(shown)) == MANY,
   '%d flows, each once' % MANY, '%d, %d of them different' % (len(shown), len(set(shown))))
ok(rounds > 1, 'meanwhile packets passed', rounds)
finish()
