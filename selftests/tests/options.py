#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow options_early
"""Options are opaque: whatever they are, they come back byte for byte. What is
reserved in the fixed header comes back zero. Topology: wirelab.py"""
import itertools
import random
from wirelab import (INNER, Lab, aws, filler, finish, geneve, inner4, inner6, option, swapped,
                     wire)

lab = Lab()
random.seed(6081)


def few(length):
    """Options of that many bytes in all, as large as they can be"""
    out = b''
    while len(out) < length:
        data = min(length - len(out) - 4, 124)
        out += option(0x0108, len(out) & 0x7f, filler(data, len(out))[:data])
    return out


def many(length):
    return b''.join(option(n, n & 0x7f) for n in range(length // 4))


def mixed(length):
    """Lengths and bytes by chance, the critical bit never"""
    out = b''
    while len(out) < length:
        words = random.randint(0, min((length - len(out)) // 4 - 1, 31))
        out += option(random.getrandbits(16), random.getrandbits(7),
                      bytes(random.getrandbits(8) for _ in range(4 * words)))
    return out


for k, (outer, inner, check) in enumerate(itertools.product((4, 6), (4, 6), (True, False))):
    lab.bounce('options of 0 to 252 bytes, few, many or mixed; IPv%d in IPv%d, UDP checksum %s'
               % (inner, outer, 'right' if check else 'zero'),
               [wire(geneve(INNER[inner](), (few, many, mixed)[(n // 4 + k) % 3](n)),
                     family=outer, check=check) for n in range(0, 253, 4)])
lab.bounce('one option of 0 to 124 bytes', [
    wire(geneve(inner4(), option(cls, 1, filler(n)[:n]))) for n in range(0, 125, 4)
    for cls in (0x0108, 0x1234)])
# 9001 of the uplink less 20 + 8 + 8 bytes and 40 + 8 + 8
lab.bounce('the largest packet that fits beside 0 to 252 bytes of options', [
    wire(geneve(inner4((8965, 8945)[family == 6] - n, frag=0x4000), few(n)), family=family)
    for n in (0, 4, 32, 128, 252) for family in (4, 6)])

three = (aws()[:12], aws()[12:24], aws()[24:])
lab.bounce('the three options in any order, doubled, less than three', [
    wire(geneve(inner4(), b''.join(order)))
    for count in range(4) for order in itertools.product(three, repeat=count)])
lab.bounce('a strange option before, between and behind the three', [
    wire(geneve(f(), aws()[:n] + option(0xabcd, 0x55, bytes(range(size))) + aws()[n:]))
    for n in (0, 12, 24, 32) for size in (0, 64) for f in (inner4, inner6)])

lab.bounce('class 0x0167, every direction in front of the cookie', [
    wire(geneve(f(), aws(direction << 29 | cookie, cls=0x0167)))
    for direction in range(8) for cookie in (0, 0x18ef1b00)
    for f in (inner4, inner6)])
lab.bounce('classes 0x0108 and 0x0167 in one packet', [
    wire(geneve(inner4(), a + b)) for a, b in itertools.permutations(
        (aws(1, 1), aws(2, 2, 0x0167), aws(3, 3), aws(4, 4, 0x0167)), 2)])
lab.bounce('every type, without the critical bit', [
    wire(geneve(inner4(), option((0x0108, 0x0167, 0x5678)[kind % 3], kind, b'type' * (kind & 3))))
    for kind in range(128)])
lab.bounce('known types of other lengths than theirs', [
    wire(geneve(inner4(), option(cls, kind, bytes(range(n)))))
    for cls in (0x0108, 0x0167) for kind in (1, 2, 3) for n in (0, 4, 8, 12, 124)])
lab.bounce('classes 0, 0xffff, those beside the known ones, every bit, 50 others', [
    wire(geneve(inner4(), option(cls, 1, b'endpoint') + option(cls, 2, bytes(8))
                + option(cls, 3, b'cook')))
    for cls in (0, 0xffff, 0x0100, 0x0107, 0x0109, 0x0166, 0x0168, 0x0801, 0x6701,
                *(1 << bit for bit in range(16)), *random.sample(range(0x10000), 50))])
lab.bounce('data of zeros, of ones, of every byte', [
    wire(geneve(inner4(), options)) for options in (
        bytes(252), option(0, 0, bytes(124)), option(0xffff, 0x7f, b'\xff' * 124), aws(0, 0),
        aws(0xffffffff, 0xffffffffffffffff), option(1, 1, bytes(range(124)))
        + option(1, 1, bytes(range(124, 244))), option(1, 1, bytes(range(244, 256))))])

# C flags that are to come back: with them the checksum is the same again
for family, f in ((4, inner4), (6, inner6)):
    critical = [option(cls, 0x80 | kind, bytes(size)) for cls in (0x0108, 0x0167)
                for kind, size in ((1, 8), (2, 8), (3, 4))]
    critical += [b''.join(critical[:3]), aws() + critical[3], critical[0] + aws(),
                 option(9, 9, bytes(8)) + critical[5]]
    for flags in 0x40, 0:
        lab.bounce('IPv%d: critical options that are known, C flag %s: back with the flag on'
                   % (family, 'on' if flags else 'off'),
                   [wire(geneve(f(), o, flags=flags), family=family) for o in critical],
                   [swapped(wire(geneve(f(), o, flags=0x40), family=family)) for o in critical])
    for check in True, False:
        lab.bounce('IPv%d: reserved flags, reserved byte, C flag without need: ignored, back zero; '
                   'UDP checksum %s' % (family, 'right' if check else 'zero'), *(
                       [turn(wire(geneve(f(), o, flags=mask & flags, reserved=mask & reserved),
                                  family=family, check=check))
                        for flags, reserved in (*((1 << bit, 0) for bit in range(7)),
                                                *((0, 1 << bit) for bit in range(8)), (0x7f, 0xff))
                        for o in (b'', aws())]
                       for turn, mask in ((bytes, 0xff), (swapped, 0))))
lab.bounce('reserved bits of an option\'s header come back', [
    wire(geneve(f(), option(cls, 1, bytes(8), bits << 5 | 2)
                + option(cls, 3, b'cook', bits << 5 | 1) + option(5, 5, b'', bits << 5)))
    for bits in range(8) for cls in (0x0108, 0x0167, 0x1234) for f in (inner4, inner6)])

lab.bounce('VNIs 0, 1, of all ones, 30 others', [
    wire(geneve(f(), o, vni=vni), family=family)
    for vni in (0, 1, 0xff, 0x100, 0xffff, 0x10000, 0x7fffff, 0x800000, 0xfffffe, 0xffffff,
                *random.sample(range(1 << 24), 30))
    for f, o, family in ((inner4, b'', 4), (inner6, aws(), 6))])

# ---- what differs in one respect only is not taken for the same
twins = (aws(), aws(cls=0x0167), aws(0x98ef1b01), aws(endpoint=0x2356de92d389839d),
         aws() + bytes(4), aws()[:-8], aws()[12:24] + aws()[:12] + aws()[24:],
         aws()[:24] + option(0x0108, 3, b'\x98\xef\x1b\0', words=0x21), b'', bytes(4), bytes(8),
         few(248), few(252), few(252)[:-1] + b'x')
sent = [wire(geneve(inner4(tos=i), twins[i % len(twins)], vni=(0, 1)[i // len(twins) % 2]),
             sport=60001 + (i // len(twins) // 2 % 2), check=bool(i % 3))
        for i in range(len(twins) * 12)]
lab.bounce('one tuple, %d sets of options, two VNIs, two outer ports, two kinds of checksum'
           % len(twins), sent)
lab.bounce('the same in any order', random.sample(sent, len(sent)))
finish()
