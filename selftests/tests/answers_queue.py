#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""What is rejected when a queue gives it back is answered by its flow, which
its conntrack entry tells. Topology: wirelab.py"""
from answerlab import answered, reset, unreachable
from nflab import A, B, Queue, R, V, back, counters, dgram, nft, of, segment
from wirelab import GW, ICMP, ICMP6, TCP, Lab, finish, run, unlimited_icmp

M = {4: '100.64.0.1', 6: 'fd64::1'}     # of gwlb0, for masquerade

ERROR, PROHIBITED = {4: ICMP, 6: ICMP6}, {4: 13, 6: 1}
lab = Lab()
unlimited_icmp('app')
for f in 4, 6:
    run('ip -n app -%d route add default dev gwlb0 metric 4294967295' % f)
    run('ip -n app address add %s dev gwlb0 %s' % (M[f], 'nodad' if f == 6 else ''))

RULES = '''
table inet t {
    chain held {
        type filter hook %s priority %d
        meta l4proto { tcp, udp } queue num 1
    }
    chain dstnat {
        type nat hook prerouting priority dstnat
        ip daddr %s dnat to %s
        ip6 daddr %s dnat to %s
    }
    chain srcnat {
        type nat hook postrouting priority srcnat
        udp dport 56-57 snat ip to %s
        udp dport 56-57 snat ip6 to %s
        udp dport 58-59 masquerade
    }
    chain forward {
        type filter hook forward priority 10
        tcp dport 80 reject with tcp reset
        udp dport { 53, 56 } reject with icmpx type admin-prohibited
        udp sport { 57, 59 } reject with icmpx type admin-prohibited
        udp dport 58 ct state established reject with icmpx type admin-prohibited
    }
    counter plain {}
    chain plain {
        type filter hook postrouting priority 300
        oifname eth0 ip daddr 10.1.0.0/16 counter name plain
        oifname eth0 ip6 daddr 2001:db8::/64 counter name plain
    }
}
'''

with Queue(verdict='accept'):
    for number, (hook, priority) in enumerate((('prerouting', -150), ('prerouting', 0),
                                               ('forward', 0))):
        nft(RULES % (hook, priority, V[4], B[4], V[6], B[6], R[4], R[6]))
        for f in 4, 6:
            v = 'IPv%d, queue in %s at %d: ' % (f, hook, priority)
            sport = 3000 + number
            for dst, how in (B[f], ''), (V[f], ', behind DNAT'):
                answered(lab, v + 'tcp reset' + how,
                         of(1, segment(f, 80, 2, dst=dst, sport=sport)), dst, A[f], TCP,
                         reset(f, 1, 1, source=dst, dport=sport))
                asked = dgram(f, 53, dst=dst, sport=sport)
                answered(lab, v + 'ICMP error' + how, of(2, asked), dst, A[f], ERROR[f],
                         unreachable(f, PROHIBITED[f], asked, src=dst))
            asked = dgram(f, 56, sport=sport)
            answered(lab, v + 'ICMP error before SNAT', of(3, asked), B[f], A[f], ERROR[f],
                     unreachable(f, PROHIBITED[f], asked))
            for port, how, c in (57, R, 'SNAT'), (59, M, 'masquerade'):
                lab.bounce(v + c, [of(4, dgram(f, port, sport=sport))],
                           [back(4, dgram(f, port, how[f], sport=sport))])
                asked = dgram(f, sport, B[f], how[f], port)
                answered(lab, v + 'ICMP error to its reply', of(5, asked), how[f], B[f], ERROR[f],
                         unreachable(f, PROHIBITED[f], asked, src=how[f], dst=B[f]),
                         like=of(4, asked))
            asked = dgram(f, 58, sport=sport)
            lab.bounce(v + 'masquerade', [of(4, asked)], [back(4, dgram(f, 58, M[f], sport=sport))])
            lab.bounce(v + 'and the reply', [of(5, dgram(f, sport, B[f], M[f], 58))],
                       [back(5, dgram(f, sport, B[f], A[f], 58))])
            answered(lab, v + 'ICMP error to what is masqueraded', of(4, asked), B[f], A[f],
                     ERROR[f], unreachable(f, PROHIBITED[f], asked), like=of(5, asked))
            # nothing tells under which of two contexts an answer were right
            nft('')
            asked = dgram(f, 53, sport=sport + 1000)
            lab.bounce(v + 'a flow under two contexts', [of(6, asked), of(7, asked)])
            run('ip -n app -%d route add default via %s dev eth0' % (f, GW[f]))
            nft(RULES % (hook, priority, V[4], B[4], V[6], B[6], R[4], R[6]))
            lab.bounce(v + 'the ICMP error is dropped', [of(6, asked), of(2, dgram(f, 9))],
                       [back(2, dgram(f, 9))], {'ambiguous': 1})
            counters(v + 'and not routed past the tunnel', {'plain': 0})
            run('ip -n app -%d route del default via %s dev eth0' % (f, GW[f]))
finish()
