#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""SYNPROXY for a server that is reached by another interface, in mode route and
by what is diverted: the client is answered under its context, the server asked
and heard where it is.

    namespace gwlb            namespace app             namespace out
    this test  eth0 -- eth0  gwlb0     eth1 ----------- eth0
                               203.0.113.1/24           203.0.113.60/24, port 80
                               2001:db8:2::1            2001:db8:2::60
wirelab.py has the rest.
"""
import atexit
import os
import socket
import struct
import threading
from nflab import A, IP, nft, of
from wirelab import TCP, Lab, addr, checksum, finish, netns, ok, pseudo, run

SYN, ACK, PSH = 2, 0x10, 8
E = {4: '203.0.113.1', 6: '2001:db8:2::1'}          # of eth1
S = {4: '203.0.113.60', 6: '2001:db8:2::60'}        # at the other end
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
atexit.register(run, 'ip netns del out', False)


def start(link):
    run('ip netns del out', check=False)
    made = Lab(link)
    run('ip netns exec app sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1')
    run('ip netns add out')
    run('ip link add eth1 netns app type veth peer name eth0 netns out')
    for ns, dev, mine in ('app', 'eth1', E), ('out', 'eth0', S):
        run('ip netns exec %s ethtool -K %s tx off' % (ns, dev))
        run('ip -n %s link set %s up' % (ns, dev))
        run('ip -n %s address add %s/24 dev %s' % (ns, mine[4], dev))
        run('ip -n %s address add %s/64 nodad dev %s' % (ns, mine[6], dev))
    for f in 4, 6:
        run('ip -n app -%d route add default dev gwlb0' % f)
        run('ip -n out -%d route add default via %s' % (f, E[f]))
    nft('''
table inet t {
    chain raw {
        type filter hook prerouting priority raw
        iifname gwlb0 tcp dport 80 tcp flags & (syn | ack) == syn notrack
    }
    chain marks {
        type filter hook prerouting priority mangle
        iifname gwlb0 tcp dport 80 meta mark set 1
    }
    chain forward {
        type filter hook forward priority filter
        tcp dport 80 ct state invalid,untracked synproxy mss 1460
        ct state invalid drop
    }
}
''')
    run('ip netns exec app sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0')
    return made


class Server(threading.Thread):
    """Takes one connection, answers the first data, and leaves it open"""

    def __init__(self, f):
        super().__init__(daemon=True)
        with netns('out'):
            self.sock = socket.socket(FAMILY[f])
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((S[f], 80))
        self.sock.listen(1)
        self.sock.settimeout(20)
        self.got = self.peer = None
        self.start()

    def run(self):
        try:
            self.connection, self.peer = self.sock.accept()
            self.connection.settimeout(20)
            self.got = self.connection.recv(100)
            self.connection.sendall(b'answer')
        except OSError:
            pass


def segment(f, seq, ack, flags, data=b''):
    head = struct.pack('!HHIIBBHHH', 1111, 80, seq, ack, 5 << 4, flags, 512, 0, 0)
    check = checksum(pseudo(A[f], S[f], TCP, 20 + len(data)) + head + data)
    return IP[f](A[f], S[f], TCP, head[:16] + struct.pack('!H', check) + head[18:] + data)


def read(f, packets):
    """Of each (seq, ack, flags, data); None in place of what is not from the server to the client
    under context 1"""
    for p in packets:
        like = of(1, segment(f, 0, 0, 0))
        inner = p[68:]
        src, dst, t = (inner[12:16], inner[16:20], inner[20:]) if f == 4 else \
            (inner[8:24], inner[24:40], inner[40:])
        good = p[20:24] + p[28:68] == like[20:24] + like[28:68] and \
            (src, dst) == (addr(S[f]), addr(A[f])) and \
            not checksum(src + dst + struct.pack('!II', len(t), TCP) + t)
        seq, ack, offset, flags = struct.unpack('!IIBB', t[4:14])
        yield (seq, ack, flags & 0x3f, t[(offset >> 4) * 4:]) if good else None


def exchange(f, packet, want):
    lab.send(of(1, packet))
    return list(read(f, lab.receive(want, 5)))


OLD = os.uname().release.startswith('5.')
servers = []
for how in 'mode route', 'divert 1/1':
    lab = start(how)
    for f in 4, 6:
        name = 'IPv%d, %s: ' % (f, how)
        if f == 6 and OLD:
            ok(True, name + 'SYNPROXY # SKIP nft sums routed IPv6 up as IPv4, and drops it')
            continue
        server = Server(f)
        servers.append(server)
        before = lab.genl.counters()
        got = exchange(f, segment(f, 7, 0, SYN), 1)
        ok(len(got) == 1 and got[0] and got[0][1:3] == (8, SYN | ACK), name + 'the client has its answer',
           got)
        if not got or not got[0]:
            continue
        cookie = got[0][0] + 1 & 0xffffffff
        got = exchange(f, segment(f, 8, cookie, ACK), 1)
        ok(got == [(cookie, 8, ACK, b'')], name + 'confirms it, and is told when the server is there',
           got)
        got = exchange(f, segment(f, 8, cookie, ACK | PSH, b'question'), 2)
        ok([g and g[3] for g in got if g is None or g[3]] == [b'answer'] and
           all(g and g[0] == cookie and g[1] == 16 for g in got), name + 'question and answer', got)
        # or it says so again
        lab.send(of(1, segment(f, 16, cookie + 6 & 0xffffffff, ACK)))
        server.join(20)
        ok(server.got == b'question' and server.peer and server.peer[:2] == (A[f], 1111),
           name + 'the server saw it, and from whom', (server.got, server.peer))
        ok(not lab.drops_since(before), name + 'nothing dropped', lab.drops_since(before))
finish()
