#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Flows of endpoints that go from one device to another: none is left where
they were, none is made there behind the change. Topology: wirelab.py"""
import json
import os
from nflab import dgram
from wirelab import Lab, aws, finish, geneve, ok, run, wire

X, X2, Z = 0x2356de92d389839c, 0x2356de92d3898300, 0x5555666677778888
lab = Lab()


def name(endpoint):
    return 'vpce-0%016x' % endpoint


def of(endpoint, inner):
    return wire(geneve(inner, aws(endpoint & 0xffff, endpoint)))


def ctl(command):
    return run('ip netns exec app gwlbctl ' + command)


def listed(dev, *more):
    """How many flows it has of each endpoint"""
    flows = json.loads(ctl(' '.join(('-j flow list link', dev) + more)))
    return {e: n for e in (X, X2, Z)
            for n in [sum(f['endpoint'] == name(e) for f in flows)] if n}


def are(what, **want):
    got = {dev: listed(dev) for dev in want}
    ok(got == want, what, 'want %s, got %s' % (want, got))


several = [of(e, dgram(f, 4000 + i)) for e in (X, X2, Z) for f in (4, 6) for i in range(3)]
lab.bounce('three endpoints', several)
are('have their flows', gwlb0={X: 6, X2: 6, Z: 6})
ctl('add vpc1 endpoint %s endpoint %s' % (name(X), name(X2)))
are('two are taken: theirs are forgotten', gwlb0={Z: 6}, vpc1={})
run('ip -n app link set vpc1 up')
lab.bounce('the same packets', several)
are('make flows where they are now', gwlb0={Z: 6}, vpc1={X: 6, X2: 6})
ctl('set vpc1 endpoint %s timeout-other 60' % name(X2))
are('one is given back', gwlb0={Z: 6}, vpc1={X2: 6})
ctl('set vpc1 endpoint %s max-flows 1000' % name(X2))
are('nothing is forgotten without need', gwlb0={Z: 6}, vpc1={X2: 6})
lab.bounce('the same packets', several)
are('make flows where they are now', gwlb0={X: 6, Z: 6}, vpc1={X2: 6})
ctl('add vpc2 endpoint ' + name(Z))
run('ip -n app link set vpc2 up')
lab.bounce('another device', several)
are('each has its own', gwlb0={X: 6}, vpc1={X2: 6}, vpc2={Z: 6})
ctl('del vpc2')
lab.bounce('which is deleted', several)
are('its endpoint is back', gwlb0={X: 6, Z: 6}, vpc1={X2: 6})
ctl('set gwlb0 max-flows 2000')

# ---- while packets come: what is told of at once holds from then on

with lab.flood([of(X, dgram(4, 5000 + i)) for i in range(500)]):
    wrong = []
    for _ in range(int(os.environ.get('ROUNDS', '20'))):
        for endpoints, empty in ((X, X2), 'gwlb0'), ((X2,), 'vpc1'):
            ctl('set vpc1 ' + ' '.join('endpoint ' + name(e) for e in endpoints))
            if X in listed(empty, 'endpoint', name(X)):
                wrong.append(empty)
ok(not wrong, 'under traffic: none is made behind the change', wrong)
finish()
