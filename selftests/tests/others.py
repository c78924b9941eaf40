#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""Other parts of the kernel that act on packets: with gwlb0 they work, or do
nothing, or refuse. gwlb(7) has a sentence on each. flowtables, dup and fwd:
nft_paths.py; TEE: iptables.py; large fragments: conntrack.py; strict rp_filter:
link.py; many flows behind one address: nat_ports.py. Topology: wirelab.py"""
import atexit
import contextlib
import ipaddress
import os
import select
import socket
import struct
import subprocess
import time
from nflab import A, B, V, back, counters, dgram, gone, nft, of
from wirelab import (ALLOW, APP, ESP, GW, TCP, UDP, Genl, Lab, addr, attribute, finish, fragments,
                     geneve, ip4, ip6, nest, netns, ok, run, tcp, udp, wire)

lab = Lab()
SELFTESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
PIN = '/sys/fs/bpf/gwlb-redirect'


def app(command, check=True):
    return run('ip netns exec app ' + command, check)


# ---- ipvs: takes what ends on the machine, which nothing in a bump does


class Ipvs(Genl):
    """The generic netlink family of that name, as far as services go"""

    def __init__(self, ns):  # pylint: disable=super-init-not-called
        with netns(ns):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.family = 16
        self.family = struct.unpack('=H', dict(self.ask(3, 2, b'IPVS\0'))[1])[0]

    def request(self, command, *attrs):
        body = struct.pack('=BBH', command, 1, 0) + b''.join(attrs)
        # NLM_F_REQUEST | NLM_F_ACK
        self.sock.send(struct.pack('=IHHII', 16 + len(body), self.family, 5, 1, 0) + body)
        error = -struct.unpack('=i', self.sock.recv(1 << 16)[16:20])[0]
        if error:
            raise OSError(error, 'ipvs')

    def serve(self, f, port, real):
        """A UDP service at V with a server"""
        family = struct.pack('=H', socket.AF_INET if f == 4 else socket.AF_INET6)
        service = nest(1, attribute(1, family), attribute(2, struct.pack('=H', UDP)),
                       attribute(3, addr(V[f])), attribute(4, struct.pack('!H', port)),
                       attribute(6, b'rr\0'), attribute(7, struct.pack('=II', 0, 0xffffffff)),
                       attribute(8, struct.pack('=I', 0)),
                       attribute(9, b'\xff' * 4 if f == 4 else struct.pack('=I', 128)))
        server = nest(2, attribute(1, addr(real)), attribute(2, struct.pack('!H', port)),
                      attribute(3, struct.pack('=I', 0)), attribute(4, struct.pack('=I', 1)),
                      attribute(5, struct.pack('=I', 0)), attribute(6, struct.pack('=I', 0)),
                      attribute(11, family))
        self.request(1, service)
        self.request(5, service, server)


run('modprobe -a ip_vs ip_vs_rr')
ipvs = Ipvs('app')
app('sysctl -qw net.ipv4.vs.conntrack=1', check=False)
for f in 4, 6:
    ipvs.serve(f, 8000, B[f])
nft('table inet t { chain c { type filter hook forward priority 0; ct state invalid drop; }; }')
for f in 4, 6:
    v = 'IPv%d: ' % f
    lab.bounce(v + 'ipvs leaves bumped packets to a service alone', [
        of(1, dgram(f, 8000, dst=V[f])), of(2, dgram(f, 1234, V[f], A[f], 8000)),
        of(3, dgram(f, 8000)), of(4, dgram(f, 1234, B[f], A[f], 8000))])

# ---- ipsec: the policies of the appliance do not apply to what is bumped
nft('''
table inet t {
    chain c { type nat hook postrouting priority srcnat; udp dport 8011 snat ip to %s; \
udp dport 8011 snat ip6 to %s; }
}
''' % (V[4], V[6]))
for f, everything in (4, '0.0.0.0/0'), (6, '::/0'):
    for way in 'in', 'fwd', 'out':
        run('ip -n app xfrm policy add dir %s src %s dst %s priority 10 '
            'tmpl src %s dst %s proto esp mode tunnel'
            % (way, everything, everything, APP[f], GW[f]))
lab.bounce('ipsec policies apply to the outer packet', [of(1, dgram(4, 8010))], [])
for way, src, dst in ('in', GW[4], APP[4]), ('out', APP[4], GW[4]):
    run('ip -n app xfrm policy add dir %s src %s dst %s proto udp priority 1 action allow'
        % (way, src, dst))
for f in 4, 6:
    v = 'IPv%d: ' % f
    lab.bounce(v + 'ipsec policies leave bumped packets alone',
               [of(1, dgram(f, 8010)), of(2, dgram(f, 1234, B[f], A[f], 8010))])
    lab.bounce(v + 'ipsec policies, SNAT', [of(1, dgram(f, 8011))],
               [back(1, dgram(f, 8011, src=V[f]))])
run('ip -n app xfrm policy flush')


def xfrm(what, check=True):
    return run('ip -n app xfrm ' + what, check)


def in_esp(packet, f):
    """Has a packet come back under IPsec"""
    lab.send(packet)
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if select.select([lab.sock], [], [], 0.1)[0]:
            frame, source = lab.sock.recvfrom(1 << 16)
            if source[2] == socket.PACKET_HOST and frame[14 + (9 if f == 4 else 6)] == ESP:
                return True
    return False


app('gwlbctl set gwlb0 ' + ALLOW)
KEY = '0x' + '42' * 20
for catch in 'socket', 'early':
    app('gwlbctl set gwlb0 catch ' + catch)
    for f in 4, 6:
        v = 'ipsec, outer IPv%d, catch %s: ' % (f, catch)
        asked = wire(geneve(dgram(4, 8012)), family=f)
        ends = 'src %s dst %s ' % (APP[f], GW[f])
        lab.bounce(v + 'no policy', [asked])
        xfrm('policy add dir out %s proto udp dport 6082 action block' % ends)
        lab.bounce(v + 'a policy for another port', [asked])
        xfrm('policy add dir out %s proto udp dport 6081 tmpl %s proto esp mode transport'
             % (ends, ends))
        lab.bounce(v + 'one for the port of the link, without association', [asked], [],
                   {'no-route': 1})
        xfrm('state add %s proto esp spi 0x6081 mode transport aead rfc4106(gcm(aes)) %s 128'
             % (ends, KEY))
        ok(in_esp(asked, f), v + 'and with one')
        xfrm('state flush')
        lab.bounce(v + 'which has gone', [asked], [], {'no-route': 1})
        xfrm('policy flush')
        lab.bounce(v + 'and so has the policy', [asked])
        xfrm('policy add dir out %s action block' % ends)
        lab.bounce(v + 'refused to leave', [asked], [], {'no-route': 1})
        xfrm('policy flush')
        if 'unknown' in xfrm('policy setdefault in block', False):
            ok(True, v + 'setdefault block # SKIP ip of this system has no such word')
            continue
        lab.bounce(v + 'no policy, setdefault in block', [asked], [])
        xfrm('policy setdefault in accept out block')
        lab.bounce(v + 'no policy, setdefault out block', [asked], [], {'no-route': 1})
        xfrm('policy setdefault out accept')
        lab.bounce(v + 'setdefault accept', [asked])
    # what is kept for one port is not for the other
    xfrm('policy add dir out %s proto udp dport 6082 action block' % ends)
    for port, drops in (6081, None), (6082, {'no-route': 1}), (6081, None):
        app('gwlbctl set gwlb0 port %d' % port)
        asked = wire(geneve(dgram(4, 8012)), family=6, dport=port)
        lab.bounce('ipsec, catch %s: the port is changed to %d' % (catch, port), [asked],
                   [] if drops else None, drops)
    xfrm('policy flush')
app('gwlbctl set gwlb0 catch auto allow any')

# ---- br_netfilter: the uplink is a port of a bridge, whose rules see the outer packet


def addresses(here, there):
    """Move those of the uplink"""
    run('ip -n app address flush dev ' + here)
    run('ip -n app address add %s/24 dev %s' % (APP[4], there))
    run('ip -n app address add %s/64 nodad dev %s' % (APP[6], there))
    for f in 4, 6:
        run('ip -n app neigh replace %s lladdr %s dev %s' % (GW[f], lab.MAC['gwlb'], there))


run('modprobe br_netfilter')
app('sysctl -qw net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1')
run('ip -n app link add br0 address 02:00:00:00:00:02 type bridge')
run('ip -n app link set br0 up mtu 9001')
run('ip -n app link set eth0 master br0')
addresses('eth0', 'br0')
nft('''
table inet t {
    counter outer {}
    counter inner {}
    chain prerouting {
        type filter hook prerouting priority filter
        iifname gwlb0 udp dport 8020-8021 counter name inner
        iifname gwlb0 udp dport 8021 drop
    }
    chain forward {
        type filter hook forward priority filter
        udp dport 8022 drop
    }
    chain input {
        type filter hook input priority filter
        udp dport 6081 counter name outer
    }
}
''')
for f in 4, 6:
    v = 'IPv%d: ' % f
    lab.bounce(v + 'br_netfilter, uplink in a bridge', [of(c, dgram(f, 8020)) for c in (1, 2)])
    counters(v + 'br_netfilter: each hook has seen each packet once', {'outer': 2, 'inner': 2})
    gone(lab, v + 'br_netfilter: PREROUTING drops', f, dgram(f, 8021))
    gone(lab, v + 'br_netfilter: FORWARD drops', f, dgram(f, 8022))
    app('nft reset counters')
addresses('br0', 'eth0')
run('ip -n app link del br0')
nft('')

# ---- tc act_ct and act_nat


def filters(*lines):
    for hook in 'ingress', 'egress':
        run('tc -n app qdisc replace dev gwlb0 clsact')
        run('tc -n app filter del dev gwlb0 ' + hook)
    for line in lines:
        run('tc -n app filter add dev gwlb0 ' + line)


N = {4: '203.0.113.9', 6: '2001:db8:cccc::9'}
filters(*[x for f, name in ((4, 'ip'), (6, 'ipv6')) for x in (
    'ingress protocol %s pref %d flower ip_proto udp dst_port 8030 action ct commit zone 7 '
    'nat src addr %s pipe action pass' % (name, f, N[f]),
    'ingress protocol %s pref %d flower ip_proto udp src_port 8030 '
    'action ct zone 7 nat pipe action pass'
    % (name, f + 10),
    'ingress protocol %s pref %d flower ip_proto udp dst_port 8031 action ct commit zone 8'
    % (name, f + 20),
    'ingress protocol %s pref %d flower ip_flags frag action ct commit zone 8'
    % (name, f + 30))])
nft('''
table inet t {
    counter known {}
    chain c {
        type filter hook forward priority filter
        udp dport 8031 ct zone 8 counter name known
        ct state invalid drop
    }
}
''')
for f in 4, 6:
    v = 'IPv%d: ' % f
    lab.bounce(v + 'tc act_ct, NAT, both directions, own contexts',
               [of(1, dgram(f, 8030)), of(2, dgram(f, 1234, B[f], N[f], 8030)),
                of(3, dgram(f, 8030)), of(4, dgram(f, 1234, B[f], N[f], 8030))],
               [back(1, dgram(f, 8030, src=N[f])), back(2, dgram(f, 1234, B[f], A[f], 8030)),
                back(3, dgram(f, 8030, src=N[f])), back(4, dgram(f, 1234, B[f], A[f], 8030))])
    lab.bounce(v + 'tc act_ct: the rules find its entry', [of(1, dgram(f, 8031))] * 2)
    counters(v + 'tc act_ct: counted', {'known': 2})
    lab.bounce(v + 'tc act_ct: fragments go back whole',
               [of(1, p) for p in fragments(dgram(f, 8031, data=bytes(2000)), 1232)] +
               [of(2, dgram(f, 8031))],
               [back(1, dgram(f, 8031, data=bytes(2000), **({'ident': 77} if f == 4 else {}))),
                back(2, dgram(f, 8031))])
    app('nft reset counters')
nft('')
for hook in 'ingress', 'egress':
    filters('%s protocol ip pref 1 flower ip_proto udp dst_port 8032 action nat %s %s %s'
            % (hook, 'egress', A[4] + '/32', N[4]),
            '%s protocol ip pref 2 flower ip_proto udp src_port 8032 action nat %s %s %s'
            % (hook, 'ingress', N[4] + '/32', A[4]))
    lab.bounce('tc act_nat in %s, both directions, own contexts' % hook,
               [of(1, dgram(4, 8032)), of(2, dgram(4, 1234, B[4], N[4], 8032))],
               [back(1, dgram(4, 8032, src=N[4])), back(2, dgram(4, 1234, B[4], A[4], 8032))])

# ---- bpf redirect


@atexit.register
def unpin():
    with contextlib.suppress(FileNotFoundError):
        os.unlink(PIN)


def redirect(dev, to, where):
    """A program on dev that sends everything to the device, ingress or egress"""
    unpin()
    with netns('app'):
        run('%s/redirect %d %s %s' % (SELFTESTS, socket.if_nametoindex(to), where, PIN))
        run('tc qdisc replace dev %s clsact' % dev)
        run('tc filter replace dev %s ingress pref 99 protocol all handle 1 bpf direct-action '
            'object-pinned %s' % (dev, PIN))


filters()
run('ip -n app link add dum0 type veth peer name dum1')
for dev in 'dum0', 'dum1':
    app('sysctl -qw net.ipv6.conf.%s.disable_ipv6=1' % dev)
    run('ip -n app link set %s up' % dev)
several = [of(c, dgram(f, 8040)) for c in (1, 2) for f in (4, 6)]
redirect('gwlb0', 'gwlb0', 'egress')
lab.bounce('bpf redirect from ingress to egress of gwlb0, own contexts', several)
redirect('gwlb0', 'dum0', 'egress')
before = lab.genl.counters()
ok(not lab.exchange(several, 0) and not lab.drops_since(before),
   'bpf redirect from gwlb0 to an Ethernet device: the kernel drops, for want of a MAC header')
filters()
for where in 'egress', 'ingress':
    redirect('dum1', 'gwlb0', where)
    with netns('app'):
        foreign = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        foreign.bind(('dum0', 0))
    lab.bounce('the flow of it is known', [of(1, dgram(4, 8041))])
    before = lab.genl.counters()
    for f in 4, 6:
        foreign.send(b'\xff' * 6 + bytes.fromhex('020000000009') +
                     (b'\x08\0' if f == 4 else b'\x86\xdd') + dgram(f, 8041))
    counted = lab.drops_since(before, 2)
    got = lab.receive(0, 0.2)
    ok(counted == {'no-context': 2} and not got,
       'bpf redirect from another device to %s of gwlb0: no context' % where,
       '%s %s' % (counted, got))
run('ip -n app link del dum0')
filters()

# ---- flowtable in hardware
done = subprocess.run('ip netns exec app nft -f -'.split(), input='''
table inet t { flowtable f { hook ingress priority 0; devices = { gwlb0 }; flags offload; }; }
''', stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False)
unknown = 'unexpected flags' in done.stdout
ok(unknown or (done.returncode and 'not supported' in done.stdout),
   'nft flowtable with flags offload: refused' + unknown * ' # SKIP nft of this system has no such word',
   done.stdout)

# ---- conntrack helper: FTP, whose data connection is related, with NAT and without
run('modprobe -a nf_conntrack_ftp nf_nat_ftp')
app('sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=1')
nft('''
table inet t {
    counter related {}
    ct helper ftp { type "ftp" protocol tcp; }
    chain prerouting {
        type filter hook prerouting priority filter
        tcp dport 21 ct helper set "ftp"
    }
    chain forward {
        type filter hook forward priority filter; policy drop
        udp dport 9 accept
        ct state established accept
        ct state related tcp sport 20 counter name related accept
        ct state new tcp dport 21 accept
    }
    chain srcnat {
        type nat hook postrouting priority srcnat
        tcp sport 1300 snat ip to %s
        tcp sport 1300 snat ip6 to %s
    }
}
''' % (N[4], N[6]))
SYN, ACK = 2, 16
IP = {4: ip4, 6: ip6}


def announce(f, host, port):
    return b'PORT %s,%d,%d\r\n' % (host.replace('.', ',').encode(), port >> 8, port & 255) \
        if f == 4 else \
        b'EPRT |2|%s|%d|\r\n' % (ipaddress.ip_address(host).exploded.encode(), port)


def ftp(f, sport, client):
    """client: its address as the server sees it"""
    def up(src, data=b'', flags=ACK, seq=101):
        return IP[f](src, B[f], TCP, tcp(src, B[f], sport, 21, data, seq, flags))

    def down(dst, flags=ACK, dport=sport, sport=21, data=b'', seq=500):
        return IP[f](B[f], dst, TCP, tcp(B[f], dst, sport, dport, data, seq, flags))
    port = 50000 + sport
    v = 'IPv%d: FTP helper%s: ' % (f, '' if client == A[f] else ', SNAT')
    gone(lab, v + 'no data connection before it was announced', f,
         down(client, SYN, port, 20))
    lab.bounce(v + 'control connection, its own contexts', [
        of(1, up(A[f], flags=SYN, seq=100)), of(2, down(client, SYN | ACK)), of(1, up(A[f])),
        of(1, up(A[f], b'USER x\r\n')), of(1, up(A[f], announce(f, A[f], port), seq=109))],
        [back(1, up(client, flags=SYN, seq=100)), back(2, down(A[f], SYN | ACK)),
         back(1, up(client)), back(1, up(client, b'USER x\r\n')),
         back(1, up(client, announce(f, client, port), seq=109))])
    lab.bounce(v + 'data connection, under its own', [of(3, down(client, SYN, port, 20))],
               [back(3, down(A[f], SYN, port, 20))])
    counters(v + 'it is related', {'related': 1})


for f in 4, 6:
    ftp(f, 1200, A[f])
    ftp(f, 1300, N[f])

# ---- IPv6 extension headers through rules, conntrack and NAT


def chain(dst, dport=8050):
    """Hop-by-hop, routing with none left, destination options, UDP"""
    pad = b'\0\1\4\0\0\0\0'
    return ip6(A[6], dst, 0, b'\x2b' + pad + struct.pack('!BBBBI', 60, 0, 4, 0, 0) +
               bytes([UDP]) + pad + udp(A[6], dst, 1234, dport, b'data'))


nft('''
table ip6 t {
    counter seen {}
    chain prerouting {
        type nat hook prerouting priority dstnat
        ip6 daddr %s dnat to %s
    }
    chain forward {
        type filter hook forward priority filter
        ct state invalid drop
        exthdr hbh exists exthdr dst exists exthdr rt exists udp dport { 8050, 8052 } \
counter name seen
        udp dport 8051 drop
    }
}
''' % (V[6], B[6]))
lab.bounce('IPv6 extension headers: the rules look behind them',
           [of(c, chain(B[6])) for c in (1, 2)])
lab.bounce('IPv6 extension headers: DNAT', [of(c, chain(V[6], 8052)) for c in (1, 2)],
           [back(c, chain(B[6], 8052)) for c in (1, 2)])
counters('IPv6 extension headers: counted', {'seen': 4})
gone(lab, 'IPv6 extension headers: dropped by port', 6, chain(B[6], 8051))
finish()
