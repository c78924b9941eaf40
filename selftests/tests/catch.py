#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
# timeout 400
"""Where outer packets are caught, how they leave, and what else sees them.
Topology: wirelab.py"""
import contextlib
import json
import select
import socket
import subprocess
import time
from nflab import counters, nft
from wirelab import (ALLOW, APP, APP4, APP6, GW, GW4, Lab, checksum, finish, geneve, inner4,
                     inner6, netns, ok, run, swapped, wire)

lab = Lab()
PACKETS = [wire(geneve(p), family=f, check=c) for f in (4, 6) for p in (inner4(), inner6())
           for c in (True, False)]
N = len(PACKETS)


def ctl(words):
    return run('ip netns exec app gwlbctl ' + words)


def refused(name, words, why):
    done = subprocess.run(('ip netns exec app gwlbctl ' + words).split(), stderr=subprocess.PIPE,
                          universal_newlines=True, check=False)
    ok(done.returncode == 2 and why in done.stderr, name, done.stderr)


def show():
    link = json.loads(ctl('show -j gwlb0'))[0]
    return link['catch'], link['allow']


# ---- which it is, and who sees the outer packets then

WATCH = '''
table inet t {
    chain raw { type filter hook prerouting priority raw
        udp dport 6081 counter name raw; }
    chain conntrack { type filter hook prerouting priority filter
        udp dport 6081 counter name prerouting; }
    chain input { type filter hook input priority filter
        udp dport 6081 counter name input
        udp dport 6081 ct state untracked counter name untracked; }
    chain output { type filter hook output priority filter
        udp dport 6081 counter name output
        udp dport 6081 ct state untracked counter name untracked_out; }
    chain postrouting { type filter hook postrouting priority filter
        oifname eth0 udp dport 6081 counter name postrouting; }
    chain forward { type filter hook forward priority filter
        ct state new,established counter name inner; }
    counter raw {}
    counter prerouting {}
    counter input {}
    counter untracked {}
    counter output {}
    counter untracked_out {}
    counter postrouting {}
    counter inner {}
}
'''
SOCKET = dict.fromkeys(('raw', 'prerouting', 'input', 'untracked', 'output', 'untracked_out',
                        'postrouting', 'inner'), N)
EARLY = {'raw': N, 'inner': N}


def entries(*args):
    return [line for line in run('ip netns exec app conntrack -L ' + ' '.join(args)).splitlines()
            if ' src=' in line]


def caught(name, want):
    """ok if all come back, and these rules saw the outer packets"""
    nft(WATCH)
    run('ip netns exec app conntrack -F')
    lab.bounce(name + ': all come back', PACKETS)
    counters(name + ': the rules that see it', want)
    outer = entries('-p udp --dport 6081') + entries('-f ipv6 -p udp --dport 6081')
    ok(entries('-p udp --dport 53') and not outer, name + ': no conntrack entry of the tunnel',
       '\n'.join(outer))


caught('auto without allow list', SOCKET)
ctl('set gwlb0 ' + ALLOW)
caught('auto with allow list', EARLY)
ctl('set gwlb0 catch socket')
caught('socket with allow list', SOCKET)
ctl('set gwlb0 catch early')
caught('early', EARLY)

before = show()
refused('early: the allow list cannot go', 'set gwlb0 allow any', 'needs an allow list')
ok(show() == before, 'and it stays as it was', (before, show()))
refused('early without allow list', 'add gwlb1 port 7000 catch early', 'needs an allow list')
ok('gwlb1' not in run('ip -n app link'), 'and no link is made')
ctl('set gwlb0 catch auto allow any')
caught('auto without allow list again', SOCKET)

nft('''
table inet t {
    chain raw { type filter hook prerouting priority raw
        udp dport 6081 udp sport 60009 drop; }
    chain input { type filter hook input priority filter
        udp dport 6081 counter name input drop; }
    counter input {}
}
''')
ctl('set gwlb0 ' + ALLOW)
other = [wire(geneve(inner4()), family=f, sport=60009) for f in (4, 6)]
lab.bounce('early: a raw rule can drop it, one of INPUT cannot', other + PACKETS,
           [swapped(p) for p in PACKETS])
