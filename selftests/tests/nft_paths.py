#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Rules that copy, redirect, hold or short-cut what passes gwlb0. A
packet may leave with its own context or not at all. Topology: wirelab.py"""
from nflab import A, B, R, V, back, counters, dgram, gone, has_egress, nft, of
from wirelab import DF, GW, Lab, finish, ok, run, without_id

lab = Lab()
egress = has_egress()


def bare(f, dport, **ip):
    """A copy that the stack sends without encapsulation"""
    return without_id(dgram(f, dport, **ip))


# ---- dup and fwd

for f in 4, 6:
    run('ip -n app -%d route add default dev gwlb0' % f)
run('ip -n app link add dum0 type dummy')
run('ip -n app link set dum0 up')
nft(''.join('''
table %(ip)s t {
    chain forward {
        type filter hook forward priority filter
        udp dport 3000 dup to %(gw)s device eth0
        udp dport 3001 dup to %(r)s device gwlb0
    }
}
''' % {'ip': ip, 'gw': GW[f], 'r': R[f]} for f, ip in ((4, 'ip'), (6, 'ip6'))) + '''
table netdev t {
    chain enter {
        type filter hook ingress device gwlb0 priority filter
        udp dport 3002 dup to gwlb0
        udp dport 3003 dup to dum0
        udp dport 3004 fwd to gwlb0
        udp dport 3005 fwd to dum0
    }
%s
}
table inet t {
    counter forward {}
    chain forward {
        type filter hook forward priority 1
        counter name forward
    }
}
''' % ('''
    chain leave {
        type filter hook egress device gwlb0 priority filter
        udp dport 3006 dup to dum0
    }''' if egress else ''))
for f in 4, 6:
    v = 'IPv%d: ' % f
    # nf_dup_ipv4() sets DF
    df = {'frag': DF} if f == 4 else {}
    lab.bounce(v + 'dup to eth0: the copy goes there bare',
               [of(1, dgram(f, 3000))] * 2, [bare(f, 3000, **df), back(1, dgram(f, 3000))] * 2)
    lab.bounce(v + 'dup to gwlb0 by route: both under the context',
               [of(1, dgram(f, 3001)), of(2, dgram(f, 3001))],
               [back(c, p) for c in (1, 2) for p in (dgram(f, 3001, **df), dgram(f, 3001))])
    run('ip netns exec app nft reset counters')
    lab.bounce(v + 'dup to gwlb0 in ingress: both under the context',
               [of(1, dgram(f, 3002)), of(2, dgram(f, 3002))],
               [back(1, dgram(f, 3002))] * 2 + [back(2, dgram(f, 3002))] * 2)
    counters(v + 'one of each has passed FORWARD', {'forward': 2})
    lab.bounce(v + 'dup to another device in ingress', [of(1, dgram(f, 3003))] * 2)
    lab.bounce(v + 'fwd to gwlb0 in ingress', [of(c, dgram(f, 3004)) for c in (1, 2, 1)])
    counters(v + 'is a way past FORWARD', {'forward': 2})
    gone(lab, v + 'fwd to another device in ingress', f, *[dgram(f, 3005)] * 2)
    if egress:
        lab.bounce(v + 'dup to another device in egress', [of(1, dgram(f, 3006))] * 2)
    else:
        ok(True, v + 'dup to another device in egress # SKIP this kernel has no such hook')

# Before this function came, a flowtable set a route over that of a packet without dropping
# that: the flow is never freed, nor is the module then
with open('/proc/kallsyms') as symbols:
    if ' dev_fill_forward_path' not in symbols.read():
        ok(True, 'flowtable # SKIP this kernel leaks a reference to the flow of each packet')
        finish()

# ---- flowtable: it serves the direction for which it made a route, past FORWARD,
# and takes one from the TTL; the other, whose packets have no route, it leaves


def offloaded(name, exchanged):
    """ok if each inner packet comes back under its own context, with or without
    one less in the TTL: exchanged has context, sent and expected as functions of it"""
    before = lab.genl.counters()
    got = lab.exchange([of(c, sent) for c, sent, _ in exchanged])
    wrong = [i for i, (c, _, want) in enumerate(exchanged)
             if i >= len(got) or got[i] not in (back(c, want(64)), back(c, want(63)))]
    ok(not wrong and len(got) == len(exchanged) and not lab.drops_since(before), name,
       '%d of %d came back, wrong are %s' % (len(got), len(exchanged), wrong))


nft('''
table inet t {
    counter forward {}
    flowtable f { hook ingress priority 0; devices = { gwlb0 }; }
    chain prerouting {
        type nat hook prerouting priority dstnat
        udp dport 3021 dnat ip to %s
        udp dport 3021 dnat ip6 to %s
    }
    chain forward {
        type filter hook forward priority filter
        udp dport 9 accept
        counter name forward
        flow add @f
    }
}
''' % (B[4], B[6]))
for f in 4, 6:
    v = 'IPv%d: ' % f
    a, b, n = A[f], B[f], V[f]
    def packet(*args, **more):
        """What is sent, and what is expected of each TTL"""
        return dgram(f, *args, **more), lambda ttl: dgram(f, *args, **more, ttl=ttl)
    there, here = packet(3020), packet(1234, b, a, 3020)
    offloaded(v + 'flowtable, first packets', [(1, *there), (2, *here), (1, *there)])
    later = [c % 5 for c in range(20)]
    offloaded(v + 'flowtable, later packets, five contexts, both directions',
              [(c, *there) for c in later] + [(c, *here) for c in later])
    there = dgram(f, 3021, dst=n), packet(3021)[1]
    here = dgram(f, 1234, b, a, 3021), packet(1234, n, a, 3021)[1]
    offloaded(v + 'flowtable and DNAT',
              [(c, *p) for c in range(5) for p in (there, here)])
finish()
