#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Endpoints: what is learned of them, their settings, the mark. Topology:
wirelab.py"""
import json
import re
import subprocess
from nflab import dgram, nft, counters
from wirelab import GW4, GW6, APP6, Lab, aws, finish, geneve, inner4, ok, option, run, wire

X, Y, Z = 0x2356de92d389839c, 0x0a, 0x0b
lab = Lab()


def name(number):
    return 'vpce-0%016x' % number


def ctl(command, error=None, status=(1, 2)):
    """Runs gwlbctl; error: what it must say, in its one line, with one of these states"""
    done = subprocess.run(('ip netns exec app gwlbctl ' + command).split(), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if error is None:
        ok(not done.returncode, 'gwlbctl ' + command, done.stderr)
        return done.stdout
    ok(done.returncode in status and error in done.stderr and done.stderr.count('\n') == 1,
       'gwlbctl %s: an error' % command, '%d: %s' % (done.returncode, done.stderr))
    return ''


def listed():
    return {e['endpoint']: e for e in
            json.loads(run('ip netns exec app gwlbctl -s -j endpoint list link gwlb0'))}


def of(number, inner, cls=0x0108):
    return wire(geneve(inner, aws(endpoint=number, cls=cls)))


ok(not listed(), 'no endpoint is there before its packets')
lab.bounce('two endpoints', [of(X, inner4(84)), of(Y, inner4(100)), of(X, inner4(200))])
got = listed()
ok(sorted(got) == sorted((name(X), name(Y))), 'they are listed, by their ids', got)
e = got[name(X)]
ok((e['id'], e['name'], e['mark'], e['link']) == ('%016x' % X, None, None, 'gwlb0'),
   'id in both forms, no settings', e)
ok(e['stats'] == {'rx_packets': 2, 'rx_bytes': 284, 'tx_packets': 2, 'tx_bytes': 284} and
   e['dropped'] == 0 and e['flows'] == 1, 'packets, bytes, flows', e)
ok(0 <= e['idle_ms'] <= e['age_ms'], 'first and last seen', e)

lab.bounce('the same id under the other class', [of(X, inner4(84), 0x0167)])
lab.bounce('no id: the load balancers are told apart',
           [wire(geneve(inner4(84), b'')), wire(geneve(inner4(84), option(0x1234, 1, bytes(8)))),
            wire(geneve(inner4(84), b''), src=GW6, dst=APP6)])
got = listed()
ok(len(got) == 4 and got[name(X)]['stats']['rx_packets'] == 3, 'one endpoint for both classes', got)
ok(got[GW4]['id'] is None and [got[g]['stats']['rx_packets'] for g in (GW4, GW6)] == [2, 1],
   'one without id for each load balancer', got)
lab.bounce('a bad packet of a known endpoint',
           [wire(geneve(inner4(check=1), aws(endpoint=Y)))], [], {'inner-checksum': 1})
lab.bounce('a bad packet of an unknown one',
           [wire(geneve(inner4(check=1), aws(endpoint=Z)))], [], {'inner-checksum': 1})
got = listed()
ok(got[name(Y)]['dropped'] == 1 and name(Z) not in got, 'the known one counts it', got)
text = ctl('endpoint')
ok(name(X) in text and GW4 in text, 'as text', text)
ok('received 3 packets 368 bytes, sent back 3 packets 368 bytes' in ctl('-s endpoint list'),
   'with statistics')

# ---- settings

nft('''
table inet t {
    chain prerouting {
        type filter hook prerouting priority raw
        meta mark 0x5 counter name five
        meta mark & 0xf0 == 0x20 counter name twenty
        iifname gwlb0 meta mark 0 counter name none
    }
    counter five {}
    counter twenty {}
    counter none {}
}
table netdev n {
    chain ingress {
        type filter hook ingress device gwlb0 priority 0
        meta mark 0x5 counter name early
    }
    counter early {}
}
''')
ctl('endpoint set %s name shop mark 5' % name(X))
ctl('endpoint set 0xb link gwlb0 mark 0x20/0xf0 name later')
ok(listed()[name(Z)]['age_ms'] is None and listed()[name(Z)]['name'] == 'later',
   'an endpoint with settings that was not seen', listed())
for f in 4, 6:
    lab.bounce('IPv%d: marked packets' % f, [of(X, dgram(f, 4000)), of(Y, dgram(f, 4000)),
                                            of(Z, dgram(f, 4000)), of(X, dgram(f, 4001))])
    counters('IPv%d: nft sees the marks, before PREROUTING as well' % f,
             {'five': 2, 'twenty': 1, 'none': 1, 'early': 2})
ctl('endpoint set %s mark none' % name(X))
lab.bounce('a mark taken away', [of(X, dgram(4, 4000))])
counters('is away', {'none': 1})
e = listed()[name(X)]
ok((e['name'], e['mark']) == ('shop', None), 'the name stays', e)
ctl('endpoint set %s name gate zone 7' % GW4)
e = listed()[GW4]
ok((e['name'], e['zone'], e['zone_mode']) == ('gate', 7, 'fixed'),
   'an endpoint without id by its load balancer', e)

# ---- a file

run('ip netns exec app gwlbctl save gwlb0 /tmp/endpoints.conf')
with open('/tmp/endpoints.conf') as f:
    saved = f.read()
ok('endpoint %s name shop\n' % name(X) in saved and 'endpoint %s name gate zone 7\n' % GW4 in saved and
   'endpoint %s name later mark 0x20/0xf0\n' % name(Z) in saved and name(Y) not in saved,
   'save writes settings', saved)
before = {k: (v['name'], v['mark'], v['mask'], v['zone_mode']) for k, v in listed().items()
          if v['name']}
ctl('down gwlb0')
ctl('up gwlb0 /tmp/endpoints.conf')
after = {k: (v['name'], v['mark'], v['mask'], v['zone_mode']) for k, v in listed().items()}
ok(before == after and len(after) == 3, 'and up reads them', after)
for line, why in (('endpoint vpce-1', "'vpce-1' is no endpoint"), ('endpoint', 'endpoint needs'),
                  ('endpoint 0x1 zone x', 'zone takes'), ('endpoint 0x1 mark', 'mark needs a value'),
                  ('endpoint 0x1 mark 3/1', 'cannot bring up gwlb1: endpoint 0x1: The mark has bits'),
                  ('endpoint 0x1 name 0x2', 'cannot bring up gwlb1: endpoint 0x1: The name')):
    with open('/tmp/endpoints.bad', 'w') as f:
        f.write('port 6082\n%s\n' % line)
    ctl('up gwlb1 /tmp/endpoints.bad', 'endpoints.bad:2: ' + why)

# ---- bounds

ctl('set gwlb0 max-endpoints 8')
lab.bounce('2000 endpoints, each packet comes back',
           [of(1000 + i, inner4(84)) for i in range(2000)])
got = listed()
ok(len(got) == 8 and all(k in got for k in before), 'eight are kept, those with settings among them',
   sorted(got))
for i in range(5):
    run('ip netns exec app gwlbctl endpoint set 0x%x name n%d' % (0x100 + i, i))
ctl('endpoint set 0x200 name full', 'max-endpoints')
lab.bounce('no room at all: packets pass', [of(3000 + i, inner4(84)) for i in range(20)])
ok(len(listed()) == 8, 'and are not listed', sorted(listed()))
ctl('endpoint forget 0x100')
ok('vpce-00000000000000100' not in listed(), 'forgotten')
lab.bounce('one that was refused a place', [of(3000, inner4(84))])
ctl('set gwlb0 max-endpoints 1024')
ctl('endpoint forget ' + name(X))
lab.bounce('one that was forgotten', [of(X, inner4(84))])
e = listed()[name(X)]
ok(e['name'] is None and e['stats']['rx_packets'] == 1, 'begins anew', e)

# ---- by name

ctl('endpoint set %s name %s' % (name(X), 'n' * 31))
text = ctl('endpoint')
lines = [line for line in text.splitlines() if line.startswith('    ')]
places = {tuple(m.start() for m in re.finditer(r'\S+(?: \S+)*', line))[1:4] for line in lines}
ok(len(lines) > 2 and len(places) == 1 and 'n' * 31 + '  ' in text,
   'a name of 31 characters: columns stand below their heads', text)
ctl('endpoint set %s name shop zone 7' % ('n' * 31))
ctl('endpoint set shop link gwlb0 mark 5')
e = listed()[name(X)]
ok((e['name'], e['zone'], e['mark']) == ('shop', 7, 5), 'settings by name, which may be among them', e)
ctl('add gwlb1 port 6082')
ctl('endpoint set shop zone auto')
ok(listed()[name(X)]['zone_mode'] == 'auto', 'no need to say the link that alone has it')
ctl('endpoint set 0x99 zone 7', 'there are 2 gwlb links; say which by: link DEV')
ctl('endpoint set %s link gwlb1 name shop' % name(X))
ctl('endpoint set shop zone 7', 'several links have an endpoint shop')
ctl('endpoint set shop link gwlb1 name else')
ctl('endpoint set 0x99 link gwlb1 name shop')
ctl('endpoint forget shop', 'several endpoints have the name shop')
ctl('del gwlb1')
ctl('endpoint forget shop')
ok(name(X) not in listed(), 'forgotten by name', listed())
ctl('endpoint forget shop', 'no endpoint has the name shop')
ctl('endpoint set shop zone 1', 'no endpoint has the name shop')
for bad in (name(Y), 'vpce-1', '0x', '0xshop', '%016x' % Y, GW4, GW6, '::ffff:' + GW4):
    ctl('endpoint set 0x1 name ' + bad, 'cannot change endpoint vpce-00000000000000001 of gwlb0: '
        'The name of an endpoint must not be none, an address or like an id')
for good in ('%015x' % Y, '%017x' % Y, '10.1.1', 'vpce', 'x0x', 'nonesuch', '2001:db8'):
    ctl('endpoint set 0x1 name ' + good)
ctl('endpoint set 0x1 name none')

# ---- errors

ctl('endpoint forget 0x7777', 'no such endpoint', (1,))
ctl('endpoint set 0x1 name a#b', 'must not have', (2,))
ctl('endpoint set 0x1 mark 3/1', 'endpoint vpce-00000000000000001 of gwlb0: The mark has bits', (2,))
ctl('endpoint set 0x1 mark 1/0', 'must not be 0', (2,))
ctl('endpoint set 0x1 zone 0', 'from 1 to 65535', (2,))
ctl('endpoint set 0x1 zone 65536', 'zone takes a number up to 65535', (2,))
ctl('endpoint set 0x1', 'needs a setting', (2,))
ctl('endpoint set', 'needs an endpoint', (2,))
ctl('endpoint set 0x0 zone 1', 'is no endpoint', (2,))
ctl('endpoint set vpce-123 zone 1', 'is no endpoint', (2,))
ctl('endpoint set 0x1 colour red', "not 'colour'")
ctl('endpoint set 0x1 zone 1 zone 2', 'given twice', (2,))
ctl('endpoint set 0x1 link eth0 zone 1', 'not of kind gwlb', (1,))
ctl('endpoint what', 'endpoint takes', (2,))
ctl('set gwlb0 zone-range 9-8', 'lower one first', (2,))
ctl('set gwlb0 zone-range 9', 'two numbers', (2,))
ctl('set gwlb0 max-endpoints 0', 'from 1 to 65536', (2,))
ctl('set gwlb0 zones some', 'auto or off', (2,))
finish()
