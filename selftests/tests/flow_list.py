#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""gwlbctl flow: what it shows of flows, filters, flush, errors. Topology:
wirelab.py"""
import json
import subprocess
from wirelab import (GRE, GW4, GW6, APP4, APP6, ICMP, TCP, UDP, Lab, aws, filler, finish, geneve,
                     icmp, ip4, ip6, ok, option, run, tcp, udp, wire)

A4, B4, A6, B6 = '10.1.21.101', '54.230.62.60', '2001:db8::101', '2001:db8:ffff::60'
E, F = 0x2356de92d389839c, 0xfedcba9876543210
NAME = {e: 'vpce-0%016x' % e for e in (E, F)}
COUNTERS = ('packets', 'bytes', 'packets_back', 'bytes_back')


def gwlbctl(*words, user=()):
    """Status and what it wrote"""
    done = subprocess.run(('ip', 'netns', 'exec', 'app', *user, 'gwlbctl', *words),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, check=False)
    return done.returncode, done.stdout.strip()


def flows(*words):
    status, out = gwlbctl('flow', '-j', *words)
    return json.loads(out) if not status else out


def summary(f):
    return '%s %d %s/%d > %s/%d %s' % (f['ifname'], f['protocol'], f['source'], f['source_port'],
                                       f['destination'], f['destination_port'], f['endpoint'])


def same(name, want, got):
    ok(want == got, name, 'want %s\ngot  %s' % (want, got))


def listed(name, want, *words):
    same(name, sorted(want), sorted(map(summary, flows(*words))))


LONG = 'timeout-tcp 600000 timeout-other 600000'
lab = Lab(LONG)
run('ip netns exec app gwlbctl add gwlb1 port 6082 ' + LONG)
run('ip -n app link set gwlb1 up')
same('no flow: an empty array', [], flows())
same('no flow: no line', (0, ''), gwlbctl('flow'))

there = ip4(A4, B4, TCP, tcp(A4, B4, 40962, 443))
back = ip4(B4, A4, TCP, tcp(B4, A4, 443, 40962, b'answer'))
lab.bounce('a flow, packets there and back, of one context',
           [wire(geneve(p, aws(), vni=5)) for p in (there, back, there)])
shown = flows()
same('is one, from where its first packet came', ['gwlb0 6 %s/40962 > %s/443 %s'
                                                  % (A4, B4, NAME[E])], list(map(summary, shown)))
numbers = {'packets': 2, 'bytes': 2 * len(there), 'packets_back': 1, 'bytes_back': len(back)}
same('counters of both directions', numbers, {k: shown[0][k] for k in COUNTERS})
context, = shown[0]['contexts']
same('its context', {
    'remote': GW4, 'remote_port': 60001, 'local': APP4, 'local_port': 6081, 'vni': 5,
    'checksum': True, 'attachment': '0x0000000000000000', 'cookie': '0x98ef1b00',
    'options': aws().hex(), **numbers},
     {k: v for k, v in context.items() if k not in ('age_ms', 'idle_ms')})
for times in shown[0], context:
    ok(0 <= times['idle_ms'] <= times['age_ms'] < 600000, 'age and idle time', times)
same('each member', {'ifname', 'ifindex', 'protocol', 'source', 'source_port', 'destination',
                     'destination_port', 'endpoint', 'vrf', 'contexts', 'trusted', 'age_ms',
                     'idle_ms', *COUNTERS},
     set(shown[0]))
same('-p is the same, but for times', list(map(summary, shown)),
     list(map(summary, json.loads(gwlbctl('flow', 'list', '-p')[1]))))
line = gwlbctl('flow')[1]
ok(line.startswith('gwlb0 tcp %s:40962 > %s:443 endpoint %s age ' % (A4, B4, NAME[E])) and
   '\n' not in line, 'text, one line', line)
lines = gwlbctl('flow', '-s')[1].split('\n')
same('-s: counters and header', [
    '    2 packets %d bytes, back 1 packets %d bytes' % (2 * len(there), len(back)),
    '    %s:60001 > %s:6081 vni 5 attachment 0x0000000000000000 cookie 0x98ef1b00 options %s'
    % (GW4, APP4, aws().hex())], lines[1:])

same('flush', (0, ''), gwlbctl('flow', 'flush'))
same('none is left', [], flows())

# a direction in front of the cookie
cookies = [(1 << 29 | 0x18ef1b00), (2 << 29 | 0x18ef1b00)]
lab.bounce('directions with different cookies',
           [wire(geneve((there, back)[i % 2], aws(cookies[i % 2], cls=0x0167))) for i in range(7)])
shown = flows()
same('are one flow', ['gwlb0 6 %s/40962 > %s/443 %s' % (A4, B4, NAME[E])],
     list(map(summary, shown)))
same('with the counters of both', [4, 4 * len(there), 3, 3 * len(back)],
     [shown[0][k] for k in COUNTERS])
same('and two contexts, each of its direction',
     [('0x%08x' % cookies[0], 4, 0), ('0x%08x' % cookies[1], 0, 3)],
     sorted((c['cookie'], c['packets'], c['packets_back']) for c in shown[0]['contexts']))
same('-s: three lines of counters', 3, gwlbctl('flow', '-s')[1].count(' bytes, back '))
lab.bounce('of two endpoints', [wire(geneve(there, aws(endpoint=e))) for e in (E, F)])
same('they are two', 2, len(flows()))
gwlbctl('flow', 'flush')

v6 = ip6(A6, B6, UDP, udp(A6, B6, 5353, 53, b'query'))
ping = ip4(A4, B4, ICMP, icmp(8, 77, 1))
gre = ip4('10.1.0.1', '10.2.0.1', GRE, bytes(4))
long = b''.join(option(0x1234, i, filler(80)[:80]) for i in range(3))
sent = {
    'gwlb0 6 %s/40962 > %s/443 %s' % (A4, B4, NAME[E]): wire(geneve(there, aws())),
    'gwlb0 17 %s/5353 > %s/53 %s' % (A6, B6, NAME[F]):
        wire(geneve(v6, aws(endpoint=F)), GW6, APP6, sport=61000),
    'gwlb0 1 %s/77 > %s/77 None' % (A4, B4): wire(geneve(ping, b'', vni=0xffffff), check=False),
    'gwlb0 47 10.1.0.1/0 > 10.2.0.1/0 None': wire(geneve(gre, long)),
    'gwlb1 17 %s/5353 > %s/53 %s' % (A6, B6, NAME[F]):
        wire(geneve(v6, aws(endpoint=F)), dport=6082),
}
lab.bounce('flows of all kinds', list(sent.values()))
names = list(sent)
tcp4, udp6, echo, portless, other = names
listed('are listed', names)
by = {summary(f): f['contexts'][0] for f in flows()}
same('no options, all bits of the VNI, no checksum', ('', 0xffffff, False, None, None),
     tuple(by[echo][k] for k in ('options', 'vni', 'checksum', 'attachment', 'cookie')))
same('252 bytes of options', long.hex(), by[portless]['options'])
same('an IPv6 load balancer', (GW6, APP6, 61000),
     tuple(by[udp6][k] for k in ('remote', 'local', 'remote_port')))
text = gwlbctl('flow', '-s')[1]
for part in ('udp [%s]:5353 > [%s]:53 ' % (A6, B6), 'icmp %s > %s id 77 age' % (A4, B4),
             'gre 10.1.0.1 > 10.2.0.1 age', 'no-checksum options none'):
    ok(part in text, 'text: ' + part.strip(), text)

for link in 'gwlb0', 'gwlb1':
    gwlbctl('endpoint', 'set', NAME[F], 'link', link, 'name', 'shop')
gwlbctl('endpoint', 'set', GW4, 'link', 'gwlb0', 'name', 'gate')
for words, want in (
        ('', names), ('list', names), ('link gwlb1', [other]),
        ('link gwlb0', [n for n in names if n != other]),
        ('address ' + A4, [tcp4, echo]), ('address ' + B4, [tcp4, echo]),
        ('address 10.0.0.0/8', [tcp4, echo, portless]), ('address 10.1.21.102/31', []),
        ('address 10.1.21.100/31', [tcp4, echo]), ('address 0.0.0.0/0', [tcp4, echo, portless]),
        ('address ::/0', [udp6, other]), ('address %s/128' % B6, [udp6, other]),
        ('address 2001:db8::/33', [udp6, other]), ('address 2001:db8:8000::/33', [udp6, other]),
        ('address 2001:db8:1::/48', []),
        ('port 443', [tcp4]), ('port 40962', [tcp4]), ('port 77', [echo]), ('port 444', []),
        ('port 0', [portless]),
        ('protocol tcp', [tcp4]), ('protocol 6', [tcp4]), ('protocol udp', [udp6, other]),
        ('protocol icmp', [echo]), ('protocol 47', [portless]), ('protocol sctp', []),
        ('endpoint ' + NAME[F], [udp6, other]), ('endpoint 0x2356de92d389839c', [tcp4]),
        ('endpoint 2356DE92d389839c', [tcp4]), ('endpoint 0x1', []),
        ('endpoint shop', [udp6, other]), ('endpoint ' + GW4, [echo, portless]),
        ('endpoint gate', [echo, portless]), ('endpoint ' + GW6, []),
        ('link gwlb0 address %s port 53 protocol udp endpoint %s' % (A6, NAME[F]), [udp6]),
        ('protocol tcp port 53', [])):
    listed('by ' + (words or 'nothing'), want, *words.split())

for words, gone in (('port 443', {tcp4}), ('link gwlb1', {other}),
                    ('protocol icmp address 10.0.0.0/8', {echo}), ('endpoint 0x1', set()),
                    ('address ' + A6, {udp6}), ('', {portless})):
    same('flush ' + words, (0, ''), gwlbctl('flow', 'flush', *words.split()))
    names = [n for n in names if n not in gone]
    listed('forgets those and no others', names)
lab.bounce('they are learned anew', list(sent.values()))
same('with counters from the beginning', {1}, {f['packets'] for f in flows()})

NOBODY = 'setpriv --reuid 65534 --clear-groups --bounding-set -all --inh-caps -all'.split()
for verb, what in ('list', 'list'), ('flush', 'flush'), ('untrust', 'untrust'):
    same('not for anybody: ' + verb,
         (1, 'gwlbctl: cannot %s flows: Operation not permitted; run it as root, '
             'it needs CAP_NET_ADMIN' % what), gwlbctl('flow', verb, user=NOBODY))
same('and nothing went', 5, len(flows()))
HELP = '; try gwlbctl help'
FORMS = 'say vpce-0 and 16 hexadecimal digits, 0x and up to 16, or for one without id the ' \
        'address of its load balancer'
for number in '0x21', '0x22':
    gwlbctl('endpoint', 'set', number, 'link', 'gwlb0', 'name', 'twins')
for words, status, message in (
        ('speed 5', 2, "flows cannot be chosen by 'speed'" + HELP),
        ('list list', 2, "flows cannot be chosen by 'list'" + HELP),
        ('port', 2, 'port needs a value' + HELP),
        ('port 5 port 6', 2, 'port is given twice' + HELP),
        ('port 65536', 2, "port takes a number up to 65535, not '65536'" + HELP),
        ('protocol 256', 2, "protocol takes a number up to 255, not '256'" + HELP),
        ('protocol http', 2, 'protocol takes a number or a name such as tcp, udp, icmp, icmpv6; '
                             "not 'http'" + HELP),
        ('address host', 2, "address takes an address or a prefix, not 'host'" + HELP),
        ('address 10.0.0.0/33', 2,
         "the length of a prefix takes a number up to 32, not '33'" + HELP),
        ('endpoint vpce-1', 2, "'vpce-1' is no endpoint: " + FORMS + HELP),
        ('endpoint 0x0', 2, "'0x0' is no endpoint: " + FORMS + HELP),
        ('endpoint 12', 1, 'no endpoint has the name 12; gwlbctl endpoint lists them'),
        ('endpoint twins', 1, 'several endpoints have the name twins; say which by its id'),
        ('link nosuch', 1, 'cannot look at flows of nosuch: There is no such link in this network namespace'),
        ('link lo', 1, 'cannot look at flows of lo: This link is not of kind gwlb')):
    for verb in '', 'list', 'flush', 'untrust':
        if verb == '' and words == 'list list':
            continue
        same('wrong: flow %s %s' % (verb, words), (status, 'gwlbctl: ' + message),
             gwlbctl('flow', *verb.split(), *words.split()))
for flag in '-s', '-j', '-p':
    for verb in 'flush', 'untrust':
        same('wrong: flow %s %s' % (verb, flag),
             (2, 'gwlbctl: flow %s takes none of the flags -s, -j and -p%s' % (verb, HELP)),
             gwlbctl('flow', verb, flag))
listed('of all this nothing was forgotten', list(sent))
run('ip -n app link del gwlb1')
listed('flows go with their link', [n for n in sent if n != other])
finish()