lab.bounce('a sender that is not allowed goes on to the socket, here to INPUT',
           [wire(geneve(inner4()), '10.9.9.9', APP4), PACKETS[0]], [swapped(PACKETS[0])])
counters('where it is dropped', {'input': 1})
nft('')
lab.bounce('and by the socket otherwise', [wire(geneve(inner4()), '10.9.9.9', APP4), PACKETS[0]],
           [swapped(PACKETS[0])], {'sender': 1})

# ---- what is not ours is left alone

run('ip netns exec app sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1')
run('ip netns exec app sysctl -qw net.ipv4.conf.eth0.send_redirects=0')
nft('''
table inet t {
    chain forward { type filter hook forward priority filter
        iifname eth0 udp dport 6081 ct state new counter name forwarded drop; }
    chain input { type filter hook input priority filter
        udp dport 6082 ct state new counter name local drop; }
    chain output { type filter hook output priority filter
        udp dport 6081 ct state new counter name program; }
    counter forwarded {}
    counter local {}
    counter program {}
}
''')
for f, address in ((4, '10.254.12.1'), (6, 'fd12::1')):
    run('ip -n app route add %s via %s' % (address, GW[f]))
    lab.bounce('IPv%d: neither to another address nor to another port' % f, [
        wire(geneve(inner4()), GW[f], address), wire(geneve(inner4()), family=f, dport=6082),
        PACKETS[0]], [swapped(PACKETS[0])])
with netns('app'):
    for f, kind in ((4, socket.AF_INET), (6, socket.AF_INET6)):
        with socket.socket(kind, socket.SOCK_DGRAM) as program:
            program.sendto(b'from a program', (GW[f], 6081))
lab.receive(2)
counters('they are tracked, and so is what a program sends to that port',
         {'forwarded': 2, 'local': 2, 'program': 2})
nft('')
run('ip netns exec app sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0')

run('ip -n app link set gwlb0 down')
nft('''
table inet t {
    chain prerouting { type nat hook prerouting priority dstnat
        udp dport 6081 dnat ip to %s; }
    chain postrouting { type nat hook postrouting priority srcnat
        udp dport 6081 masquerade; }
}
''' % GW4)
run('ip netns exec app sysctl -qw net.ipv4.ip_forward=1')
lab.exchange([PACKETS[0]], 1)
ok(entries('-p udp --dport 6081'), 'a NAT pair on the appliance: entries')
run('ip -n app link set gwlb0 up')
for catch in 'auto', 'socket':
    ctl('set gwlb0 catch ' + catch)
    lab.bounce('its packets are taken over at once, with rules and entries still there: ' + catch,
               PACKETS[:4])
run('ip netns exec app sysctl -qw net.ipv4.ip_forward=0')
nft('')
ctl('set gwlb0 catch auto')

block = 'xfrm policy %s src %s dst %s dir in' % ('%s', GW4 + '/32', APP4 + '/32')
run('modprobe -q xfrm_user', check=False)
run('ip -n app ' + block % 'add' + ' action block')
lab.bounce('where IPsec has a policy, the socket asks it', [PACKETS[0], PACKETS[4]],
           [swapped(PACKETS[4])])
run('ip -n app ' + block % 'del')
lab.bounce('and not when it has none', [PACKETS[0]])

# ---- how it leaves

ctl('set gwlb0 ttl 7 tos 0xb8')


def other_header(p):
    """ttl 7 and tos 0xb8 instead"""
    if p[0] >> 4 == 6:
        return b'\x6b\x80' + p[2:7] + b'\x07' + p[8:]
    head = p[:1] + b'\xb8' + p[2:8] + b'\x07' + p[9:10] + b'\0\0' + p[12:20]
    return head[:10] + checksum(head).to_bytes(2, 'big') + p[12:]


lab.bounce('ttl and tos of the configuration', PACKETS,
           [other_header(swapped(p)) for p in PACKETS])
ctl('set gwlb0 ttl 64 tos 0')


