#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""What is rejected when a queue gives it back is answered by its flow, which
its conntrack entry tells. Topology: wirelab.py"""
from answerlab import answered, reset, unreachable
from nflab import A, B, Queue, R, V, dgram, nft, of, segment
from wirelab import ICMP, ICMP6, TCP, Lab, finish, run, unlimited_icmp

ERROR, PROHIBITED = {4: ICMP, 6: ICMP6}, {4: 13, 6: 1}
lab = Lab()
unlimited_icmp('app')
for f in 4, 6:
    run('ip -n app -%d route add default dev gwlb0 metric 4294967295' % f)

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
        udp dport 56 snat ip to %s
        udp dport 56 snat ip6 to %s
    }
    chain forward {
        type filter hook forward priority 10
        tcp dport 80 reject with tcp reset
        udp dport { 53, 56 } reject with icmpx type admin-prohibited
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
finish()
