#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What comes back is what was sent: families, checksums, sizes, protocols,
addresses, fragments, the outer header. Topology: wirelab.py"""
import struct
from wirelab import (APP, APP4, APP4B, APP6, APP6B, DF, ESP, GRE, GW, GW4, GW6, ICMP, ICMP6, INNER,
                     MF, SCTP, TCP, UDP, Lab, checksum, difference, filler, finish, fragments,
                     geneve, icmp, inner4, inner6, ip4, ip6, ok, pseudo, swapped, tcp, udp, wire,
                     without_id)

lab = Lab()
BOTH = ((4, 4), (4, 6), (6, 4), (6, 6))

for outer, inner in BOTH:
    for check in (True, False):
        lab.bounce('IPv%d in IPv%d, UDP checksum %s' % (inner, outer, 'right' if check else 'zero'),
                   [wire(geneve(INNER[inner]()), family=outer, check=check)])

start = {4: 20, 6: 40}
for outer, inner in BOTH:
    sizes = [*range(start[inner], 201), *range(233, 8900, 331), 1279, 1280, 1281, 1431, 1432, 1433,
             *range(1498, 1503), *range(8498, 8503), 8566, 8567, 8568, 8569, 8899, 8900]
    lab.bounce('IPv%d in IPv%d, %d sizes of %d to 8900 bytes'
               % (inner, outer, len(sizes), start[inner]),
               [wire(geneve(INNER[inner](n)), family=outer) for n in sizes])
# all bytes of a packet, the checksum's too
lab.bounce('sizes of 8490 to 8510 without UDP checksum',
           [wire(geneve(inner4(n)), check=False) for n in range(8490, 8511)])

lab.bounce('every bit of the VNI', [wire(geneve(inner4(), vni=1 << bit)) for bit in range(24)])
lab.bounce('source ports', [wire(geneve(inner4()), sport=p) for p in
                            (1, 53, 1023, 6080, 6081, 6082, 49152, 60001, 65535)])
for family in 4, 6:
    other = {4: APP4B, 6: APP6B}[family]
    lab.bounce('IPv%d: source is the address that it came to' % family,
               [wire(geneve(inner4(ident=i)), GW[family], (APP[family], other)[i % 2])
                for i in range(8)])

# the outer header is the appliance's own, whatever the other was
plain = wire(geneve(inner4()))
outers = [wire(geneve(inner4()), **ip) for ip in (
    {'ttl': 1}, {'ttl': 255, 'tos': 0xb8}, {'tos': 0xff}, {'tos': 3}, {'frag': DF},
    {'ident': 0x7777}, {'options': b'\x01\x01\x01\x00'}, {'options': b'\x07\x07\x04\0\0\0\0\0'})]
lab.bounce('IPv4: TTL 64, ToS 0, DF off, no IP options of the outer header',
           outers, [swapped(plain)] * len(outers))
plain = wire(geneve(inner4()), GW6, APP6)
outers = [wire(geneve(inner4()), GW6, APP6, **ip) for ip in (
    {'ttl': 1}, {'tos': 0xb8}, {'tos': 0xff}, {'flow': 0xfffff}, {'flow': 1})]
lab.bounce('IPv6: hop limit 64, traffic class 0, flow label 0',
           outers, [swapped(plain)] * len(outers))
sent = [wire(geneve(inner4()), ident=0x7777)] * 16
for packet in sent:
    lab.send(packet)
ids = [struct.unpack('!H', p[4:6])[0] for p in lab.receive(len(sent))]
ok(len(set(ids)) == len(sent), 'IPv4: ids are the appliance\'s own, and differ', ids)


def transports(src, dst, head, icmp_kind, icmp_proto, icmp_pseudo):
    """One packet of each protocol"""
    return [head(src, dst, proto, payload) for proto, payload in (
        (TCP, tcp(src, dst, 1024, 80, b'GET /')),
        (TCP, tcp(src, dst, 1024, 80, flags=0x02)),
        (UDP, udp(src, dst, 1024, 53, b'query')),
        (UDP, udp(src, dst, 1024, 53, b'no checksum', check=False)),
        (UDP, udp(src, dst, 1024, 53, b'a wrong one', check=0x1234)),
        (icmp_proto, icmp(icmp_kind, 1591, 370, filler(56), icmp_pseudo)),
        (icmp_proto, b'\x0c\x00' + bytes(6)),
        (GRE, struct.pack('!HH', 0, 0x0800) + inner4(40)),
        (ESP, struct.pack('!II', 0xc001, 7) + filler(64)),
        (SCTP, struct.pack('!HHII', 2905, 2905, 1, 0) + filler(16)),
        (132, b''), (TCP, b'\x04'), (UDP, b''), (icmp_proto, b'\x08'),
        (253, filler(20)), (255, b'x'), (0, filler(16)))]


A4, B4, A6, B6 = '10.1.21.101', '54.230.62.60', '2001:db8::101', '2001:db8:ffff::60'
four = transports(A4, B4, ip4, 8, ICMP, b'')
six = transports(A6, B6, ip6, 128, ICMP6, pseudo(A6, B6, ICMP6, 64))
lab.bounce('TCP, UDP, ICMP, GRE, ESP, SCTP and others in IPv4', [wire(geneve(p)) for p in four])
lab.bounce('TCP, UDP, ICMPv6, GRE, ESP, SCTP and others in IPv6', [wire(geneve(p)) for p in six])
lab.bounce('ToS, DF, evil bit, id, traffic class and flow label of the inner packet', [
    wire(geneve(p)) for p in (
        inner4(tos=0xff), inner4(tos=1), inner4(tos=3), inner4(frag=DF, ident=9),
        inner4(frag=0x8000), inner4(ident=0xffff), inner6(tos=0xff), inner6(tos=3),
        inner6(flow=0xabcde))])

RECORD_ROUTE = b'\x07\x27\x04' + bytes(36) + b'\0'
SOURCE_ROUTE = b'\x83\x0b\x04' + bytes([10, 9, 9, 9, 10, 8, 8, 8]) + b'\0'
lab.bounce('IP options: record route, source routes, timestamp, router alert, unknown, bad ones', [
    wire(geneve(inner4(120, options=o))) for o in (
        RECORD_ROUTE, SOURCE_ROUTE, b'\x89' + SOURCE_ROUTE[1:],
        b'\x44\x0c\x05\x00' + bytes(8), b'\x94\x04\0\0', b'\x01' * 40, b'\x1e\x04\0\0',
        b'\x82\x0b' + bytes(10), b'\x07\xff\xff\xff', b'\x83\x00\x00\x00', b'\xff\x01\x02\x03')])
lab.bounce('IPv6 extension headers: hop-by-hop, routing, destination, authentication, cut ones', [
    wire(geneve(p)) for p in (
        ip6(A6, B6, 0, b'\x3c\0\x05\x02\0\0\0\0' + b'\x2b\0\x01\x04\0\0\0\0'
            + b'\x11\x02\0\x01\0\0\0\0' + bytes(16) + udp(A6, B6, 1, 2)),
        ip6(A6, B6, 51, b'\x06\x04' + bytes(22) + tcp(A6, B6, 1, 2)),
        ip6(A6, B6, 0, b'\x11\0\xc2\x04\0\0\xff\xff' + udp(A6, B6, 1, 2)),
        ip6(A6, B6, 0, b'\x11\xff\x05\x02\0\0\0\0'), ip6(A6, B6, 60, b'\x11'),
        ip6(A6, B6, 59, b''))])

lab.bounce('inner TTL 0, 1 and others', [wire(geneve(f(ttl=n))) for n in (0, 1, 2, 64, 241, 254, 255)
                                         for f in (inner4, inner6)])
FOUR = ('0.0.0.0', '127.0.0.1', '224.0.0.1', '239.255.255.250', '255.255.255.255', '240.0.0.1',
        '169.254.1.1', '10.254.11.255', APP4, APP4B, GW4)
SIX = ('::', '::1', 'fe80::1', 'ff02::1', 'ff05::2', '::ffff:10.0.0.1', 'fc00::1', APP6, APP6B, GW6)
lab.bounce('loopback, multicast, zero, the appliance\'s own and other inner addresses',
           [wire(geneve(inner4(**{end: a}))) for a in FOUR for end in ('src', 'dst')]
           + [wire(geneve(inner6(**{end: a}))) for a in SIX for end in ('src', 'dst')]
           + [wire(geneve(inner4(src=a, dst=a))) for a in FOUR]
           + [wire(geneve(inner6(src=a, dst=a))) for a in SIX])

first_middle_last = [part for n in (8, 16, 24, 1400, 2960)
                     for p in (inner4(20 + 3 * n, ident=n), inner6(40 + 3 * n))
                     for part in fragments(p, n, ident=n)]
lab.bounce('first, middle and last inner fragments', [wire(geneve(p)) for p in first_middle_last])
lab.bounce('inner fragments of 0 to 8 bytes, lone ones, overlapping ones, of more than 64 KiB',
           [wire(geneve(ip4(A4, B4, UDP, filler(8)[:n], ident=5, frag=frag)))
            for n in range(9) for frag in (MF, MF | 1, 1, 2, 0x1fff, MF | DF)]
           + [wire(geneve(ip6(A6, B6, 44, struct.pack('!BBHI', UDP, 0, frag, 5) + filler(8)[:n])))
              for n in range(9) for frag in (0, 1, 9, 8, 16, 0xfff8)])


def trailing(inner, extra, **more):
    return wire(geneve(inner + extra, proto=0x86dd if inner[0] >> 4 == 6 else 0x0800), **more)


for outer, inner in BOTH:
    pairs = [(trailing(p, bytes(n), family=outer, check=check),
              swapped(wire(geneve(p), family=outer, check=check)))
             for n in (1, 2, 3, 4, 26, 100, 1400)
             for p in (INNER[inner](start[inner]), INNER[inner](77)) for check in (True, False)]
    lab.bounce('IPv%d in IPv%d: bytes behind the inner length are cut off' % (inner, outer),
               *map(list, zip(*pairs)))

# the kernel puts them together, so one comes back for several
for family in 4, 6:
    for order in 1, -1:
        whole = wire(geneve(inner4(3000)), family=family)
        before, pieces = lab.genl.counters(), fragments(whole, 1024)[::order]
        back = lab.exchange(pieces, 1)
        ok(back == [swapped(whole)] and not lab.drops_since(before),
           'fragments of the outer IPv%d packet, the %s one first'
           % (family, 'first' if order == 1 else 'last'),
           difference(swapped(whole), back[0] if back else None))

# rx and tx, packets and bytes, are those of the inner packets
before = lab.genl.counters()
sizes = [*range(20, 200), 1500, 8500, 8900]
back = lab.exchange([wire(geneve(inner4(n))) for n in sizes])
after = lab.genl.counters()
counted = [after[k] - before[k] for k in ('rx-packets', 'rx-bytes', 'tx-packets', 'tx-bytes')]
ok(counted == [len(sizes), sum(sizes)] * 2, 'counters of gwlb0 are exact', counted)
finish()
