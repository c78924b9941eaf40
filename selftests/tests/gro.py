#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""Packets that GRO merged leave as they came: each case with GRO and without,
the same bytes expected. Topology: grolab.py"""
import socket
import struct
from grolab import (ACK, B, CWR, ECE, FIN, PSH, GroLab, behind_options, datagrams, features,
                    outer, segments)
from wirelab import (aws, configure_child, finish, geneve, netns, ok, option, run, swapped,
                     wire)

UDP_GRO = 104
ENDPOINT = 0x2356de92d389839c       # of aws()

lab = GroLab()


def every_way():
    yield True
    lab.gro(False)
    yield False
    lab.gro(True)


def bad_tcp(f):
    """The middle one has a wrong TCP checksum"""
    p = segments(f)
    p[10] = p[10][:-1] + bytes([p[10][-1] ^ 1])
    return p


for _ in every_way():
    # ---- inner and outer families, checksums
    for f in 4, 6:
        v = 'IPv%d: ' % f
        for o in 4, 6:
            for check in True, False:
                lab.train(v + 'TCP in IPv%d, outer checksum %s' % (o, 'right' if check else 'zero'),
                          outer(segments(f), o, check=check), merged=True)
        lab.train(v + 'TCP without options, the last shorter, with PSH and FIN',
                  outer(segments(f, options=b'', last=333, flags={19: ACK | PSH | FIN})),
                  merged=True)
        lab.train(v + 'more than an aggregate carries', outer(segments(f, 60, 1400)), merged=True)
        if lab.jumbo:
            lab.train(v + 'jumbo frames', outer(segments(f, 20, 8300)), merged=True)
        else:
            ok(True, v + 'jumbo frames # SKIP veth of this kernel merges none')
        lab.train(v + '60 small ones, odd in length', outer(segments(f, 60, 31)), merged=True)
        lab.train(v + 'no options in GENEVE', outer(segments(f), options=b''), merged=True)
        lab.train(v + '252 bytes of options in GENEVE', outer(
            segments(f), options=b''.join(option(0x1234, i, bytes(32)) for i in range(7))),
            merged=True)

        # ---- TCP flags
        lab.train(v + 'PSH on some', outer(segments(f, flags={4: ACK | PSH, 9: ACK | PSH})),
                  merged=True)
        lab.train(v + 'ECE on all, CWR on one', outer(segments(
            f, flags={**{i: ACK | ECE for i in range(20)}, 7: ACK | ECE | CWR})), merged=True)
        lab.train(v + 'CWR on the first', outer(segments(f, flags={0: ACK | CWR})), merged=True)

        # ---- what differs inside
        lab.train(v + 'TTL changes in the middle', outer(segments(f, each={10: {'ttl': 63}})),
                  merged=True)
        lab.train(v + 'ToS changes in the middle', outer(segments(f, each={10: {'tos': 3}})),
                  merged=True)
        lab.train(v + 'a gap in the middle', outer(segments(f, 10) + segments(f, 10, seq=50000)),
                  merged=True, ordered=False)
        lab.train(v + 'a wrong TCP checksum is left alone', outer(bad_tcp(f)), merged=True,
                  ordered=False)
        lab.train(v + 'UDP', outer(datagrams(f)), merged=False)

        # ---- nothing merges but what has the same header to the bit
        for what, one, other in (
                ('cookie', {}, {'options': aws(1)}),
                ('VNI', {}, {'vni': 1}),
                ('length of options', {'options': b''}, {'options': option(1, 2)}),
                ('outer checksum', {}, {'check': False}),
                ('outer port', {}, {'sport': 60002}),
                ('outer family', {}, {'f': 6})):
            # in one stream, which would merge but for that
            a, b = outer(segments(f), **one), outer(segments(f), **other)
            lab.train(v + 'two contexts that differ in ' + what,
                      [p for pair in zip(a[::2], b[1::2]) for p in pair], ordered=False)
        # what is not kept must not be a reason to keep less
        plain = [swapped(p) for p in outer(segments(f))]
        for what, more in (('reserved bits', {'reserved': 5}), ('reserved flags', {'flags': 0x3f})):
            lab.train(v + what + ' on all', outer(segments(f), **more), plain, merged=True)
        lab.train(v + 'reserved bits on some', [
            outer(segments(f), reserved=i % 2)[i] for i in range(20)], plain, ordered=False)

        # ---- what is dropped is dropped one by one
        for reason, more in (('geneve-version', {'version': 1}),
                             ('geneve-control', {'flags': 0x80}),
                             ('protocol', {'proto': 0x6558}), ('geneve-options', {'words': 63}),
                             ('option-length', {'options': option(1, 2, words=1)}),
                             ('option-critical', {'options': option(1, 0x82)})):
            small = segments(f, size=100, options=b'')
            bad = outer(small, **more)[10:]
            lab.train(v + reason, outer(small)[:10] + bad,
                      [swapped(p) for p in outer(small)[:10]], merged=True, drops={reason: 10})
        trailing = [wire(geneve(p) + b'more', ident=1 + i) for i, p in enumerate(segments(f))]
        lab.train(v + 'bytes behind the inner packet are cut off', trailing, plain, merged=False)

    # ---- ids of IPv4
    for what, ids, df, merged in (
            ('constant with DF', lambda i: 9, True, True),
            ('zero with DF', lambda i: 0, True, True),
            ('that wrap', lambda i: 0xfff8 + i, True, True),
            ('consecutive without DF', lambda i: 5 + i, False, True),
            ('constant without DF', lambda i: 5, False, None),
            ('at random with DF', lambda i: i * 7919, True, False),
            ('at random without DF', lambda i: i * 7919, False, False),
            ('that go back', lambda i: 100 - i, True, False)):
        lab.train('IPv4: ids ' + what, outer(segments(4, ids=ids, df=df)), merged=merged)
    lab.train('IPv4: ids consecutive, then constant', outer(segments(4, ids=lambda i: min(i, 9))),
              merged=True)
    lab.train('IPv4: DF on half', outer(
        segments(4, 10) + segments(4, 10, seq=10001, df=False, ids=lambda i: 87 + i)), merged=True)
    lab.train('IPv4: outer ids at random', outer(segments(4), ids=lambda i: i * 7919))
    lab.train('IPv6: behind destination options', outer(behind_options()), merged=True)

# ---- inner UDP merges where eth0 is told so
for how in 'rx-udp-gro-forwarding', 'rx-gro-list':
    run('ip netns exec app ethtool -K eth0 %s on' % how)
    for _ in every_way():
        for f in 4, 6:
            v = 'IPv%d: %s: ' % (f, how)
            no_list = how != 'rx-gro-list'
            for o in 4, 6:
                lab.train(v + 'UDP in IPv%d' % o, outer(datagrams(f, last=77), o),
                          merged=no_list and lab.merges_udp)
            lab.train(v + 'UDP, zero outer checksum', outer(datagrams(f), check=False),
                      merged=no_list and lab.merges_udp)
            lab.train(v + 'UDP of no checksum', outer(datagrams(f, check=False)))
            lab.train(v + 'TCP', outer(segments(f)), merged=no_list)
        v = 'IPv4: %s: ' % how
        lab.train(v + 'UDP, ids without DF', outer(datagrams(4, df=False)))
        # a kernel may number them when it takes the aggregate apart
        lab.train(v + 'UDP, ids constant', outer(datagrams(4, ids=lambda i: 0)),
                  ids=not lab.merging)
        lab.train(v + 'UDP, ids at random', outer(datagrams(4, ids=lambda i: i * 7919)))
    run('ip netns exec app ethtool -K eth0 %s off' % how)

# ---- and where a socket here gets it and asks for that
def asking(f, address=''):
    with netns('app'):
        sock = socket.socket(socket.AF_INET if f == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    sock.settimeout(5)
    sock.bind((address, 443))
    return sock


def aggregates(name, f):
    if not lab.merges_udp:
        ok(True, name + ' # SKIP this kernel makes none of UDP in UDP')
        return
    run('ip -n app address add %s dev lo nodad' % B[f])
    sock = asking(f, B[f])
    sent = datagrams(f)
    lab.exchange(outer(sent), want=0)
    data, sizes = sock.recvmsg(1 << 17, socket.CMSG_SPACE(4))[:2]
    sizes = [struct.unpack('=i', s[2])[0] for s in sizes if s[1] == UDP_GRO]
    ok(data == b''.join(p[-1000:] for p in sent) and sizes == [1000], name,
       '%d bytes, sizes %s' % (len(data), sizes))
    sock.close()
    run('ip -n app address del %s dev lo' % B[f])


run('ip netns exec app gwlbctl set gwlb0 mode route')
for f in 4, 6:
    aggregates('IPv%d: mode route: a socket with UDP_GRO gets aggregates' % f, f)
run('ip netns exec app gwlbctl set gwlb0 mode bump')
configure_child('app', 'vpc1', [ENDPOINT])
run('ip netns exec app gwlbctl set vpc1 mode route')
run('ip -n app link set vpc1 up')
for f in 4, 6:
    aggregates('IPv%d: mode route of a child alone: the same' % f, f)
run('ip -n app link del vpc1')
for f in 4, 6:
    with asking(f):
        lab.train('IPv%d: UDP that no socket here can get does not merge for one' % f,
                  outer(datagrams(f)), merged=False)
        run('ip netns exec app gwlbctl set gwlb0 divert 0x800')
        lab.train('IPv%d: with divert one could: merged' % f, outer(datagrams(f)),
                  merged=lab.merges_udp or None)
        run('ip netns exec app gwlbctl set gwlb0 divert none')

# ---- features of gwlb0, and an uplink that has none
names = ('rx-checksumming', 'tx-checksumming', 'scatter-gather', 'tcp-segmentation-offload',
         'generic-segmentation-offload', 'generic-receive-offload')
shown = features()
ok(all(shown[n] == 'on' for n in names), 'ethtool -k: all are on', shown)
for dev, off in (('gwlb0', 'tx off'), ('gwlb0', 'tso off'), ('gwlb0', 'gso off'),
                 ('gwlb0', 'sg off'), ('gwlb0', 'rx off'),
                 ('gwlb0', 'tx off tso off gso off sg off'),
                 ('eth0', 'tx off tso off gso off sg off')):
    run('ip netns exec app ethtool -K %s %s' % (dev, off))
    shown = features(dev)
    short = {'tx': names[1], 'sg': names[2], 'tso': names[3], 'gso': names[4], 'rx': names[0]}
    words = off.split()[::2]
    ok(all(shown[short[w]] == 'off' for w in words), 'ethtool -K %s %s' % (dev, off), shown)
    for f in 4, 6:
        for check in True, False:
            lab.train('IPv%d: %s with %s, outer checksum %s' % (f, dev, off, check),
                      outer(segments(f), check=check), merged=True)
    if dev == 'gwlb0':
        run('ip netns exec app ethtool -K %s %s' % (dev, off.replace('off', 'on')))
finish()
