#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""What GRO merged of trusted flows leaves as it came. Topology: wirelab.py"""
from grolab import GroLab, datagrams, outer, segments
from nflab import counters, nft
from wirelab import ALLOW, APP, GW, finish, fragments, run, swapped

lab = GroLab()
run('ip netns exec app gwlbctl set gwlb0 %s catch early trust 0x10 for 3600' % ALLOW)
nft('''table inet t {
    chain forward { type filter hook forward priority filter; counter name seen; meta mark set 0x10; }
    counter seen {}
}''')
for f in 4, 6:
    for o in 4, 6:
        for check in True, False:
            v = 'IPv%d in IPv%d, UDP checksum %s: ' % (f, o, check)
            train = outer(segments(f), o, check=check, vni=7)
            lab.train(v + 'the first packet', train[:1])
            run('ip netns exec app nft reset counters')
            lab.train(v + 'the rest', train[1:])
            counters(v + 'the rules have not seen it', {'seen': 0})
            lab.train(v + 'one id', outer(segments(f, ids=lambda i: 77), o, check=check, vni=7))

# an uplink that is too small for the segments by less than a header
run('ip netns exec app ethtool -K eth0 rx-udp-gro-forwarding on')
for make in segments, datagrams:
    train = make(4, df=False, dport=4000)
    whole = len(train[0])
    name = '%s without DF: ' % make.__name__
    lab.train(name + 'the first packet', outer(train)[:1])
    for short in 0, 1, 8, 9:
        mtu = whole - short
        run('ip -n app route replace %s/32 dev eth0 mtu %d src %s' % (GW[4], 68 + mtu, APP[4]))
        lab.train(name + '%d bytes too long' % short, outer(train),
                  [swapped(p) for i, x in enumerate(train)
                   for p in outer(fragments(x, (mtu - 20) & ~7, 77 + i) if short else [x])],
                  merged=make is segments or lab.merges_udp or None)
    run('ip -n app route del %s/32 dev eth0' % GW[4])
finish()
