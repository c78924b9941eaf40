#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow malformed_early
"""What must be refused: each kind is counted under its own cause and under no
other, is not answered, says nothing in the log, and the packets around it come
back untouched. Topology: wirelab.py"""
import os
import random
import re
import struct
from wirelab import (APP4, APP4B, APP6, APP6B, EARLY, GW4, GW6, UAPI, UDP, Lab, addr, attribute, aws,
                     configure, difference, finish, fragments, geneve, inner4, inner6, ip6, nest,
                     netns, ok, option, run, swapped, wire, without_id)

lab = Lab()
UDP_REFUSES = [udp + what for udp in ('Udp', 'Udp6')
               for what in ('InErrors', 'InCsumErrors', 'NoPorts')]
log = os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK)
# an emulated machine has its own complaints
NOISE = re.compile(r'clocksource|sched_clock|hrtimer|perf: |workqueue|TSC|gwlb-test|becomes ready|crng')


def log_lines():
    """What the kernel said since the last call"""
    lines = []
    while True:
        try:
            line = os.read(log, 8192).decode(errors='replace')
        except BlockingIOError:
            return lines
        except BrokenPipeError:
            lines.append('(more than the log can hold)')
            continue
        if not NOISE.search(line):
            lines.append(line.strip())


def state():
    """Counters by reason; rx errors and drops of gwlb0; number of flows; what
    UDP itself refused"""
    with netns('app'):
        with open('/proc/net/dev') as f:
            errors, drops = next(line.split()[3:5] for line in f if 'gwlb0:' in line)
    flows = next(v for k, v in lab.genl.ask(UAPI['GWLB_CMD_LINK_GET'], UAPI['GWLB_A_LINK_IFNAME'],
                                            b'gwlb0\0') if k == UAPI['GWLB_A_LINK_FLOWS'])
    return {'rx-errors': int(errors), 'rx-dropped': int(drops), 'flows': flows[0],
            'reasons': lab.genl.counters(),
            'udp': lab.snmp(*UDP_REFUSES)}


def change(a, b):
    return {k: v - a.get(k, 0) for k, v in b.items() if v != a.get(k, 0)}


GOOD = [wire(geneve(p), family=f) for f in (4, 6)
        for p in (inner4(), inner6(), inner4(700), inner6(700))]
BACK = [swapped(p) for p in GOOD]
lab.bounce('good ones', GOOD)
log_lines()
everything = []
DROPPED = ('link-down', 'sender')


