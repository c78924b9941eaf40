#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A kernel started with ipv6.disable=1 (VM_APPEND of selftests/vm/run): IPv4
passes, is answered and routed, IPv6 is dropped and counted. Topology: wirelab.py"""
from answerlab import answered, reset, unreachable
from nflab import A, B, back, dgram, nft, of, segment
from wirelab import ICMP, IPV6, TCP, Lab, finish, run, skip

if IPV6:
    skip('this kernel has IPv6; start it with ipv6.disable=1')
lab = Lab()
run('ip netns exec app sysctl -qw net.ipv4.icmp_ratelimit=0')
run('ip -n app route add default dev gwlb0 metric 4294967295')
lab.bounce('IPv4 passes, IPv6 does not', [of(1, dgram(6, 9)), of(2, dgram(4, 9)), of(1, segment(6, 80, 2))],
           [back(2, dgram(4, 9))], {'ipv6-disabled': 2})
nft('''
table ip t {
    chain f {
        type filter hook forward priority 0
        tcp dport 80 reject with tcp reset
        udp dport 53 reject with icmp admin-prohibited
    }
}
''')
answered(lab, 'tcp reset', of(1, segment(4, 80, 2)), B[4], A[4], TCP, reset(4, 1, 1, dport=1234))
answered(lab, 'ICMP error', of(1, dgram(4, 53)), B[4], A[4], ICMP, unreachable(4, 13, dgram(4, 53)))
run('ip netns exec app sysctl -qw net.ipv4.ip_forward=1')
run('ip netns exec app gwlbctl set gwlb0 mode route')
lab.bounce('mode route: IPv4 is routed, IPv6 dropped', [of(1, dgram(6, 9)), of(2, dgram(4, 9))],
           [back(2, dgram(4, 9, ttl=63))], {'ipv6-disabled': 1})
finish()
