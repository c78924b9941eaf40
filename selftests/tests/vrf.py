#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow vrf_early
"""Two load balancers in two VRFs, with the same addresses, which send to the
same address of the appliance: each gets its own packets back.

    namespace gwlb            namespace app              namespace other
    eth0 10.254.11.60 ------- eth0 (red)  eth1 (blue) -- eth0 10.254.11.60
                              10.254.11.101 both
wirelab.py has the rest.
"""
import atexit
import errno
import json
import socket
import struct
import subprocess
from nflab import Queue, dgram, nft
from wirelab import (APP, EARLY, GW, UAPI, Genl, Lab, attribute, aws, configure, difference,
                     finish, geneve, nest, netns, ok, run, swapped, wire, without_id)

SIDES = 'red', 'blue'
atexit.register(run, 'ip netns del other', False)
run('ip netns del other', check=False)
lab = Lab()
run('ip netns exec app sysctl -qw net.ipv4.udp_l3mdev_accept=1')
run('ip netns add other')
run('ip link add eth0 netns other address %s mtu 9001 type veth '
    'peer name eth1 netns app address %s mtu 9001' % (lab.MAC['gwlb'], lab.MAC['app']))
for ns, dev in ('other', 'eth0'), ('app', 'eth1'):
    run('ip netns exec %s ethtool -K %s tx off' % (ns, dev))
for table, (vrf, dev) in enumerate(zip(SIDES, ('eth0', 'eth1')), 100):
    run('ip -n app link add %s type vrf table %d' % (vrf, table))
    run('ip -n app link set %s up' % vrf)
    run('ip -n app link set %s master %s' % (dev, vrf))
    run('ip -n app link set %s up' % dev)
    for f in 4, 6:
        run('ip -n app address replace %s dev %s' % (
            APP[f] + ('/64 nodad' if f == 6 else '/24'), dev))
        run('ip -n app neigh replace %s lladdr %s dev %s' % (GW[f], lab.MAC['gwlb'], dev))
run('ip netns exec other sysctl -qw net.ipv6.conf.all.disable_ipv6=1')
run('ip -n other link set eth0 up')
with netns('other'):
    other = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    other.bind(('eth0', 3))
    other.setblocking(False)
SOCKS = dict(zip(SIDES, (lab.sock, other)))


def of(inner, f):
    return wire(geneve(inner, aws()), family=f)


def send(side, packet):
    lab.sock = SOCKS[side]
    lab.send(packet)


def came(side, want, seconds=5):
    lab.sock = SOCKS[side]
    return [without_id(p) for p in lab.receive(want, seconds)]


def each(name, want):
    """ok if just these come back to each"""
    got = {side: came(side, len(want[side])) for side in SIDES}
    for side in SIDES:
        got[side] += came(side, 0, 0)
    ok(got == want, name, '\n'.join('%s: %d of %d, %s' % (
        s, len(got[s]), len(want[s]),
        [difference(w, g) for w, g in zip(want[s], got[s]) if w != g][:1]) for s in SIDES))


def peers():
    shown = json.loads(run('ip netns exec app gwlbctl -j show gwlb0'))[0]['peers']
    index = {json.loads(run('ip -n app -j link show ' + s))[0]['ifindex']: s for s in SIDES}
    return sorted((p['address'], index[p['vrf']], p['rx_packets'], p['tx_packets']) for p in shown)


def data(side, f, number):
    # the very same under the very same header, but for what tells us which it is
    return of(dgram(f, 4000, data=b'%4s %d' % (side.encode(), number)), f)


def queued(vrf):
    shown = json.loads(run('tc -n app -s -j qdisc show dev ' + vrf))
    return [q['packets'] for q in shown if q['kind'] == 'pfifo']


# nobody sees the inner packet, but the device of a VRF what the stack sends by it
for vrf in SIDES:
    run('tc -n app qdisc add dev %s root pfifo' % vrf)
for f in 4, 6:
    for side in SIDES:
        send(side, data(side, f, 0))
    each('IPv%d: a queue on each VRF' % f, {s: [swapped(data(s, f, 0))] for s in SIDES})
ok([queued(vrf) for vrf in SIDES] == [[0 if EARLY else 2]] * 2, 'it had what goes that way',
   [queued(vrf) for vrf in SIDES])
for vrf in SIDES:
    run('tc -n app qdisc del dev %s root' % vrf)
nft('''
table inet t {
    chain c {
        type filter hook forward priority 0
        ct state new,established accept
    }
}''')
for f in 4, 6:
    want = {side: [] for side in SIDES}
    for i in range(20):
        for side in SIDES:
            send(side, data(side, f, i))
            want[side].append(swapped(data(side, f, i)))
    each('IPv%d: by turns' % f, want)
