#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# very slow
# timeout 900
"""100,000 packets of two networks with the same addresses and ports, through
stateful rules, NAT and a queue: each comes back under its own options.
Topology: wirelab.py"""
import struct
from nflab import A, B, Queue, R, V, dgram, nft
from wirelab import Lab, aws, finish, geneve, ok, swapped, wire, without_id

PACKETS, PORTS = 100000, 250
X, Y = 0x2356de92d389839c, 0x1111222233334444
lab = Lab()
nft('''
table inet t {
    chain dstnat {
        type nat hook prerouting priority dstnat
        ip daddr %s dnat to %s
    }
    chain srcnat {
        type nat hook postrouting priority srcnat
        ip saddr %s snat to %s
    }
    chain states {
        type filter hook forward priority 0
        udp sport 1000-9999 ct state != established ct state != new drop
        udp dport 1000-9999 ct state != established drop
    }
    chain held {
        type filter hook prerouting priority 10
        udp sport 5000-5049 queue num 1
    }
}''' % (V[4], B[4], A[4], R[4]))
queue = Queue(verdict='accept')


def of(endpoint, inner):
    return wire(geneve(inner, aws(endpoint & 0xffffffff, endpoint)))


sent, want = [], []
for port in range(5000, 5000 + PORTS):
    for endpoint in X, Y:
        data = struct.pack('!QH', endpoint, port)
        for there, comes in ((dgram(4, 53, A[4], V[4], port, data),
                              dgram(4, 53, R[4], B[4], port, data)),
                             (dgram(4, port, B[4], R[4], 53, data),
                              dgram(4, port, V[4], A[4], 53, data))):
            sent.append(of(endpoint, there))
            want.append(swapped(of(endpoint, comes)))
# what a queue held may come later than what followed it
rounds, wrong, missing = PACKETS // len(sent), [], 0
before = lab.genl.counters()
for _ in range(rounds):
    # both directions of a flow, one after the other, of both networks in turn
    for at in range(0, len(sent), 50):
        for direction in range(2):
            mine = [i for i in range(at, at + 50) if i % 2 == direction]
            for i in mine:
                lab.send(sent[i])
            got = sorted(without_id(p) for p in lab.receive(len(mine)))
            due = sorted(want[i] for i in mine)
            if got != due:
                wrong += [p for p in got if p not in due]
                missing += len(due) - len(got)
drops = lab.drops_since(before)
ok(not wrong and not missing and not drops, '%d packets, each under its own options' % (
    rounds * len(sent)), '%d wrong, %d missing, drops %s\n%s' % (
        len(wrong), missing, drops, '\n'.join(p.hex() for p in wrong[:4])))
queue.end()
finish()
