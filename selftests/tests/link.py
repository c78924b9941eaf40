#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The life of a link: made, changed, moved, deleted. Topology: wirelab.py,
and namespace other"""
import atexit
import errno
import json
import os
import socket
import struct
import subprocess
import time
from wirelab import (APP4, APP4B, APP6, APP6B, GW4, GW6, Genl, Lab, checksum, finish, geneve,
                     inner4, inner6, netns, ok, option, run, swapped, wire)


def loaded():
    with open('/proc/modules') as modules:
        return any(line.startswith('gwlb ') for line in modules)


def does(name, command):
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, check=False)
    ok(done.returncode == 0, name, '%s: %s' % (command, done.stdout))


def refused(name, command, why=''):
    """It fails, with one line that holds the words of why"""
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, check=False)
    ok(done.returncode != 0 and why in done.stdout, name,
       '%s: %d: %s' % (command, done.returncode, done.stdout))


def link(name='gwlb0', ns='app'):
    """As ip shows it, or nothing"""
    shown = run('ip -n %s -d -s -j link show' % ns, check=False)
    return next((l for l in json.loads(shown or '[]') if l.get('ifname') == name), {})


def wait_for(name, condition):
    """What the kernel does behind our back takes a time, but not for ever"""
    end = time.monotonic() + 30 * int(os.environ.get('TIMEOUT_FACTOR', '1'))
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    ok(condition(), name)


def port_is_taken(port, ns='app'):
    return bool(run('ip netns exec %s ss -Hlun sport = :%d' % (ns, port)))


# ---- the module comes by itself, and goes
run('modprobe -r gwlb')
ok(not loaded(), 'the module is not loaded')
does('ip link add', 'ip link add gwlb9 type gwlb')
ok(loaded(), 'and has loaded it')
run('ip link del gwlb9')
does('rmmod', 'rmmod gwlb')
does('gwlbctl show', 'gwlbctl show')
ok(loaded(), 'and has loaded it by the name of the netlink family')
does('modprobe -r', 'modprobe -r gwlb')
info = run('modinfo gwlb')
for field in ('license:        GPL', 'alias:          rtnl-link-gwlb',
              'alias:          net-pf-16-proto-16-family-gwlb', 'version: ', 'description: '):
    ok(field in info, 'modinfo: ' + field, info)

lab = Lab()
atexit.register(run, 'ip netns del other', False)
run('ip netns del other', check=False)
run('ip netns add other')
# nobody answers what comes back with an ICMP error
for port in range(6082, 6086):
    for kind, address in ((socket.AF_INET, GW4), (socket.AF_INET6, GW6)):
        with netns('gwlb'):
            lab.quiet.append(socket.socket(kind, socket.SOCK_DGRAM))
        lab.quiet[-1].bind((address, port))


def packets(port=6081, dst4=APP4, dst6=APP6):
    """To each of the addresses that is not empty"""
    return [wire(geneve(p), GW4 if dst == dst4 else GW6, dst, dport=port)
            for dst in (dst4, dst6) if dst for p in (inner4(84), inner6(104), inner4(20))]


def bounces(name, *where, **header):
    lab.bounce(name, packets(*where),
               [rewritten(swapped(p), **header) for p in packets(*where)])


def rewritten(p, ttl=64, tos=0):
    """The outer header with these"""
    if p[0] >> 4 == 6:
        return struct.pack('!I', 6 << 28 | tos << 20) + p[4:7] + bytes([ttl]) + p[8:]
    p = p[:1] + bytes([tos]) + p[2:8] + bytes([ttl]) + p[9:10] + b'\0\0' + p[12:]
    return p[:10] + struct.pack('!H', checksum(p[:20])) + p[12:]


def silent(name, where, **drops):
    """Nothing comes back, and as much is counted"""
    drops = {k.replace('_', '-'): v for k, v in drops.items()}
    lab.bounce(name, packets(*where), [], drops)


# ---- what it is
run('ip netns exec app sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.ip_forward=0 '
    'net.ipv4.conf.gwlb0.rp_filter=1 net.ipv6.conf.all.forwarding=0')
bounces('no address, no forwarding, strict rp_filter')
made = link()
for key, value in (('link_type', 'none'), ('flags', ['POINTOPOINT', 'NOARP', 'UP', 'LOWER_UP']),
                   ('mtu', 8500), ('min_mtu', 68), ('max_mtu', 65499), ('qdisc', 'noqueue'),
                   ('address', None), ('inet6_addr_gen_mode', 'none'),
                   ('linkinfo', {'info_kind': 'gwlb'})):
    ok(made.get(key) == value, '%s is %s' % (key, value), made.get(key))
ok('inet' not in run('ip -n app addr show gwlb0').replace('inet6_addr', ''), 'it has no address')
does('MTU 68', 'ip -n app link set gwlb0 mtu 68')
does('MTU 65499', 'ip -n app link set gwlb0 mtu 65499')
refused('MTU 67', 'ip -n app link set gwlb0 mtu 67', 'less than device minimum')
refused('MTU 65500', 'ip -n app link set gwlb0 mtu 65500', 'greater than device maximum')
refused('a link-layer address', 'ip -n app link add gwlb9 address 02:00:00:00:00:09 type gwlb',
        'Error: A gwlb link has no link-layer address.')

# ---- several
does('another port', 'ip netns exec app gwlbctl add gwlb1 port 6082')
for n, (address, port) in enumerate(((APP4, 6083), (APP4B, 6083), (APP6, 6083), (APP6B, 6083))):
    does('port %d of %s' % (port, address),
         'ip netns exec app gwlbctl add gwlb%d port %d local %s' % (n + 2, port, address))
for n in range(1, 6):
    run('ip -n app link set gwlb%d up' % n)
for n, where in enumerate(((6081,), (6082,), (6083, APP4, ''), (6083, APP4B, ''),
                           (6083, '', APP6), (6083, '', APP6B))):
    before = [lab.genl.counters('gwlb%d' % i)['rx-packets'] for i in range(6)]
    bounces('gwlb%d has its own: %s' % (n, where), *where)
    came = [lab.genl.counters('gwlb%d' % i)['rx-packets'] - b for i, b in enumerate(before)]
    ok(came == [len(packets(*where)) if i == n else 0 for i in range(6)],
       'and no other link sees them', came)
for n in range(1, 6):
    run('ip -n app link del gwlb%d' % n)

# ---- the port is in use
IN_USE = 'The UDP port is in use, by another tunnel or a program'
refused('another gwlb link has the port', 'ip -n app link add gwlb9 type gwlb', 'Error: ' + IN_USE)
refused('and for gwlbctl', 'ip netns exec app gwlbctl add gwlb9', IN_USE)
refused('one address of it', 'ip netns exec app gwlbctl add gwlb9 local ' + APP4, IN_USE)
refused('no such address', 'ip netns exec app gwlbctl add gwlb9 port 6082 local 10.254.11.109',
        'The local address is not on this machine')
run('ip -n app link del gwlb0')
run('ip -n app link add gnv type geneve external dstport 6081')
run('ip -n app link set gnv up')
refused('a geneve link has it', 'ip -n app link add gwlb9 type gwlb', 'Error: ' + IN_USE)
run('ip -n app link del gnv')
for kind, address in ((socket.AF_INET, APP4), (socket.AF_INET6, APP6), (socket.AF_INET, '0.0.0.0')):
    with netns('app'), socket.socket(kind, socket.SOCK_DGRAM) as program:
        program.bind((address, 6081))
        refused('a program has it on ' + address, 'ip link add gwlb9 type gwlb', 'Error: ' + IN_USE)
ok(not link('gwlb9'), 'nothing is left of those refused')
does('the port is free again', 'ip -n app link add gwlb0 type gwlb')
with netns('app'), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
    try:
        program.bind((APP4, 6081))
        ok(False, 'a program does not get the port of a link that is down')
    except OSError as error:
        ok(error.errno == errno.EADDRINUSE,
           'a program does not get the port of a link that is down', error)

# ---- down and up
silent('down: counted', (), link_down=len(packets()))
run('ip -n app link set gwlb0 up')
bounces('up')

# ---- changed while up
SET = 'ip netns exec app gwlbctl set gwlb0 '
does('set ttl, tos', SET + 'ttl 7 tos 8')
bounces('they are in the outer header', ttl=7, tos=8)
does('set ttl, tos back', SET + 'ttl 64 tos 0')
does('set allow', SET + 'allow 10.254.11.0/24')
silent('a sender that is not allowed is counted', (6081, '', APP6), sender=3)
bounces('one that is, is not', 6081, APP4, '')
does('set allow any', SET + 'allow any')
bounces('everybody may again')
CRITICAL = [wire(geneve(inner4(84), option(0x1234, 0x81, b'abcd'), flags=0x40))]
lab.bounce('a critical option is refused', CRITICAL, [], {'option-critical': 1})
does('set critical pass', SET + 'critical pass')
lab.bounce('a critical option passes', CRITICAL)
does('set port', SET + 'port 6084')
bounces('the new port', 6084)
with netns('app'), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as program:
    program.bind((APP4, 6081))
    ok(True, 'the old port is free')
    refused('set the port back while in use', SET + 'port 6081', IN_USE)
bounces('the port is as it was', 6084)
refused('set local', SET + 'local ' + APP4, 'The local address cannot be changed while the port')
does('set port and local', SET + 'port 6081 local ' + APP4)
bounces('they are changed', 6081, APP4, '')
lab.bounce('another address is not received on', [wire(geneve(inner4()), GW4, APP4B)] +
           packets(6081, APP4, ''), [swapped(p) for p in packets(6081, APP4, '')])
does('set port, any address', SET + 'port 6084 local any')
does('set port', SET + 'port 6081')
bounces('as in the beginning')

# ---- no part of anything else
for kind in ('bridge', 'bond', 'team'):
    run('ip -n app link add %s0 type %s' % (kind, kind))
    refused('enslaved to a ' + kind, 'ip -n app link set gwlb0 master %s0' % kind)
    run('ip -n app link set gwlb0 down')
    refused('enslaved to a %s while down' % kind, 'ip -n app link set gwlb0 master %s0' % kind)
    run('ip -n app link set gwlb0 up')
    run('ip -n app link del %s0' % kind)
for kind in ('macvlan', 'ipvlan', 'vlan id 7'):
    refused(kind + ' on it', 'ip -n app link add link gwlb0 name sub0 type ' + kind)
ok('master' not in link() and not link('sub0'), 'nothing is left of it')
bounces('it still works')
run('ip -n app link add vrf0 type vrf table 7')
run('ip -n app link set vrf0 up')
does('in a VRF', 'ip -n app link set gwlb0 master vrf0')
bounces('in a VRF it works')
run('ip -n app link del vrf0')

# ---- in another namespace
does('moved', 'ip -n app link set gwlb0 netns other')
run('ip -n other link set gwlb0 up')
lab.genl = Genl('other')
bounces('it works in the other namespace')
count = lab.genl.counters()
ok(count['rx-packets'] >= len(packets()), 'and is seen there', count)
ok(port_is_taken(6081) and not port_is_taken(6081, 'other'), 'its socket stays')
does('a link with the same port there', 'ip -n other link add gwlb1 type gwlb')
does('and one of the same name here', 'ip netns exec app gwlbctl add gwlb0 port 6082')
refused('which may not be moved there', 'ip -n app link set gwlb0 netns other', 'exists')
run('ip -n app link del gwlb0')
does('changed from there', 'ip netns exec other gwlbctl set gwlb0 port 6085')
bounces('the new port is here', 6085)
ok(port_is_taken(6085) and not port_is_taken(6085, 'other'), 'and not there')
lab.genl.sock.close()
run('ip netns del other')
wait_for('the end of the namespace with the device takes the link', lambda: not port_is_taken(6085))
does('its port is free', 'ip netns exec app gwlbctl add gwlb0 port 6085')
run('ip -n app link del gwlb0')

run('ip netns add other')
run('ip -n other link add gwlb0 type gwlb')
run('ip -n other link set gwlb0 netns app')
ok(link(), 'a link with its socket in another namespace')
run('ip netns del other')
wait_for('the end of that takes the link', lambda: not link())

does('a new link', 'ip -n app link add gwlb0 type gwlb')
run('ip -n app link set gwlb0 up')
lab.genl = Genl('app')
bounces('works as the first did')
does('rmmod takes the link along', 'rmmod gwlb')
ok(not link() and not port_is_taken(6081), 'link and port are gone')
finish()