ok(peers() == sorted((GW[f], s, 21, 21) for f in (4, 6) for s in SIDES),
   'they are shown apart, with their counters', peers())
lines = run('ip netns exec app gwlbctl show gwlb0').splitlines()
ok(sum(' vrf ' in line for line in lines) == 4, 'also as text', '\n'.join(lines))
tunnel = [run('ip netns exec app conntrack -L -f %s -p udp --dport 6081' % f, check=False)
          for f in ('ipv4', 'ipv6')]
ok(not any(' src=' in t for t in tunnel), 'no conntrack entry of the tunnel', tunnel)

# ---- without ids: an endpoint for each

def anonymous(side):
    return wire(geneve(dgram(4, 4001, data=side.encode()), b''))


def ctl(command):
    return run('ip netns exec app gwlbctl ' + command)


def endpoints():
    return {e['endpoint']: (e['stats']['rx_packets'], e['name'], e['child'])
            for e in json.loads(ctl('-s -j endpoint list link gwlb0')) if e['id'] is None}


NAME = {s: '%s%%%s' % (GW[4], s) for s in SIDES}
for name, want in (('by turns', {}), ('once more', {'red': 'shop'})):
    for side in SIDES:
        send(side, anonymous(side))
    each('without id, ' + name, {s: [swapped(anonymous(s))] for s in SIDES})
    got = endpoints()
    ok(got == {NAME[s]: (1 + len(want), want.get(s), None) for s in SIDES},
       'an endpoint for each of the VRFs', got)
    ctl('endpoint set %s name shop' % NAME['red'])
flows = json.loads(ctl('-j flow list port 4001'))
ok(len(flows) == 2 and len({f['vrf'] for f in flows}) == 2, 'and a flow', flows)
ok([len(json.loads(ctl('-j flow list port 4001 endpoint ' + e)))
    for e in (NAME['blue'], GW[4], 'shop')] == [1, 0, 1], 'chosen with its VRF, not without')
ctl('flow flush endpoint ' + GW[4])
ok(len(json.loads(ctl('-j flow list port 4001'))) == 2, 'nor forgotten')
ok('endpoint %s name shop\n' % NAME['red'] in ctl('save gwlb0 -'), 'saved', ctl('save gwlb0 -'))
ctl('add vpc1 endpoint ' + NAME['blue'])
run('ip -n app link set vpc1 up')
ok('endpoint %s\n' % NAME['blue'] in ctl('show vpc1'), 'one gets a link', ctl('show vpc1'))
for side in SIDES:
    send(side, anonymous(side))
each('without id, one with a link', {s: [swapped(anonymous(s))] for s in SIDES})
got = endpoints()
ok(got == {NAME['red']: (3, 'shop', None), NAME['blue']: (2, None, 'vpc1')},
   'which has its packets', got)
ctl('del vpc1')

# ---- names of VRFs

