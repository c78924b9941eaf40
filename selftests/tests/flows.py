#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Flows that only their cookies tell apart. Topology: wirelab.py"""
import struct
from wirelab import Lab, aws, finish, geneve, ip4, ip6, run, tcp, udp, wire

A4, B4, A6, B6 = '10.1.21.101', '54.230.62.60', '2001:db8::101', '2001:db8:ffff::60'
lab = Lab()

lab.bounce('two flows of one host pair, two cookies, interleaved, 10,000 packets', [
    wire(geneve(ip4(A4, B4, 17, udp(A4, B4, (1111, 2222)[i % 2], 53, struct.pack('!I', i))),
                aws((0x98ef1b00, 0x98ef1b01)[i % 2])), sport=(60001, 60002)[i % 2])
    for i in range(10000)])
lab.bounce('both directions of two flows, four cookies', [
    wire(geneve(ip4(*((A4, B4), (B4, A4))[i % 2], 17,
                    udp(A4, B4, *((1111, 53), (53, 1111))[i % 2], struct.pack('!I', i))),
                aws(0x11111111 * (i % 4))))
    for i in range(400)])
# whatever is remembered of a tuple, a packet has its own context
lab.bounce('one tuple, 16 cookies and outer ports', [
    wire(geneve(ip6(A6, B6, 17, udp(A6, B6, 1111, 53, struct.pack('!I', i))), aws(i % 16)),
         sport=60000 + i % 16) for i in range(800)])
lab.bounce('one tuple, two endpoints', [
    wire(geneve(ip4(A4, B4, 17, udp(A4, B4, 1111, 53, struct.pack('!I', i))),
                aws(endpoint=i % 2 + 1))) for i in range(400)])
lab.bounce('one tuple, two VNIs, two appliance addresses, both families', [
    wire(geneve(ip4(A4, B4, 17, udp(A4, B4, 1111, 53, struct.pack('!I', i))), vni=i % 2),
         *(('10.254.11.60', '10.254.11.101'), ('10.254.11.60', '10.254.11.102'),
           ('fd11::60', 'fd11::101'), ('fd11::60', 'fd11::102'))[i // 2 % 4]) for i in range(400)])


def segments(cookies, ports, count=400):
    """TCP segments in sequence, so that GRO may merge what is of one flow"""
    seq = [1] * len(ports)
    out = []
    for i in range(count):
        k = i % len(ports)
        data = bytes([i & 0xff]) * 1000
        out.append(wire(geneve(ip4(A4, B4, 6, tcp(A4, B4, ports[k], 80, data, seq[k], 0x10),
                                   ident=1 + i // len(ports), frag=0x4000),
                               aws(cookies[i % len(cookies)]))))
        seq[k] += len(data)
    return out


run('ip netns exec app ethtool -K eth0 gro on', check=False)
lab.bounce('GRO on eth0, one TCP flow', segments([1], [1111]))
lab.bounce('GRO on eth0, two TCP flows, two cookies', segments([1, 2], [1111, 2222]))
lab.bounce('GRO on eth0, one TCP flow under two cookies', segments([1, 2], [1111]))
finish()
