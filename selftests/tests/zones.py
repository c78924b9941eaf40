#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""Two networks with the same addresses behind two endpoints: each has conntrack
entries of its own. Topology: wirelab.py"""
import ipaddress
import json
import re
from nflab import A, B, IP, Queue, R, V, counters, dgram, nft, segment
from wirelab import (ICMP, ICMP6, TCP, Lab, aws, filler, finish, fragments, geneve, ok, run,
                     swapped, tcp, unlimited_icmp, wire, without_id)

M = {4: '100.64.0.1', 6: 'fd64::1'}     # of gwlb0
X, Y, LOW, HIGH = 0x2356de92d389839c, 0x1111222233334444, 1024, 65535
lab = Lab()
unlimited_icmp('app')
for f in '4', '6':
    run('ip -n app -%s route add default dev gwlb0 metric 4294967295' % f)


def zone_of(endpoint, low=LOW, high=HIGH):
    """FNV-1a of the id, as gwlbctl(8) says"""
    h = 2166136261
    for byte in endpoint.to_bytes(8, 'big'):
        h = (h ^ byte) * 16777619 & 0xffffffff
    return low + h % (high - low + 1)


def of(endpoint, inner):
    """The same in all but the options"""
    return wire(geneve(inner, aws(endpoint & 0xffff, endpoint)))


def back(endpoint, inner):
    return swapped(of(endpoint, inner))


def both(inner):
    return [of(X, inner), of(Y, inner)]


def bounce_both(name, sent, want=None, drops=None):
    lab.bounce(name, both(sent), [back(X, want or sent), back(Y, want or sent)], drops)


def entries(*args):
    out = run('ip netns exec app conntrack -L ' + ' '.join(args), check=False)
    return [line for line in out.splitlines() if ' src=' in line]


def zones(name, want, *args):
    """ok if the entries are in just these zones, None for the common one"""
    got = [int(m.group(1)) if m else None
           for m in (re.search(r'zone=(\d+)', line) for line in entries(*args))]
    ok(sorted(got, key=str) == sorted(want, key=str), name, 'want %s, got %s' % (want, got))


def flush():
    run('ip netns exec app conntrack -F', check=False)


def ctl(command):
    return run('ip netns exec app gwlbctl ' + command)


def listed():
    return {e['endpoint'][-16:]: e for e in json.loads(ctl('-j endpoint'))}


ZX, ZY = zone_of(X), zone_of(Y)
STATE = '''
    chain states {
        type filter hook forward priority 10
        udp dport 9 accept
        ct state new counter name new
        ct state established counter name established
        ct state invalid counter name invalid drop
    }
    counter new {}
    counter established {}
    counter invalid {}
'''
nft('table inet t {' + STATE + '}')
for f in 4, 6:
    v = 'IPv%d: ' % f
    bounce_both(v + 'one tuple of two networks', dgram(f, 4000))
    zones(v + 'has two entries, in the zones of their endpoints', [ZX, ZY],
          '-f ipv%d -p udp --dport 4000' % f)
    counters(v + 'both are new', {'new': 2})
    lab.bounce(v + 'a reply in one of them', [of(X, dgram(f, 1234, B[f], A[f], 4000))])
    counters(v + 'belongs to that one', {'established': 1})
    lab.bounce(v + 'more in the other', [of(Y, dgram(f, 4000))])
    counters(v + 'is no reply there', {'new': 1})
    # a handshake in one is nothing to the other
    lab.bounce(v + 'a TCP handshake in one', [of(X, segment(f, 80, 2)),
                                              of(X, segment(f, 1234, 0x12, B[f], A[f], 80))])
    lab.bounce(v + 'its answer in the other', [of(Y, segment(f, 1234, 0x12, B[f], A[f], 80)),
                                               of(X, dgram(f, 9))], [back(X, dgram(f, 9))])
    counters(v + 'is invalid', {'new': 1, 'established': 1, 'invalid': 1})
ok({k: e['zone'] for k, e in listed().items()} == {'%016x' % X: ZX, '%016x' % Y: ZY},
   'gwlbctl shows the zones', listed())

# ---- NAT

NAT = '''
    chain dstnat {
        type nat hook prerouting priority dstnat
        udp dport 4002 dnat ip to %s
        udp dport 4002 dnat ip6 to %s
    }
    chain srcnat {
        type nat hook postrouting priority srcnat
        udp dport 4003 snat ip to %s
        udp dport 4003 snat ip6 to %s
    }
''' % (B[4], B[6], R[4], R[6])
nft('table inet t {' + STATE + NAT + '}')
for f in 4, 6:
    v = 'IPv%d: ' % f
    a, b, n, r = A[f], B[f], V[f], R[f]
    bounce_both(v + 'DNAT', dgram(f, 4002, a, n), dgram(f, 4002, a, b))
    bounce_both(v + 'and its replies', dgram(f, 1234, b, a, 4002), dgram(f, 1234, n, a, 4002))
    bounce_both(v + 'SNAT: both to one address and port', dgram(f, 4003), dgram(f, 4003, r))
    bounce_both(v + 'and its replies', dgram(f, 1234, b, r, 4003), dgram(f, 1234, b, a, 4003))
    zones(v + 'two entries', [ZX, ZY], '-f ipv%d -p udp --dport 4003' % f)

# ---- answers, also to what NAT had changed before

nft('table inet t {' + NAT + '''
    chain refuse {
        type filter hook forward priority 0
        tcp dport 81 reject with tcp reset
        udp dport 4002-4010 reject with icmpx type admin-prohibited
    }
}''')


def answers(name, inner, proto, about):
    """ok if each of two is answered under its own options, to whom sent it,
    from whom it was for; about: in what the answer quotes"""
    at = 20 + 8 + 8 + 32
    got = lab.exchange(both(inner))
    src, dst = ((12, 16), (16, 20)) if inner[0] >> 4 == 4 else ((8, 24), (24, 40))
    good = len(got) == 2
    for endpoint, p in zip((X, Y), got):
        answer = p[at:]
        good &= p[28:at] == back(endpoint, inner)[28:at] and \
            answer[9 if inner[0] >> 4 == 4 else 6] == proto and \
            answer[slice(*src)] == inner[slice(*dst)] and \
            answer[slice(*dst)] == inner[slice(*src)] and about in answer[20:]
    ok(good, name, [p.hex() for p in got])


for f in 4, 6:
    v = 'IPv%d: ' % f
    flush()
    answers(v + 'tcp reset', segment(f, 81, 2), TCP, b'')
    answers(v + 'an ICMP error', dgram(f, 4009), (ICMP, ICMP6)[f == 6],
            dgram(f, 4009)[12 if f == 4 else 8:])
    # the error quotes the packet as its sender knows it
    answers(v + 'an ICMP error behind DNAT', dgram(f, 4002, A[f], V[f]), (ICMP, ICMP6)[f == 6],
            dgram(f, 4002, A[f], V[f])[12 if f == 4 else 8:])

# ---- a queue before and behind NAT, which takes the context away


def queue_rules(hook, priority):
    nft('table inet t {' + NAT + '''
    chain held {
        type filter hook %s priority %s
        udp dport 4002-4003 queue num 1
        udp sport 4002-4003 queue num 1
    }
}''' % (hook, priority))


for hook, priority in ('prerouting', -150), ('prerouting', 0), ('forward', 0), ('postrouting', 200):
    queue_rules(hook, priority)
    queue = Queue(verdict='accept')
    for f in 4, 6:
        v = 'IPv%d, queue in %s at %d: ' % (f, hook, priority)
        a, b, n, r = A[f], B[f], V[f], R[f]
        flush()
        bounce_both(v + 'DNAT', dgram(f, 4002, a, n), dgram(f, 4002, a, b))
        bounce_both(v + 'and its replies', dgram(f, 1234, b, a, 4002), dgram(f, 1234, n, a, 4002))
        bounce_both(v + 'SNAT', dgram(f, 4003), dgram(f, 4003, r))
        bounce_both(v + 'and its replies', dgram(f, 1234, b, r, 4003), dgram(f, 1234, b, a, 4003))
    queue.end()

# ---- what the user says in the raw table holds

nft('''
table inet t {
    chain raw {
        type filter hook prerouting priority raw
        udp dport 4004 notrack
        udp dport 4005 ct zone set 5
    }
    chain forward {
        type filter hook forward priority 0
        ct state untracked counter name untracked
        udp dport 4006 ct helper set "tftp"
    }
    ct helper tftp {
        type "tftp" protocol udp
    }
    counter untracked {}
}''')
for f in 4, 6:
    v = 'IPv%d: ' % f
    flush()
    bounce_both(v + 'notrack', dgram(f, 4004))
    counters(v + 'is not tracked', {'untracked': 2})
    bounce_both(v + 'ct zone set', dgram(f, 4005))
    zones(v + 'is the zone', [5], '-f ipv%d -p udp --dport 4005' % f)
    bounce_both(v + 'ct helper set', dgram(f, 4006))
    ok(all('helper=tftp' in e for e in entries('-f ipv%d -p udp --dport 4006' % f)),
       v + 'is the helper', entries('-f ipv%d' % f))

# ---- helpers of the raw table, whose connections are related in the zone

run('modprobe nf_conntrack_ftp')
run('ip netns exec app sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=1')
for f, iptables in (4, 'iptables'), (6, 'ip6tables'):
    v = 'IPv%d, CT --helper ftp: ' % f
    nft('''
table inet t {
    chain state {
        type filter hook forward priority 10
        ct state related counter name related
    }
    counter related {}
}''')
    rule = 'ip netns exec app %s -t raw %%s PREROUTING -i gwlb0 -p tcp --dport 21 ' \
        '-j CT --helper ftp' % iptables
    run(rule % '-A')
    host = A[4].replace('.', ',').encode() if f == 4 else b''
    announced = b'PORT %s,195,80\r\n' % host if f == 4 else \
        b'EPRT |2|%s|50000|\r\n' % ipaddress.ip_address(A[6]).exploded.encode()

    def up(flags, data=b'', seq=101):
        return IP[f](A[f], B[f], TCP, tcp(A[f], B[f], 1234, 21, data, seq, flags))

    def down(flags, sport, dport):
        return IP[f](B[f], A[f], TCP, tcp(B[f], A[f], sport, dport, b'', 500, flags))
    for p in (up(2, seq=100), down(0x12, 21, 1234), up(16), up(16, b'USER x\r\n'),
              up(16, announced, 109)):
        bounce_both(v + 'the control connection', p)
    zones(v + 'is in the zones', [ZX, ZY], '-f ipv%d -p tcp --dport 21' % f)
    ok(all('helper=ftp' in e for e in entries('-f ipv%d -p tcp --dport 21' % f)),
       v + 'has the helper', entries('-f ipv%d' % f))
    bounce_both(v + 'the data connection', down(2, 20, 50000))
    counters(v + 'is related', {'related': 2})
    run(rule % '-D')

# ---- masquerade, to the address of gwlb0

run('ip -n app address add %s dev gwlb0' % M[4])
run('ip -n app address add %s dev gwlb0 nodad' % M[6])
nft('''
table inet t {
    chain srcnat {
        type nat hook postrouting priority srcnat
        oifname gwlb0 udp dport 4007 masquerade
    }
}''')
for f in 4, 6:
    v = 'IPv%d: masquerade: ' % f
    bounce_both(v + 'both to one address and port', dgram(f, 4007), dgram(f, 4007, M[f]))
    bounce_both(v + 'and the replies', dgram(f, 1234, B[f], M[f], 4007),
                dgram(f, 1234, B[f], A[f], 4007))

# ---- fragments that two networks send at the same time

nft('table inet t {' + STATE + '}')


def pieces(name, packets, want, drops=None):
    """ok if as many bytes of each endpoint come back, in whatever pieces"""
    before = lab.genl.counters()
    for p in packets:
        lab.send(p)
    lab.send(of(X, dgram(4, 9)))
    got = []
    while back(X, dgram(4, 9)) not in got:
        more = [without_id(p) for p in lab.receive(1)]
        if not more:
            break
        got += more
    payload = {e: sum(len(p) for p in got if p[36:68] == of(e, dgram(4, 9))[36:68] and
                      p != back(X, dgram(4, 9))) for e in (X, Y)}
    counted = lab.drops_since(before, sum((drops or {}).values()))
    ok(payload == want and counted == (drops or {}), name,
       'want %s, got %s, drops %s' % (want, payload, counted))


for f in 4, 6:
    v = 'IPv%d: ' % f
    data = {X: filler(2000)[:2000], Y: filler(2000, 1)[:2000]}
    cut = {e: [of(e, p) for p in fragments(dgram(f, 4000, data=data[e]), 1480)] for e in (X, Y)}
    size = {e: sum(map(len, cut[e])) for e in (X, Y)}
    pieces(v + 'fragments of one id, taking turns',
           [cut[X][0], cut[Y][0], cut[Y][1], cut[X][1]], size)
    pieces(v + 'halves of two never meet', [cut[X][0], cut[Y][1]], {X: 0, Y: 0})
ctl('endpoint set 0x%x zone 77' % X)
ctl('endpoint set 0x%x zone 77' % Y)
for f in 4, 6:
    cut = {e: [of(e, p) for p in fragments(dgram(f, 4000, V[f], data=filler(2000)[:2000]), 1480,
                                           ident=5)] for e in (X, Y)}
    pieces('IPv%d: in one zone, they are kept from each other' % f,
           [cut[X][0], cut[Y][0], cut[Y][1], cut[X][1]],
           {X: sum(map(len, cut[X])), Y: 0}, {'overlap': 2})

# ---- which zone

flush()
bounce_both('two endpoints told to share a zone', dgram(4, 4000))
zones('have one entry', [77], '-p udp --dport 4000')
ok(not any(e['clash'] for e in listed().values()), 'and that is no clash', listed())
ctl('endpoint set 0x%x zone none' % X)
ctl('endpoint set 0x%x zone auto' % Y)
flush()
bounce_both('none and automatic', dgram(4, 4000))
zones('are two entries', [None, ZY], '-p udp --dport 4000')
ctl('endpoint set 0x%x zone auto' % X)
ctl('set gwlb0 zone-range 30000-30099')
flush()
bounce_both('another range', dgram(4, 4000))
zones('has other zones', [zone_of(X, 30000, 30099), zone_of(Y, 30000, 30099)],
      '-p udp --dport 4000')

twin = next(e for e in range(1, 1000) if zone_of(e, 30000, 30099) == zone_of(X, 30000, 30099))
run('dmesg -C')
lab.bounce('an endpoint with the zone of another', [of(twin, dgram(4, 4000))])
lab.bounce('and one more', [of(next(
    e for e in range(1000, 9999) if zone_of(e, 30000, 30099) == zone_of(X, 30000, 30099)),
    dgram(4, 4000))])
said = [line for line in run('dmesg').splitlines() if 'conntrack zone' in line]
ok(len(said) == 1 and '%016x' % X in said[0] and '%016x' % twin in said[0], 'is logged, once', said)
got = listed()
ok([got['%016x' % e]['clash'] for e in (X, Y, twin)] == [True, False, True], 'and shown', got)
ok('clash' in ctl('endpoint'), 'also as text')
ctl('endpoint set 0x%x zone 78' % X)
ok(not listed()['%016x' % X]['clash'], 'another zone ends it', listed())

ctl('set gwlb0 zones off')
run('dmesg -C')
ctl('set gwlb0 zones auto')
ctl('endpoint set 0x%x zone auto' % X)
ctl('endpoint set 192.0.2.9 zone %d' % zone_of(X, 30000, 30099))
ctl('set gwlb0 timeout-tcp 351')
ctl('endpoint set 192.0.2.9 name lb')
said = [line for line in run('dmesg').splitlines() if 'conntrack zone' in line]
ok(len(said) == 1, 'a clash: other settings are no reason to say it again', said)
ctl('set gwlb0 zone-range 30000-30098')
ctl('endpoint set 192.0.2.9 zone %d' % zone_of(X, 30000, 30098))
said = [line for line in run('dmesg').splitlines() if 'conntrack zone' in line]
ok(len(said) == 2 and 'endpoint set 192.0.2.9 zone' in said[1], 'what it tells to do can be done',
   said)
ctl('endpoint forget 192.0.2.9')
ctl('set gwlb0 zones off')
flush()
bounce_both('zones off', dgram(4, 4000))
zones('is one entry', [None], '-p udp --dport 4000')

lab.genl.sock.close()
run('rmmod gwlb')
lab = Lab()
lab.bounce('the module loaded anew', [of(Y, dgram(4, 4000)), of(X, dgram(4, 4000))])
ok([listed()['%016x' % e]['zone'] for e in (X, Y)] == [ZX, ZY], 'the zones are the same', listed())
finish()
