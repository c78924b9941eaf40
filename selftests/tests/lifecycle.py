#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""Link, namespace and module come and go, all under traffic. Topology:
wirelab.py, and namespace other"""
# timeout 300
import atexit
import contextlib
import errno
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from wirelab import (TCP, UAPI, Genl, Lab, aws, finish, fragments, geneve, inner4, inner6, ip4,
                     netns, ok, run, tcp, wire)

LIMIT = 30 * int(os.environ.get('TIMEOUT_FACTOR', '1'))
PORTS = range(6081, 6085)
A4, B4 = '10.1.21.101', '54.230.62.60'


class Rtnl:
    """What ip does, without a process for each"""

    def __init__(self, ns):
        with netns(ns):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)

    @staticmethod
    def attribute(kind, value):
        return struct.pack('=HH', 4 + len(value), kind) + value + bytes(-len(value) % 4)

    def ask(self, kind, *attributes, flags=0, change=0, create=0):
        body = struct.pack('=BBHiII', 0, 0, 0, 0, flags, change) + b''.join(attributes)
        self.sock.send(struct.pack('=IHHII', 16 + len(body), kind, 5 | create, 1, 0) + body)
        error = -struct.unpack('=i', self.sock.recv(1 << 16)[16:20])[0]
        if error:
            raise OSError(error, os.strerror(error))

    def name(self, n):
        return self.attribute(3, b'gwlb%d\0' % n)  # IFLA_IFNAME

    def add(self, n=0):
        """gwlb0 on port 6081 and so on, all of them in group 7"""
        port = self.attribute(UAPI['GWLB_A_CONF_PORT'], struct.pack('=H', PORTS[n]))
        # RTM_NEWLINK, IFLA_GROUP, IFLA_LINKINFO, IFLA_INFO_KIND, IFLA_INFO_DATA
        self.ask(16, self.name(n), self.attribute(27, struct.pack('=I', 7)),
                 self.attribute(0x8012, self.attribute(1, b'gwlb') + self.attribute(0x8002, port)),
                 create=0x600)  # NLM_F_CREATE | NLM_F_EXCL

    def up(self, n=0):
        self.ask(16, self.name(n), flags=1, change=1)

    def down(self, n=0):
        self.ask(16, self.name(n), flags=0, change=1)

    def delete(self):
        """The whole group"""
        self.ask(17, self.attribute(27, struct.pack('=I', 7)))  # RTM_DELLINK


def come_back(*ports, count=1):
    """Waits for so many packets of each port, others may come too"""
    missing = dict.fromkeys(ports, count)
    end = time.monotonic() + LIMIT
    while max(missing.values()) > 0 and time.monotonic() < end:
        if select.select([lab.sock], [], [], 1)[0]:
            frame, source = lab.sock.recvfrom(1 << 16)
            at = 14 + (40 if frame[14] >> 4 == 6 else 20)
            port = int.from_bytes(frame[at + 2:at + 4], 'big')
            if source[2] == socket.PACKET_HOST and port in missing:
                missing[port] -= 1
    return max(missing.values()) <= 0


def forget():
    """What has come back, where no more does"""
    with contextlib.suppress(BlockingIOError):
        while True:
            lab.sock.recv(1 << 16)


def module_uses():
    with open('/proc/modules') as modules:
        return next((line.split()[2] for line in modules if line.startswith('gwlb ')), 'unloaded')


def memory():
    """kB of the kernel that a leak would be in"""
    with open('/proc/meminfo') as info:
        table = dict(line.split(':') for line in info)
    return sum(int(table[k].split()[0]) for k in ('Slab', 'Percpu', 'VmallocUsed'))


def cycles(count):
    """Several links at once are added, go up and are deleted, which takes them
    down, if one is not yet; counts the rounds in which all of them bumped"""
    good = 0
    for i in range(count):
        for n in range(len(PORTS)):
            rtnl.add(n)
            rtnl.up(n)
        good += come_back(*PORTS, count=50)
        if i % 2:
            rtnl.down()
        rtnl.delete()
        forget()
    return good


def at_last(condition):
    """What the kernel does behind our back takes its time, but not for ever"""
    end = time.monotonic() + LIMIT
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def port_is_taken(port):
    return bool(run('ip netns exec app ss -Hlun sport = :%d' % port))


def qlen(dev):
    return json.loads(run('tc -n app -s -j qdisc show dev %s root' % dev))[0]['qlen']


def flows(genl):
    table = dict(genl.ask(UAPI['GWLB_CMD_LINK_GET'], UAPI['GWLB_A_LINK_IFNAME'], b'gwlb0\0'))
    return int.from_bytes(table[UAPI['GWLB_A_LINK_FLOWS']], sys.byteorder)


def take_hooks():
    """All that a place of netfilter has"""
    chain = 'add chain ip6 full c%d { type filter hook output priority 0; }\n'
    nft('add table ip6 full\n' + ''.join(chain % i for i in range(1000)))
    i = 1000
    while nft(chain % i):
        i += 1


def nft(rules):
    return subprocess.run('ip netns exec app nft -f -'.split(), input=rules.encode(),
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def fails_to_come_up():
    """Whether it does, with a flow made meanwhile"""
    genl = Genl('app')
    for _ in range(300):
        try:
            rtnl.up()
            return False
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
        if flows(genl):
            return True
    return None


def rmmod():
    # it waits for what is on its way
    return subprocess.run(['rmmod', 'gwlb'], timeout=LIMIT, check=False).returncode == 0


lab = Lab()
rtnl = Rtnl('app')
run('ip netns del other', check=False)
atexit.register(run, 'ip netns del other', False)
run('ip netns exec app nft add table inet t')
run('ip netns exec app nft add chain inet t f { type filter hook forward priority 0; }')
run('ip netns exec app nft add rule inet t f ct state new counter')
# many flows, some reassembled, some never, for all links
traffic = [wire(geneve(p, aws(i)), sport=60000 + i, dport=PORTS[i % 4], family=(4, 6)[i % 2])
           for i in range(200)
           for p in (inner4(84), inner6(104), ip4(A4, B4, TCP, tcp(A4, B4, i, 80)),
                     *fragments(inner4(600, src='10.7.7.%d' % i), 400),
                     fragments(inner4(600, src='10.8.8.%d' % i), 200)[0],
                     fragments(inner6(600), 200, ident=i)[0])]

with lab.flood(traffic):
    rtnl.ask(17, rtnl.name(0))
    forget()
    ok(cycles(10) == 10, '10 times 4 links added, up, down, deleted')
    before = memory()
    ok(cycles(40) == 40, 'and 40 times more')
    ok(at_last(lambda: memory() < before + 1024), 'the kernel has not grown by 1 MB',
       '%d kB, now %d kB' % (before, memory()))
    ok(module_uses() == '0', 'the module is not in use', module_uses())

    rtnl.add()
    for i in range(5):
        rtnl.up()
        if not come_back(PORTS[0]) or not rmmod() or module_uses() != 'unloaded':
            break
        forget()
        rtnl.add()  # loads it
    else:
        i = 5
    ok(i == 5, '5 times removed with the module', i)
    rtnl.delete()

    for i in range(5):
        run('ip netns add other')
        rtnl.add()
        run('ip -n app link set gwlb0 netns other up')
        good = come_back(PORTS[0])
        run('ip netns del other')
        if not good or not at_last(lambda: not port_is_taken(PORTS[0])):
            break
        forget()
    else:
        i = 5
    ok(i == 5, '5 times removed with its namespace', i)

    # one that cannot come up, for all the hooks that a place has are taken
    take_hooks()
    rtnl.add()
    failed = fails_to_come_up()
    nft('delete table ip6 full\n')
    rtnl.delete()
    ok(failed is not False and module_uses() == '0', 'deleted with a flow, made until it failed ' +
       'to come up' + ' # SKIP no packet came between' * (failed is None))

    # a device that keeps packets together with their flows
    run('ip -n app link add ifb0 type ifb')
    # with no packets of its own
    run('ip -n app link set ifb0 addrgenmode none')
    run('ip -n app link set ifb0 up')
    run('tc -n app qdisc add dev ifb0 root netem delay 3s limit 100000')
    rtnl.add()
    rtnl.up()
    run('tc -n app qdisc add dev gwlb0 clsact')
    run('tc -n app filter add dev gwlb0 ingress matchall action mirred egress redirect dev ifb0')
    ok(at_last(lambda: qlen('ifb0') > 100), 'packets wait in the queue of another device')
    rtnl.delete()
    ok(qlen('ifb0') > 0, 'the link does not wait for them')
    state = (rmmod(), module_uses(), qlen('ifb0'))
    ok(state == (True, 'unloaded', 0), 'the module does', state)
    run('ip -n app link del ifb0')
    forget()

    rtnl.add()
    rtnl.up()
    ok(come_back(PORTS[0]), 'a new link works')

# what is open keeps a namespace, here and in the process that sends
rtnl.sock.close()
lab.genl.sock.close()
with lab.flood(traffic):
    good = come_back(PORTS[0])
    run('ip netns del app')
    ok(good and at_last(lambda: 'eth0' not in run('ip -n gwlb -br link')),
       'removed with the namespace of link and socket')
ok(rmmod(), 'and the module after that')

lab = Lab()
lab.bounce('all is well afterwards', [wire(geneve(inner4(84), aws(i))) for i in range(100)])
finish()
