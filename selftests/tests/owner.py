#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Links given to a namespace of another user: what its root may change of
them, and what not. Topology: wirelab.py, and a user and network namespace"""
import atexit
import os
import subprocess
import time
from wirelab import ALLOW, Lab, finish, ok, run

OWN, OTHER = 'vpce-02356de92d389839c', 'vpce-00000000000000099'
REFUSED = ('Endpoints, max-flows and what concerns the outer packets are set with CAP_NET_ADMIN in '
           'the namespace that the link comes from')

lab = Lab()
run('ip netns exec app gwlbctl add vpc1 endpoint %s on gwlb0' % OWN)
inside = subprocess.Popen('ip netns exec app unshare --user --map-root-user --net '
                          'sleep 1000'.split())
atexit.register(inside.kill)


def net(pid):
    return os.stat('/proc/%s/ns/net' % pid).st_ino


outside = os.stat('/run/netns/app').st_ino
end = time.monotonic() + 30
while net(inside.pid) in (outside, net('self')) and time.monotonic() < end:
    time.sleep(0.05)


def ctl(words):
    done = subprocess.run(['nsenter', '-t', str(inside.pid), '-U', '-n', '--preserve-credentials',
                           'gwlbctl'] + words.split(), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, check=False)
    return done.returncode, done.stdout


def may(words):
    code, text = ctl(words)
    ok(code == 0, 'may: ' + words, text)


def may_not(words):
    code, text = ctl(words)
    ok(code == 1 and REFUSED in text, 'may not: ' + words, text)


for link in 'vpc1', 'gwlb0':
    run('ip -n app link set %s netns %d' % (link, inside.pid))
may_not('set vpc1 endpoint ' + OTHER)
may_not('set vpc1 max-flows 16777216')
may_not('set gwlb0 port 7000')
may_not('set gwlb0 ' + ALLOW)
may_not('set gwlb0 ttl 9')
may_not('set gwlb0 max-endpoints 1')
code, text = ctl('add vpc2 endpoint %s on gwlb0 max-flows 16777216' % OTHER)
ok(code == 1 and 'A link is put on another with CAP_NET_ADMIN' in text,
   'may not: put a link on it', text)
code, text = ctl('show vpc1')
ok(OWN in text and OTHER not in text, 'nothing of it is half applied', text)
for words in ('vpc1 mode route', 'vpc1 divert 1', 'vpc1 timeout-tcp 10', 'gwlb0 zones off',
              'gwlb0 trust 1'):
    may('set ' + words)
finish()
