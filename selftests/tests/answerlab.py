# SPDX-License-Identifier: GPL-2.0
"""What tests share that look at answers: packets of the appliance's own making,
whose addresses, payload and checksums count, not each byte of the header.
Topology: wirelab.py"""
import struct
from nflab import A, B
from wirelab import ICMP, ICMP6, TCP, UDP, addr, checksum, difference, ok, pseudo


def split(p):
    """Source, destination, protocol, payload of an IP packet; None if a checksum is wrong"""
    if p[0] >> 4 == 6:
        src, dst, proto, payload = p[8:24], p[24:40], p[6], p[40:]
    else:
        src, dst, proto, payload = p[12:16], p[16:20], p[9], p[20:]
        if checksum(p[:20]):
            return None
    covered = payload if proto == ICMP else \
        src + dst + struct.pack('!II', len(payload), proto) + payload
    no_sum = proto == UDP and payload[6:8] == b'\0\0'
    return None if checksum(covered) and not no_sum else (src, dst, proto, payload)


def differs(packet, asked, like, source, target, proto, payload):
    """Why it is not the answer to the outer packet asked: that inner packet, under the options and
    between the ports that like came with"""
    _, _, _, sent = split(like)
    head = 8 + 8 + (sent[8] & 0x3f) * 4
    outer = split(packet)
    if outer is None:
        return ['wrong outer checksum']
    why = []
    if outer[:2] != (split(asked)[1], split(asked)[0]) or \
            outer[3][:4] + outer[3][8:head] != sent[:4] + sent[8:head] or \
            (outer[3][6:8] == b'\0\0') != (sent[6:8] == b'\0\0'):
        why.append('outer: %s' % packet[:100].hex())
    inner = split(outer[3][head:])
    if inner is None:
        why.append('wrong inner checksum: %s' % outer[3][head:].hex())
    elif inner != (addr(source), addr(target), proto, payload):
        why.append('inner: %s, %s' % (inner[:3], difference(payload, inner[3])))
    return why


def answered(lab, name, asked, source, target, proto, payload, drops=None, like=None, then=None):
    """The outer packet asked, and what is done then, is answered by one inner packet, which comes
    back under the options and between the ports that like, else asked came with"""
    before = lab.genl.counters()
    lab.send(asked)
    if then:
        then()
    back = lab.receive(1)
    counted = lab.drops_since(before, sum((drops or {}).values()))
    why = []
    if len(back) != 1 or counted != (drops or {}):
        why.append('%d packets came back, drops %s' % (len(back), counted))
    for packet in back:
        why += differs(packet, asked, like or asked, source, target, proto, payload)
    ok(not why, name, '\n'.join(why))


def unreachable(v, code, quoted, info=0, kind=None, src=None, dst=None):
    """ICMP error as the kernel builds it, its checksum included"""
    kind = kind or {4: 3, 6: 1}[v]
    quoted = quoted[:{4: 576 - 20, 6: 1280 - 40}[v] - 8]
    body = struct.pack('!BBHI', kind, code, 0, info) + quoted
    pre = b'' if v == 4 else pseudo(src or B[6], dst or A[6], ICMP6, len(body))
    return body[:2] + struct.pack('!H', checksum(pre + body)) + body[4:]


def reset(v, seq, payload, source=None, target=None, sport=80, dport=1111):
    """Of what had that sequence number and length"""
    source, target = source or B[v], target or A[v]
    head = struct.pack('!HHIIBBHHH', sport, dport, 0, seq + payload, 5 << 4, 0x14, 0, 0, 0)
    check = checksum(pseudo(source, target, TCP, 20) + head)
    return head[:16] + struct.pack('!H', check) + head[18:]
