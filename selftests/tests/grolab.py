# SPDX-License-Identifier: GPL-2.0
"""What the tests of GRO and GSO share. Topology: wirelab.py, where eth0 of app
merges what arrives at once: what is sent waits in a qdisc until all of it is
there, and then goes in one run of the softirq."""
import os
import re
import socket
import struct
from wirelab import (TCP, UDP, Lab, attribute, aws, difference, filler, geneve, ip4, ip6, netns, ok,
                     run, skip, swapped, tcp, udp, wire, without_id)

A = {4: '10.1.21.101', 6: '2001:db8::101'}
B = {4: '54.230.62.60', 6: '2001:db8:ffff::60'}
DF = 0x4000
XDP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../xdp')
ACK, PSH, FIN, ECE, CWR = 0x10, 8, 1, 0x40, 0x80
STAMPS = b'\x01\x01\x08\x0a' + bytes(range(8))      # as Linux sends the timestamps
BUFFER, RELEASE = 0, 2      # TCQ_PLUG_BUFFER, TCQ_PLUG_RELEASE_INDEFINITE


def ip(f, src, dst, proto, payload, ident=0, df=True, **more):
    if f == 6:
        return ip6(src, dst, proto, payload, **more)
    return ip4(src, dst, proto, payload, ident=ident & 0xffff, frag=DF if df else 0, **more)


def segments(f, count=20, size=1000, ids=lambda i: 77 + i, flags=None, last=None, src=None,
             dst=None, sport=1234, dport=80, seq=1, options=STAMPS, each=None, **more):
    """Inner packets: TCP data in order, the last maybe shorter. flags: of some,
    by number; each: more arguments for the IP header, by number"""
    src, dst = src or A[f], dst or B[f]
    out = []
    for i in range(count):
        data = filler(size, i)[:(last if last and i == count - 1 else size)]
        out.append(ip(f, src, dst, TCP, tcp(
            src, dst, sport, dport, data, seq & 0xffffffff, (flags or {}).get(i, ACK), options),
            ident=ids(i), **more, **(each or {}).get(i, {})))
        seq += len(data)
    return out


def behind_options(seq=1, count=20, size=1000):
    """TCP behind destination options (RFC 8200 section 4.6)"""
    return [ip6(A[6], B[6], 60, bytes([TCP, 0, 1, 4, 0, 0, 0, 0]) + tcp(
        A[6], B[6], 1234, 80, filler(size, i)[:size], seq + i * size, ACK, STAMPS))
            for i in range(count)]


def datagrams(f, count=20, size=1000, ids=lambda i: 77 + i, src=None, dst=None, sport=1234,
              dport=443, last=None, check=True, **more):
    src, dst = src or A[f], dst or B[f]
    return [ip(f, src, dst, UDP, udp(src, dst, sport, dport,
                                     filler(size, i)[:last if last and i == count - 1 else size],
                                     check), ident=ids(i), **more) for i in range(count)]


def outer(inner, f=4, options=None, sport=60001, check=True, ids=lambda i: 1 + i, **more):
    """Each under the same header of a load balancer, whose packets are numbered"""
    options = aws() if options is None else options
    return [wire(geneve(p, options, **more), sport=sport, check=check, family=f,
                 **({'ident': ids(i) & 0xffff} if f == 4 else {})) for i, p in enumerate(inner)]


def without_inner_id(p):
    """Nor the checksum of the inner IPv4 header, which it is in; an outer
    checksum is the same with any id"""
    at = 20 + 8 + 8 + 32
    return p[:at + 4] + bytes(2) + p[at + 6:at + 10] + bytes(2) + p[at + 12:]


