#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Two links in one namespace, with one conntrack table: their zones are one
set. Topology: wirelab.py"""
import json
import time
from answerlab import answered, unreachable
from nflab import A, B, Queue, dgram, nft
from wirelab import (ICMP, ICMP6, Genl, Lab, aws, filler, finish, fragments, geneve, ok, run,
                     swapped, unlimited_icmp, wire, without_id)

X, Y = 0x2356de92d389839c, 0x1111222233334444
ERROR, PROHIBITED = {4: ICMP, 6: ICMP6}, {4: 13, 6: 1}


def of(endpoint, inner):
    """The same in all but the options"""
    return wire(geneve(inner, aws(endpoint & 0xffff, endpoint)))


def back(endpoint, inner):
    return swapped(of(endpoint, inner))


def ctl(command):
    return run('ip netns exec app gwlbctl ' + command)


def clashes(what, *want):
    got = sorted((e['link'], e['endpoint'][-16:]) for e in json.loads(ctl('-j endpoint'))
                 if e['clash'])
    ok(got == sorted((dev, '%016x' % e) for dev, e in want), what, got)


def logged():
    return [line for line in run('dmesg').splitlines() if 'conntrack zone' in line]


run('ip netns del other', check=False)
lab = Lab('zone-range 5000-5000')
unlimited_icmp('app')
for f in 4, 6:
    run('ip -n app -%d route add default dev gwlb0 metric 4294967295' % f)
nft('''
table inet t {
    chain states {
        type filter hook forward priority 10
        ct state invalid drop
    }
}
''')
lab.bounce('one link: an endpoint, and one that is to go', [of(e, dgram(4, 9)) for e in (X, Y)])
clashes('clash', ('gwlb0', X), ('gwlb0', Y))
run('dmesg -C')
ctl('add vpc1 endpoint 0x%x zone-range 5000-5000' % Y)
clashes('it has gone: no clash')
run('ip -n app link set vpc1 up')
lab.bounce('two links', [of(e, dgram(4, 9)) for e in (X, Y)])
clashes('clash as well', ('gwlb0', X), ('vpc1', Y))
ok(len(logged()) == 1 and '%016x' % X in logged()[0] and '%016x' % Y in logged()[0],
   'which is logged, once', logged())

# ---- fragments of both at the same time


def dropped():
    return {dev: Genl('app').counters(dev).get('overlap', 0) for dev in ('gwlb0', 'vpc1')}


def ambiguous():
    return sum(Genl('app').counters(dev).get('ambiguous', 0) for dev in ('gwlb0', 'vpc1'))


def pieces(name, packets, whole, drops):
    """ok if as many bytes as in these come back, and so many are dropped"""
    before = dropped()
    fence = of(X, dgram(4, 9))
    for p in packets + [fence]:
        lab.send(p)
    got = []
    while swapped(fence) not in got:
        more = [without_id(p) for p in lab.receive(1)]
        if not more:
            break
        got += more
    got.remove(swapped(fence))
    size = {e: sum(len(p) for p in got if p[36:68] == of(e, dgram(4, 9))[36:68]) for e in (X, Y)}
    want = {e: sum(map(len, whole.get(e, []))) for e in (X, Y)}
    counted = {dev: n - before[dev] for dev, n in dropped().items() if n != before[dev]}
    ok(size == want and counted == drops, name, 'want %s, got %s, drops %s' % (want, size, counted))


def cut_up(f, dport):
    return {e: [of(e, p) for p in fragments(dgram(f, dport, data=filler(2000, n)[:2000]), 1480)]
            for n, e in enumerate((X, Y))}


for f in 4, 6:
    cut = cut_up(f, 4000)
    pieces('IPv%d: fragments of both in one zone are kept from each other' % f,
           [cut[X][0], cut[Y][0], cut[Y][1], cut[X][1]], {X: cut[X]}, {'vpc1': 2})
ctl('set vpc1 zone-range 6000-6000')
clashes('another range: no clash')
for f in 4, 6:
    cut = cut_up(f, 4000)
    pieces('IPv%d: fragments of both, in their zones' % f,
           [cut[X][0], cut[Y][0], cut[Y][1], cut[X][1]], cut, {})

# ---- the zone of an entry tells by which link it came

nft('''
table inet t {
    chain held {
        type filter hook forward priority 0
        ct state invalid drop
        udp dport 53 queue num 1
    }
    chain forward {
        type filter hook forward priority 10
        iifname vpc1 udp dport 53 reject with icmpx type admin-prohibited
    }
}
''')
with Queue(verdict='accept'):
    for f in 4, 6:
        asked = dgram(f, 53)
        lab.bounce('IPv%d: one tuple by both, the one passes' % f, [of(X, asked)])
        answered(lab, 'IPv%d: an ICMP error to the other, when a queue gives it back' % f,
                 of(Y, asked), B[f], A[f], ERROR[f], unreachable(f, PROHIBITED[f], asked))

    for dev in 'gwlb0', 'vpc1':
        ctl('set %s zones off' % dev)
    for f in 4, 6:
        # the second makes an answer, of which nothing tells whose it is
        asked = dgram(f, 53, sport=4321)
        before = ambiguous()
        lab.bounce('IPv%d, no zones: one tuple by both, the one passes' % f, [of(X, asked)])
        lab.send(of(Y, asked))
        got = lab.exchange([of(X, dgram(f, 9))])
        ok(got == [back(X, dgram(f, 9))], 'IPv%d: the error to the other is dropped' % f, got)
        # as soon as the queue has given it back
        end = time.monotonic() + 10
        while ambiguous() == before and time.monotonic() < end:
            time.sleep(0.05)
        ok(ambiguous() == before + 1, 'IPv%d: and counted' % f, ambiguous() - before)
    for dev in 'gwlb0', 'vpc1':
        ctl('set %s zones auto' % dev)

# ---- it is that of the namespace

ctl('set vpc1 zone-range 5000-5000')
clashes('clash', ('gwlb0', X), ('vpc1', Y))
run('ip netns add other')
run('ip -n app link set vpc1 netns other')
clashes('elsewhere: no clash')
run('dmesg -C')
run('ip -n other link set vpc1 netns app')
run('ip -n app link set vpc1 up')
clashes('here again: clash', ('gwlb0', X), ('vpc1', Y))
ok(len(logged()) <= 1, 'logged once', logged())
ctl('del vpc1')
clashes('given back: clash', ('gwlb0', X), ('gwlb0', Y))
run('ip netns del other')
finish()
