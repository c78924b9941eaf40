#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow conntrack_early
"""Connection tracking of what passes gwlb0: entries, zones, fragments.
Topology: wirelab.py"""
import re
from nflab import A, B, V, back, counters, dgram, nft, of
from wirelab import Lab, aws, filler, finish, fragments, geneve, ok, run, wire, without_id

lab = Lab()


def entries(*args):
    out = run('ip netns exec app conntrack -L ' + ' '.join(args))
    return [line for line in out.splitlines() if ' src=' in line]


def tracked(name, want, *args):
    """ok if there is one entry, which has all that is in want, in order"""
    got = entries(*args)
    ok(len(got) == 1 and re.search('.*'.join(map(re.escape, want)), got[0]), name, got)


nft('''
table inet t {
    chain raw {
        type filter hook prerouting priority raw
        udp dport 4001 ct zone set 5
        udp sport 4001 ct zone set 5
    }
    chain prerouting {
        type nat hook prerouting priority dstnat
        udp dport 4002 dnat ip to %s
        udp dport 4002 dnat ip6 to %s
    }
    chain forward {
        type filter hook forward priority filter
        counter name seen
    }
    counter seen {}
}
''' % (B[4], B[6]))

for f in 4, 6:
    v = 'IPv%d: ' % f
    a, b, n = A[f], B[f], V[f]
    family = '-f ipv%d' % f
    there, here = dgram(f, 4000), dgram(f, 1234, b, a, 4000)
    lab.bounce(v + 'a datagram and its answer', [of(1, there), of(2, here)])
    want = ['udp', 'src=' + a, 'dst=' + b, 'sport=1234', 'dport=4000', 'src=' + b, 'dst=' + a,
            'sport=4000', 'dport=1234']
    tracked(v + 'conntrack -L shows the inner addresses', want, family, '-p udp --dport 4000')
    run('ip netns exec app conntrack -D %s -p udp --dport 4000' % family)
    ok(not entries(family, '-p udp --dport 4000'), v + 'conntrack -D forgets them')
    lab.bounce(v + 'both directions go on', [of(2, here), of(1, there), of(3, there)])

    lab.bounce(v + 'a zone set by rule', [of(1, dgram(f, 4001)),
                                          of(2, dgram(f, 1234, b, a, 4001))])
    tracked(v + 'conntrack -L shows it', ['src=' + a, 'dport=4001', 'src=' + b, 'zone=5'],
            family, '-p udp --dport 4001')

    lab.bounce(v + 'DNAT', [of(1, dgram(f, 4002, a, n)), of(2, dgram(f, 1234, b, a, 4002))],
               [back(1, dgram(f, 4002)), back(2, dgram(f, 1234, n, a, 4002))])
    tracked(v + 'conntrack -L shows both destinations',
            ['src=' + a, 'dst=' + n, 'src=' + b, 'dst=' + a], family, '-p udp --dport 4002')
    run('ip netns exec app conntrack -D %s -p udp --dport 4002' % family)
    lab.bounce(v + 'conntrack -D in its middle: the next makes it anew',
               [of(3, dgram(f, 4002, a, n)), of(2, dgram(f, 1234, b, a, 4002))],
               [back(3, dgram(f, 4002)), back(2, dgram(f, 1234, n, a, 4002))])

# ---- fragments: conntrack puts them together, they leave in pieces again


def joined(f, pieces):
    """What fragments in order are of: the header but length, id and checksum,
    and the payload; None if they are not of one packet"""
    payload, ids, more = b'', set(), 1
    for p in pieces:
        if f == 4:
            at, more = (int.from_bytes(p[6:8], 'big') & 0x1fff) * 8, p[6] & 0x20
            ident, head, data = p[4:6], p[:2] + p[8:10] + p[12:20], p[20:]
        else:
            at, more = int.from_bytes(p[42:44], 'big') & ~7, p[43] & 1
            ident, head, data = p[44:48], p[:4] + p[6:41], p[48:]
        ids.add((ident, head))
        if at != len(payload):
            return None
        payload += data
    return None if more or len(ids) != 1 else (head, payload)


def pieces(name, f, context, sent, want=None):
    """ok if the fragments sent come back under the context as those wanted in
    other pieces at most, none larger than the largest sent"""
    want = want or sent
    fence = back(9, dgram(f, 9))
    before = lab.genl.counters()
    for p in sent:
        lab.send(of(context, p))
    lab.send(of(9, dgram(f, 9)))
    got = []
    while fence not in got:
        more = lab.receive(1)
        if not more:
            break
        got += [without_id(p) for p in more]
    inner = [p[20 + 8 + 8 + 32:] for p in got if p != fence]
    good = [back(context, p) for p in inner] + [fence] == got and \
        max(map(len, inner), default=0) <= max(map(len, sent)) and \
        joined(f, inner) == joined(f, want or sent)
    drops = lab.drops_since(before)
    ok(good and not drops, name, '%s, sent %s, got %s' % (
        drops, [len(p) for p in sent], [p.hex()[:240] for p in got]))


run('ip netns exec app nft reset counters')
for f in 4, 6:
    v = 'IPv%d: ' % f
    a, b, n = A[f], B[f], V[f]
    data = filler(4000)[:4000]
    for size in 1232, 1480, 2000:
        cut = fragments(dgram(f, 4000, data=data), size, ident=size)
        pieces(v + 'fragments of %d bytes' % size, f, 1, cut)
        pieces(v + 'fragments of %d bytes, the last first' % size, f, 2, cut[::-1], cut)
    counters(v + 'FORWARD has seen whole packets', {'seen': 12})
    pieces(v + 'fragments through DNAT', f, 1,
           fragments(dgram(f, 4002, a, n, data=data), 1480),
           fragments(dgram(f, 4002, data=data), 1480))
    pieces(v + 'fragments through un-DNAT', f, 2,
           fragments(dgram(f, 1234, b, a, 4002, data=data), 1480),
           fragments(dgram(f, 1234, n, a, 4002, data=data), 1480))
    cut = fragments(dgram(f, 4000, n, data=data[:2000]), 1480, ident=9)
    lab.bounce(v + 'fragments of two endpoints never meet',
               [wire(geneve(cut[0], aws(endpoint=1))), wire(geneve(cut[1], aws(endpoint=2))),
                of(9, dgram(f, 9))], [back(9, dgram(f, 9))])
    run('ip netns exec app nft reset counters')
finish()
