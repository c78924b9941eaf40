#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""What rules, queues and a small uplink do to packets that GRO merged is what
they do to each of them. Topology: grolab.py"""
from grolab import A, B, GroLab, behind_options, datagrams, outer, segments
from nflab import Queue, V, nft
from wirelab import APP, EARLY, GW, ICMP, ICMP6, checksum, finish, ok, pseudo, run, swapped

lab = GroLab()
N = {4: '203.0.113.9', 6: '2001:db8:cccc::9'}
run('ip netns exec app ethtool -K eth0 rx-udp-gro-forwarding on')
if not lab.merges_udp:
    ok(True, 'aggregates of UDP # SKIP this kernel makes none of UDP in UDP')
MAKE = {'tcp': segments, 'udp': datagrams}


def both(name, f, make, expect, **more):
    """As it comes, and with what is made of each: arguments of MAKE"""
    for p in 'tcp', 'udp':
        for check in True, False:
            lab.train('IPv%d: %s: %s, outer checksum %s' % (f, p, name, check),
                      outer(MAKE[p](f, **make), check=check),
                      [swapped(x) for x in outer(MAKE[p](f, **expect), check=check)],
                      **{'merged': p == 'tcp' or lab.merges_udp, **more})


# ---- nft: changes, NAT, drop
nft('''
table inet t {
    chain raw {
        type filter hook prerouting priority raw
        th dport 7006 notrack
    }
    chain change {
        type filter hook forward priority mangle
        th dport 7001 ip ttl set 9
        th dport 7001 ip6 hoplimit set 9
        th dport 7002 ip dscp set af21
        th dport 7002 ip6 dscp set af21
        tcp dport 7003 tcp dport set 7103
        udp dport 7003 udp dport set 7103
        th dport 7004 ip saddr set %s
        th dport 7004 ip6 saddr set %s
    }
    chain filter {
        type filter hook forward priority filter
        th dport 7006 ct state untracked accept
        th dport 7006-7007 drop
        ct state invalid drop
    }
    chain dstnat {
        type nat hook prerouting priority dstnat
        meta l4proto { tcp, udp } th dport 7010-7011 dnat ip to %s:7110
        meta l4proto { tcp, udp } th dport 7010-7011 dnat ip6 to [%s]:7110
    }
    chain srcnat {
        type nat hook postrouting priority srcnat
        oifname gwlb0 th dport 7110 snat ip to %s
        oifname gwlb0 th dport 7110 snat ip6 to %s
    }
}
''' % (N[4], N[6], V[4], V[6], N[4], N[6]))
for f in 4, 6:
    both('rules that do not match', f, {}, {})
    both('ttl, hoplimit set', f, {'dport': 7001}, {'dport': 7001, 'ttl': 9})
    both('dscp set', f, {'dport': 7002}, {'dport': 7002, 'tos': 18 << 2})
    both('port set', f, {'dport': 7003}, {'dport': 7103})
    both('address set', f, {'dport': 7004}, {'dport': 7004, 'src': N[f]})
    both('notrack', f, {'dport': 7006}, {'dport': 7006})
    both('DNAT and SNAT', f, {'dport': 7010}, {'dport': 7110, 'src': N[f], 'dst': V[f]})
    both('DNAT of what leaves as other aggregates', f, {'dport': 7011, 'last': 5, 'sport': 99},
         {'dport': 7110, 'last': 5, 'sport': 99, 'src': N[f], 'dst': V[f]})
    for p in 'tcp', 'udp':
        fence = outer(datagrams(f, 1, dport=9), sport=60002)
        got = lab.exchange(outer(MAKE[p](f, dport=7007)) + fence, 1)
        ok(got == [swapped(x) for x in fence] and
           1 < len(lab.seen) < (20 if p == 'tcp' or lab.merges_udp else 22),
           'IPv%d: %s: drop drops all' % (f, p), '%s, %s' % ([x.hex() for x in got], lab.seen))

nft('''
table inet t {
    chain filter {
        type filter hook forward priority filter
        tcp dport 80 reject with tcp reset
    }
}
''')
for f in 4, 6:
    run('ip -n app -%d route add default dev gwlb0' % f)
    got = lab.exchange(outer(segments(f)), 1)
    tcp_at = 20 + 8 + 8 + 32 + (20 if f == 4 else 40)
    ok(len(got) == len(lab.seen) < 20 and all(p[tcp_at + 13] & 4 for p in got),
       'IPv%d: a reset for each aggregate' % f, '%s, %s' % ([p.hex() for p in got], lab.seen))

# ---- tc changes them before and behind the rules
nft('')
for where in 'ingress', 'egress':
    run('tc -n app qdisc replace dev gwlb0 clsact')
    run('tc -n app filter add dev gwlb0 %s protocol ip pref 1 matchall '
        'action pedit ex munge ip ttl set 9 pipe csum ip' % where)
    run('tc -n app filter add dev gwlb0 %s protocol ipv6 pref 2 matchall '
        'action pedit ex munge ip6 hoplimit set 9' % where)
    for f in 4, 6:
        both('tc %s, pedit' % where, f, {}, {'ttl': 9})
    run('tc -n app qdisc del dev gwlb0 clsact')

# ---- a program behind a queue
for flag in '', '-g ':
    # of the outer packet in INPUT
    for hook, match in (('prerouting', 'iifname gwlb0'), ('forward', ''),
                        ('postrouting', 'oifname gwlb0'), ('input', 'udp dport 6081')):
        if hook == 'input' and EARLY:
            continue
        nft('table inet t { chain c { type filter hook %s priority filter; %s queue num 1; }; }'
            % (hook, match))
        queue = Queue(verdict='accept', whole=bool(flag))
        for f in 4, 6:
            both('nfq %sin %s' % (flag, hook), f, {}, {},
                 **({} if hook != 'input' or flag else {'merged': False}))
        asked = queue.end()
        ok(asked == 160 if not flag else 8 <= asked < (80 if lab.merges_udp else 100),
           'nfq %sin %s: is asked for each %s' % (flag, hook, 'aggregate' if flag else 'packet'),
           asked)
nft('')

# ---- an uplink that is too small for the segments
run('ip -n app route add %s/32 dev eth0 mtu 700 src %s' % (GW[4], APP[4]))
pieces = []
for on in False, True:
    lab.gro(on)
    pieces.append(lab.exchange(outer(segments(4, df=False, last=100)), 39))
ok(len(pieces[0]) == 39 and pieces[0] == pieces[1] and max(map(len, pieces[0])) <= 700,
   'IPv4 without DF: the same fragments, with GRO and without',
   '%s\n%s' % tuple([len(p) for p in x] for x in pieces))
ok(len(lab.seen) < 20, 'IPv4 without DF: gwlb0 saw aggregates', lab.seen)

for f in 4, 6:
    before = lab.genl.counters()
    got = lab.exchange(outer(segments(f)), 1)
    dropped = lab.drops_since(before, 1)
    ok(dropped == {'too-big': len(lab.seen)} and len(lab.seen) < 20,
       'IPv%d: an aggregate with DF is dropped whole' % f, '%s, %s' % (dropped, lab.seen))
    # outer IPv4, UDP, GENEVE with 32 bytes of options
    answer = got[0][68:] if got else b''
    if f == 4:
        good = answer[20:22] == b'\3\4' and answer[26:28] == (700 - 68).to_bytes(2, 'big') and \
            answer[9] == ICMP and not checksum(answer[20:])
    else:
        good = answer[40:42] == b'\2\0' and answer[44:48] == (1280).to_bytes(4, 'big') and \
            answer[6] == ICMP6 and \
            not checksum(pseudo(B[6], A[6], ICMP6, len(answer) - 40) + answer[40:])
    ok(good, 'IPv%d: and its sender told' % f, [p.hex() for p in got])

# just what fits, with a sequence number that is no length of a header
run('ip -n app route replace %s/32 dev eth0 mtu %d src %s' % (GW[4], 68 + 1080, APP[4]))
lab.train('IPv6: segments behind destination options just fit', outer(behind_options(0xf0000000)),
          merged=True)
run('ip -n app route del %s/32 dev eth0' % GW[4])
for f in 4, 6:
    lab.train('IPv%d: the uplink has grown' % f, outer(segments(f)), merged=True)

# ---- bound to an address, where older kernels cannot merge
lab.anew('local ' + APP[4])
lab.train('bound to an address', outer(segments(4)) + outer(datagrams(4)))
finish()
