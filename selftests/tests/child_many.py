#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""A thousand devices on one, each with an endpoint. Topology: wirelab.py"""
# timeout 300
import os
import subprocess
import time
from nflab import dgram
from wirelab import Lab, aws, configure_child, finish, geneve, ok, run, wire

COUNT, FIRST = 1000, 0x1000
FACTOR = int(os.environ.get('TIMEOUT_FACTOR', '1'))
SAMPLE = range(0, COUNT, 37)


def of(n, inner):
    return wire(geneve(inner, aws(n, FIRST + n)))


def memory():
    """kB of the kernel that a leak would be in"""
    with open('/proc/meminfo') as info:
        table = dict(line.split(':') for line in info)
    return sum(int(table[k].split()[0]) for k in ('Slab', 'Percpu', 'VmallocUsed'))


def rx(dev):
    return int(run('ip netns exec app cat /sys/class/net/%s/statistics/rx_packets' % dev))


def at_last(condition):
    end = time.monotonic() + 60 * FACTOR
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)
    return condition()


def listed():
    """Endpoints of gwlb0 that another device has, and all of them"""
    lines = run('ip netns exec app gwlbctl endpoint list link gwlb0').splitlines()
    return sum('goes to' in line for line in lines), sum('vpce-' in line for line in lines)


def make():
    for n in range(COUNT):
        configure_child('app', 'vpc%d' % n, [FIRST + n], group=7)
    subprocess.run('ip -n app -batch -'.split(), check=True, universal_newlines=True,
                   input=''.join('link set vpc%d up\n' % n for n in range(COUNT)))


lab = Lab()
# addresses and routes of their own would be all that is measured
for knob in 'disable_ipv6', 'router_solicitations':
    run('ip netns exec app sysctl -qw net.ipv6.conf.default.%s=%d' % (knob, knob[0] == 'd'))
run('ip netns exec app gwlbctl set gwlb0 max-endpoints 2000')
make()
ok(listed() == (COUNT, COUNT), '%d devices' % COUNT, listed())
for f in 4, 6:
    lab.bounce('IPv%d: one tuple behind many of them, and behind none' % f,
               [of(n, dgram(f, 4000)) for n in (*SAMPLE, COUNT)])
got = [rx('vpc%d' % n) for n in SAMPLE]
ok(got == [2] * len(SAMPLE) and rx('gwlb0') == 2 and rx('vpc1') == 0, 'each has its own packets', got)
text = run('ip netns exec app gwlbctl show')
ok(text.count(' on gwlb0\n') == COUNT, 'gwlbctl shows them all', text.count(' on gwlb0\n'))
run('ip -n app link del group 7')
ok(listed() == (0, 1), 'deleted: no endpoint is kept', listed())
lab.bounce('their packets come by gwlb0', [of(n, dgram(4, 4000)) for n in (*SAMPLE, COUNT)])

# the first round has filled the caches of the kernel
before = memory()
make()
lab.bounce('once more', [of(n, dgram(4, 4000)) for n in SAMPLE])
most = memory()
start = time.monotonic()
run('ip -n app link del gwlb0')
print('# %.1f s to delete it with %d devices' % (time.monotonic() - start, COUNT))
ok('vpc' not in run('ip -n app -br link'), 'deleted with the one that they are on')
ok(at_last(lambda: memory() < before + 2048), 'the kernel has not grown by 2 MB',
   '%d kB, with them %d kB, now %d kB' % (before, most, memory()))
print('# %d kB a device' % ((most - before) // COUNT))
ok(not subprocess.run(['rmmod', 'gwlb'], check=False).returncode, 'the module can go')
finish()
