# SPDX-License-Identifier: GPL-2.0
"""What the byte-exact tests of netfilter share. Topology: wirelab.py"""
import json
import os
import subprocess
from wirelab import TCP, UDP, aws, geneve, ip4, ip6, ok, run, swapped, tcp, udp, wire

A = {4: '10.1.21.101', 6: '2001:db8::101'}
B = {4: '54.230.62.60', 6: '2001:db8:ffff::60'}
V = {4: '198.51.100.7', 6: '2001:db8:aaaa::7'}      # an address that NAT knows
R = {4: '192.0.2.99', 6: '2001:db8:bbbb::99'}       # a router on the way
IP = {4: ip4, 6: ip6}


def nft(rules):
    done = subprocess.run('ip netns exec app nft -f -'.split(), input='flush ruleset\n' + rules,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, check=False)
    if done.returncode:
        raise SystemExit('# nft: ' + done.stdout)


class Queue:
    """A program behind a queue, which gives every packet that verdict, or is
    given verdicts from here; whole: aggregates as they are"""

    def __init__(self, number=1, verdict=None, whole=False):
        nfq = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'nfq')
        self.program = subprocess.Popen(
            ['ip', 'netns', 'exec', 'app', nfq] + ['-g'] * whole + [str(number)] +
            ([verdict] if verdict else []), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            universal_newlines=True, bufsize=1)
        if self.program.stdout.readline() != 'ready\n':
            raise SystemExit('# nfq does not start')

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.end()

    def ids(self, count):
        return [int(self.program.stdout.readline()) for _ in range(count)]

    def verdict(self, number, what='accept'):
        self.program.stdin.write('%d %s\n' % (number, what))

    def end(self):
        """Returns how many packets it has seen, but for those of ids()"""
        self.program.kill()
        return self.program.communicate()[0].count('\n')


def has_egress():
    """Is there a hook for what leaves a device"""
    chain = 'add table netdev probe; add chain netdev probe c ' \
        '{ type filter hook egress device lo priority 0; }; delete table netdev probe'
    done = subprocess.run('ip netns exec app nft -f -'.split(), input=chain.encode(),
                          stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def counters(name, want):
    """ok if the named counters, which begin anew, are these and the rest 0"""
    listed = json.loads(run('ip netns exec app nft -j reset counters'))['nftables']
    got = {c['counter']['name']: c['counter']['packets'] for c in listed if 'counter' in c}
    got = {k: v for k, v in got.items() if v or k in want}
    ok(got == want, name, 'want %s, got %s' % (want, got))


def dgram(f, dport, src=None, dst=None, sport=1234, data=b'some data', **ip):
    """An inner packet"""
    src, dst = src or A[f], dst or B[f]
    return IP[f](src, dst, UDP, udp(src, dst, sport, dport, data), **ip)


def segment(f, dport, flags, src=None, dst=None, sport=1234, **ip):
    src, dst = src or A[f], dst or B[f]
    return IP[f](src, dst, TCP, tcp(src, dst, sport, dport, flags=flags), **ip)


def of(context, inner):
    """The inner packet under one of many contexts, alike in nothing but the
    endpoint, of which there is one per hundred"""
    return wire(geneve(inner, aws(0x10000000 + context, 0x2356de92d389839c + context // 100),
                       vni=context), sport=60000 + context)


def back(context, inner):
    return swapped(of(context, inner))


def gone(lab, name, f, *inner, drops=None):
    """ok if nothing of these comes back, but the packet behind them"""
    fence = dgram(f, 9)
    lab.bounce(name, [of(1, p) for p in inner] + [of(2, fence)], [back(2, fence)], drops)
