#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What nft rules on gwlb0 do to packets. Whatever it is, each leaves under
the outer header and options that it came with. Topology: wirelab.py"""
from nflab import A, B, V, back, counters, dgram, gone, has_egress, nft, of, segment
from wirelab import Lab, finish, ok, run

lab = Lab()
egress = has_egress()

# ---- hooks, drop, counter, marks, what may be changed in a packet

nft('''
table inet t {
%s
    chain raw {
        type filter hook prerouting priority raw
        udp dport 1030 notrack
    }
    chain prerouting {
        type filter hook prerouting priority filter
        iifname gwlb0 counter name pre
        udp dport 1002 drop
        udp dport 1020 ct mark 77 meta mark set 3 ct mark set 78
        udp dport 1020 ct mark 0 ct mark set 77
        udp dport 1030 ct state untracked counter name untracked
        udp dport 1040 ct state new counter name new
        udp sport 1040 ct state established counter name established
        tcp dport 1041 ct state invalid counter name invalid
        tcp dport 1042 ct state new counter name new
        tcp sport 1042 ct state established counter name established
        tcp dport 1042 ct state established counter name established
    }
    chain input {
        type filter hook input priority filter
        iifname gwlb0 counter name stack
    }
    chain forward {
        type filter hook forward priority filter
        iifname gwlb0 oifname gwlb0 counter name forward
        udp dport 1001 drop
        udp dport 1006 reject
        tcp dport 1006 reject with tcp reset
        udp dport 1010 ip ttl set 10
        udp dport 1010 ip6 hoplimit set 10
        udp dport 1011 ip dscp set af41
        udp dport 1011 ip6 dscp set af41
        udp dport 1012 @th,64,32 set 0x21222324
        udp dport 1013 udp dport set 1113
        udp dport 1014 ip saddr set %s
        udp dport 1014 ip6 saddr set %s
        udp dport 1020 meta mark 3 counter name marked
        udp dport 1020 ct mark 78 counter name ctmarked
    }
    chain output {
        type filter hook output priority filter
        oifname gwlb0 counter name stack
        udp dport 6081 meta mark != 0 counter name leaked
    }
    chain postrouting {
        type filter hook postrouting priority filter
        iifname gwlb0 oifname gwlb0 counter name post
        udp dport 1003 drop
    }
}
table netdev t {
    counter enter {}
    counter leave {}
    chain enter {
        type filter hook ingress device gwlb0 priority filter
        counter name enter
        udp dport 1004 drop
    }
 %s
}
''' % (''.join('    counter %s {}\n' % c for c in (
    'pre forward post stack leaked untracked new established invalid marked ctmarked').split()),
       V[4], V[6], '''
    chain leave {
        type filter hook egress device gwlb0 priority filter
        counter name leave
        udp dport 1005 drop
    }''' if egress else ''))

for f in 4, 6:
    v = 'IPv%d: ' % f
    lab.bounce(v + 'rules that do not match change nothing',
               [of(c, dgram(f, 1000, tos=4, ttl=1)) for c in range(5)])
    hooks = {h: 5 for h in ('enter', 'pre', 'forward', 'post', 'leave')[:4 + egress]}
    counters(v + 'every hook has seen them, INPUT and OUTPUT have not', hooks)
    for n, (where, seen) in enumerate((
            ('FORWARD', 'enter pre forward'), ('PREROUTING', 'enter pre'),
            ('POSTROUTING', 'enter pre forward post'), ('netdev ingress', 'enter'),
            ('netdev egress', 'enter pre forward post leave'))):
        if 'leave' in seen and not egress:
            ok(True, v + 'drop in netdev egress # SKIP this kernel has no such hook')
            continue
        gone(lab, v + 'drop in ' + where, f, *[dgram(f, 1001 + n)] * 3)
        counters(v + 'and the hooks behind have not seen them',
                 {c: 4 if c in seen.split() else 1 for c in hooks})

    gone(lab, v + 'reject of UDP acts as drop', f, dgram(f, 1006))
    gone(lab, v + 'reject with tcp reset acts as drop', f, segment(f, 1006, 2))
    counters(v + 'and neither is answered', {h: 2 if h in ('post', 'leave') else 4 for h in hooks})

    lab.bounce(v + 'ttl, hoplimit set', [of(1, dgram(f, 1010, ttl=64))],
               [back(1, dgram(f, 1010, ttl=10))])
    lab.bounce(v + 'dscp set keeps ECN', [of(1, dgram(f, 1011, tos=1))],
               [back(1, dgram(f, 1011, tos=34 << 2 | 1))])
    # nft knows no checksum in a raw payload
    sent = dgram(f, 1012, data=b'abcdefg')
    lab.bounce(v + 'payload set', [of(1, sent)], [back(1, sent[:-7] + b'!"#$efg')])
    lab.bounce(v + 'port set', [of(1, dgram(f, 1013))], [back(1, dgram(f, 1113))])
    lab.bounce(v + 'source address set', [of(1, dgram(f, 1014))],
               [back(1, dgram(f, 1014, src=V[f]))])
    run('ip netns exec app nft reset counters')

    lab.bounce(v + 'ct mark and meta mark', [of(1, dgram(f, 1020))] * 3)
    counters(v + 'are kept, and stay inside',
             {**{h: 3 for h in hooks}, 'ctmarked': 2, 'marked': 1, 'leaked': 0})
    lab.bounce(v + 'notrack', [of(1, dgram(f, 1030))] * 3)
    counters(v + 'leaves them untracked', {**{h: 3 for h in hooks}, 'untracked': 3})
    lab.bounce(v + 'UDP, both directions, two contexts', [
        of(1, dgram(f, 1040)), of(2, dgram(f, 1234, B[f], A[f], 1040)),
        of(1, dgram(f, 1040)), of(2, dgram(f, 1234, B[f], A[f], 1040))])
    counters(v + 'are new, then established',
             {**{h: 4 for h in hooks}, 'new': 1, 'established': 2})
    broken = bytearray(segment(f, 1041, 2))
    broken[-4] ^= 1
    lab.bounce(v + 'TCP with a wrong checksum', [of(1, bytes(broken))])
    counters(v + 'is invalid', {**{h: 1 for h in hooks}, 'invalid': 1})
    lab.bounce(v + 'TCP, both directions, two contexts', [
        of(1, segment(f, 1042, 2)), of(2, segment(f, 1234, 0x12, B[f], A[f], 1042)),
        of(1, segment(f, 1042, 0x10))])
    counters(v + 'is new, then established',
             {**{h: 3 for h in hooks}, 'new': 1, 'established': 2})

finish()
