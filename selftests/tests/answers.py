#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow answers_early
"""What the appliance itself answers to a bumped packet goes back by its flow.
Topology: wirelab.py"""
import socket
import subprocess
import answerlab
from answerlab import reset, split, unreachable
from nflab import A, B, IP
from wirelab import (APP, DF, GW, ICMP, ICMP6, TCP, UDP, Lab, aws, filler, finish, geneve, ip4,
                     ok, run, swapped, tcp, udp, unlimited_icmp, wire)

C = {4: '192.0.2.9', 6: '2001:db8:eeee::9'}
SYN = 2
lab = Lab()
unlimited_icmp('app')


def nft(text, check=True):
    done = subprocess.run(['ip', 'netns', 'exec', 'app', 'nft', '-f', '-'], check=check,
                          stderr=None if check else subprocess.DEVNULL,
                          input=('flush ruleset\n' + text.replace('}', '\n}\n')).encode())
    return done.returncode == 0


def answered(*args, **more):
    answerlab.answered(lab, *args, **more)


def syn(v, dport=80, data=b''):
    return IP[v](A[v], B[v], TCP, tcp(A[v], B[v], 1111, dport, data, 7, SYN))


def query(v, dport=53, data=b'what'):
    return IP[v](A[v], B[v], UDP, udp(A[v], B[v], 1111, dport, data))


def last_resort(verb):
    for v in (4, 6):
        run('ip -n app -%d route %s default dev gwlb0 metric 4294967295' % (v, verb))


# ---- without any route: what the module builds by itself

def too_big(v, name, links=((4, False), (6, False), (4, True))):
    for outer, zero in links:
        big = IP[v](A[v], B[v], UDP, udp(A[v], B[v], 1111, 53, filler(2000)[:1800]),
                    **({'frag': DF} if v == 4 else {}))
        mtu = 1500 - {4: 20, 6: 40}[outer] - 8 - 8 - 32
        run('ip -n app route replace %s dev eth0 mtu 1500' % (GW[outer] + ('/32', '/128')[outer == 6]))
        answered('%s, IPv%d in IPv%d%s: too big' % (name, v, outer, ', no UDP checksum' * zero),
                 wire(geneve(big), family=outer, check=not zero), B[v], A[v], (ICMP, ICMP6)[v == 6],
                 unreachable(v, *((4, big, mtu, 3) if v == 4 else (0, big, mtu, 2))),
                 {'too-big': 1})
        run('ip -n app route del ' + GW[outer] + ('/32', '/128')[outer == 6])


for v in (4, 6):
    too_big(v, 'no default route')

# ---- with the route of last resort

last_resort('add')
REJECT = '''table inet t { chain c { type filter hook %s priority 0;
    iifname gwlb0 tcp dport 80 reject with tcp reset
    iifname gwlb0 udp dport 53 reject with icmpx type admin-prohibited
    iifname gwlb0 udp dport 54 meta nfproto ipv4 reject
    iifname gwlb0 udp dport 54 meta nfproto ipv6 reject } }'''
PROHIBITED, PORT = {4: 13, 6: 1}, {4: 3, 6: 4}


def rejects(name, outer=4, **more):
    for v in (4, 6):
        proto = (ICMP, ICMP6)[v == 6]
        pack = lambda p: wire(geneve(p, **more), family=outer)
        answered('%s, IPv%d: tcp reset' % (name, v), pack(syn(v)), B[v], A[v], TCP,
                 reset(v, 7, 1))
        answered('%s, IPv%d: tcp reset to data' % (name, v), pack(syn(v, data=b'hello')),
                 B[v], A[v], TCP, reset(v, 7, 6))
        answered('%s, IPv%d: admin-prohibited' % (name, v), pack(query(v)), B[v], A[v], proto,
                 unreachable(v, PROHIBITED[v], query(v)))
        answered('%s, IPv%d: port unreachable, long' % (name, v),
                 pack(query(v, 54, filler(1400))), B[v], A[v], proto,
                 unreachable(v, PORT[v], query(v, 54, filler(1400))))


nft(REJECT % 'forward')
rejects('reject in FORWARD')
rejects('reject in FORWARD, IPv6 outside', 6)
rejects('reject in FORWARD, VNI and another class', vni=77, options=aws(cls=0x167))
nft(REJECT % 'prerouting')
rejects('reject in PREROUTING')
nft(REJECT % 'forward' + 'table inet n { chain c { type filter hook output priority 0; ct state invalid drop; } }')
rejects('reject with conntrack')
NETDEV = '''table netdev n { chain c { type filter hook ingress device gwlb0 priority 0;
    tcp dport 80 reject with tcp reset } }'''
