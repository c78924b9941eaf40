#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""SYNPROXY on gwlb0: what it sends to the client and, in its name, to the
server goes under the contexts of their directions. Topology: wirelab.py"""
import struct
from nflab import A, B, IP, nft, of
from wirelab import TCP, Lab, addr, checksum, finish, ok, pseudo, run

SYN, ACK, PSH = 2, 0x10, 8
lab = Lab()
for v in 4, 6:
    run('ip -n app -%d route add default dev gwlb0 metric 4294967295' % v)
nft('''
table inet t {
    chain pre {
        type filter hook prerouting priority raw
        tcp dport 80 tcp flags & (syn | ack) == syn notrack
    }
    chain forward {
        type filter hook forward priority filter
        tcp dport 80 ct state invalid,untracked synproxy mss 1460
        ct state invalid drop
    }
}
''')
run('ip netns exec app sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0')


def segment(v, forth, seq, ack, flags, data=b''):
    src, dst, sport, dport = (A[v], B[v], 1111, 80) if forth else (B[v], A[v], 80, 1111)
    head = struct.pack('!HHIIBBHHH', sport, dport, seq, ack, 5 << 4, flags, 512, 0, 0)
    check = checksum(pseudo(src, dst, TCP, 20 + len(data)) + head + data)
    return IP[v](src, dst, TCP, head[:16] + struct.pack('!H', check) + head[18:] + data)


def read(v, packets):
    """Each as context (None if it is neither 1 nor 2), forth, seq, ack, flags, data"""
    for p in packets:
        context = next((c for c in (1, 2) if p[20:24] + p[28:68] ==
                        of(c, segment(v, True, 0, 0, 0))[20:24] +
                        of(c, segment(v, True, 0, 0, 0))[28:68]), None)
        inner = p[68:]
        src, dst, t = (inner[12:16], inner[16:20], inner[20:]) if v == 4 else \
            (inner[8:24], inner[24:40], inner[40:])
        forth = (src, dst) == (addr(A[v]), addr(B[v]))
        good = (forth or (src, dst) == (addr(B[v]), addr(A[v]))) and \
            not checksum(src + dst + struct.pack('!II', len(t), TCP) + t)
        seq, ack, offset, flags = struct.unpack('!IIBB', t[4:14])
        yield (context if good else None, forth, seq, ack, flags & 0x3f, t[(offset >> 4) * 4:])


def exchange(v, context, packet, want):
    lab.send(of(context, packet))
    return sorted(read(v, lab.receive(want)))


for v in 4, 6:
    name = 'IPv%d, SYNPROXY: ' % v
    before = lab.genl.counters()
    got = exchange(v, 1, segment(v, True, 7, 0, SYN), 1)
    ok(len(got) == 1 and got[0][:2] == (1, False) and got[0][3:5] == (8, SYN | ACK),
       name + 'the client has its answer', got)
    if not got:
        continue
    cookie = got[0][2]
    got = exchange(v, 1, segment(v, True, 8, cookie + 1 & 0xffffffff, ACK), 1)
    ok(len(got) == 1 and got[0][:3] == (1, True, 7) and got[0][4] == SYN,
       name + 'and confirms it: the server is asked in its name', got)
    got = exchange(v, 2, segment(v, False, 1000, 8, SYN | ACK), 2)
    ok(len(got) == 2 and got[0][:5] == (1, True, 8, 1001, ACK) and
       got[1][:5] == (2, False, cookie + 1 & 0xffffffff, 8, ACK),
       name + 'the server answers: both are told, each under its context', got)
    got = exchange(v, 1, segment(v, True, 8, cookie + 1 & 0xffffffff, ACK | PSH, b'question'), 1)
    ok(got == [(1, True, 8, 1001, ACK | PSH, b'question')], name + 'data', got)
    got = exchange(v, 2, segment(v, False, 1001, 16, ACK | PSH, b'answer'), 1)
    ok(got == [(2, False, cookie + 1 & 0xffffffff, 16, ACK | PSH, b'answer')],
       name + 'data the other way', got)
    ok(not lab.drops_since(before), name + 'nothing dropped', lab.drops_since(before))
finish()
