#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow nfqueue_early
"""A program behind a queue on gwlb0: verdicts at once, late, in any order, and
none at all. What NAT made lose its context while it was held gets it back, or
is dropped. Topology: wirelab.py"""
import os
import time
from nflab import A, B, Queue, R, V, back, dgram, nft, of
from wirelab import Lab, finish, ok, run, without_id

lab = Lab()
LIMIT = 30 * int(os.environ.get('TIMEOUT_FACTOR', '1'))


def wait_for(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def queued(name, packets, verdicts, expect, drops=None):
    """Sends (context, inner packet)s, checks that all are held, gives verdicts
    as (which, what); ok if that comes back which must, and drops are counted"""
    before = lab.genl.counters()
    for p in packets:
        lab.send(of(*p))
    ids = queue.ids(len(packets))
    early = lab.receive(0, 0)
    for i, what in verdicts:
        queue.verdict(ids[i], what)
    got = [without_id(p) for p in lab.receive(len(expect))]
    want = [back(*p) for p in expect]
    counted = wait_for(lambda: lab.drops_since(before) == (drops or {}))
    got += [without_id(p) for p in lab.receive(0, 0)]
    ok(got == want and counted and not early, name, '%s, %d came early, want:\n%s\ngot:\n%s' % (
        lab.drops_since(before), len(early), *('\n'.join(p.hex() for p in x) for x in (want, got))))


def rules(hook, priority='filter', extra=''):
    nft('''
table inet t {
    chain held {
        type filter hook %s priority %s
        udp dport 9 accept
        udp dport 5000-5009 queue num 1
        udp sport 5000-5009 queue num 1
        udp dport 5010 queue num 7 bypass
        udp dport 5011 queue num 7
    }
%s
}
''' % (hook, priority, extra))


def module_goes():
    """The module can be removed, which waits for what it still has out"""
    run('rmmod gwlb', check=False)
    with open('/proc/modules') as f:
        return not any(line.startswith('gwlb ') for line in f)


def nothing_came():
    try:
        return not lab.receive(0, 0)
    except OSError:     # once, that the other end of the cable is gone
        return not lab.receive(0, 0)


queue = Queue()
accept = [(0, 'accept'), (1, 'accept')]

# ---- each hook, each verdict

for hook in 'prerouting', 'forward', 'postrouting':
    rules(hook)
    for f in 4, 6:
        v = 'IPv%d, %s: ' % (f, hook)
        sent = [dgram(f, 5000, data=b'data of %d' % i) for i in range(6)]
        queued(v + 'held, then accepted, dropped, mangled in the order of the verdicts',
               list(enumerate(sent)),
               ((5, 'accept'), (0, 'mangle'), (3, 'drop'), (1, 'accept'), (4, 'mangle'),
                (2, 'accept')),
               ((5, sent[5]), (0, dgram(f, 5000, data=b'mangled of 0')), (1, sent[1]),
                (4, dgram(f, 5000, data=b'mangled of 4')), (2, sent[2])))
        lab.bounce(v + 'bypass without a program', [of(1, dgram(f, 5010))])
        lab.bounce(v + 'without bypass they are dropped', [of(1, dgram(f, 5011)), of(2, dgram(f, 9))],
                   [back(2, dgram(f, 9))])

# ---- with NAT, before and behind it

NAT = '''
    chain dstnat {
        type nat hook prerouting priority dstnat
        ip daddr %s dnat to %s
        ip6 daddr %s dnat to %s
    }
    chain srcnat {
        type nat hook postrouting priority srcnat
        ip saddr %s udp dport 5003 snat to %s
        ip6 saddr %s udp dport 5003 snat to %s
    }
''' % (V[4], B[4], V[6], B[6], A[4], R[4], A[6], R[6])

for number, (hook, priority) in enumerate((('prerouting', -150), ('prerouting', 0), ('forward', 0),
                                           ('postrouting', -1), ('postrouting', 200))):
    rules(hook, priority, NAT)
    for f in 4, 6:
        v = 'IPv%d, %s at priority %d: ' % (f, hook, priority)
        a, b, n, r = A[f], B[f], V[f], R[f]
        sport = 2000 + number
        queued(v + 'DNAT', [(1, dgram(f, 5001, a, n, sport))] * 2, accept,
               [(1, dgram(f, 5001, a, b, sport))] * 2)
        queued(v + 'and the reply', [(2, dgram(f, sport, b, a, 5001))] * 2, accept,
               [(2, dgram(f, sport, n, a, 5001))] * 2)
        queued(v + 'SNAT and DNAT', [(1, dgram(f, 5003, a, n, sport))] * 2, accept,
               [(1, dgram(f, 5003, r, b, sport))] * 2)
        queued(v + 'and the reply', [(2, dgram(f, sport, b, r, 5003))] * 2, accept,
               [(2, dgram(f, sport, n, a, 5003))] * 2)
        queued(v + 'DNAT, mangled', [(1, dgram(f, 5001, a, n, sport))], [(0, 'mangle')],
               [(1, dgram(f, 5001, a, b, sport, b'mangled data'))])
        # their own context is lost where NAT meets the queue; two could be meant, but where the
        # zone of the endpoint tells
        for other, whose in (4, 'one endpoint'), (104, 'two endpoints'):
            lost = hook == 'prerouting' and other == 4
            port = sport + other
            queued(v + 'DNAT under two contexts of ' + whose,
                   [(3, dgram(f, 5004, a, n, port)), (other, dgram(f, 5004, a, n, port))],
                   accept, [] if lost else [(3, dgram(f, 5004, a, b, port)),
                                            (other, dgram(f, 5004, a, b, port))],
                   {'ambiguous': 2} if lost else {})
            queued(v + 'no NAT, two contexts of ' + whose,
                   [(3, dgram(f, 5005, sport=sport)), (other, dgram(f, 5005, sport=sport))],
                   accept[::-1],
                   [(other, dgram(f, 5005, sport=sport)), (3, dgram(f, 5005, sport=sport))])

# ---- the packets of the load balancer, before they are caught

# NAT stays: some time after the last rule of it the kernel unhooks conntrack, and throws
# away what is queued then
nft('''
table inet t {
    chain held {
        type filter hook prerouting priority raw
        iifname eth0 udp dport 6081 queue num 1
    }
%s
}''' % NAT)
for f in 4, 6:
    v = 'IPv%d, outer packets: ' % f
    sent = [(i, dgram(f, 5000, data=b'data of %d' % i)) for i in range(4)]
    queued(v + 'held, then accepted and dropped in the order of the verdicts', sent,
           ((2, 'accept'), (0, 'drop'), (3, 'accept'), (1, 'accept')),
           (sent[2], sent[3], sent[1]))

# ---- a program that does it all by itself

rules('forward', extra=NAT)
queue.end()
queue = Queue(verdict='accept')
for f in 4, 6:
    lab.bounce('IPv%d: 500 packets of two contexts' % f,
               [of(i % 2, dgram(f, 5000, data=b'%d' % i)) for i in range(500)])
queue.end()

# ---- held while everything goes

# the program's end is that of its namespace, where it can give no verdict any more
for what, command, late in (('link is down', 'ip -n app link set gwlb0 down', 6),
                            ('link is deleted', 'ip -n app link del gwlb0', 6),
                            ('namespace is deleted', 'ip netns del app', 0),
                            ('module is removed', 'rmmod gwlb', 6)):
    lab = Lab()
    queue = Queue()
    rules('prerouting', 'filter', NAT + """
    chain post {
        type filter hook postrouting priority filter
        udp dport 5020 queue num 1
    }
    chain outer {
        type filter hook prerouting priority raw
        iifname eth0 udp sport 60003 udp dport 6081 queue num 1
    }
""")
    for f in 4, 6:
        for c in 1, 2:
            lab.send(of(c, dgram(f, 5000)))
            lab.send(of(c, dgram(f, 5001, dst=V[f])))
            lab.send(of(c, dgram(f, 5020)))
            lab.send(of(3, dgram(f, 9)))
    ids = queue.ids(16)
    lab.genl.sock.close()
    run(command)
    for i in ids[:late]:
        queue.verdict(i)
    queue.program.stdin.close()
    queue.program.wait()
    quiet = nothing_came()
    run('ip netns del app', check=False)
    ok(wait_for(module_goes) and quiet and nothing_came(),
       'nothing comes back and nothing leaks when the %s' % what)
finish()
