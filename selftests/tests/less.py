#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A kernel that has less than all: without IPv6 (ipv6.disable=1 as well) IPv4 passes and
IPv6 is dropped under a cause of its own, never bumped past rules that could not see it; and
conntrack comes into the kernel for those alone who use it, if it has any. Topology: wirelab.py"""
import re
import subprocess
from answerlab import answered, reset, unreachable
from nflab import A, B, back, dgram, nft, of, segment
from wirelab import ICMP, IPV6, TCP, Lab, finish, geneve, ok, run, swapped, unlimited_icmp, wire

deps = run('modprobe --show-depends gwlb')
ok('gwlb.ko' in deps and not re.search('nf_conntrack|nf_tables|nf_nat', deps),
   'loading gwlb loads neither conntrack nor nf_tables', deps)


def loaded():
    with open('/proc/modules') as modules:
        return {line.split()[0] for line in modules}


before = loaded()
lab = Lab()
four, six = wire(geneve(dgram(4, 9))), wire(geneve(dgram(6, 9)))
lab.bounce('IPv4 passes', [four] * 3)
if IPV6:
    lab.bounce('IPv6 passes', [six, four], [swapped(six), swapped(four)])
else:
    lab.bounce('IPv6 is dropped and counted', [six, six, four], [swapped(four)],
               {'ipv6-disabled': 2})
brought = loaded() - before
ok('nf_conntrack' not in brought and 'nf_tables' not in brought,
   'neither does traffic', brought)


def refused(name, word, *command):
    done = subprocess.run(('ip', 'netns', 'exec', 'app', *command), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, check=False)
    ok(done.returncode and word in done.stdout, name, done.stdout)


refused('a local address that is not there is refused, for a reason',
        'not on this machine' if IPV6 else 'has switched off',
        'gwlbctl', 'add', 'gwlb1', 'port', '7000', 'local', 'fd99::1')



def has(module):
    return not subprocess.run(['modprobe', '-n', module], stderr=subprocess.DEVNULL,
                              check=False).returncode


if not has('nf_conntrack'):
    refused('without conntrack a zone is refused, for a reason', 'without conntrack zones',
            'gwlbctl', 'endpoint', 'set', '0x7', 'zone', '7')

# ---- IPv4 has all of it, with IPv6 or without
unlimited_icmp('app')
run('ip -n app route add default dev gwlb0 metric 4294967295')
if not has('nf_tables'):
    ok(True, 'answers # SKIP this kernel has no nf_tables')
else:
    nft('''
    table ip t {
        chain f {
            type filter hook forward priority 0
            tcp dport 80 reject with tcp reset
            udp dport 53 reject with icmp type admin-prohibited
        }
    }
    ''')
    answered(lab, 'tcp reset', of(1, segment(4, 80, 2)), B[4], A[4], TCP,
             reset(4, 1, 1, dport=1234))
    answered(lab, 'ICMP error', of(1, dgram(4, 53)), B[4], A[4], ICMP,
             unreachable(4, 13, dgram(4, 53)))
run('ip netns exec app sysctl -qw net.ipv4.ip_forward=1')
run('ip netns exec app gwlbctl set gwlb0 mode route')
if IPV6:
    lab.bounce('mode route: IPv4 is routed', [of(2, dgram(4, 9))], [back(2, dgram(4, 9, ttl=63))])
else:
    lab.bounce('mode route: IPv4 is routed, IPv6 dropped', [of(1, dgram(6, 9)), of(2, dgram(4, 9))],
               [back(2, dgram(4, 9, ttl=63))], {'ipv6-disabled': 1})
finish()