class GroLab(Lab):
    """gwlb0 has a tap, whose lengths say what was merged"""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        run('ip netns exec app ethtool -K eth0 gro on')
        self.sock.setsockopt(socket.SOL_SOCKET, 32, 64 << 20)  # SO_SNDBUFFORCE
        self.listen()
        with netns('gwlb'):
            self.rtnl = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            self.index = socket.if_nametoindex('eth0')
        self.tc(0x600, attribute(1, b'plug\0'))
        self.merging = self.jumbo = self.merges_udp = True
        if not self.merges():
            self.start_napi()
        if not self.merges():
            skip('veth of this kernel does not merge, %s' % self.seen)

    def merges(self):
        self.exchange(outer(segments(4)))
        return 0 < len(self.seen) < 20

    def start_napi(self):
        """veth of 5.10 polls, and merges, if it has a program of XDP alone; that leaves
        no room for jumbo frames. And of UDP in UDP 5.10 makes no aggregates."""
        self.jumbo = self.merges_udp = False
        program = '/sys/fs/bpf/grolab'
        if not os.path.exists(program):
            run('%s pass %s' % (XDP, program))
        for ns in 'gwlb', 'app':
            run('ip -n %s link set eth0 mtu 3498' % ns)
        # "ip -n" would hide the file system that the program is pinned in
        with netns('app'):
            run('ip link set eth0 xdp pinned ' + program)

    def listen(self):
        with netns('app'):
            self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.tap.bind(('gwlb0', 3))
        self.tap.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        self.tap.setblocking(False)

    def anew(self, options):
        """Another gwlb0"""
        run('ip netns exec app gwlbctl del gwlb0')
        run('ip netns exec app gwlbctl add gwlb0 ' + options)
        run('ip -n app link set gwlb0 up')
        self.listen()

    def tc(self, flags, attributes):
        """RTM_NEWQDISC: NLM_F_REQUEST, NLM_F_ACK and flags; at TC_H_ROOT"""
        body = struct.pack('=BxxxiIII', 0, self.index, 0, 0xffffffff, 0) + attributes
        self.rtnl.send(struct.pack('=IHHII', 16 + len(body), 36, 5 | flags, 1, 0) + body)
        error = -struct.unpack('=i', self.rtnl.recv(1 << 16)[16:20])[0]
        if error:
            raise OSError(error, 'tc')

    def plug(self, action):
        self.tc(0, attribute(1, b'plug\0') + attribute(2, struct.pack('=iI', action, 0)))

    def received(self):
        """Lengths of what gwlb0 received"""
        lengths = []
        while True:
            try:
                packet, source = self.tap.recvfrom(1 << 17)
            except BlockingIOError:
                return lengths
            if source[2] == socket.PACKET_HOST:
                lengths.append(len(packet))

    def exchange(self, packets, want=None):
        self.plug(BUFFER)
        for p in packets:
            self.send(p)
        self.received()
        self.plug(RELEASE)
        back = self.receive(len(packets) if want is None else want)
        self.seen = self.received()
        return [without_id(p) for p in back]

    def gro(self, on):
        """On gwlb0"""
        self.merging = on
        run('ip netns exec app ethtool -K gwlb0 gro %s' % ('on' if on else 'off'))

    def train(self, name, packets, expect=None, merged=None, drops=None, ordered=True,
              ids=True):
        """ok if just that comes back, merged (True), not merged (False) or either
        on the way; expect: these packets, or swapped; ids: inner ones too"""
        expect = [swapped(p) for p in packets] if expect is None else expect
        before = self.genl.counters()
        back = self.exchange(packets, len(expect))
        counted = self.drops_since(before, sum((drops or {}).values()))
        if not ids:
            back, expect = ([without_inner_id(p) for p in x] for x in (back, expect))
        if not ordered:
            back, expect = sorted(back), sorted(expect)
        why = ['packet %d of %d: %s' % (i, len(expect), difference(w, g))
               for i, (w, g) in enumerate(zip(expect, back + [None] * len(expect))) if w != g]
        if len(back) > len(expect):
            why.append('%d packets too many' % (len(back) - len(expect)))
        if counted != (drops or {}):
            why.append('counted as dropped: %s' % counted)
        good = len(packets) - sum((drops or {}).values())
        if not self.merging:
            merged = False
        if merged is not None and merged != (len(self.seen) < good):
            why.append('gwlb0 saw %s' % self.seen)
        ok(not why, name if self.merging else name + ', without GRO', '\n'.join(why[:8]))


def features(dev='gwlb0'):
    """As ethtool -k shows them: name to on or off"""
    shown = run('ip netns exec app ethtool -k ' + dev)
    return dict(re.findall(r'^\s*([\w-]+): (on|off)', shown, re.M))
