#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""gwlbctl monitor: each event, as text, as JSON, to a program. Topology:
wirelab.py"""
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from wirelab import (APP6, GW4, GW6, UAPI, Lab, attribute, aws, configure, finish, geneve, inner4,
                     inner6, ok, run, wire)

FACTOR = int(os.environ.get('TIMEOUT_FACTOR', '1'))


class Monitor:
    def __init__(self, *flags):
        before = self.count()
        self.process = subprocess.Popen(
            ('ip', 'netns', 'exec', 'app', 'gwlbctl', 'monitor', *flags),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        end = time.monotonic() + 20 * FACTOR
        while self.count() <= before and time.monotonic() < end:
            time.sleep(0.05)
        self.rest = b''

    @staticmethod
    def count():
        out = run('ip netns exec app cat /proc/net/netlink')
        return sum(1 for line in out.splitlines()[1:]
                   if line.split()[1] == '16' and int(line.split()[3], 16))

    def lines(self, want, seconds=10):
        """That many, or what there is, and no more for a moment"""
        end = time.monotonic() + seconds * FACTOR
        while self.rest.count(b'\n') < want and time.monotonic() < end:
            if select.select([self.process.stdout], [], [], 0.2)[0]:
                self.rest += os.read(self.process.stdout.fileno(), 65536)
        while select.select([self.process.stdout], [], [], 0.3)[0]:
            part = os.read(self.process.stdout.fileno(), 65536)
            self.rest += part
            if not part:
                break
        out, self.rest = self.rest, b''
        return out.decode().splitlines()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()


def same(name, want, got):
    ok(want == got, name, 'want %s\ngot  %s' % (want, got))


def events(name, commands, want):
    for command in commands:
        run(command)
    got = [json.loads(line) for line in monitor.lines(len(want))]
    same(name, want, [(e['event'], e['ifname']) for e in got])
    return got


lab = Lab()
monitor = Monitor('-j')
got = events('add', ['ip netns exec app gwlbctl add gwlb1 port 6082'], [('link-new', 'gwlb1')])
ok(got and sorted(got[0]) == ['event', 'ifindex', 'ifname', 'time'] and
   str(got[0]['ifindex']) == run('ip netns exec app cat /sys/class/net/gwlb1/ifindex').strip(),
   'members of an event', got)
events('up', ['ip -n app link set gwlb1 up'], [('link-up', 'gwlb1')])
events('set', ['ip netns exec app gwlbctl set gwlb1 ttl 9'], [('link-changed', 'gwlb1')])
events('a set that is refused', ['ip netns exec app gwlbctl show'], [])
events('down, renamed', ['ip -n app link set gwlb1 down', 'ip -n app link set gwlb1 name gwlb2'],
       [('link-down', 'gwlb1'), ('link-changed', 'gwlb2')])
events('to another namespace', ['ip -n app link set gwlb2 netns gwlb'], [('link-gone', 'gwlb2')])
events('and back', ['ip -n gwlb link set gwlb2 netns app'], [('link-new', 'gwlb2')])
events('deleted while up', ['ip -n app link set gwlb2 up', 'ip netns exec app gwlbctl del gwlb2'],
       [('link-up', 'gwlb2'), ('link-down', 'gwlb2'), ('link-gone', 'gwlb2')])
events('links of other kinds', ['ip -n app link add d0 type dummy', 'ip -n app link del d0'], [])

# ---- what packets cause
run('ip netns exec app gwlbctl set gwlb0 max-flows 10')
monitor.lines(1)
lab.bounce('a first packet', [wire(geneve(inner4(84), aws(0)))])
same('is an event: endpoint-new', [('endpoint-new', 'gwlb0', 'vpce-02356de92d389839c')],
     [(e['event'], e['ifname'], e['endpoint']) for e in map(json.loads, monitor.lines(1))])
lab.bounce('as many flows as there may be', [wire(geneve(inner4(84), aws(i))) for i in range(10)])
same('are no event', [], monitor.lines(0))
lab.bounce('more flows', [wire(geneve(inner4(84), aws(i))) for i in range(100, 160)])
got = [json.loads(line) for line in monitor.lines(1)]
same('are events: flow-limit', {('flow-limit', 'gwlb0', 10)},
     {(e['event'], e['ifname'], e['limit']) for e in got})
ok(1 <= len(got) <= 10, 'few of them', len(got))

run('ip netns exec app gwlbctl set gwlb0 allow %s,%s' % (GW4, GW6))
monitor.lines(1)
start = time.monotonic()
before = lab.genl.counters()
for i in range(300):
    lab.send(wire(geneve(inner4()), src='10.254.11.66'))
    lab.send(wire(geneve(inner6()), 'fd11::66', APP6))
lab.drops_since(before, 600)
time.sleep(1.5)
lab.send(wire(geneve(inner4()), src='10.254.11.67'))
got = [json.loads(line) for line in monitor.lines(2)]
ok({e['event'] for e in got} == {'sender'}, 'bad senders are events', got)
ok(2 <= len(got) <= 4 + time.monotonic() - start, 'once a second', got)
same('each with an address', (('10.254.11.66',), '10.254.11.67'),
     (tuple(e['address'] for e in got[:1]), got[-1]['address']))
same('all others are counted', 601, len(got) + sum(e['silent'] for e in got))

# ---- endpoints


def of(number, inner=inner4(84)):
    return wire(geneve(inner, aws(endpoint=number)))


def told(want, seconds=10):
    return [(e['event'], e.get('endpoint'), e.get('name'), e.get('limit'))
            for e in map(json.loads, monitor.lines(want, seconds))]


run('ip netns exec app gwlbctl set gwlb0 max-flows 1000')
run('ip netns exec app gwlbctl endpoint set 0xa name shop')
run('ip netns exec app gwlbctl endpoint set %s name gate' % GW4)
monitor.lines(1)
lab.bounce('new endpoints', [of(10), of(11), wire(geneve(inner4(84), b'')), of(10)])
same('are events, once each, with name or load balancer', [
    ('endpoint-new', 'vpce-0000000000000000a', 'shop', None),
    ('endpoint-new', 'vpce-0000000000000000b', None, None),
    ('endpoint-new', GW4, 'gate', None)], told(3))
run('ip netns exec app gwlbctl set gwlb0 timeout-other 1')
idle = {e[1] for e in told(5, 60) if e[0] == 'endpoint-idle'}
same('without flows: endpoint-idle',
     {'vpce-0000000000000000a', 'vpce-0000000000000000b', 'vpce-02356de92d389839c', GW4}, idle)
same('once', [], told(0))
run('ip netns exec app gwlbctl set gwlb0 timeout-other 6000')
monitor.lines(1)
lab.bounce('one comes again', [of(11)])
same('endpoint-new', [('endpoint-new', 'vpce-0000000000000000b', None, None)], told(1))
run('ip netns exec app gwlbctl endpoint forget 0xb')
same('endpoint-forgotten', [('endpoint-forgotten', 'vpce-0000000000000000b', None, None)], told(1))
run('ip netns exec app gwlbctl set gwlb0 max-endpoints 4')
monitor.lines(1)
lab.bounce('many endpoints', [of(1000 + i) for i in range(600)])
got = [json.loads(line) for line in monitor.lines(1)]
kinds = [e['event'] for e in got]
same('endpoint-limit', {4}, {e['limit'] for e in got if e['event'] == 'endpoint-limit'})
ok(set(kinds) == {'endpoint-new', 'endpoint-forgotten', 'endpoint-limit'} and
   len(kinds) < 600, 'rate limited', len(kinds))
time.sleep(1.1)
lab.bounce('one more', [of(2000)])
got += [json.loads(line) for line in monitor.lines(3)]
same('the rest is counted', 601, sum(1 + e['silent'] for e in got if e['event'] == 'endpoint-new'))
run('ip netns exec app gwlbctl set gwlb0 max-endpoints 1024')
monitor.lines(1)

# ---- a listener that does not listen
monitor.process.send_signal(signal.SIGSTOP)
for i in range(2000):
    configure('app', [attribute(UAPI['GWLB_A_CONF_TTL'], bytes([1 + i % 200]))])
monitor.process.send_signal(signal.SIGCONT)
got = [json.loads(line) for line in monitor.lines(2001, 5)]
kinds = [e['event'] for e in got]
ok('lost' in kinds and len(kinds) < 2000, 'events that find no room: lost', len(kinds))
ok(set(kinds) == {'lost', 'link-changed'} and 'ifname' not in got[kinds.index('lost')],
   'which is about no link', set(kinds))
events('all is well afterwards', ['ip netns exec app gwlbctl set gwlb0 ttl 64'],
       [('link-changed', 'gwlb0')])
monitor.end()

monitor = Monitor()
run('ip netns exec app gwlbctl set gwlb0 ttl 7')
time.sleep(1.1)
lab.send(wire(geneve(inner4()), src='10.254.11.68'))
text = [line.split(' ', 1)[1] for line in monitor.lines(2)]
ok(text[:1] == ['link-changed gwlb0'] and
   text[1:2] == ['sender gwlb0 address 10.254.11.68'], 'text', text)
monitor.process.stdout.close()
run('ip netns exec app gwlbctl set gwlb0 ttl 8')
run('ip netns exec app gwlbctl set gwlb0 ttl 9')
same('nobody reads any more: an error', 1, monitor.process.wait(20 * FACTOR))

# ---- a program
with tempfile.TemporaryDirectory() as tmp:
    script = os.path.join(tmp, 'event')

    def write(body):
        with open(script, 'w') as f:
            f.write('#!/bin/sh\n' + body)
        os.chmod(script, 0o755)

    def files():
        return [n for n in os.listdir(tmp) if n.endswith('.done')]

    def wait_files(count):
        end = time.monotonic() + 30 * FACTOR
        while len(files()) < count and time.monotonic() < end:
            time.sleep(0.1)
        return len(files())

    with open(script, 'w'):
        pass
    for program, why in (script, 'Permission denied'), ('/nowhere/x', 'No such file or directory'), \
            ('nowhere', 'No such file or directory'), (tmp, 'Is a directory'):
        done = subprocess.run(['ip', 'netns', 'exec', 'app', 'gwlbctl', 'monitor', '--exec', program],
                              stderr=subprocess.PIPE, stdout=subprocess.PIPE, timeout=60 * FACTOR,
                              universal_newlines=True, check=False)
        same('not a program: ' + why, (1, 'gwlbctl: cannot run %s: %s\n' % (program, why)),
             (done.returncode, done.stderr))
    write('env | grep ^GWLB_ >%s/$$.tmp; mv %s/$$.tmp %s/$$.done\n' % (tmp, tmp, tmp))
    monitor = Monitor('--exec', script)
    run('ip netns exec app gwlbctl set gwlb0 ttl 10')
    same('a program is run', 1, wait_files(1))
    for name in files():
        with open(os.path.join(tmp, name)) as f:
            env = dict(line.rstrip('\n').split('=', 1) for line in f)
        os.unlink(os.path.join(tmp, name))
    index = run('ip netns exec app cat /sys/class/net/gwlb0/ifindex').strip()
    same('with the event in its environment',
         {'GWLB_EVENT': 'link-changed', 'GWLB_LINK': 'gwlb0', 'GWLB_IFINDEX': index},
         {k: v for k, v in env.items() if k != 'GWLB_TIME'})
    time.sleep(1.1)
    lab.send(wire(geneve(inner4()), src='10.254.11.69'))
    wait_files(1)
    for name in files():
        with open(os.path.join(tmp, name)) as f:
            env = dict(line.rstrip('\n').split('=', 1) for line in f)
        os.unlink(os.path.join(tmp, name))
    same('and an address, if it has one', ('sender', '10.254.11.69'),
         (env['GWLB_EVENT'], env.get('GWLB_ADDRESS')))

    time.sleep(1.1)
    lab.send(of(10))
    lab.receive(1)
    wait_files(1)
    for name in files():
        with open(os.path.join(tmp, name)) as f:
            env = dict(line.rstrip('\n').split('=', 1) for line in f)
        os.unlink(os.path.join(tmp, name))
    same('has its id and name', ('endpoint-new', 'vpce-0000000000000000a', 'shop'),
         (env['GWLB_EVENT'], env.get('GWLB_ENDPOINT'), env.get('GWLB_NAME')))

    # an alarm that was set stays set over exec; SIGALRM ends who does not know it
    with open(script, 'w') as f:
        f.write('#!/usr/bin/env python3\nimport os, signal\n'
                'open("%s/alarm", "w").write(str(signal.alarm(0)))\n'
                'os.rename("%s/alarm", "%s/alarm.done")\n'
                'os.kill(os.getpid(), signal.SIGALRM)\n' % ((tmp,) * 3))
    run('ip netns exec app gwlbctl set gwlb0 ttl 11')
    wait_files(1)
    with open(os.path.join(tmp, 'alarm.done')) as f:
        left = int(f.read())
    os.unlink(os.path.join(tmp, 'alarm.done'))
    ok(0 < left <= 60, 'a program has 60 s', left)

    # each counts how many there are, itself included
    write('touch %s/$$.runs; ls %s | grep -c runs$ >%s/$$.tmp; sleep 1; rm %s/$$.runs\n'
          'mv %s/$$.tmp %s/$$.done\n' % ((tmp,) * 6))
    for i in range(20):
        run('ip netns exec app gwlbctl set gwlb0 ttl 64 max-flows %d' % (1000 + i))
    lab.bounce('meanwhile packets pass', [wire(geneve(inner4(84), aws(i, 10))) for i in range(20)])
    done = wait_files(20)
    most = []
    for name in files():
        with open(os.path.join(tmp, name)) as f:
            most.append(int(f.read()))
    same('20 events, 20 programs', 20, done)
    ok(most and max(most) <= 8, 'up to 8 at a time', most)
    monitor.end()
finish()
