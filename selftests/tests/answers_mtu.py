#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow answers_mtu_early
"""The uplink begins to carry less: the first packet that does not fit any more
is answered, or cut, as all behind it. Topology: wirelab.py"""
from answerlab import answered, unreachable
from nflab import A, B, R, V, back, dgram, nft, of
from wirelab import DF, GW4, ICMP, ICMP6, Lab, filler, finish, fragments, run

ERROR = {4: ICMP, 6: ICMP6}
FITS = 1500 - 20 - 8 - 8 - 32
lab = Lab()
SHRINK = {'a route of MTU 1500': ('route replace %s dev eth0 mtu 1500' % GW4,
                                  'route del %s dev eth0' % GW4),
          'a device of MTU 1500': ('link set eth0 mtu 1500', 'link set eth0 mtu 9001')}
NAT = '''
table inet t {
    chain dstnat {
        type nat hook prerouting priority dstnat
        ip daddr %s dnat to %s
        ip6 daddr %s dnat to %s
    }
    chain srcnat {
        type nat hook postrouting priority srcnat
        udp dport 56-57 snat ip to %s
        udp dport 56-57 snat ip6 to %s
    }
}
''' % (V[4], B[4], V[6], B[6], R[4], R[6])


def send_cut(packet):
    """As a router of that MTU does"""
    for part in fragments(packet, 1024) if len(packet) > 1500 else [packet]:
        Lab.send(lab, part)


def answer(name, f, inner, source):
    big, code = (FITS, (4, 3)) if f == 4 else (FITS, (0, 2))
    answered(lab, name, of(1, inner), source, A[f], ERROR[f],
             unreachable(f, code[0], inner, big, code[1], src=source), {'too-big': 1})


port = 3000
for shrink, (begin, end) in SHRINK.items():
    # the cable takes no more than the device at its other end
    if 'device' in shrink:
        lab.send = send_cut
    for rules, name in ('', 'no rules'), (NAT, 'NAT'):
        nft(rules)
        for f in 4, 6:
            for dport, dst, there in ((55, B[f], (A[f], B[f])), (55, V[f], (A[f], B[f])),
                                      (56, B[f], (R[f], B[f])), (57, V[f], (R[f], B[f]))):
                if not rules:
                    there = A[f], dst
                port += 1
                v = 'IPv%d, %s, %s, port %d to %s: ' % (f, shrink, name, dport, dst)
                data = filler(1700)[:1700]
                more = {'frag': DF} if f == 4 else {}
                sent = dgram(f, dport, dst=dst, sport=port, data=data, **more)
                lab.bounce(v + 'fits', [of(1, sent)],
                           [back(1, dgram(f, dport, *there, port, data, **more))])
                run('ip -n app ' + begin)
                answer(v + 'the first that does not is answered', f, sent, dst)
                answer(v + 'and the next', f, sent, dst)
                run('ip -n app ' + end)
                lab.bounce(v + 'fits again', [of(1, sent)],
                           [back(1, dgram(f, dport, *there, port, data, **more))])
        port += 1
        sent = dgram(4, 55, sport=port, data=filler(1700)[:1700])
        lab.bounce('IPv4 without DF, %s, %s: fits' % (shrink, name), [of(1, sent)])
        run('ip -n app ' + begin)
        pieces = [back(1, p) for p in fragments(sent, (FITS - 20) & ~7, 0)]
        lab.bounce('the first that does not is cut', [of(1, sent)], pieces)
        lab.bounce('and the next', [of(1, sent)], pieces)
        run('ip -n app ' + end)
finish()
