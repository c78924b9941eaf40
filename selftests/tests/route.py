#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""Mode route, and packets diverted by mark: what the IP stack of the appliance
delivers, routes and answers, byte by byte. The rules are those of gwlb(7).

    namespace gwlb                namespace app                 namespace out
    this test  eth0 ---- eth0  gwlb0             eth1 ---- eth0
                               198.18.0.1/32     203.0.113.1/24 203.0.113.60/24
                               2001:db8:5::1     2001:db8:2::1  2001:db8:2::60
wirelab.py has the rest.
"""
# timeout 300
import atexit
import os
import socket
from answerlab import answered, differs, reset, unreachable
from nflab import A, B, Queue, R, V, back, counters, dgram, nft, of, segment
from wirelab import (ALLOW, DF, GW, ICMP, ICMP6, TCP, UAPI, UDP, Lab, attribute, configure, filler,
                     finish, fragments, geneve, netns, ok, run, udp, unlimited_icmp, wire)

G = {4: '198.18.0.1', 6: '2001:db8:5::1'}           # of gwlb0
E = {4: '203.0.113.1', 6: '2001:db8:2::1'}          # of eth1
S = {4: '203.0.113.60', 6: '2001:db8:2::60'}        # at the other end
ERROR = {4: ICMP, 6: ICMP6}
PORT_CLOSED = {4: 3, 6: 4}
EXPIRED = {4: 11, 6: 3}
atexit.register(run, 'ip netns del out', False)


def app(command):
    return run('ip netns exec app ' + command)


def start(link):
    """A lab whose link has those options, with a second arm"""
    run('ip netns del out', check=False)
    made = Lab(link)
    unlimited_icmp('app')
    app('sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1')
    run('ip netns add out')
    run('ip link add eth1 netns app type veth peer name eth0 netns out')
    for ns, dev, mine in ('app', 'eth1', E), ('out', 'eth0', S):
        run('ip netns exec %s ethtool -K %s tx off' % (ns, dev))
        run('ip -n %s link set lo up' % ns)
        run('ip -n %s link set %s up' % (ns, dev))
        run('ip -n %s address add %s/24 dev %s' % (ns, mine[4], dev))
        run('ip -n %s address add %s/64 nodad dev %s' % (ns, mine[6], dev))
    for f in 4, 6:
        run('ip -n app address add %s dev gwlb0 %s' % (G[f], 'nodad' if f == 6 else ''))
        run('ip -n app -%d route add default dev gwlb0' % f)
        run('ip -n out address add %s dev lo' % V[f])
    return made


def sock(ns, f, address, port, transparent=False, device=''):
    with netns(ns):
        s = socket.socket({4: socket.AF_INET, 6: socket.AF_INET6}[f], socket.SOCK_DGRAM)
    if transparent:
        # IP_TRANSPARENT, IPV6_TRANSPARENT
        s.setsockopt(*{4: (socket.SOL_IP, 19), 6: (socket.IPPROTO_IPV6, 75)}[f], 1)
    if device:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address or {4: '0.0.0.0', 6: '::'}[f], port))
    s.settimeout(10)
    return s


class Service:
    """A UDP socket of the appliance or behind it, which replies to one packet"""

    def __init__(self, ns, f, address, port, data=b'reply', spoof=None, **more):
        self.sock = sock(ns, f, address, port, **more)
        self.data, self.peer = data, None
        # a proxy sends with the address that the client wrote to
        self.from_ = sock(ns, f, *spoof, **more) if spoof else self.sock

    def receive(self):
        return self.sock.recvfrom(1 << 16)

    def __call__(self):
        try:
            _, self.peer = self.sock.recvfrom(1 << 16)
            self.from_.sendto(self.data, self.peer)
        except socket.timeout:
            self.peer = 'nobody'


def replied(name, asked, service, f, source, sport, target=None, like=None, peer=None, drops=None):
    target = target or A[f]
    answered(lab, name, asked, source, target, UDP,
             udp(source, target, sport, 1234, service.data), drops, like, service)
    if peer:
        ok(service.peer[0] == peer, name + ': the service saw ' + peer, service.peer)


def at_once(name, service, f, inner, source, sport, contexts):
    """ok if the service takes one packet of each for that of another client, replies in another
    order and with other data to each, and each comes back under its own context"""
    for c in contexts:
        lab.send(of(c, inner))
    peers = []
    try:
        peers = [service.receive()[1] for _ in contexts]
        for i in reversed(range(len(peers))):
            service.from_.sendto(b'to number %d' % i, peers[i])
    except socket.timeout:
        pass
    got = lab.receive(len(contexts))
    why = [] if len(set(peers)) == len(got) == len(contexts) else ['%d came' % len(got), peers]
    for p, (i, c) in zip(got, reversed(list(enumerate(contexts)))):
        why += differs(p, of(c, inner), of(c, inner), source, A[f], UDP,
                       udp(source, A[f], sport, 1234, b'to number %d' % i))
    ok(not why, name, why)


def nested(f):
    """GENEVE in GENEVE and so on, each to an address of the appliance"""
    p = dgram(f, 9)
    for _ in range(60):
        p = wire(geneve(p), GW[f], G[f], ttl=64)
    return p


lab = start('mode route')

# ---- forwarded

for f in 4, 6:
    v = 'IPv%d: ' % f
    there, here = dgram(f, 4000), dgram(f, 1234, B[f], A[f], 4000)
    there1, here1 = dgram(f, 4000, ttl=63), dgram(f, 1234, B[f], A[f], 4000, ttl=63)
    lab.bounce(v + 'routed back, the TTL decremented', [of(1, there)], [back(1, there1)])
    lab.bounce(v + 'the other direction under its own context', [of(2, here)], [back(2, here1)])
    lab.bounce(v + 'contexts of one endpoint and of two with the same addresses',
               [of(i, there) for i in (1, 3, 104, 1, 104, 3)],
               [back(i, there1) for i in (1, 3, 104, 1, 104, 3)])
    lab.bounce(v + 'a TCP segment', [of(1, segment(f, 80, 2))], [back(1, segment(f, 80, 2, ttl=63))])
    lab.bounce(v + 'fragments', [of(1, p) for p in fragments(dgram(f, 9, data=filler(900)), 504)],
               [back(1, p) for p in fragments(dgram(f, 9, data=filler(900), ttl=63), 504)])
    for c in 1, 104:
        old = dgram(f, 4000, ttl=1)
        answered(lab, v + 'time exceeded to context %d' % c, of(c, old), G[f], A[f], ERROR[f],
                 unreachable(f, 0, old, kind=EXPIRED[f], src=G[f]),
                 like=of(2, old) if c == 1 else None)
    replied(v + 'a service bound to the device', of(1, dgram(f, 5353, dst=G[f])),
            Service('app', f, '', 5353, device='gwlb0'), f, G[f], 5353, peer=A[f])
    with netns('app'):
        s = socket.socket({4: socket.AF_INET, 6: socket.AF_INET6}[f], socket.SOCK_DGRAM)
    before = lab.genl.counters()
    s.sendto(b'x', (R[f], 9))
    ok(lab.drops_since(before, 1) == {'no-context': 1} and not lab.receive(0, 0),
       v + "the appliance's own traffic has no context")
    lab.bounce(v + 'a tunnel in the tunnel', [of(1, nested(f)), of(1, there)], [back(1, there1)],
               {'nested': 1})

# ---- what the uplink does not carry

run('ip -n app route replace 10.254.11.60 dev eth0 mtu 1500')
FITS = 1500 - 20 - 8 - 8 - 32
for f in 4, 6:
    v = 'IPv%d: ' % f
    big, quoted = (dgram(f, 4001, data=filler(1700), ttl=ttl, **({'frag': DF} if f == 4 else {}))
                   for ttl in (64, 63))
    answered(lab, v + 'too big', of(1, big), G[f], A[f], ERROR[f],
             unreachable(f, *((4, quoted, FITS, 3) if f == 4 else (0, quoted, FITS, 2)), src=G[f]),
             {'too-big': 1})
for how in 'by the link', 'by the stack, which has learned':
    lab.bounce('IPv4 without DF: fragmented ' + how, [of(1, dgram(4, 4001, data=filler(1700)))],
               [back(1, p) for p in fragments(dgram(4, 4001, data=filler(1700), ttl=63),
                                              (FITS - 20) & ~7, 0)])
run('ip -n app route del 10.254.11.60')
for f in 4, 6:
    run('ip -n app -%d route flush cache' % f)

# ---- NAT and queues between gwlb0 and gwlb0

nft('''
table inet t {
    chain pre {
        type nat hook prerouting priority dstnat
        ip daddr %s dnat to %s
        ip6 daddr %s dnat to %s
    }
    chain forward {
        type filter hook forward priority filter
        udp dport 5010-5019 queue num 1
        udp sport 5010-5019 queue num 1
    }
    chain post {
        type nat hook postrouting priority srcnat
        oifname gwlb0 udp dport 5003-5013 snat ip to %s
        oifname gwlb0 udp dport 5003-5013 snat ip6 to %s
    }
}
''' % (V[4], B[4], V[6], B[6], R[4], R[6]))
with Queue(verdict='accept'):
    for f in 4, 6:
        for port, how in (5003, ''), (5013, ', delayed in a queue'):
            v = 'IPv%d%s: ' % (f, how)
            lab.bounce(v + 'SNAT and DNAT', [of(1, dgram(f, port, dst=V[f]))],
                       [back(1, dgram(f, port, R[f], B[f], ttl=63))])
            lab.bounce(v + 'the reply under its own context', [of(2, dgram(f, 1234, B[f], R[f], port))],
                       [back(2, dgram(f, 1234, V[f], A[f], port, ttl=63))])
        v = 'IPv%d: ' % f
        for port, a, b in (5004, R[f], B[f]), (5002, A[f], B[f]):
            lab.bounce(v + 'NAT for endpoints with the same addresses, port %d' % port,
                       [of(c, dgram(f, port, dst=V[f])) for c in (1, 104)],
                       [back(c, dgram(f, port, a, b, ttl=63)) for c in (1, 104)])
            lab.bounce(v + 'and the replies',
                       [of(c, dgram(f, 1234, B[f], a, port)) for c in (1, 104)],
                       [back(c, dgram(f, 1234, V[f], A[f], port, ttl=63)) for c in (1, 104)])
        lab.bounce(v + 'no NAT, delayed, two contexts of an endpoint: the last used',
                   [of(1, dgram(f, 5014)), of(2, dgram(f, 5015))],
                   [back(1, dgram(f, 5014, ttl=63)), back(2, dgram(f, 5015, ttl=63))])
        old = dgram(f, 4002, dst=V[f], ttl=1)
        answered(lab, v + 'time exceeded behind DNAT', of(1, old), V[f], A[f], ERROR[f],
                 unreachable(f, 0, old, kind=EXPIRED[f], src=V[f]))

# ---- NAT gateway with two arms

nft('''
table inet nat {
    chain post {
        type nat hook postrouting priority srcnat
        oifname eth1 masquerade
    }
    chain raw {
        type filter hook prerouting priority raw
        iifname gwlb0 udp sport { 7000, 7006, 7008 } notrack
    }
}
''')
for f in 4, 6:
    v = 'IPv%d, NAT gateway: ' % f
    service = Service('out', f, S[f], 7000)
    replied(v + 'a reply by the flow', of(1, dgram(f, 7000, dst=S[f])), service, f, S[f], 7000,
            peer=E[f])
    lab.bounce(v + 'a packet of the other direction', [of(2, dgram(f, 1234, S[f], A[f], 7000))],
               [back(2, dgram(f, 1234, S[f], A[f], 7000, ttl=63))])
    replied(v + 'its context is that of replies', of(1, dgram(f, 7000, dst=S[f])), service, f,
            S[f], 7000, like=of(2, dgram(f, 1234)))
    asked = dgram(f, 7001, dst=S[f])
    answered(lab, v + 'an error of a host beyond', of(1, asked), S[f], A[f], ERROR[f],
             unreachable(f, PORT_CLOSED[f], dgram(f, 7001, dst=S[f], ttl=63), src=S[f]))
    lab.receive()
    at_once(v + 'three endpoints with the very same addresses and ports',
            Service('out', f, S[f], 7002), f, dgram(f, 7002, dst=S[f]), S[f], 7002, (1, 104, 204))
    for c in 1, 104:
        asked = dgram(f, 7001, dst=S[f])
        answered(lab, v + 'an error of a host beyond to endpoint of %d' % c, of(c, asked), S[f],
                 A[f], ERROR[f],
                 unreachable(f, PORT_CLOSED[f], dgram(f, 7001, dst=S[f], ttl=63), src=S[f]))
    # in halves that would fit each other's
    halves = {c: [of(c, p) for p in fragments(dgram(f, 7003, dst=S[f], data=filler(900, c)[:900]),
                                              504)] for c in (1, 104)}
    both = Service('out', f, S[f], 7003)
    for p in halves[1][0], halves[104][0], halves[104][1], halves[1][1]:
        lab.send(p)
    try:
        data = [both.receive()[0] for _ in halves]
    except socket.timeout:
        data = None
    ok(data == [filler(900, c)[:900] for c in (104, 1)], v + 'fragments of two endpoints by turns',
       data)
    # the server goes on to send, and nothing tells to whom of the two
    ctl = 'ip netns exec app gwlbctl set gwlb0 zones '
    run(ctl + 'off')
    run('ip netns exec app conntrack -F')
    lab.receive()
    before = lab.genl.counters()
    for port, number in (7000, 1), (7004, 2):
        service = Service('out', f, S[f], port)
        for c in 1, 104:
            lab.send(of(c, dgram(f, port, dst=S[f])))
        service()
        ok(lab.drops_since(before, number) == {'ambiguous': number} and not lab.receive(0, 0),
           v + 'two endpoints, zones off, port %d: dropped, not guessed' % port)
    for port, backs, there, number in (7006, (2,), 104, 3), (7008, (2, 105), 1, 4):
        for c in backs:
            lab.bounce(v + 'zones off, from there by context %d' % c,
                       [of(c, dgram(f, 1234, S[f], A[f], port))],
                       [back(c, dgram(f, 1234, S[f], A[f], port, ttl=63))])
        service = Service('out', f, S[f], port)
        lab.send(of(there, dgram(f, port, dst=S[f])))
        service()
        ok(lab.drops_since(before, number) == {'ambiguous': number} and not lab.receive(0, 0),
           v + 'to there by another endpoint: the reply is dropped, not guessed')
    run(ctl + 'auto')
    run('ip netns exec app conntrack -F')

# ---- redirect to a service of the appliance

nft('''
table inet nat {
    chain pre {
        type nat hook prerouting priority dstnat
        iifname gwlb0 udp dport 53 redirect to :5353
    }
}
''')
for f in 4, 6:
    v = 'IPv%d, redirect: ' % f
    service = Service('app', f, '', 5353)
    replied(v + 'a reply by the flow', of(5, dgram(f, 53)), service, f, B[f], 53, peer=A[f])
    service.data = filler(9000)[:9000]
    lab.send(of(5, dgram(f, 53)))
    service()
    got = lab.receive(2)
    ok(len(got) == 2 and all(p[28:68] == of(5, dgram(f, 53))[28:68] for p in got) and
       lab.receive(0, 0) == [], v + 'a reply in fragments', [p.hex()[:160] for p in got])
    service.sock.close()
    at_once(v + 'two endpoints with the very same addresses and ports',
            Service('app', f, '', 5353), f, dgram(f, 53), B[f], 53, (5, 105))
    answered(lab, v + 'nobody listens', of(5, dgram(f, 53)), B[f], A[f], ERROR[f],
             unreachable(f, PORT_CLOSED[f], dgram(f, 53)))

# ---- policy routing by mark

nft('''
table inet steer {
    chain pre {
        type filter hook prerouting priority mangle
        iifname gwlb0 udp dport 6000 meta mark set 7
    }
}
''')
for f in 4, 6:
    v = 'IPv%d, policy routing: ' % f
    run('ip -n app -%d rule add fwmark 7 lookup 107' % f)
    run('ip -n app -%d route add default via %s dev eth1 table 107' % (f, S[f]))
    run('ip -n out -%d route add default via %s' % (f, E[f]))
    service = Service('out', f, V[f], 6000)
    replied(v + 'out by another arm', of(6, dgram(f, 6000, dst=V[f])), service, f, V[f], 6000,
            peer=A[f])
    lab.bounce(v + 'no mark, back', [of(6, dgram(f, 6001, dst=V[f]))],
               [back(6, dgram(f, 6001, dst=V[f], ttl=63))])
    run('ip netns exec app gwlbctl endpoint set vpce-0%x mark 7/0xf' % (0x2356de92d389839c + 1))
    replied(v + 'by the mark of an endpoint', of(106, dgram(f, 6002, dst=V[f])),
            Service('out', f, V[f], 6002), f, V[f], 6002, peer=A[f])
    lab.bounce(v + 'not of another', [of(6, dgram(f, 6001, dst=V[f]))],
               [back(6, dgram(f, 6001, dst=V[f], ttl=63))])
    run('ip netns exec app gwlbctl endpoint set vpce-0%x mark none' % (0x2356de92d389839c + 1))
    run('ip -n app -%d rule del fwmark 7' % f)

# ---- in a VRF

nft('')
run('ip -n app link add vrf0 type vrf table 10')
run('ip -n app link set vrf0 up')
run('ip -n app link set gwlb0 master vrf0')
for f in 4, 6:
    v = 'IPv%d, VRF: ' % f
    if f == 6:
        run('ip -n app address replace %s dev gwlb0 nodad' % G[6])
    run('ip -n app -%d route add default dev gwlb0 table 10' % f)
    lab.bounce(v + 'routed back', [of(1, dgram(f, 4000))], [back(1, dgram(f, 4000, ttl=63))])
    old = dgram(f, 4000, ttl=1)
    answered(lab, v + 'time exceeded', of(1, old), G[f], A[f], ERROR[f],
             unreachable(f, 0, old, kind=EXPIRED[f], src=G[f]))
    replied(v + 'a service in it', of(1, dgram(f, 5353, dst=G[f])),
            Service('app', f, '', 5353, device='vrf0'), f, G[f], 5353, peer=A[f])
app('sysctl -qw net.ipv4.udp_l3mdev_accept=1')
for catch in 'socket', 'early':
    app('gwlbctl set gwlb0 catch %s %s' % (catch, ALLOW))
    for f in 4, 6:
        lab.bounce('IPv%d, VRF, catch %s: a tunnel in the tunnel' % (f, catch),
                   [of(1, nested(f)), of(1, dgram(f, 4000))], [back(1, dgram(f, 4000, ttl=63))],
                   {'nested': 1})

# ---- a transparent proxy: all in mode route, or what is diverted by mark

PROXY = '''
table inet proxy {
    counter pre {}
    counter input {}
    counter forward {}
    counter output {}
    chain pre {
        type filter hook prerouting priority mangle
        iifname gwlb0 counter name pre
        iifname gwlb0 udp dport 53 tproxy to :5353 meta mark set 0x11 accept
        iifname gwlb0 th dport 54 meta mark set 1
    }
    chain input {
        type filter hook input priority filter
        iifname gwlb0 counter name input
        iifname gwlb0 tcp dport 54 reject with tcp reset
    }
    chain forward {
        type filter hook forward priority filter
        iifname gwlb0 counter name forward
    }
    chain output {
        type filter hook output priority filter
        oifname gwlb0 meta l4proto udp ct state established counter name output
    }
}
'''


def proxied(name, mode):
    nft(PROXY)
    for f in 4, 6:
        run('ip -n app -%d rule add fwmark 1/0xf lookup 100' % f)
        run('ip -n app -%d route add local default dev lo table 100' % f)
    for f in 4, 6:
        v = 'IPv%d, %s: ' % (f, name)
        ttl = 63 if mode == 'route' else 64
        replied(v + 'TPROXY', of(7, dgram(f, 53)),
                Service('app', f, '', 5353, spoof=(B[f], 53), transparent=True), f, B[f], 53,
                peer=A[f])
        counters(v + 'hooks once, the reply belongs to it',
                 {'pre': 1, 'input': 1, 'forward': 0, 'output': 1})
        lab.bounce(v + 'everything else goes on', [of(8, dgram(f, 80))],
                   [back(8, dgram(f, 80, ttl=ttl))])
        counters(v + 'hooks once', {'pre': 1, 'input': 0, 'forward': 1})
        answered(lab, v + 'marked and rejected', of(7, segment(f, 54, 2)), B[f], A[f], TCP,
                 reset(f, 1, 1, sport=54, dport=1234))
        counters(v + 'hooks once', {'pre': 1, 'input': 1, 'forward': 0})


lab = start('mode route')
proxied('mode route', 'route')
lab = start('divert 1/0xf')
proxied('divert', 'bump')
for f in 4, 6:
    run('ip -n app -%d rule del fwmark 1/0xf' % f)
    run('ip -n app -%d rule add fwmark 1 lookup 101' % f)
    run('ip -n app -%d route add default via %s dev eth1 table 101' % (f, S[f]))
    run('ip -n out -%d route add default via %s' % (f, E[f]))
    service = Service('out', f, V[f], 54)
    replied('IPv%d, divert: routed out by another arm' % f, of(7, dgram(f, 54, dst=V[f])), service,
            f, V[f], 54, peer=A[f])
    old = dgram(f, 54, ttl=1)
    answered(lab, 'IPv%d, divert: time exceeded' % f, of(7, old), B[f], A[f], ERROR[f],
             unreachable(f, 0, old, kind=EXPIRED[f]))
nft('''
table inet t {
    chain marked {
        type filter hook prerouting priority mangle
        iifname gwlb0 udp dport 7000-7009 meta mark set 1
        iifname gwlb0 udp dport 53 meta mark set 2
    }
    chain pre {
        type nat hook prerouting priority dstnat
        iifname gwlb0 udp dport 53 redirect to :5353
    }
    chain post {
        type nat hook postrouting priority srcnat
        oifname eth1 masquerade
        oifname gwlb0 udp dport 5003-5013 snat ip to %s
        oifname gwlb0 udp dport 5003-5013 snat ip6 to %s
    }
}
''' % (R[4], R[6]))
run('ip netns exec app gwlbctl set gwlb0 divert 1/1')
for f in 4, 6:
    v = 'IPv%d, divert, endpoints with the very same addresses: ' % f
    at_once(v + 'NAT gateway', Service('out', f, S[f], 7000), f, dgram(f, 7000, dst=S[f]), S[f],
            7000, (7, 107, 207))
    lab.bounce(v + 'what is bumped', [of(c, dgram(f, 5003)) for c in (7, 107)],
               [back(c, dgram(f, 5003, R[f])) for c in (7, 107)])
    lab.bounce(v + 'and its replies', [of(c, dgram(f, 1234, B[f], R[f], 5003)) for c in (7, 107)],
               [back(c, dgram(f, 1234, B[f], A[f], 5003)) for c in (7, 107)])
run('ip netns exec app gwlbctl set gwlb0 divert 2/2')
run('ip netns exec app conntrack -F')
for f in 4, 6:
    v = 'IPv%d, divert, endpoints with the very same addresses: ' % f
    at_once(v + 'redirect', Service('app', f, '', 5353), f, dgram(f, 53), B[f], 53, (7, 107))
    answered(lab, v + 'redirect, nobody listens', of(107, dgram(f, 53)), B[f], A[f], ERROR[f],
             unreachable(f, PORT_CLOSED[f], dgram(f, 53)))
run('ip netns exec app gwlbctl set gwlb0 divert 1/0xf')
nft(PROXY)
lab.bounce('divert: routing refuses it', [of(1, dgram(4, 54, src='127.0.0.1'))], [],
           {'martian': 1})
run('ip -n app link add vrf0 type vrf table 10')
run('ip -n app link set vrf0 up')
run('ip -n app link set gwlb0 master vrf0')
for f in 4, 6:
    if f == 6:
        run('ip -n app address replace %s dev gwlb0 nodad' % G[6])
    run('ip -n app -%d rule del fwmark 1' % f)
    run('ip -n app -%d route add default dev gwlb0 table 10' % f)
    replied('IPv%d, divert: a service in a VRF' % f, of(1, dgram(f, 54, dst=G[f])),
            Service('app', f, '', 54, device='vrf0'), f, G[f], 54, peer=A[f])
    lab.bounce('IPv%d, divert: in a VRF the rest passes' % f, [of(1, dgram(f, 9))])

# no rule, and nobody else who would see it: the mark is that of the endpoint
lab = start('divert 1/0xf')
run('ip netns exec app gwlbctl endpoint set vpce-02356de92d389839c mark 1')
for f in 4, 6:
    replied('IPv%d, divert: by the mark of the endpoint alone' % f, of(1, dgram(f, 54, dst=G[f])),
            Service('app', f, G[f], 54), f, G[f], 54, peer=A[f])
    lab.bounce('IPv%d, divert: another endpoint is bumped' % f, [of(101, dgram(f, 9))])
    lab.bounce('IPv%d, divert: a tunnel in the tunnel' % f, [of(1, nested(f)), of(101, dgram(f, 9))],
               [back(101, dgram(f, 9))], {'nested': 1})

# ---- switching

lab = start('')
child = os.fork()
if not child:
    while os.getppid() != 1:
        for mode in 'ROUTE', 'BUMP':
            configure('app', [attribute(UAPI['GWLB_A_CONF_MODE'], bytes([UAPI['GWLB_MODE_' + mode]]))])
try:
    for f in 4, 6:
        sent = [dgram(f, 4000, data=b'%d' % i) for i in range(3000)]
        got = lab.exchange([of(i % 2, p) for i, p in enumerate(sent)])
        routed = [back(i % 2, dgram(f, 4000, data=b'%d' % i, ttl=63)) for i in range(3000)]
        bumped = [back(i % 2, p) for i, p in enumerate(sent)]
        n = sum(g == r for g, r in zip(got, routed))
        ok(len(got) == 3000 and all(g in p for g, p in zip(got, zip(routed, bumped))) and
           0 < n < 3000, 'IPv%d: none lost while the mode is switched' % f,
           '%d came, %d routed' % (len(got), n))
finally:
    os.kill(child, 9)
    os.waitpid(child, 0)
finish()