def macs(packets, want):
    """The destination addresses of the frames that come back"""
    lab.receive()
    for p in packets:
        lab.send(p)
    seen, end = [], time.monotonic() + 5
    while len(seen) < want and time.monotonic() < end:
        if select.select([lab.sock], [], [], 0.5)[0]:
            frame, source = lab.sock.recvfrom(1 << 16)
            if source[2] != socket.PACKET_OUTGOING and lab.from_tunnel(frame[14:]) and \
                    frame[6:12].hex(':') == lab.MAC['app']:
                seen.append(frame[:6].hex(':'))
    return seen


OTHER, THIRD = '02:00:00:00:00:33', '02:00:00:00:00:44'
for catch in 'early', 'socket':
    ctl('set gwlb0 catch ' + catch)
    for f, router in ((4, '10.254.11.99'), (6, 'fd11::99')):
        packets, home = [p for p in PACKETS if p[0] >> 4 == f], lab.MAC['gwlb']
        name = '%s, IPv%d: ' % (catch, f)
        got = macs(packets, len(packets))
        ok(got == [home] * len(packets), name + 'to the neighbour', got)
        run('ip -n app neigh replace %s lladdr %s dev eth0' % (GW[f], OTHER))
        got = macs(packets, len(packets))
        ok(got == [OTHER] * len(packets), name + 'the neighbour changes', got)
        run('ip -n app neigh add %s lladdr %s dev eth0' % (router, THIRD))
        run('ip -n app route add %s via %s dev eth0' % (GW[f], router))
        got = macs(packets, len(packets))
        ok(got == [THIRD] * len(packets), name + 'a route by a router', got)
        run('ip -n app route del %s via %s dev eth0' % (GW[f], router))
        run('ip -n app neigh del %s dev eth0' % GW[f])
        lab.bounce(name + 'the route goes, and the neighbour must be found', packets)
        run('ip -n app route add unreachable %s metric 1' % GW[f])
        lab.bounce(name + 'no route', packets, [], {'no-route': len(packets)})
        run('ip -n app route del unreachable %s metric 1' % GW[f])
        lab.bounce(name + 'a route again', packets)
        run('ip -n app neigh replace %s lladdr %s dev eth0' % (GW[f], home))

    with lab.flood(PACKETS):
        for i in range(5):
            run('ip -n app link set eth0 down')
            run('ip -n app link set eth0 up')
            with contextlib.suppress(SystemExit):
                run('ip -n app address add %s/64 dev eth0 nodad' % APP6)
    for f in 4, 6:
        run('ip -n app neigh replace %s lladdr %s dev eth0' % (GW[f], lab.MAC['gwlb']))
    # what is still on its way
    while lab.receive(1, 1):
        pass
    lab.bounce(catch + ': all is well after the uplink went down five times under traffic', PACKETS)

# ---- an uplink in a VRF

run('ip -n app link add red type vrf table 100')
run('ip -n app link set red up')
run('ip -n app link set eth0 master red')
run('ip netns exec app sysctl -qw net.ipv4.udp_l3mdev_accept=1')
for f in 4, 6:
    run('ip -n app address add %s dev eth0' % (APP[f] + ('/64 nodad' if f == 6 else '/24')),
        check=False)
    run('ip -n app neigh replace %s lladdr %s dev eth0' % (GW[f], lab.MAC['gwlb']))
for catch in 'early', 'socket':
    ctl('set gwlb0 catch ' + catch)
    lab.bounce('an uplink in a VRF: ' + catch, PACKETS)
ctl('set gwlb0 catch early')
run('ip netns exec app sysctl -qw net.ipv4.udp_l3mdev_accept=0')
lab.bounce('but not if sockets take nothing from VRFs', PACKETS, [])
run('ip -n app link set eth0 nomaster')
for f in 4, 6:
    run('ip -n app address add %s dev eth0' % (APP[f] + ('/64 nodad' if f == 6 else '/24')),
        check=False)
    run('ip -n app neigh replace %s lladdr %s dev eth0' % (GW[f], lab.MAC['gwlb']))
lab.bounce('it leaves the VRF', PACKETS)
finish()
