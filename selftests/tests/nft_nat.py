#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow nft_nat_early
"""NAT by nft on gwlb0: addresses change, outer header and options do not.
Topology: wirelab.py"""
from nflab import A, B, IP, R, V, back, dgram, nft, of, segment
from wirelab import APP, ICMP, ICMP6, Lab, finish, icmp, pseudo, run

lab = Lab()
M = {4: '100.64.0.1', 6: 'fd64::1'}     # of gwlb0, for masquerade
run('ip -n app address add %s/32 dev gwlb0' % M[4])
run('ip -n app address add %s/128 dev gwlb0' % M[6])


def error(f, src, dst, about):
    """Destination unreachable"""
    if f == 4:
        return IP[f](src, dst, ICMP, icmp(3, 0, 0, about))
    return IP[f](src, dst, ICMP6,
                 icmp(1, 0, 0, about, pseudo(src, dst, ICMP6, 8 + len(about))))


nft(''.join('''
table %(ip)s t {
    chain prerouting {
        type nat hook prerouting priority dstnat
        udp dport 2001 %(ip)s daddr %(V)s dnat to %(B)s
        tcp dport 2001 %(ip)s daddr %(V)s dnat to %(B)s
        udp dport 2002 dnat to %(b)s:53
        udp dport 2003 dnat to %(B)s
        udp dport 2005 dnat to %(app)s
        udp dport 2006 redirect to :53
    }
    chain input {
        type filter hook input priority filter
        udp dport 2005 drop
    }
    chain postrouting {
        type nat hook postrouting priority srcnat
        udp dport 2000 snat to %(V)s
        tcp dport 2000 snat to %(V)s
        udp dport 2003 snat to %(R)s
        udp dport 2004 masquerade
    }
}
''' % {'ip': ip, 'V': V[f], 'B': B[f], 'R': R[f], 'app': APP[f],
       'b': '[%s]' % B[f] if f == 6 else B[f]} for f, ip in ((4, 'ip'), (6, 'ip6'))))

for f in 4, 6:
    v = 'IPv%d: ' % f
    a, b, n, r, m = (x[f] for x in (A, B, V, R, M))

    lab.bounce(v + 'SNAT', [of(1, dgram(f, 2000))] * 2, [back(1, dgram(f, 2000, n))] * 2)
    lab.bounce(v + 'and its reply, under a context of its own',
               [of(2, dgram(f, 1234, b, n, 2000))] * 2, [back(2, dgram(f, 1234, b, a, 2000))] * 2)
    lab.bounce(v + 'and an ICMP error about it',
               [of(3, error(f, r, n, dgram(f, 2000, n)))],
               [back(3, error(f, r, a, dgram(f, 2000)))])
    lab.bounce(v + 'DNAT', [of(1, dgram(f, 2001, a, n))] * 2, [back(1, dgram(f, 2001))] * 2)
    lab.bounce(v + 'and its reply, under a context of its own',
               [of(2, dgram(f, 1234, b, a, 2001))] * 2, [back(2, dgram(f, 1234, n, a, 2001))] * 2)
    # NAT hides who sent it as well
    lab.bounce(v + 'and an ICMP error about it',
               [of(3, error(f, r, a, dgram(f, 2001)))],
               [back(3, error(f, n, a, dgram(f, 2001, a, n)))])
    lab.bounce(v + 'DNAT to another port, and its reply',
               [of(1, dgram(f, 2002, a, n)), of(2, dgram(f, 1234, b, a, 53))],
               [back(1, dgram(f, 53)), back(2, dgram(f, 1234, n, a, 2002))])
    lab.bounce(v + 'DNAT and SNAT at once, and the reply',
               [of(1, dgram(f, 2003, a, n)), of(2, dgram(f, 1234, b, r, 2003))],
               [back(1, dgram(f, 2003, r, b)), back(2, dgram(f, 1234, n, a, 2003))])
    lab.bounce(v + 'masquerade to the address of gwlb0, and the reply',
               [of(1, dgram(f, 2004)), of(2, dgram(f, 1234, b, m, 2004))],
               [back(1, dgram(f, 2004, m)), back(2, dgram(f, 1234, b, a, 2004))])
    lab.bounce(v + 'DNAT to an address of the appliance does not leave the bump, nor its reply',
               [of(1, dgram(f, 2005)), of(2, dgram(f, 1234, APP[f], a, 2005))],
               [back(1, dgram(f, 2005, a, APP[f])), back(2, dgram(f, 1234, b, a, 2005))])
    lab.bounce(v + 'nor does what is redirected',
               [of(1, dgram(f, 2006)), of(2, dgram(f, 1234, m, a, 53))],
               [back(1, dgram(f, 53, a, m)), back(2, dgram(f, 1234, b, a, 2006))])
    lab.bounce(v + 'TCP, SNAT, both directions',
               [of(1, segment(f, 2000, 2)), of(2, segment(f, 1234, 0x12, b, n, 2000)),
                of(1, segment(f, 2000, 0x18))],
               [back(1, segment(f, 2000, 2, n)), back(2, segment(f, 1234, 0x12, b, a, 2000)),
                back(1, segment(f, 2000, 0x18, n))])
    lab.bounce(v + 'TCP, DNAT, both directions',
               [of(1, segment(f, 2001, 2, a, n)), of(2, segment(f, 1234, 0x12, b, a, 2001)),
                of(1, segment(f, 2001, 0x18, a, n))],
               [back(1, segment(f, 2001, 2)), back(2, segment(f, 1234, 0x12, n, a, 2001)),
                back(1, segment(f, 2001, 0x18))])
    contexts = [c % 7 for c in range(70)]
    lab.bounce(v + 'one connection with DNAT and SNAT under seven contexts, both directions',
               [of(c, dgram(f, 2003, a, n)) for c in contexts] +
               [of(c, dgram(f, 1234, b, r, 2003)) for c in contexts],
               [back(c, dgram(f, 2003, r, b)) for c in contexts] +
               [back(c, dgram(f, 1234, n, a, 2003)) for c in contexts])
finish()