def refused(command, status, error):
    done = subprocess.run(('ip netns exec app gwlbctl ' + command).split(), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    ok(done.returncode == status and error in done.stdout and done.stdout.count('\n') == 1,
       'gwlbctl %s: status %d' % (command, status), '%d: %s' % (done.returncode, done.stdout))


def index_of(dev):
    return json.loads(run('ip -n app -j link show ' + dev))[0]['ifindex']


HOST = '10.9.9.9'
for vrf in '7up', '%d' % (index_of('red')):
    run('ip -n app link add %s type vrf table 107' % vrf)
    ctl('endpoint set %s%%%s name odd' % (HOST, vrf))
    ok('  %s%%%s  ' % (HOST, vrf) in ctl('endpoint') and
       '"%s%%%s"' % (HOST, vrf) in ctl('-j endpoint list'), 'a VRF of the name ' + vrf,
       ctl('endpoint'))
    ctl('endpoint forget %s%%%s' % (HOST, vrf))
    run('ip -n app link del ' + vrf)
green = HOST + '%green'
NOT_YET = "there is no VRF 'green' in this network namespace; add it first"
for command in ('add vpc1 endpoint %s', 'add vpc1 endpoint %s on gwlb5', 'set gwlb0 endpoint %s',
                'endpoint set %s link gwlb0 name x', 'endpoint forget %s', 'flow flush endpoint %s'):
    refused(command % green, 3, NOT_YET)
refused('add vpc1 endpoint %s endpoint %s%%black' % (green, HOST), 3, NOT_YET)
refused('add vpc1 endpoint %s ttl x' % green, 2, "ttl takes a number up to 255, not 'x'")
refused('add vpc1 endpoint %s%%' % HOST, 2, "'' cannot be the name of a VRF")
for command in 'add vpc1 endpoint %s', 'endpoint set %s name x':
    refused(command % (HOST + '%eth0'), 2, 'is another device')
    refused(command % (HOST + '%54321'), 3, 'There is no such VRF')
ok(HOST not in ctl('endpoint'), 'nothing is left of that', ctl('endpoint'))

# ---- a VRF that goes

run('ip -n app link add green type vrf table 108')
index = index_of('green')
gone = '%s%%%d' % (HOST, index)
ctl('endpoint set %s name lost mark 7' % green)
ctl('add vpc1 endpoint %s endpoint 0x7' % green)
ok('endpoint %s\n' % green in ctl('save vpc1 -'), 'saved with its VRF', ctl('save vpc1 -'))
run('ip -n app link del green')
comment = '\t# its VRF is gone, this was the index\n'
ok('\n# endpoint %s name lost mark 0x7%s' % (gone, comment) in ctl('save gwlb0 -'),
   'saved without: settings become a comment', ctl('save gwlb0 -'))
ctl('save vpc1 /tmp/vpc1.conf')
with open('/tmp/vpc1.conf') as f:
    saved = f.read()
ok('\n# endpoint %s%s' % (gone, comment) in saved, 'so does what a link takes', saved)
ctl('set vpc1 endpoint %s endpoint 0x7 endpoint 0x8 mode route' % gone)
ok(json.loads(ctl('-j show vpc1'))[0]['endpoints'][0] == gone, 'what a link has, it may keep',
   ctl('-j show vpc1'))
ctl('set vpc1 endpoint %s endpoint 0x7' % gone)
ctl('down vpc1')
ctl('up vpc1 /tmp/vpc1.conf')
ok(json.loads(ctl('-j show vpc1'))[0]['endpoints'] == ['vpce-00000000000000007'],
   'the file comes up again, with the others')
ctl('down vpc1')
ctl('endpoint set %s name late' % gone)
ctl('endpoint forget ' + gone)
ok(HOST not in ctl('endpoint'), 'it can be changed and forgotten still', ctl('endpoint'))

# ---- a VRF of nothing, in the words of netlink

VRF, ID, GATEWAY = (UAPI['GWLB_A_ENDPOINTS_' + a] for a in ('VRF', 'ID', 'GATEWAY'))
red = attribute(VRF, struct.pack('=I', index_of('red')))
seven = attribute(ID, struct.pack('=Q', 7))
host = attribute(GATEWAY, socket.inet_aton(HOST))
parent = attribute(5, struct.pack('=I', index_of('gwlb0')))
for name, attrs, want in (('an id', (red, seven), errno.EINVAL), ('nobody', (host, red), errno.EINVAL),
                          ('a VRF', (red, red, host), errno.EINVAL),
                          ('the same as before', (red, host, red, host), errno.EINVAL),
                          ('a load balancer', (red, host, host), 0)):
    got = 0
    try:
        configure('app', [nest(UAPI['GWLB_A_CONF_ENDPOINTS'], *attrs)], 'vpc1', True, parent)
    except OSError as e:
        got = e.errno
    ok(got == want, 'a VRF before ' + name, got)
ctl('del vpc1')
genl = Genl('app')
for kind, value, want in (('ID', struct.pack('=Q', 7), errno.EINVAL), ('GATEWAY', b'', errno.ENOENT)):
    got = 0
    try:
        genl.ask(UAPI['GWLB_CMD_ENDPOINT_GET'], UAPI['GWLB_A_ENDPOINT_IFINDEX'],
                 struct.pack('=I', index_of('gwlb0')),
                 attribute(UAPI['GWLB_A_ENDPOINT_VRF'], struct.pack('=I', index_of('red'))),
                 attribute(UAPI['GWLB_A_ENDPOINT_' + kind], value or socket.inet_aton(HOST)))
    except OSError as e:
        got = e.errno
    ok(got == want, 'an endpoint asked for by VRF and ' + kind, got)

# ---- all of one held while the other's pass

nft('''
table inet t {
    chain c {
        type filter hook forward priority 0
        udp dport 4000 queue num 1
    }
}''')
with Queue() as queue:
    for f in 4, 6:
        for first in SIDES:
            second = SIDES[first == 'red']
            for side in first, second:
                for i in range(3):
                    send(side, data(side, f, i))
            ids = queue.ids(6)
            for i in ids[3:] + ids[:3]:
                queue.verdict(i)
            each('IPv%d: %s held, %s passes' % (f, first, second),
                 {s: [swapped(data(s, f, i)) for i in range(3)] for s in SIDES})
finish()