if nft(NETDEV, check=False):
    # nft_reject_netdev_eval() looks for an Ethernet header and finds none
    for v in (4, 6):
        lab.bounce('reject in netdev ingress, IPv%d: drops' % v,
                   [wire(geneve(syn(v))), wire(geneve(query(v)))],
                   [swapped(wire(geneve(query(v))))])
else:
    ok(True, 'reject in netdev ingress # SKIP this kernel has none')

# an answer takes what was learned for its direction, else what it answers came with
nft(REJECT % 'forward')
for v in (4, 6):
    lab.bounce('IPv%d: a reply with another cookie' % v, [
        wire(geneve(IP[v](C[v], A[v], UDP, udp(C[v], A[v], 53, 1111, b'x')), aws(0x2000000f)),
             sport=60009)])
    asked = wire(geneve(IP[v](A[v], C[v], UDP, udp(A[v], C[v], 1111, 53, b'y')), aws(0xf)))
    answered('IPv%d: the error under the cookie of the reply' % v, asked, C[v], A[v],
             (ICMP, ICMP6)[v == 6],
             unreachable(v, PROHIBITED[v], split(asked)[3][48:], src=C[v]),
             like=wire(geneve(bytes([v << 4]), aws(0x2000000f)), sport=60009))

# NAT before: the error is turned back by conntrack
nft('''table ip t { chain d { type nat hook prerouting priority -100;
        udp dport 53 dnat to 192.0.2.7; tcp dport 80 dnat to 192.0.2.7; }
    chain s { type nat hook postrouting priority 100; udp dport 56 masquerade; }
    chain f { type filter hook forward priority 0;
        tcp dport 80 reject with tcp reset
        udp dport 53 reject with icmp type admin-prohibited
        udp dport 56 reject with icmp type admin-prohibited } }''')
answered('reject behind DNAT: tcp reset', wire(geneve(syn(4))), B[4], A[4], TCP, reset(4, 7, 1))
answered('reject behind DNAT: ICMP error', wire(geneve(query(4))), B[4], A[4], ICMP,
         unreachable(4, 13, query(4)))
answered('reject before masquerade: ICMP error', wire(geneve(query(4, 56))), B[4], A[4], ICMP,
         unreachable(4, 13, query(4, 56)))

# the inner addresses are the appliance's own, or the load balancer's
nft(REJECT % 'forward')
for src, dst in ((APP[4], B[4]), (GW[4], APP[4]), (A[4], GW[4])):
    asked = ip4(src, dst, TCP, tcp(src, dst, 1111, 80, b'', 7, SYN))
    answered('tcp reset from %s to %s' % (dst, src), wire(geneve(asked)), dst, src, TCP,
             reset(4, 7, 1, dst, src))

# what the appliance makes for others is left alone, addresses of a flow or not
nft('''table inet t { chain i { type filter hook input priority 0;
    iifname eth0 tcp dport 80 reject with tcp reset
    iifname eth0 udp dport 53 reject }
    chain f { type filter hook forward priority 0; ct state new accept } }''')


def plain(name, asked, proto):
    before = lab.genl.counters()
    lab.sock.setblocking(True)
    lab.sock.settimeout(5)
    lab.send(asked)
    try:
        while True:
            frame, sender = lab.sock.recvfrom(1 << 16)
            if sender[2] == socket.PACKET_HOST and split(frame[14:]) and \
                    split(frame[14:])[2] in (TCP, UDP, ICMP, ICMP6):
                break
        got = split(frame[14:])[:3]
    except socket.timeout:
        got = None
    lab.sock.setblocking(False)
    src, dst, _, _ = split(asked)
    ok(got == (dst, src, proto) and lab.genl.counters() == before, name, got)


for v in (4, 6):
    there = IP[v](GW[v], APP[v], UDP, udp(GW[v], APP[v], 1111, 55, b'x'))
    lab.bounce('IPv%d: the load balancer and the appliance as a flow' % v, [wire(geneve(there))])
    plain('IPv%d: reset of the appliance itself' % v,
          IP[v](GW[v], APP[v], TCP, tcp(GW[v], APP[v], 1111, 80, b'', 7, SYN)), TCP)
    plain('IPv%d: reset of a closed port' % v,
          IP[v](GW[v], APP[v], TCP, tcp(GW[v], APP[v], 1111, 81, b'', 7, SYN)), TCP)
    plain('IPv%d: ICMP error of the appliance itself' % v,
          IP[v](GW[v], APP[v], UDP, udp(GW[v], APP[v], 1111, 53, b'x')), (ICMP, ICMP6)[v == 6])
    plain('IPv%d: ICMP error of a closed port of a flow' % v,
          IP[v](GW[v], APP[v], UDP, udp(GW[v], APP[v], 1111, 55, b'x')), (ICMP, ICMP6)[v == 6])

last_resort('del')
finish()
