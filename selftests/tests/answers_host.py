#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""The appliance's own traffic is never taken for an answer to what it bumps,
even if that has the very same addresses and ports; and answers of a host whose
IPv6 is switched off. Topology: wirelab.py"""
import socket
from answerlab import answered, reset, unreachable
from nflab import A, B, dgram, nft, of, segment
from wirelab import APP, GW, ICMP, ICMP6, TCP, UDP, Lab, finish, netns, ok, run, unlimited_icmp

FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
lab = Lab()
unlimited_icmp('app', 'gwlb')
for f in 4, 6:
    run('ip -n app -%d route add default dev gwlb0 metric 4294967295' % f)


def sock(ns, f, kind, port=0):
    with netns(ns):
        s = socket.socket(FAMILY[f], kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(10)
    s.bind(({'app': APP, 'gwlb': GW}[ns][f], port))
    return s


def outcome(call, *args):
    try:
        return call(*args)
    except OSError as e:
        return e


def flow(f, proto, sport, dport):
    """A bumped flow with the addresses of the cable, both ways"""
    for src, dst, a, b in (GW[f], APP[f], sport, dport), (APP[f], GW[f], dport, sport):
        p = dgram(f, b, src, dst, a) if proto == UDP else segment(f, b, 0x10, src, dst, a)
        lab.send(of(1, p))
    lab.receive(2)


CLOSED = 9999
nft('''
table inet t {
    chain f {
        type filter hook forward priority 0
        ct state new accept
    }
}
''')
for f in 4, 6:
    v = 'IPv%d: ' % f
    for proto in TCP, UDP:
        for port in 22, 53, CLOSED:
            flow(f, proto, 4022, port)
            flow(f, proto, port, 4022)
    before = lab.genl.counters()
    for client, server in ('gwlb', 'app'), ('app', 'gwlb'):
        there = {'app': APP, 'gwlb': GW}[server][f]
        name = '%s%s to %s: ' % (v, client, server)
        with sock(server, f, socket.SOCK_STREAM, 22) as s, \
                sock(client, f, socket.SOCK_STREAM, 4022) as c:
            s.listen()
            c.connect((there, 22))
            a, _ = s.accept()
            a.settimeout(10)
            c.sendall(b'x' * 100000)
            got = 0
            while got < 100000:
                piece = outcome(a.recv, 100000)
                if not piece or isinstance(piece, OSError):
                    break
                got += len(piece)
            # a reset, not the wait for old segments: both go on with these ports
            for end in a, c:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            a.close()
            ok(got == 100000, name + 'TCP', got)
        with sock(client, f, socket.SOCK_STREAM, 4022) as c:
            ok(isinstance(outcome(c.connect, (there, CLOSED)), ConnectionRefusedError),
               name + 'a closed TCP port')
        with sock(server, f, socket.SOCK_DGRAM, 53) as s, \
                sock(client, f, socket.SOCK_DGRAM, 4022) as c:
            c.sendto(b'query', (there, 53))
            data, peer = s.recvfrom(100)
            s.sendto(data + b' answered', peer)
            ok(outcome(c.recv, 100) == b'query answered', name + 'UDP')
        with sock(client, f, socket.SOCK_DGRAM, 4022) as c:
            c.connect((there, CLOSED))
            c.send(b'query')
            ok(isinstance(outcome(c.recv, 100), ConnectionRefusedError),
               name + 'the ICMP error of a closed UDP port')
        ok(' 3 received' in run('ip netns exec %s ping -c 3 -i 0.05 -W 10 %s' % (client, there)),
           name + 'ping')
    ok(lab.genl.counters() == before, v + 'gwlb0 has seen nothing of it',
       '%s\n%s' % (before, lab.genl.counters()))

# ---- IPv6 switched off on the machine, but not on gwlb0

for dev in 'all', 'default':
    run('ip netns exec app sysctl -qw net.ipv6.conf.%s.disable_ipv6=1' % dev)
nft('''
table inet t {
    chain f {
        type filter hook forward priority 0
        tcp dport 80 reject with tcp reset
        udp dport 53 reject with icmpx type admin-prohibited
    }
}
''')
lab.receive(0, 0)
lab.bounce('IPv6 switched off: it is bumped all the same', [of(1, dgram(6, 9)), of(1, dgram(4, 9))])
for command in ('sysctl -qw net.ipv6.conf.gwlb0.disable_ipv6=0',
                'ip -6 address add fe80::1/64 dev gwlb0 nodad',
                'ip -6 route add default dev gwlb0 metric 4294967295'):
    run('ip netns exec app ' + command)
for f in 4, 6:
    v = 'IPv%d, on a host without IPv6: ' % f
    answered(lab, v + 'tcp reset', of(1, segment(f, 80, 2)), B[f], A[f], TCP,
             reset(f, 1, 1, dport=1234))
    answered(lab, v + 'ICMP error', of(1, dgram(f, 53)), B[f], A[f], {4: ICMP, 6: ICMP6}[f],
             unreachable(f, {4: 13, 6: 1}[f], dgram(f, 53)))
finish()
