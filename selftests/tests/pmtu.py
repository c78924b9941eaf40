#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""An ICMP error tells what fits the way to a load balancer: the route to it
learns that, and what does not fit is answered, or cut. Topology: wirelab.py"""
from answerlab import answered, unreachable
from nflab import A, B, dgram
from wirelab import (APP, DF, GW, ICMP, ICMP6, Lab, aws, filler, finish, fragments,
                     geneve, ip4, ip6, run, swapped, unlimited_icmp, wire)

ERROR = {4: ICMP, 6: ICMP6}
MTU = 1400
lab = Lab()
unlimited_icmp('app')


def of(o, inner):
    return wire(geneve(inner, aws()), family=o)


def back(o, inner):
    return swapped(of(o, inner))


def tell(o, packet, mtu=MTU):
    """The error of a router about a packet of the appliance's"""
    body = unreachable(o, *((4, packet, mtu, 3) if o == 4 else (0, packet, mtu, 2)), src=GW[o],
                       dst=APP[o])
    lab.send({4: ip4, 6: ip6}[o](GW[o], APP[o], ERROR[o], body))


for o in 4, 6:
    fits = MTU - {4: 20, 6: 40}[o] - 8 - 8 - 32
    for f in 4, 6:
        v = 'IPv%d in IPv%d: ' % (f, o)
        df = {'frag': DF} if f == 4 else {}
        big = dgram(f, 4000, data=filler(1700)[:1700], **df)
        just = dgram(f, 4000, data=filler(1700)[:fits - {4: 28, 6: 48}[f]], **df)
        lab.bounce(v + 'fits', [of(o, big)])
        tell(o, back(o, big))
        answered(lab, v + 'an error has come: too big', of(o, big), B[f], A[f], ERROR[f],
                 unreachable(f, *((4, big, fits, 3) if f == 4 else (0, big, fits, 2)), src=B[f]),
                 {'too-big': 1})
        lab.bounce(v + 'what it says does fit', [of(o, just)])
        if f == 4:
            cut = dgram(4, 4000, data=filler(1700)[:1700])
            lab.bounce(v + 'without DF it is cut', [of(o, cut)],
                       [back(o, p) for p in fragments(cut, (fits - 20) & ~7, 0)])
        run('ip -n app -%d route flush cache' % o)
        lab.bounce(v + 'the route has forgotten it: fits', [of(o, big)])
finish()