def refused(name, bad, reasons, refused_by_udp=None):
    """bad: packets, or lists of fragments; reasons: what they are counted under"""
    bad = [p if isinstance(p, list) else [p] for p in bad]
    before, want, why = state(), [], []
    for i, packet in enumerate(bad):
        for part in packet:
            lab.send(part)
        if i % 4 == 3 or i == len(bad) - 1:
            lab.send(GOOD[i // 4 % len(GOOD)])
            want.append(BACK[i // 4 % len(GOOD)])
    back = [without_id(p) for p in lab.receive(len(want))]
    after = state()
    if back != want:
        why.append('%d came back for %d good ones; %s' % (len(back), len(want), next(
            (difference(w, g) for w, g in zip(want, back + [None] * len(want)) if w != g), '')))
    count = change(before['reasons'], after['reasons'])
    for key in 'rx-packets', 'tx-packets':
        if count.pop(key, 0) != len(want):
            why.append('%s does not count the good ones alone' % key)
        count.pop(key.replace('packets', 'bytes'), 0)
    if count != reasons:
        why.append('counted as %s instead of %s' % (count, reasons))
    dropped = sum(v for k, v in reasons.items() if k in DROPPED)
    rtnl = (after['rx-errors'] - before['rx-errors'], after['rx-dropped'] - before['rx-dropped'])
    if rtnl != (sum(reasons.values()) - dropped, dropped):
        why.append('rx errors and drops of the link: %s' % (rtnl,))
    if after['flows'] != before['flows']:
        why.append('%d flows became %d' % (before['flows'], after['flows']))
    count = change(before['udp'], after['udp'])
    if count != (refused_by_udp or {}):
        why.append('UDP itself refused %s' % count)
    why += log_lines()
    ok(not why, name, '\n'.join(why[:8]))


def malformed(reason, name, *payloads):
    """GENEVE over both families, with and without an outer checksum"""
    bad = [wire(p, family=f, check=c) for p in payloads for f in (4, 6) for c in (True, False)]
    everything.extend((reason, p) for p in bad)
    refused('%s: %s' % (reason, name), bad, {reason: len(bad)})


whole = geneve(inner4())
for n in range(8):
    malformed('geneve-short', '%d bytes' % n, whole[:n], bytes(n), b'\xff' * n)

for n in 1, 2, 3:
    malformed('geneve-version', 'version %d' % n, geneve(inner4(), version=n),
              geneve(inner6(), version=n))
malformed('geneve-version', 'version 1, O flag, bad options', geneve(b'E', b'\xff' * 4, version=1,
                                                                      flags=0x80, proto=0))

malformed('geneve-control', 'O flag', geneve(inner4(), flags=0x80), geneve(inner6(), flags=0x80))
malformed('geneve-control', 'O flag with C and all reserved flags', geneve(inner4(), flags=0xff))
malformed('geneve-control', 'O flag, no options, nothing inside', geneve(b'', b'', proto=0x0800,
                                                                          flags=0x80))

malformed('geneve-options', '4 bytes, none there', geneve(b'', b'', proto=0x0800, words=1))
malformed('geneve-options', '252 bytes, none there', geneve(b'', b'', proto=0x0800, words=63))
malformed('geneve-options', 'cut at every byte', *(geneve(b'', aws()[:n], proto=0x0800, words=8)
                                                   for n in range(1, 32)))
malformed('geneve-options', '252 bytes, 251 there', geneve(b'', bytes(251), proto=0x86dd, words=63))
malformed('geneve-options', '252 bytes, the inner packet ends before',
          geneve(inner4(), words=63), geneve(inner6(), words=63))

malformed('option-length', 'one option, 1 word too long',
          geneve(inner4(), option(0x0108, 9, words=1)))
malformed('option-length', 'one option, 31 words of none',
          geneve(inner6(), option(0x0108, 9, words=31)))
malformed('option-length', 'reserved bits and 31 words of none',
          geneve(inner6(), option(0x0108, 9, words=0xff)))
malformed('option-length', 'the cookie runs into the inner packet',
          geneve(inner4(), aws()[:24] + option(0x0108, 3, bytes(4), words=2)))
malformed('option-length', 'the first of three runs past them all',
          geneve(inner4(), option(0x0108, 1, bytes(8), words=8) + aws()[12:]))
malformed('option-length', 'the last of 63',
          geneve(inner4(), option(1, 1) * 62 + option(1, 1, words=1)))
malformed('option-length', 'the last of 252 bytes', geneve(
    inner6(), option(1, 1, bytes(120)) + option(1, 1, bytes(120)) + option(1, 1, words=1)))
malformed('option-length', 'a critical one that is known',
          geneve(inner4(), option(0x0108, 0x81, words=2)))
malformed('option-length', 'a critical one that is unknown',
          geneve(inner4(), option(0x0109, 0x81, words=1)))
malformed('option-length', 'the options announce a word too few', geneve(inner4(), words=7))

for cls, kind in ((0x0108, 0x80), (0x0108, 0x84), (0x0108, 0xff), (0x0167, 0x80), (0x0167, 0x84),
                  (0x0167, 0xff), (0, 0x80), (0, 0x81), (0x0100, 0x81), (0x0107, 0x81),
                  (0x0801, 0x81), (0x6701, 0x83), (0xff08, 0x83), (0xffff, 0xff)):
    malformed('option-critical', 'class 0x%04x type 0x%02x, C flag off and on' % (cls, kind), *(
        geneve(inner4(), option(cls, kind, bytes(4)), flags=f) for f in (0, 0x40)))
strange = option(0x0104, 0x80, b'data')
malformed('option-critical', 'before, between and behind good ones', *(
    geneve(inner6(), aws()[:n] + strange + aws()[n:]) for n in (0, 12, 24, 32)))
malformed('option-critical', 'without data, with 124 bytes', *(
    geneve(inner6(), option(0x0104, 0xff, bytes(n))) for n in (0, 124)))
malformed('option-critical', 'the last of 63',
          geneve(inner4(), option(1, 1) * 62 + option(1, 0x81)))
malformed('option-critical', 'behind critical ones that are known',
          geneve(inner4(), option(0x0108, 0x81, bytes(8)) + option(0x0108, 0x83, bytes(4))
                 + strange))

for proto, name in ((0x6558, 'Ethernet'), (0x8847, 'MPLS'), (0x8848, 'MPLS multicast'),
                    (0x0806, 'ARP'), (0x894f, 'NSH'), (0x8100, 'VLAN'), (0, '0'),
                    (0x0801, '0x0801'), (0x86dc, '0x86dc'), (0x0008, 'IPv4 turned round'),
                    (0xffff, '0xffff')):
    malformed('protocol', name, geneve(inner4(), proto=proto), geneve(inner6(), proto=proto))
malformed('protocol', 'Ethernet, an IPv4 packet behind its header',
          geneve(bytes(12) + b'\x08\x00' + inner4(), proto=0x6558))
malformed('protocol', 'nothing inside', geneve(b'', proto=0x6558), geneve(b'', b'', proto=0))

malformed('inner-short', 'nothing inside', *(geneve(b'', o, proto=p)
                                             for p in (0x0800, 0x86dd) for o in (b'', aws())))
malformed('inner-short', 'IPv4 header cut at every byte',
          *(geneve(inner4()[:n]) for n in range(1, 20)))
malformed('inner-short', 'IPv6 header cut at every byte',
          *(geneve(inner6()[:n]) for n in range(1, 40)))
malformed('inner-short', 'IPv4 options cut', *(geneve(inner4(120, options=b'\x01' * 40)[:n])
                                               for n in (20, 21, 40, 59)))
malformed('inner-short', 'IPv4 options announced, none there', geneve(inner4(20, ihl=6)),
          geneve(inner4(20, ihl=15)))

malformed('inner-version', 'IPv6 announced as IPv4', geneve(inner6(), proto=0x0800))
malformed('inner-version', 'IPv4 announced as IPv6', geneve(inner4(), proto=0x86dd))
for n in 0, 5, 6, 15:
    malformed('inner-version', 'version %d announced as IPv4' % n,
              geneve(bytes([n << 4 | 5]) + inner4()[1:], proto=0x0800))
for n in 0, 4, 7, 15:
    malformed('inner-version', 'version %d announced as IPv6' % n,
              geneve(bytes([n << 4]) + inner6()[1:], proto=0x86dd))

for n in range(5):
    malformed('inner-length', 'IPv4 header of %d words' % n, geneve(inner4(ihl=n)))
malformed('inner-length', 'IPv4 total length 1 beyond the packet', geneve(inner4(84, total=85)))
malformed('inner-length', 'IPv4 total length 65535', geneve(inner4(84, total=65535)))
malformed('inner-length', 'IPv4 total length 0',
          geneve(inner4(84, total=0)), geneve(inner4(20, total=0)))
malformed('inner-length', 'IPv4 total length below the least header',
          *(geneve(inner4(84, total=n)) for n in (1, 4, 19)))
malformed('inner-length', 'IPv4 total length below the header with options',
          *(geneve(inner4(120, options=bytes(40), total=n)) for n in (20, 56, 59)))
malformed('inner-length', 'IPv4 cut behind its header',
          *(geneve(inner4()[:n]) for n in (20, 21, 28, 83)))
malformed('inner-length', 'IPv6 payload length 1 beyond the packet', geneve(inner6(104)[:-1]),
          geneve(ip6(GW6, APP6, UDP, bytes(8), length=9)))
malformed('inner-length', 'IPv6 payload length 65535',
          geneve(ip6(GW6, APP6, UDP, bytes(8), length=65535)))
malformed('inner-length', 'IPv6 cut behind its header',
          *(geneve(inner6()[:n]) for n in (40, 41, 48, 103)))
malformed('inner-length', 'IPv6 jumbogram', geneve(
    ip6('2001:db8::1', '2001:db8::2', 0, b'\x11\0\xc2\x04\0\1\0\0' + bytes(100), length=0)))
malformed('inner-length', 'IPv6 payload length 0, hop-by-hop options', geneve(
    ip6('2001:db8::1', '2001:db8::2', 0, b'\x11\0\x01\x04\0\0\0\0', length=0)))

right = struct.unpack('!H', inner4()[10:12])[0]
for name, value in (('0', 0), ('0xffff', 0xffff), ('1 more', right + 1), ('1 less', right - 1),
                    ('bytes swapped', right >> 8 | (right & 0xff) << 8),
                    ('not inverted', ~right & 0xffff)):
    malformed('inner-checksum', 'IPv4 header checksum %s' % name, geneve(inner4(check=value)))
header = bytearray(inner4())
for n in 1, 4, 6, 8, 9, 12, 16, 19:
    header[n] ^= 0x20
    malformed('inner-checksum', 'byte %d of the IPv4 header changed' % n, geneve(bytes(header)))
    header[n] ^= 0x20
header = bytearray(inner4(120, options=b'\x01' * 40))
header[59] ^= 1
malformed('inner-checksum', 'last byte of the IPv4 options changed', geneve(bytes(header)))

version1 = geneve(inner4(1000), version=1)
for f in 4, 6:
    refused('fragments of an outer IPv%d packet of version 1' % f, [
        fragments(wire(version1, family=f), 512, ident=i) for i in range(4)], {'geneve-version': 4})


def spoiled(packet, at):
    return packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1:]


def udp_length(packet, length):
    at = (40 if packet[0] >> 4 == 6 else 20) + 4
    return packet[:at] + struct.pack('!H', length) + packet[at + 2:]


# UDP refuses and counts these; they are none of the link's unless it caught them
for f, head, csum, errors in ((4, 20, 'UdpInCsumErrors', 'UdpInErrors'),
                              (6, 40, 'Udp6InCsumErrors', 'Udp6InErrors')):
    p = wire(whole, family=f)
    refused('wrong outer UDP checksum, IPv%d' % f,
            [spoiled(p, at) for at in (head + 6, head + 7, head + 8, head + 12, len(p) - 1)]
            + [wire(geneve(inner4(), version=1), family=f, check=0x1234)],
            *(({'outer-checksum': 6},) if EARLY else ({}, {csum: 6, errors: 6})))
    refused('outer UDP length below its header or beyond the packet, IPv%d' % f,
            [udp_length(p, n) for n in (7, 1, len(p) - head + 1)],
            {}, {errors: 3})

# what looks wrong and is not
no_sum = inner4(ident=struct.unpack('!H', inner4()[10:12])[0])
lab.bounce('a header checksum of 0, also written as 0xffff', [
    wire(geneve(no_sum[:10] + check + no_sum[12:])) for check in (b'\0\0', b'\xff\xff')])
lab.bounce('bytes behind the outer UDP length are cut off', [
    udp_length(wire(whole + bytes(n), family=f, check=False), 8 + len(whole))
    for n in (1, 4, 100) for f in (4, 6)],
           [swapped(wire(whole, family=f, check=False)) for _ in range(3) for f in (4, 6)])
lab.bounce('IPv6 payload length 0 and no hop-by-hop options', [wire(geneve(
    ip6('2001:db8::1', '2001:db8::2', proto, b'', length=0))) for proto in (6, 17, 59)])

# all of them, in any order, and many
random.seed(6081)
flood = random.choices(everything, k=3000)
total = {}
for reason, _ in flood:
    total[reason] = total.get(reason, 0) + 1
refused('%d of all kinds in any order' % len(flood), [p for _, p in flood], total)

# ---- what the configuration refuses


def prefixes(*texts):
    return nest(UAPI['GWLB_A_CONF_ALLOW'], *(
        nest(UAPI['GWLB_A_ALLOW_PREFIX'],
             attribute(UAPI['GWLB_A_PREFIX_ADDRESS'], addr(text.split('/')[0])),
             attribute(UAPI['GWLB_A_PREFIX_LENGTH'], bytes([int(text.split('/')[1])])))
        for text in texts))


OTHER4 = ('10.254.11.59', '10.254.11.61', '10.254.11.100', '10.254.10.60', '192.0.2.1')
OTHER6 = ('fd11::61', 'fd11::1:60', 'fd12::60', '2001:db8::60', 'fe80::60')
configure('app', [prefixes(GW4 + '/32', GW6 + '/128')])
refused('sender: IPv4, not on the list of single addresses',
        [wire(whole, a, APP4) for a in OTHER4], {'sender': len(OTHER4)})
refused('sender: IPv6, not on the list of single addresses',
        [wire(whole, a, APP6) for a in OTHER6], {'sender': len(OTHER6)})
refused('sender: whatever else is wrong with the packet',
        [wire(p, OTHER4[0], APP4) for p in (b'', version1, geneve(b'', proto=1), whole[:60])],
        {'sender': 4})
refused('sender: an allowed one is refused for what it sends',
        [wire(version1, family=4), wire(version1, family=6)], {'geneve-version': 2})
configure('app', [prefixes('10.254.11.32/27', 'fd11::/113')])
refused('sender: just outside of prefixes of odd lengths',
        [wire(whole, a, APP4) for a in ('10.254.11.31', '10.254.11.64')]
        + [wire(whole, a, APP6) for a in ('fd11::8000', 'fd11::1:0')], {'sender': 4})
configure('app', [prefixes('fd11::/64')])
before = lab.genl.counters()
back = lab.exchange([wire(whole, family=4), wire(whole, family=6)], 1)
ok(back == [swapped(wire(whole, family=6))] and
   lab.drops_since(before, 1) == {'sender': 1} and not log_lines(),
   'sender: IPv4, with a list of IPv6 only', lab.drops_since(before))
configure('app', [prefixes('10.254.0.0/16')])
before = lab.genl.counters()
back = lab.exchange([wire(whole, family=6), wire(whole, family=4)], 1)
ok(back == [swapped(wire(whole, family=4))] and
   lab.drops_since(before, 1) == {'sender': 1} and not log_lines(),
   'sender: IPv6, with a list of IPv4 only', lab.drops_since(before))
configure('app', [prefixes()])

configure('app', [attribute(UAPI['GWLB_A_CONF_CRITICAL'], bytes([UAPI['GWLB_CRITICAL_PASS']]))])


lab.bounce('critical pass: unknown critical options come back, the C flag set', *(
    [turn(wire(geneve(inner4(), o, flags=f), family=family))
     for o in (strange, aws() + strange, strange + aws(), option(0x0108, 0xff))
     for f in flags for family in (4, 6)]
    for turn, flags in ((bytes, (0, 0x40)), (swapped, (0x40, 0x40)))))
malformed('option-length', 'critical pass: a critical one that is unknown',
          geneve(inner4(), option(0x0109, 0x81, words=1)))
malformed('geneve-control', 'critical pass: O flag', geneve(inner4(), strange, flags=0x80))

# ---- what is not for this link, or not now

run('ip -n app link set gwlb0 down')
before = lab.genl.counters()
back = lab.exchange([wire(p, family=f) for p in (whole, version1) for f in (4, 6)], 0)
ok(not back and lab.drops_since(before, 4) == {'link-down': 4} and not log_lines(),
   'link-down: of whatever is sent to a link that is down',
   (len(back), lab.drops_since(before)))
run('ip -n app link del gwlb0')
for local, ends, others in ((APP4, (GW4, APP4), ((GW4, APP4B), (GW6, APP6))),
                            (APP6, (GW6, APP6), ((GW6, APP6B), (GW4, APP4)))):
    configure('app', [attribute(UAPI['GWLB_A_CONF_LOCAL'], addr(local))], create=True)
    run('ip -n app link set gwlb0 up')
    before = lab.snmp('UdpNoPorts', 'Udp6NoPorts')
    sent = [wire(whole, *e) for e in (*others, ends)]
    back = lab.exchange(sent, 1)
    ports = change(before, lab.snmp(*before))
    ok(back == [swapped(sent[-1])] and not lab.drops_since({}) and
       ports == {'UdpNoPorts': 1, 'Udp6NoPorts': 1} and not log_lines(),
       'local %s: another address or family is not for the link' % local,
       (len(back), lab.drops_since({}), ports))
    run('ip -n app link del gwlb0')
finish()
