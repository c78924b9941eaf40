#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""Devices of endpoints come and go under their packets: alone, with their
namespace, with the device that they are on. Topology: wirelab.py, and
namespaces other and third"""
# timeout 300
import atexit
import contextlib
import os
import re
import select
import socket
import subprocess
import time
from wirelab import (UAPI, Lab, attribute, aws, configure, configure_child, finish, fragments,
                     geneve, inner4, inner6, ok, run, wire)

FACTOR = int(os.environ.get('TIMEOUT_FACTOR', '1'))
LIMIT = 30 * FACTOR
IDS = range(0x1000, 0x1010)


def names(ns='app'):
    return re.findall(r'^\d+: (\w+)', run('ip -n %s link show type gwlb' % ns, check=False), re.M)


def come_back(count=50):
    """Waits for so many packets from now on"""
    with contextlib.suppress(BlockingIOError):
        for _ in range(10000):
            lab.sock.recv(1 << 16)
    end = time.monotonic() + LIMIT
    while count > 0 and time.monotonic() < end:
        if select.select([lab.sock], [], [], 1)[0]:
            _, source = lab.sock.recvfrom(1 << 16)
            count -= source[2] == socket.PACKET_HOST
    return count <= 0


def at_last(condition):
    end = time.monotonic() + LIMIT
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def make(ns='app'):
    """Four devices with four endpoints each"""
    for n in range(4):
        configure_child('app', 'vpc%d' % n, IDS[n::4], group=7)
        if ns != 'app':
            run('ip -n app link set vpc%d netns %s' % (n, ns))
        run('ip -n %s link set vpc%d up' % (ns, n))


def add_parent():
    run('ip -n app link add gwlb0 type gwlb')
    run('ip netns exec app gwlbctl set gwlb0 allow 10.254.0.0/16,fd11::/16')
    run('ip -n app link set gwlb0 up')


def trial(name, times, once):
    for i in range(times):
        why = once(i)
        if why:
            break
    ok(not why, '%d times %s' % (times, name), why)


def delete(i):
    make()
    if not come_back():
        return 'nothing comes back'
    if i % 2:
        run('ip -n app link set vpc0 down')
    run('ip -n app link del group 7')
    return '' if come_back() and names() == ['gwlb0'] else names()


def exchange(i):
    # nobody has them for a moment, and then another one
    for dev, ids in ('vpc0', (0, 4)), ('vpc1', (1, 5, 8, 12)), ('vpc1', (1, 5)), \
            ('vpc0', (0, 4, 8, 12)), ('vpc1', (1, 5, 9, 13)):
        run('ip netns exec app gwlbctl set %s %s' %
            (dev, ' '.join('endpoint 0x%x' % IDS[n] for n in ids)))
    return '' if come_back() else 'nothing comes back'


def namespace(i):
    run('ip netns add other')
    make('other')
    good = come_back()
    run('ip netns del other')
    return '' if good and at_last(lambda: run('ip netns exec app gwlbctl endpoint link gwlb0')
                                  .count('goes to') == 0) else 'given back?'


def parent(i):
    if i % 2:
        run('ip netns add other')
    make('other' if i % 2 else 'app')
    good = come_back()
    run('ip -n app link del gwlb0')
    left = names() + (names('other') if i % 2 else [])
    if i % 2:
        run('ip netns del other')
    add_parent()
    return '' if good and not left and come_back() else 'left: %s' % left


def both(i):
    """The namespace of the parent, and at once that of the children"""
    run('ip netns add other')
    run('ip netns add third')
    run('ip -n app link set gwlb0 netns third')
    run('ip -n third link set gwlb0 up')
    index = int(run('ip netns exec third cat /sys/class/net/gwlb0/ifindex'))
    for n in range(4):
        configure_child('third', 'vpc%d' % n, IDS[n::4])
        run('ip -n third link set vpc%d netns other up' % n)
    good = come_back() and index
    for ns in ('other', 'third')[::1 - i % 2 * 2]:
        run('ip netns del ' + ns)
    if not at_last(lambda: not run('ip netns exec app ss -Hlun sport = :6081')):
        return 'the port is still taken'
    add_parent()
    return '' if good and come_back() else 'nothing comes back'


def up_and_down(i):
    for dev in 'vpc0', 'gwlb0':
        run('ip -n app link set %s down' % dev)
        run('ip -n app link set %s up' % dev)
    configure('app', [], 'vpc1')
    return '' if come_back() else 'nothing comes back'


def mode(i):
    for n in range(4):
        configure('app', [attribute(UAPI['GWLB_A_CONF_MODE'], bytes([i % 2]))], 'vpc%d' % n)
    return ''


for ns in 'other', 'third':
    run('ip netns del ' + ns, check=False)
    atexit.register(run, 'ip netns del ' + ns, False)
lab = Lab('allow 10.254.0.0/16,fd11::/16')
lab.sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 20)  # SO_RCVBUFFORCE: what waits is soon read
run('ip netns exec app gwlbctl set gwlb0 catch auto')
run('ip netns exec app nft add table inet t')
run('ip netns exec app nft add chain inet t f { type filter hook forward priority 0; }')
run('ip netns exec app nft add rule inet t f ct state new counter')
traffic = [wire(geneve(p, aws(i, IDS[i % 16])), sport=60000 + i, family=(4, 6)[i % 2])
           for i in range(64)
           for p in (inner4(84), inner6(104), *fragments(inner4(600, src='10.7.7.%d' % i), 400))]
# a slow kernel would come to nothing else, and RCU never to its end
with lab.flood(traffic, (FACTOR - 1) / 20):
    trial('4 devices made and deleted', 6, delete)
    trial('deleted with their namespace', 4, namespace)
    trial('deleted with the device that they are on', 4, parent)
    trial('with its namespace, and theirs', 4, both)
    make()
    trial('endpoints exchanged', 6, exchange)
    trial('down and up', 4, up_and_down)
    trial('another mode', 4, mode)
    run('ip netns exec app gwlbctl set gwlb0 catch socket')
    trial('4 devices deleted by the group, packets taken by the socket', 4,
          lambda i: run('ip -n app link del group 7') or delete(i) or make())
    run('ip -n app link del group 7')
lab.receive()
lab.bounce('all is well afterwards', traffic[:40])
run('ip -n app link del gwlb0')
ok(not subprocess.run(['rmmod', 'gwlb'], timeout=LIMIT, check=False).returncode,
   'the module can go')
finish()
