#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The capture of a real gateway load balancer, played again: tcpdump on the
appliance must read the same addresses, ports, options, lengths and TTLs.
Topology: wirelab.py"""
import re
import select
import subprocess
from wirelab import APP4, GW4, ICMP, Lab, filler, finish, geneve, icmp, ip4, ok, skip, wire

lab = Lab()
REQUEST = ip4('10.1.21.101', '54.230.62.60', ICMP, icmp(8, 1591, 370, filler(56)[:56]), ttl=254,
              ident=0x1234, frag=0x4000)
REPLY = ip4('54.230.62.60', '10.1.21.101', ICMP, icmp(0, 1591, 370, filler(56)[:56]), ttl=241,
            ident=0x4321)


def tcpdump(dev, count):
    """Started, and ready to capture that many packets"""
    try:
        p = subprocess.Popen(
            ['ip', 'netns', 'exec', 'app', 'tcpdump', '-i', dev, '-nn', '-vv', '-l', '-c',
             str(count)] + (['udp port 6081'] if dev == 'eth0' else ['icmp']),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    except FileNotFoundError:
        skip('no tcpdump')
    while 'listening on' not in p.stderr.readline():
        if p.poll() is not None:
            skip('no tcpdump')
    return p


def text(p):
    try:
        return p.communicate(timeout=10)[0]
    except subprocess.TimeoutExpired:
        p.kill()
        return p.communicate()[0]


def lines(output):
    """As the capture was written; tcpdump since 4.99 says "class Unknown
    (0x108)" for "class 0x108". Times and outer ids are not of interest."""
    output = re.sub(r'^[0-9:.]+ ', '', output, flags=re.M)
    output = re.sub(r'class [A-Za-z ]*\(?(0x[0-9a-f]+)\)?', r'class \1', output)
    output = re.sub(r'ttl 64, id \d+', 'ttl 64, id 0', output)
    return [line.strip() for line in output.splitlines()]


OPTIONS = 'options [class 0x108 type 0x1 len 12 data 2356de92 d389839c, ' \
    'class 0x108 type 0x2 len 12 data 00000000 00000000, class 0x108 type 0x3 len 8 data 98ef1b00]'


def outer(src, dst, ttl):
    return ['IP (tos 0x0, ttl %d, id 0, offset 0, flags [none], proto UDP (17), length 152)' % ttl,
            '%s.60001 > %s.6081: [udp sum ok] Geneve, Flags [none], vni 0x0, %s'
            % (src, dst, OPTIONS)]


REQUEST_TEXT = [
    'IP (tos 0x0, ttl 254, id 4660, offset 0, flags [DF], proto ICMP (1), length 84)',
    '10.1.21.101 > 54.230.62.60: ICMP echo request, id 1591, seq 370, length 64']
REPLY_TEXT = [
    'IP (tos 0x0, ttl 241, id 17185, offset 0, flags [none], proto ICMP (1), length 84)',
    '54.230.62.60 > 10.1.21.101: ICMP echo reply, id 1591, seq 370, length 64']

outside, inside = tcpdump('eth0', 4), tcpdump('gwlb0', 4)
lab.bounce('the packets of the capture come back', [wire(geneve(p)) for p in (REQUEST, REPLY)])
outside, inside = text(outside), text(inside)
want = [line for inner in (REQUEST_TEXT, REPLY_TEXT)
        for line in outer(GW4, APP4, 255) + inner + outer(APP4, GW4, 64) + inner]
ok(lines(outside) == want, 'tcpdump reads on eth0 what the capture says', outside)
ok(lines(inside) == (REQUEST_TEXT * 2 + REPLY_TEXT * 2),
   'tcpdump reads the inner packets on gwlb0, in and out', inside)
finish()
