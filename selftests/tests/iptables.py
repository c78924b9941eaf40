#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""iptables and ip6tables on gwlb0, in the flavours that are installed. What
comes back is compared byte for byte. Topology: wirelab.py"""
import shutil
import struct
import subprocess
from nflab import A, B, R, V, back, dgram, gone, of, segment
from wirelab import (DF, GW, ICMP, ICMP6, TCP, Lab, addr, checksum, finish, ok, pseudo, run, skip,
                     without_id)

FLAVOURS = [x for x in ('nft', 'legacy') if shutil.which('iptables-' + x)]
if not FLAVOURS:
    skip('no iptables')
lab = Lab()
M = {4: '100.64.0.1', 6: 'fd64::1'}     # of gwlb0, for MASQUERADE
run('ip -n app address add %s/32 dev gwlb0' % M[4])
run('ip -n app address add %s/128 dev gwlb0' % M[6])
# answers need one
for f in 4, 6:
    run('ip -n app -%d route add default dev gwlb0' % f)

RULES = '''
*raw
-A PREROUTING -i gwlb0 -p udp --dport 6012 -j CT --notrack
COMMIT
*mangle
-A PREROUTING -p udp --dport 6001 -j DROP
-A PREROUTING -i gwlb0 -p udp --dport 6009 -j %(ttl)s 10
-A PREROUTING -p udp --dport 6010 -j DSCP --set-dscp 34
-A PREROUTING -p udp --dport 6011 -j MARK --set-mark 3
-A PREROUTING -p udp --dport 6011 -j CONNMARK --save-mark
-A POSTROUTING -p udp --dport 6002 -j DROP
-A POSTROUTING -p udp --dport 6013 -j TEE --gateway %(gw)s
COMMIT
*nat
-A PREROUTING -p udp --dport 6020 -d %(V)s -j DNAT --to-destination %(B)s
-A PREROUTING -p tcp --dport 6020 -d %(V)s -j DNAT --to-destination %(B)s
-A PREROUTING -p udp --dport 6023 -j DNAT --to-destination %(B)s
-A POSTROUTING -p udp --dport 6021 -j SNAT --to-source %(V)s
-A POSTROUTING -p udp --dport 6022 -o gwlb0 -j MASQUERADE
-A POSTROUTING -p udp --dport 6023 -j SNAT --to-source %(R)s
COMMIT
*filter
-A FORWARD -p udp --dport 9 -j ACCEPT
-A FORWARD -i gwlb0 -o gwlb0 -p udp --dport 6000 -m comment --comment both
-A FORWARD -p udp --dport 6003 -m comment --comment dropped -j DROP
-A FORWARD -p udp --dport 6004 -j REJECT
-A FORWARD -p tcp --dport 6004 -j REJECT --reject-with tcp-reset
-A FORWARD -p udp --dport 6005 -m conntrack --ctstate NEW -m comment --comment new
-A FORWARD -p udp --sport 6005 -m conntrack --ctstate ESTABLISHED -m comment --comment est
-A FORWARD -p tcp --dport 6005 -m conntrack --ctstate INVALID -m comment --comment invalid
-A FORWARD -p udp --dport 6006 -j NFQUEUE --queue-num 7 --queue-bypass
-A FORWARD -p udp --dport 6007 -j NFQUEUE --queue-num 7
-A FORWARD -p udp --dport 6011 -m mark --mark 3 -m connmark --mark 3 -m comment --comment mark
-A FORWARD -p udp --dport 6012 -m conntrack --ctstate UNTRACKED -m comment --comment untracked
COMMIT
'''


def tool(f, name, flavour, *args, text=None):
    command = {4: 'iptables-', 6: 'ip6tables-'}[f] + flavour + name
    done = subprocess.run(['ip', 'netns', 'exec', 'app', command, *args], input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, check=False)
    if done.returncode:
        raise SystemExit('# %s: %s' % (command, done.stdout))
    return done.stdout


def counts(f, flavour):
    """Packets by comment"""
    out = {}
    for line in tool(f, '-save', flavour, '-c').splitlines():
        if '--comment' in line:
            out[line.split('--comment ')[1].split()[0].strip('"')] = int(line[1:].split(':')[0])
    return out


def rules(f):
    return RULES % {'ttl': 'TTL --ttl-set' if f == 4 else 'HL --hl-set', 'gw': GW[f],
                    'V': V[f], 'B': B[f], 'R': R[f]}


def unreachable(f):
    """Port unreachable, for dgram(f, 6004)"""
    kind, code = {4: (3, 3), 6: (1, 4)}[f]
    quoted = bytes(4) + dgram(f, 6004)
    pre = b'' if f == 4 else pseudo(B[f], A[f], ICMP6, 4 + len(quoted))
    check = checksum(pre + struct.pack('!BBH', kind, code, 0) + quoted)
    return {4: ICMP, 6: ICMP6}[f], struct.pack('!BBH', kind, code, check) + quoted


def reset(f):
    """RST, for segment(f, 6004, 2)"""
    def header(check):
        return struct.pack('!HHIIBBHHH', 6004, 1234, 0, 2, 5 << 4, 0x14, 0, check, 0)
    return TCP, header(checksum(pseudo(B[f], A[f], TCP, 20) + header(0)))


def rejected(name, f, sent, want):
    """ok if the one packet is answered by just what is wanted"""
    lab.send(of(1, sent))
    got = lab.receive(1)
    inner = got[0][20 + 8 + 8 + 32:] if got else b''
    if f == 4:
        answer = inner[12:20], (inner[9:10], inner[20:])
    else:
        answer = inner[8:40], (inner[6:7], inner[40:])
    want = addr(B[f]) + addr(A[f]), (bytes(want[:1]), want[1])
    ok(len(got) == 1 and without_id(got[0]) == back(1, inner) and answer == want, name,
       'want %s, got %s' % (want, [p.hex() for p in got]))


def one(f, flavour):
    v = 'IPv%d, %s: ' % (f, flavour)
    a, b, n, r, m = (x[f] for x in (A, B, V, R, M))
    tool(f, '-restore', flavour, text=rules(f))

    lab.bounce(v + 'a rule that only counts', [of(c, dgram(f, 6000)) for c in range(5)])
    gone(lab, v + 'DROP in PREROUTING', f, dgram(f, 6001))
    gone(lab, v + 'DROP in POSTROUTING', f, dgram(f, 6002))
    gone(lab, v + 'DROP in FORWARD', f, *[dgram(f, 6003)] * 3)
    rejected(v + 'REJECT is answered under the context', f, dgram(f, 6004), unreachable(f))
    rejected(v + 'REJECT with tcp-reset is answered under the context', f, segment(f, 6004, 2),
             reset(f))
    lab.bounce(v + 'NEW, ESTABLISHED under a context of its own',
               [of(1, dgram(f, 6005)), of(2, dgram(f, 1234, b, a, 6005))])
    broken = bytearray(segment(f, 6005, 2))
    broken[-4] ^= 1
    lab.bounce(v + 'INVALID', [of(1, bytes(broken))])
    lab.bounce(v + 'NFQUEUE with bypass and no program', [of(1, dgram(f, 6006))])
    gone(lab, v + 'NFQUEUE without program', f, dgram(f, 6007))
    lab.bounce(v + 'TTL, HL', [of(1, dgram(f, 6009))], [back(1, dgram(f, 6009, ttl=10))])
    lab.bounce(v + 'DSCP', [of(1, dgram(f, 6010, tos=1))],
               [back(1, dgram(f, 6010, tos=34 << 2 | 1))])
    lab.bounce(v + 'MARK, CONNMARK', [of(1, dgram(f, 6011))] * 2)
    lab.bounce(v + 'notrack', [of(1, dgram(f, 6012))])
    # nf_dup_ipv4() sets DF
    copy = without_id(dgram(f, 6013, **({'frag': DF} if f == 4 else {})))
    lab.bounce(v + 'TEE: the copy goes to eth0 bare', [of(1, dgram(f, 6013))],
               [copy, back(1, dgram(f, 6013))])
    lab.bounce(v + 'DNAT, both directions',
               [of(1, dgram(f, 6020, a, n)), of(2, dgram(f, 1234, b, a, 6020)),
                of(3, dgram(f, 6020, a, n))],
               [back(1, dgram(f, 6020)), back(2, dgram(f, 1234, n, a, 6020)),
                back(3, dgram(f, 6020))])
    lab.bounce(v + 'DNAT of TCP, both directions',
               [of(1, segment(f, 6020, 2, a, n)), of(2, segment(f, 1234, 0x12, b, a, 6020))],
               [back(1, segment(f, 6020, 2)), back(2, segment(f, 1234, 0x12, n, a, 6020))])
    lab.bounce(v + 'SNAT, both directions',
               [of(1, dgram(f, 6021)), of(2, dgram(f, 1234, b, n, 6021))],
               [back(1, dgram(f, 6021, n)), back(2, dgram(f, 1234, b, a, 6021))])
    lab.bounce(v + 'MASQUERADE, both directions',
               [of(1, dgram(f, 6022)), of(2, dgram(f, 1234, b, m, 6022))],
               [back(1, dgram(f, 6022, m)), back(2, dgram(f, 1234, b, a, 6022))])
    lab.bounce(v + 'DNAT and SNAT at once, both directions',
               [of(1, dgram(f, 6023, a, n)), of(2, dgram(f, 1234, b, r, 6023))],
               [back(1, dgram(f, 6023, r, b)), back(2, dgram(f, 1234, n, a, 6023))])
    want = {'both': 5, 'dropped': 3, 'new': 1, 'est': 1, 'invalid': 1, 'mark': 2, 'untracked': 1}
    got = counts(f, flavour)
    ok(got == want, v + 'each rule has counted its packets', 'want %s, got %s' % (want, got))
    tool(f, '-restore', flavour, text=''.join('*%s\nCOMMIT\n' % t for t in (
        'raw', 'mangle', 'nat', 'filter')))
    run('ip netns exec app conntrack -F')


for flavour in FLAVOURS:
    for f in 4, 6:
        one(f, flavour)
finish()
