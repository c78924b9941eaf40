#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""What GRO merged of trusted flows leaves as it came. Topology: wirelab.py"""
from grolab import GroLab, outer, segments
from nflab import counters, nft
from wirelab import ALLOW, finish, run

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
finish()
