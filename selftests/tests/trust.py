#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""Flows that a mark has made trusted are bounced where they are caught.
Topology: wirelab.py"""
import json
import time
from nflab import A, B, IP, V, back, counters, dgram, nft, of, segment
from wirelab import (ALLOW, ICMP, TCP, Lab, aws, filler, finish, fragments, geneve, icmp, ip4, ok,
                     run, tcp, wire)

FIN, SYN, RST, ACK, PSH = 1, 2, 4, 16, 8
lab = Lab()


def ctl(words):
    return run('ip netns exec app gwlbctl ' + words)


ctl('set gwlb0 %s catch early' % ALLOW)


def trusted():
    return [flow['trusted'] for flow in json.loads(ctl('flow -j'))]


RULES = '''
table inet t {
    chain prerouting { type nat hook prerouting priority dstnat
        udp dport 4002 dnat ip to %s
        udp dport 4002 dnat ip6 to %s
    }
    chain forward { type filter hook forward priority filter
        counter name seen
        ct state invalid counter name invalid drop
        udp dport 4003 return
        %s meta mark set 0x15
    }
    counter seen {}
    counter invalid {}
}
'''

DROP = 'table inet t { chain forward { type filter hook forward priority filter; drop; }; }'


def rules(condition=''):
    nft(RULES % (B[4], B[6], condition))


def seen(name, packets, want, expect=None):
    """ok if all come back, and the rules saw so many"""
    lab.bounce(name, packets, expect)
    counters(name + ': seen by the rules', {'seen': want})


rules()
there = dgram(4, 4000)
seen('nothing is trusted by default', [of(1, there)] * 8, 8)
refused = run('ip netns exec app gwlbctl set gwlb0 trust 0', check=False)
ok('never trusted' in refused, 'trust: no mark', refused)
refused = run('ip netns exec app gwlbctl set gwlb0 trust 0x11/0x10', check=False)
ok('in its mask' in refused, 'trust: a mark outside of its mask', refused)
ctl('set gwlb0 trust 0x10/0xf0 for 3600')
for f in 4, 6:
    v = 'IPv%d: ' % f
    there, here = dgram(f, 4000), dgram(f, 1234, B[f], A[f], 4000)
    other = dgram(f, 4000, sport=999)
    run('ip -n app link set gwlb0 down')
    run('ip -n app link set gwlb0 up')
    seen(v + 'both contexts are known, the second packet renews for both',
         [of(1, there), of(2, here), of(1, there), of(2, here)], 2)
    seen(v + 'both directions go back at once', [of(1, there), of(2, here)] * 8, 0)
    ok(trusted() == [True], v + 'the listing says so')
    seen(v + 'another flow does not', [of(1, other)], 1)
    seen(v + 'nor one of another endpoint', [of(101, there)], 1)
    ctl('flow untrust')
    seen(v + 'not even if it is there', [of(1, there), of(101, there)], 2)
    unmarked = dgram(f, 4003)
    seen(v + 'nor one without mark', [of(1, unmarked)] * 4, 4)
    translated = dgram(f, 4002, dst=V[f])
    seen(v + 'nor what NAT changes', [of(1, translated)] * 4, 4,
         [back(1, dgram(f, 4002))] * 4)
    for check in True, False:
        packets = [wire(geneve(p, aws(c)), family=o, check=check) for o in (4, 6)
                   for c in (1, 2) for p in (dgram(f, 4000, data=filler(n)[:n])
                                             for n in (0, 1, 700, 8000))]
        lab.bounce(v + 'sizes, first', packets)
        run('ip netns exec app nft reset counters')
        seen(v + 'sizes, outer IPv4 and IPv6, UDP checksum %s' % check, packets, 0)

    data, flags = segment(f, 80, ACK | PSH), (SYN, SYN | ACK, FIN | ACK, RST, RST | ACK)
    lab.bounce(v + 'a connection', [of(1, segment(f, 80, SYN)),
                                    of(2, segment(f, 1234, SYN | ACK, B[f], A[f], 80)),
                                    of(1, segment(f, 80, ACK))])
    run('ip netns exec app nft reset counters')
    seen(v + 'its data go back at once', [of(1, data)] * 8, 0)
    ctl('set gwlb0 ttl 64')
    far = IP[f](A[f], B[f], TCP, tcp(A[f], B[f], 1234, 80, seq=1 << 30, flags=ACK | PSH))
    seen(v + 'then conntrack takes what is out of its window', [of(1, far)], 1)
    nft('table inet t { chain forward { type filter hook forward priority filter; '
        'counter name seen; }; counter seen {}; }')
    seen(v + 'SYN, FIN and RST go the whole way', [of(1, segment(f, 80, x)) for x in flags],
         len(flags))
    rules()

reserved = [wire(geneve(dgram(4, 4000), aws(0x10000001), vni=1, reserved=0xff), sport=60001)]
seen('reserved bits go the whole way, to go back as zero', reserved, 1, [back(1, dgram(4, 4000))])
whole = dgram(4, 4000, data=filler(600)[:600])
lab.bounce('fragments of a trusted flow', [of(1, p) for p in fragments(whole, 200)],
           [back(1, p) for p in fragments(whole, 200)])
error = ip4('192.0.2.99', A[4], ICMP, icmp(3, 0, 0, dgram(4, 4000)[:28]))
run('ip netns exec app nft reset counters')
seen('an ICMP error goes the whole way', [of(2, error)] * 2, 2)

stats = lab.genl.counters()
packets = [of(1, dgram(4, 4000)), of(2, dgram(4, 1234, B[4], A[4], 4000))] * 50
lab.bounce('counted', packets)
now = lab.genl.counters()
got = [now[k] - stats[k] for k in ('rx-packets', 'tx-packets', 'rx-bytes', 'tx-bytes')]
size = len(dgram(4, 4000))
ok(got == [100, 100, 100 * size, 100 * size], 'each of them is', got)

nft(DROP)
lab.bounce('trust goes on while it lasts', [of(1, dgram(4, 4000))])
ctl('set gwlb0 ttl 64')
ok(True not in trusted(), 'any change of the link ends it')
lab.bounce('and the rules hold', [of(1, dgram(4, 4000))], [])
rules()
lab.bounce('trusted again', [of(1, dgram(4, 4000))])
run('ip netns exec app nft reset counters')
seen('it is', [of(1, dgram(4, 4000))], 0)
there, other = [of(1, dgram(4, 4000))], [of(1, dgram(4, 4001))]
lab.bounce('another flow, trusted', other)
nft(DROP)
ctl('flow untrust link gwlb0 address %s protocol udp port 4000' % B[4])
lab.bounce('flow untrust ends it', there, [])
lab.bounce('of flows that fit alone', other)
ctl('flow untrust')
lab.bounce('or of all', other, [])
ok(True not in trusted(), 'the listing says so, too')
rules()
lab.bounce('trusted once more', there)
nft(DROP)
ctl('flow flush')
lab.bounce('flow flush ends it', there, [])
rules()
lab.bounce('and once more', there)
nft(DROP)
ctl('set gwlb0 trust none')
lab.bounce('trust none ends it', [of(1, dgram(4, 4000))], [])
rules()
ctl('set gwlb0 trust 0x10/0xf0 for 1')
lab.bounce('trust of a second', [of(1, dgram(4, 4000))])
nft(DROP)
end = time.monotonic() + 10
while lab.exchange([of(1, dgram(4, 4000))], 0) and time.monotonic() < end:
    time.sleep(0.1)
ok(time.monotonic() < end, 'a change of the rules holds soon after')
finish()
