#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A kernel that has less than all: without IPv6 (ipv6.disable=1 as well) IPv4 passes and
IPv6 is dropped under a cause of its own, never bumped past rules that could not see it; and
conntrack comes into the kernel for those alone who use it. Topology: wirelab.py"""
import re
import subprocess
from nflab import dgram
from wirelab import IPV6, Lab, finish, geneve, ok, run, swapped, wire

deps = run('modprobe --show-depends gwlb')
ok('gwlb.ko' in deps and not re.search('nf_conntrack|nf_tables|nf_nat', deps),
   'loading gwlb loads neither conntrack nor nf_tables', deps)

lab = Lab()
four, six = wire(geneve(dgram(4, 9))), wire(geneve(dgram(6, 9)))
lab.bounce('IPv4 passes', [four] * 3)
if IPV6:
    lab.bounce('IPv6 passes', [six, four], [swapped(six), swapped(four)])
else:
    lab.bounce('IPv6 is dropped and counted', [six, six, four], [swapped(four)],
               {'ipv6-disabled': 2})


def refused(name, word, *command):
    done = subprocess.run(('ip', 'netns', 'exec', 'app', *command), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, check=False)
    ok(done.returncode and word in done.stdout, name, done.stdout)


refused('a local address that is not there is refused, for a reason',
        'not on this machine' if IPV6 else 'has switched off',
        'gwlbctl', 'add', 'gwlb1', 'port', '7000', 'local', 'fd99::1')
finish()
