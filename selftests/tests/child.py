#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""A device per endpoint: vpc1 and vpc2 on gwlb0, networks with the same addresses
behind them. Topology: wirelab.py, and namespace other"""
# timeout 300
import atexit
import json
import os
import re
import subprocess
import time
from answerlab import answered, unreachable
from nflab import A, B, counters, dgram, nft
from wirelab import (EARLY, GW4, ICMP, ICMP6, Genl, Lab, aws, finish, geneve, ok, run, swapped,
                     wire)

X, X2, Y, Z = 0x2356de92d389839c, 0x2356de92d3898300, 0x1111222233334444, 0x5555666677778888
FACTOR = int(os.environ.get('TIMEOUT_FACTOR', '1'))
ERROR = {4: ICMP, 6: ICMP6}
PORT_UNREACHABLE = {4: 3, 6: 4}
atexit.register(run, 'ip netns del other', False)
run('ip netns del other', check=False)
lab = Lab()
run('ip netns add other')
for ns in 'app', 'other':
    run('ip -n %s link set lo up' % ns)
    for limit in ('net.ipv4.icmp_ratelimit=0', 'net.ipv4.icmp_msgs_per_sec=100000',
                  'net.ipv4.icmp_msgs_burst=10000', 'net.ipv6.icmp.ratelimit=0'):
        run('ip netns exec %s sysctl -qw %s' % (ns, limit), check=False)


def name(number):
    return 'vpce-0%016x' % number


def ctl(command, error=None, status=(1, 2), ns='app'):
    """Runs gwlbctl; error: what it must say, in its one line, with one of these states"""
    done = subprocess.run(('ip netns exec %s gwlbctl %s' % (ns, command)).split(), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if error is None:
        ok(not done.returncode, 'gwlbctl ' + command, done.stderr)
        return done.stdout
    ok(done.returncode in status and error in done.stderr and done.stderr.count('\n') == 1,
       'gwlbctl %s: an error' % command, '%d: %s' % (done.returncode, done.stderr))
    return ''


def refused(command, error):
    done = subprocess.run(command.split(), check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)
    ok(done.returncode and error in done.stdout, command + ': an error', done.stdout)


def shown(dev, ns='app'):
    return json.loads(run('ip netns exec %s gwlbctl -s -j show %s' % (ns, dev)))[0]


def endpoints(dev, ns='app'):
    return {e['endpoint']: e for e in
            json.loads(run('ip netns exec %s gwlbctl -s -j endpoint list link %s' % (ns, dev)))}


def problems(dev):
    """What check finds: names to remedies"""
    return {f['check']: f['remedy'] for f in
            json.loads(run('ip netns exec app gwlbctl check -j ' + dev, check=False))}


def ip_shows(dev, ns='app'):
    return json.loads(run('ip -n %s -d -j link show %s' % (ns, dev)))[0]


def devices(ns='app'):
    return re.findall(r'^\d+: (\w+)', run('ip -n %s link show type gwlb' % ns), re.M)


def of(endpoint, inner):
    """The same in all but the options"""
    return wire(geneve(inner, aws(endpoint & 0xffff, endpoint)))


def back(endpoint, inner):
    return swapped(of(endpoint, inner))


def carrier(dev, ns='app'):
    return run('ip netns exec %s cat /sys/class/net/%s/carrier' % (ns, dev)).strip() == '1'


def received(dev, ns='app'):
    return shown(dev, ns)['stats']['rx_packets']


def all_of(inner):
    return [of(e, inner) for e in (X, Y, Z, X2)]


# ---- two of them

ctl('endpoint set %s name later' % name(Y))
ctl('add vpc1 endpoint %s endpoint %s' % (name(X), name(X2)))
ctl('add vpc2 on gwlb0 endpoint %016x max-flows 77 zones off' % Y)
link = shown('vpc1')
ok((link['on'], link['endpoints'], link['up']) == ('gwlb0', [name(X), name(X2)], False),
   'JSON: on which link, which endpoints', link)
ok((link['on_ifindex'], link['on_netnsid']) == (ip_shows('gwlb0')['ifindex'], None),
   'which is in the same namespace', link)
ok(not {'port', 'local', 'allow', 'ttl', 'tos', 'critical', 'catch', 'max_endpoints'} & set(link),
   'and nothing that is not its own', link)
text = ctl('show vpc2')
ok('vpc2: down on gwlb0\n' in text and '    endpoint %s\n' % name(Y) in text and
   'max-flows 77' in text and 'zones off' in text and 'port' not in text, 'the same as text', text)
ok(ip_shows('vpc1')['link'] == 'gwlb0', 'ip shows the link it is on', ip_shows('vpc1'))
got = endpoints('gwlb0')
ok({k: v['child'] for k, v in got.items()} == {name(X): 'vpc1', name(X2): 'vpc1', name(Y): 'vpc2'},
   'gwlb0 lists the endpoints that others take', got)
ok('never, goes to vpc2\n' in ctl('endpoint list link gwlb0'), 'as text too')

before = received('gwlb0')
lab.bounce('they are down: dropped', [of(X, dgram(4, 4000)), of(Y, dgram(4, 4000))], [])
ok(received('gwlb0') == before and
   [Genl('app').counters(dev)['link-down'] for dev in ('vpc1', 'vpc2')] == [1, 1],
   'and counted there')
for dev in 'vpc1', 'vpc2':
    run('ip -n app link set %s up' % dev)
ctl('set vpc2 zones auto')
nft('''
table inet t {
    chain forward {
        type filter hook forward priority 0
        iifname vpc1 oifname vpc1 counter name one
        iifname vpc2 oifname vpc2 counter name two
        iifname gwlb0 oifname gwlb0 counter name rest
        ct state new counter name new
        ct state established counter name established
        iifname vpc2 udp dport 7 reject
    }
    counter one {}
    counter two {}
    counter rest {}
    counter new {}
    counter established {}
}
''')
for f in 4, 6:
    there = dgram(f, 4000)
    again = dgram(f, 1234, src=B[f], dst=A[f], sport=4000)
    lab.bounce('IPv%d: one tuple behind three devices' % f, all_of(there))
    counters('IPv%d: each by its own, with an entry of its own' % f,
             {'one': 2, 'two': 1, 'rest': 1, 'new': 4})
    lab.bounce('IPv%d: and the other way' % f, all_of(again))
    counters('IPv%d: each finds its entry' % f, {'one': 2, 'two': 1, 'rest': 1, 'established': 4})
    old = dgram(f, 7)
    lab.bounce('IPv%d: what one rejects' % f, [of(e, old) for e in (X, Z)])
    run('ip -n app -%d route add default dev gwlb0 metric 4294967295' % f)
    answered(lab, 'IPv%d: is answered under its options' % f, of(Y, old), B[f], A[f], ERROR[f],
             unreachable(f, PORT_UNREACHABLE[f], old))
    counters('IPv%d: alone' % f, {'one': 1, 'two': 1, 'rest': 1, 'new': 3})
stats = {dev: shown(dev)['stats'] for dev in ('vpc1', 'vpc2', 'gwlb0')}
ok([s['rx_packets'] for s in stats.values()] == [10, 6, 6] and
   [s['tx_packets'] for s in stats.values()] == [10, 6, 6], 'counters apart', stats)
ok(not endpoints('gwlb0')[name(X)]['stats']['rx_packets'] and
   endpoints('vpc1')[name(X)]['stats']['rx_packets'] == 6, 'those of endpoints too',
   endpoints('vpc1'))
ok(endpoints('gwlb0')[name(Y)]['name'] == 'later' and endpoints('vpc2')[name(Y)]['name'] is None,
   'settings of one link are not those of another', endpoints('vpc2'))
ok([shown(dev)['peers'][0]['address'] for dev in stats] == [GW4] * 3, 'each saw the load balancer')
lab.bounce('bad packets', [wire(geneve(dgram(4, 1, check=1), aws(0, X)))], [])
ok(Genl('app').counters('vpc1')['inner-checksum'] == 1, 'are counted where they belong')
if EARLY:
    ctl('set vpc1 trust 0x40 for 60')
    nft('table inet t {\ncounter seen {}\nchain f { type filter hook forward priority 0; '
        'counter name seen; iifname vpc1 meta mark set 0x40; }\n}')
    # the first two grant and renew, as each has the first packet of its context
    for _ in range(2):
        lab.bounce('trust', all_of(dgram(4, 4100)))
    counters('of one device alone', {'seen': 6})
    ctl('set vpc1 trust none')

# ---- endpoints go from one to the other

ctl('set vpc2 endpoint %s endpoint %s' % (name(Y), name(X)),
    'cannot change vpc2: endpoint %s has another link already, vpc1;' % name(X))
ok(shown('vpc2')['endpoints'] == [name(Y)], 'nothing has changed', shown('vpc2'))
ctl('set vpc1 endpoint ' + name(X))
ctl('set vpc2 endpoint %s endpoint %s' % (name(X2), name(Y)))
nft('')
before = [received(dev) for dev in ('vpc1', 'vpc2', 'gwlb0')]
lab.bounce('packets go with them', all_of(dgram(4, 4200)))
ok([received(dev) - n for dev, n in zip(('vpc1', 'vpc2', 'gwlb0'), before)] == [1, 2, 1],
   'to the device that has them now', before)

# ---- in another namespace, and in a VRF

run('ip -n app link set vpc1 netns other')
run('ip -n other link set vpc1 up')
moved = ip_shows('vpc1', 'other')
ok(moved['link_index'] == ip_shows('gwlb0')['ifindex'] and 'link_netnsid' in moved,
   'moved: ip shows what it is on, and where', moved)
link = shown('vpc1', 'other')
ok([link[k] for k in ('on', 'on_ifindex', 'on_netnsid')] ==
   ['gwlb0', moved['link_index'], moved['link_netnsid']], 'so does gwlbctl', link)
text = ctl('show vpc1', ns='other')
ok('vpc1: up on gwlb0 link-netnsid %d\n' % moved['link_netnsid'] in text, 'as text too', text)
ctl('add gwlb0 port 7000', ns='other')
text = ctl('save vpc1 -', ns='other')
ok('\non ' not in text and '# on gwlb0 of another network namespace, link-netnsid %d:' %
   moved['link_netnsid'] in text, 'what is saved does not mean the link of that name there', text)
ctl('set vpc1 endpoint %s endpoint %s' % (name(X), name(Y)),
    'cannot change vpc1: One of these endpoints has another link already', ns='other')
ctl('del gwlb0', ns='other')
lab.bounce('moved: all come back', all_of(dgram(4, 4300)))
nft('table inet t { chain f { type filter hook forward priority 0; iifname vpc1 drop; }\n }')
subprocess.run('ip netns exec other nft -f -'.split(), check=True, universal_newlines=True, input='''
table inet t {
    counter seen {}
    chain f {
        type filter hook forward priority 0
        counter name seen
        udp dport 7 reject
    }
}
''')
for f in 4, 6:
    lab.bounce('moved, IPv%d: rules of app do not see it' % f, all_of(dgram(f, 4301)))
    run('ip -n other -%d route add default dev vpc1' % f)
    old = dgram(f, 7)
    answered(lab, 'moved, IPv%d: a reject of its namespace' % f, of(X, old), B[f], A[f], ERROR[f],
             unreachable(f, PORT_UNREACHABLE[f], old))
ok('packets 4 ' in run('ip netns exec other nft list counter inet t seen'),
   'moved: rules there do')
nft('')
ctl('set vpc1 mode route', ns='other')
run('ip netns exec other sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1')
run('ip netns exec other nft flush ruleset')
for f in 4, 6:
    lab.bounce('a mode of its own, IPv%d: routed there' % f, all_of(dgram(f, 4400)),
               [back(X, dgram(f, 4400, ttl=63))] + [back(e, dgram(f, 4400)) for e in (Y, Z, X2)])

run('ip -n app link add vrf0 type vrf table 10')
run('ip -n app link set vrf0 up')
run('ip -n app link set vpc2 master vrf0')
run('ip netns exec app sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1')
ctl('set vpc2 mode route')
for f in 4, 6:
    run('ip -n app -%d route add default dev vpc2 table 10' % f)
    lab.bounce('in a VRF, IPv%d: routed by its table' % f, all_of(dgram(f, 4500)),
               [back(e, dgram(f, 4500, ttl=64 if e == Z else 63)) for e in (X, Y, Z, X2)])

# ---- in a file

run('ip netns exec app gwlbctl endpoint set %s link vpc2 name shop mark 5' % name(Y))
run('ip netns exec app gwlbctl save vpc2 /tmp/vpc2.conf')
with open('/tmp/vpc2.conf') as file:
    saved = file.read()
ok('on gwlb0\nendpoint %s\nendpoint %s\nmode route\nmax-flows 77\n' % (name(X2), name(Y)) in saved
   and 'endpoint %s name shop mark 0x5\n' % name(Y) in saved and 'port' not in saved, 'saved', saved)
before = {k: v for k, v in shown('vpc2').items() if k not in ('ifindex', 'stats', 'peers', 'drops',
                                                             'flows', 'dropped')}
ctl('down vpc2')
ctl('up vpc2 /tmp/vpc2.conf')
after = shown('vpc2')
ok(before == {k: after[k] for k in before}, 'and read again', after)
ok(endpoints('vpc2')[name(Y)]['name'] == 'shop', 'with settings of endpoints', endpoints('vpc2'))
ctl('endpoint set 0x77 link vpc2 name stray', 'does not have that endpoint')
ctl('set vpc2 endpoint ' + name(X2))
ok(name(Y) not in endpoints('vpc2'), 'what is given back leaves its settings behind',
   endpoints('vpc2'))
ctl('set vpc2 endpoint %s endpoint %s' % (name(X2), name(Y)))
with open('/tmp/vpc3.conf', 'w') as file:
    file.write('endpoint 0x33 # in one zone\nendpoint 0x34\nmode route\n')
ctl('up vpc3 /tmp/vpc3.conf')
ok(shown('vpc3')['endpoints'] == [name(0x33), name(0x34)] and shown('vpc3')['on'] == 'gwlb0',
   'up, in the words of add', shown('vpc3'))
ctl('down vpc3')

# ---- what is refused

ctl('add vpc9 endpoint 0x9 endpoint %s' % name(X),
    'cannot add vpc9: endpoint %s has another link already, vpc1;' % name(X))
ctl('set vpc2 endpoint 0x9 endpoint %s' % name(X),
    'cannot change vpc2: endpoint %s has another link already, vpc1;' % name(X))
ok(name(9) not in endpoints('gwlb0'), 'one is taken: none is')
lab.bounce('and that goes where it went', [of(X, dgram(4, 4600))],
           [back(X, dgram(4, 4600, ttl=63))])
for option in ('port 7000', 'local any', 'allow any', 'ttl 3', 'tos 3', 'critical pass',
               'catch socket', 'max-endpoints 3'):
    ctl('add vpc9 endpoint 0x9 ' + option, 'has no port; port, local')
    ctl('set vpc2 ' + option, 'has no port; port, local')
ctl('add vpc9 endpoint 0x9 on vpc2', 'itself takes endpoints')
ctl('add vpc9 endpoint 0x9 on eth0', 'cannot add vpc9: eth0 is not of kind gwlb', (1,))
ctl('add vpc9 endpoint 0x9 on gwlb7', 'there is no gwlb link gwlb7', (3,))
ctl('add vpc9 endpoint 0x9 on gwlb7 port 7000', 'has no port; port, local', (2,))
ctl('add vpc9 on gwlb7', 'name them', (2,))
ctl('add vpc9 on gwlb0', 'name them')
ctl('add vpc9 on gwlb0 on gwlb0 endpoint 0x9', 'given twice')
ctl('add vpc9 endpoint 0x9 on', 'needs the name')
ctl('add vpc9 endpoint', 'endpoint needs a value')
for command in 'add vpc9 on gwlb0', 'set vpc2':
    ctl(command + ' endpoint 0x9 endpoint 0xa endpoint vpce-00000000000000009',
        'endpoint vpce-00000000000000009 is given twice', (2,))
    ctl(command + ' endpoint 0x9 0x9', "unknown option '0x9'", (2,))
ctl('add vpc9 endpoint vpce-1', 'is no endpoint')
ctl('add vpc9' + ''.join(' endpoint 0x%x' % i for i in range(1, 34)), 'at most 32')
ctl('set gwlb0 endpoint 0x9', 'a port of its own')
ctl('set vpc2 on gwlb0', 'cannot be changed')
for command in 'forget %s link gwlb0', 'set %s link gwlb0 zone 9', 'set later link gwlb0 name none':
    ctl('endpoint ' + (command % name(Y) if '%' in command else command),
        ' endpoint %s of gwlb0: its packets go to vpc2' % name(Y))
refused('ip -n app link add link eth0 name vpc9 type gwlb', 'is not of kind gwlb')
refused('ip -n app link add link gwlb0 name vpc9 type gwlb', 'name them')
ctl('add vpc9 endpoint 0x9 on gwlb0', 'there is no gwlb link gwlb0', (3,), 'other')
ctl('add vpc9 endpoint 0x9', 'there is no gwlb link in this network namespace to take', (3,), 'other')
ctl('add gwlb1 port 6082')
ctl('add vpc9 endpoint 0x9', 'say which: on DEV')
ctl('del gwlb1')
ok(devices() == ['gwlb0', 'vpc2'], 'nothing was made by that', devices())
ctl('set gwlb0 max-endpoints 4')
ctl('add vpc9 endpoint 0x9 endpoint 0xa endpoint 0xb', 'raise its max-endpoints')
ok(devices() == ['gwlb0', 'vpc2'] and not {name(9), name(10)} & set(endpoints('gwlb0')),
   'no room: nothing is left', endpoints('gwlb0'))
lab.bounce('a flood of endpoints', [of(i, dgram(4, 1)) for i in range(1000, 1100)])
got = endpoints('gwlb0')
ok({k for k, v in got.items() if v['child']} == {name(X), name(X2), name(Y)},
   'those with a link stay', got)
ctl('set gwlb0 max-endpoints 1024')

# ---- given back

ctl('del vpc2')
before = received('gwlb0')
lab.bounce('a device is deleted', all_of(dgram(4, 4600)),
           [back(e, dgram(4, 4600, ttl=63 if e == X else 64)) for e in (X, Y, Z, X2)])
got = endpoints('gwlb0')
ok(received('gwlb0') - before == 3 and got[name(Y)]['child'] is None and
   got[name(Y)]['stats']['rx_packets'] == 1 and got[name(Y)]['name'] == 'later',
   'its endpoints are back, settings and all', got)
run('ip netns del other')
end = time.monotonic() + 30 * FACTOR
while name(X) in endpoints('gwlb0') and time.monotonic() < end:
    time.sleep(0.05)
lab.bounce('so is a namespace', all_of(dgram(4, 4700)))
ok(received('gwlb0') - before == 7, 'what was in it too')

ctl('add gw endpoint ' + GW4)
run('ip -n app link set gw up')
lab.bounce('packets without id, by their load balancer',
           [wire(geneve(dgram(4, 4800), b'')), of(X, dgram(4, 4800))])
ok(received('gw') == 1, 'have a device')

# ---- the link it is on

ok(carrier('gw'), 'a carrier')
run('ip -n app link set gwlb0 down')
lab.bounce('that is down: dropped', [wire(geneve(dgram(4, 4800), b''))], [], {'link-down': 1})
ctl('add late endpoint ' + name(Y))
run('ip -n app link set late up')
ok(not carrier('gw') and not carrier('late'), 'without carrier, which was there before or not')
ok('gw: up on gwlb0, which is down\n' in ctl('show gw') and shown('gw')['up'] and
   not shown('gw')['on_up'], 'show says why', ctl('show gw'))
found = problems('gw')
ok(found.get('on-down') == 'ip link set gwlb0 up' and 'link-down' not in found,
   'check says what to do', found)
run('ip netns exec app ' + found.get('on-down', 'false'))
ok('gw: up on gwlb0\n' in ctl('show gw') and shown('gw')['on_up'] and
   'on-down' not in problems('gw'), 'which is no more', ctl('show gw'))
run('ip -n app link set late down')
ok(problems('late').get('link-down') == 'ip link set late up', 'check names a link that is down',
   problems('late'))
run('ip -n app link set late up')
lab.bounce('and up again', [wire(geneve(dgram(4, 4800), b'')), of(X, dgram(4, 4800))])
ok(carrier('gw') and carrier('late'), 'with carrier')
ctl('del late')
ok(received('gw') == 2, 'the device has its packets')
run('ip netns add other')
ctl('add vpc1 endpoint ' + name(X))
run('ip -n app link set vpc1 netns other up')
before = received('gwlb0')
run('ip -n app link set gwlb0 netns gwlb')
ok('vpc1: up on gwlb0 link-netnsid ' in ctl('show vpc1', ns='other') and
   ', which is down\n' in ctl('show vpc1', ns='other'), 'the same from another namespace',
   ctl('show vpc1', ns='other'))
run('ip -n gwlb link set gwlb0 up')
lab.genl = Genl('gwlb')
lab.bounce('that has moved', [wire(geneve(dgram(4, 4900), b'')), of(X, dgram(4, 4900)),
                              of(Z, dgram(4, 4900))])
ok(carrier('gw') and carrier('vpc1', 'other'), 'with carrier')
ok((received('gw'), received('vpc1', 'other'), received('gwlb0', 'gwlb')) == (3, 1, before + 1),
   'each as before')
ok('link_netnsid' in ip_shows('gw'), 'ip shows where it is', ip_shows('gw'))
run('ip -n gwlb link del gwlb0')
ok(not devices() and not devices('other') and not devices('gwlb'),
   'that is deleted: they go with it, wherever they are')
finish()
