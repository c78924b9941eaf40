#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow wire_mtu_early
"""An uplink of MTU 1500 that inner packets of 1500 do not fit. What comes to
the appliance comes in fragments of the outer packet. Topology: wirelab.py"""
from wirelab import (APP, DF, GW, INNER, MF, Lab, difference, finish, fragments, geneve, inner4,
                     ip4, ok, run, swapped, wire,
                     without_id)

lab = Lab()
run('ip -n app link set eth0 mtu 1500')


def send(packet):
    """What comes back for it, and what was counted"""
    before = lab.genl.counters()
    for part in fragments(packet, 1024):
        lab.send(part)
    # the packet behind it tells when it is over
    fence = wire(geneve(inner4(28)))
    back = []
    lab.send(fence)
    while swapped(fence) not in back:
        more = lab.receive(1)
        if not more:
            break
        back += [without_id(p) for p in more]
    return [p for p in back if p != swapped(fence)], lab.drops_since(before)


def whole(back, family):
    """The inner packet that fragments were made of; None if they are not its,
    or their outer header and options are not those of a good answer"""
    head = {4: 20, 6: 40}[family] + 8 + 8 + 32
    payload, inner = b'', b''
    for p in back:
        inner = p[head:]
        if p != swapped(wire(geneve(inner), family=family)) or len(p) > 1500:
            return None
        at = int.from_bytes(inner[6:8], 'big')
        if (at & 0x1fff) * 8 != len(payload):
            return None
        payload += inner[20:]
    if not inner or int.from_bytes(inner[6:8], 'big') & MF:
        return None
    return ip4('10.1.21.101', '54.230.62.60', inner[9], payload, ttl=inner[8], tos=inner[1],
               ident=int.from_bytes(inner[4:6], 'big'))


for outer in 4, 6:
    fits = 1500 - {4: 20, 6: 40}[outer] - 8 - 8 - 32
    for inner in 4, 6:
        packet = wire(geneve(INNER[inner](fits, **({'frag': DF} if inner == 4 else {}))),
                      family=outer)
        back, drops = send(packet)
        ok(back == [swapped(packet)] and not drops,
           'IPv%d in IPv%d: %d bytes just fit' % (inner, outer, fits),
           difference(swapped(packet), back[0] if back else None))
        for size in fits + 1, 1500, 8500:
            packet = wire(geneve(INNER[inner](size, **({'frag': DF} if inner == 4 else {}))),
                          family=outer)
            back, drops = send(packet)
            # what comes back is an error: answers.py
            ok(len(back) == 1 and len(back[0]) < 1400 and drops == {'too-big': 1},
               'IPv%d in IPv%d: %d bytes are too big' % (inner, outer, size), (len(back), drops))
    for size in fits + 1, 1500, 1501, 3000, 8500:
        sent = inner4(size, ident=4321, tos=4, ttl=1)
        back, drops = send(wire(geneve(sent), family=outer))
        ok(len(back) > 1 and whole(back, outer) == sent and not drops,
           'IPv%d outer: %d bytes without DF come back in fragments' % (outer, size),
           (drops, [p.hex() for p in back]))
finish()
