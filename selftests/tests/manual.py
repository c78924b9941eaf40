#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""The examples of gwlb(7) and gwlbctl(8), as they stand there: each is done by a
shell on a machine without a link, and packets show that it does what it says.

    namespace gwlb                namespace app                   namespace out
    this test  eth0 ---- eth0  gwlb0             eth1 ------ eth0
                                                 203.0.113.2     203.0.113.1
wirelab.py has the rest. V, of the world, is an address of out as well.
"""
# timeout 400
import atexit
import os
import re
import socket
import subprocess
import tempfile
from answerlab import answered, split
from nflab import A, B, V, back, dgram, of, segment
from wirelab import TCP, UDP, Lab, finish, netns, ok, run, udp, unlimited_icmp

MAN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../tools/')
SYN, ACK = 2, 16
PLAIN = {r'\(aq': "'", r'\-': '-', r'\e': '\\', r'\fR': '', r'\fP': '', r'\fI': '', r'\fB': ''}


def plain(text):
    for code, char in PLAIN.items():
        text = text.replace(code, char)
    return text


def examples(page):
    """Headings to what stands between .EX and .EE below them"""
    with open(MAN + page) as f:
        text = f.read()
    found = {}
    for part in re.split(r'^\.S[HS] ', text, flags=re.M)[1:]:
        title, body = part.split('\n', 1)
        blocks = re.findall(r'^\.EX\n(.*?)^\.EE\n', body, re.S | re.M)
        if blocks:
            found[title] = [plain(b) for b in blocks]
    return found


GWLB7 = examples('gwlb.7')
GWLBCTL8 = examples('gwlbctl.8')
lab = None


def clean():
    for ns in 'out', 'blue':
        run('ip netns del ' + ns, check=False)


atexit.register(clean)


def shell(name, text, ns='app'):
    # not by "ip netns exec": namespaces that are made there are not seen here
    done = subprocess.run(['nsenter', '--net=/run/netns/' + ns, 'bash', '-eu'], input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          universal_newlines=True)
    ok(not done.returncode, name, '%s\n%s' % (text, done.stdout))
    return done.stdout


def machine():
    """One with two arms and no link"""
    global lab
    clean()
    lab = Lab()
    run('ip netns exec app gwlbctl del gwlb0')
    unlimited_icmp('app')
    run('ip netns add out')
    run('ip link add eth1 netns app type veth peer name eth0 netns out')
    for ns, dev, mine in ('app', 'eth1', '203.0.113.2'), ('out', 'eth0', '203.0.113.1'):
        run('ip netns exec %s ethtool -K %s tx off' % (ns, dev))
        run('ip -n %s link set %s up' % (ns, dev))
        run('ip -n %s link set lo up' % ns)
        run('ip -n %s address add %s/24 dev %s' % (ns, mine, dev))
    run('ip -n out address add %s dev lo' % V[4])
    run('ip -n out route add default via 203.0.113.2')


def do(title):
    machine()
    for block in GWLB7.pop(title):
        shell(title, block)


def service(ns, address, port):
    with netns(ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    s.settimeout(10)
    return s


def reply(name, inner, s, source, sport, peer=None):
    """ok if the service has it, and its reply comes back under the options of the packet"""
    seen = []

    def answer():
        try:
            seen.append(s.recvfrom(1 << 16)[1])
            s.sendto(b'reply', seen[0])
        except socket.timeout:
            pass
    answered(lab, name, of(1, inner), source, A[4], UDP, udp(source, A[4], sport, 1234, b'reply'),
             then=answer)
    if peer:
        ok(seen and seen[0][0] == peer, name + ': it saw ' + peer, seen)


# ---- gwlb(7)

do('NAT gateway')
reply('a server of the world', dgram(4, 7000, dst=V[4]), service('out', V[4], 7000), V[4], 7000,
      '203.0.113.2')

do('Service on the appliance')
reply('a name server of the world', dgram(4, 53), service('app', '', 5353), B[4], 53, A[4])
lab.bounce('all else goes back', [of(1, dgram(4, 54))], [back(1, dgram(4, 54, ttl=63))])

do('Transparent proxy, everything else bumped')
lab.bounce('everything else', [of(1, segment(4, 443, SYN)), of(1, dgram(4, 80))])
with netns('app'):
    proxy = socket.socket()
proxy.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
proxy.bind(('0.0.0.0', 3129))
proxy.listen(1)
lab.send(of(1, segment(4, 80, SYN)))
got = [split(split(p)[3][8 + 8 + 32:]) for p in lab.receive(1)]
ok([(g[0], g[1], g[2], g[3][13]) for g in got] ==
   [(socket.inet_aton(B[4]), socket.inet_aton(A[4]), TCP, SYN | ACK)], 'the proxy accepts', got)

do('Trusted flows')
lab.bounce('both directions', [of(1, dgram(4, 53)),
                               of(1, dgram(4, 1234, src=B[4], dst=A[4], sport=53))])
shown = run('ip netns exec app gwlbctl flow')
ok('trusted' in shown, 'the flow is trusted', shown)
shell('no longer', 'gwlbctl flow untrust')
shown = run('ip netns exec app gwlbctl flow')
ok('trusted' not in shown, 'it is not', shown)

do('Policy routing')
with netns('out'):
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
tap.settimeout(10)
lab.bounce('mail does not go back', [of(1, segment(4, 25, SYN)), of(1, segment(4, 80, SYN))],
           [back(1, segment(4, 80, SYN, ttl=63))])
try:
    mail = tap.recv(1 << 16)
except socket.timeout:
    mail = b''
ok(mail == segment(4, 25, SYN, ttl=63), 'mail goes out by eth1', mail.hex())

do('VRF')
own = '10.254.11.101'
lab.bounce('addresses of the machine', [of(1, dgram(4, 80, src=own)), of(1, dgram(4, 80, dst=own))],
           [back(1, dgram(4, 80, src=own, ttl=63)), back(1, dgram(4, 80, dst=own, ttl=63))])

machine()
first, second = GWLB7.pop('A LINK FOR EACH NETWORK')
shell('a link for each network', first)
lab.bounce('its rules', [of(0, segment(4, 80, SYN)), of(0, segment(4, 22, SYN)),
                         of(100, segment(4, 22, SYN))],
           [back(0, segment(4, 80, SYN)), back(100, segment(4, 22, SYN))])
shell('in a namespace', second)
lab.bounce('not those rules', [of(0, segment(4, 22, SYN)), of(100, segment(4, 22, SYN))])

machine()
run('ip netns exec app gwlbctl add gwlb0')
run('ip -n app link set gwlb0 up')
run('ip netns exec app sysctl -qw net.ipv6.conf.all.disable_ipv6=1')
shell('IPv6 switched off', *GWLB7.pop('ANSWERS'))
script, = GWLB7.pop('EVENTS')
with tempfile.TemporaryDirectory() as tmp:
    for name, text in ('event', script), ('logger', '#!/bin/sh\necho "$*" >>%s/log\n' % tmp):
        with open(os.path.join(tmp, name), 'w') as f:
            f.write(text)
        os.chmod(os.path.join(tmp, name), 0o755)
    for env in ({'GWLB_EVENT': 'endpoint-new', 'GWLB_ENDPOINT': 'vpce-1', 'GWLB_LINK': 'gwlb0'},
                {'GWLB_EVENT': 'sender', 'GWLB_ADDRESS': '10.9.9.9', 'GWLB_LINK': 'gwlb0'},
                {'GWLB_EVENT': 'lost'}):
        subprocess.run([os.path.join(tmp, 'event')], check=True,
                       env={**env, 'PATH': tmp + ':' + os.environ['PATH']})
    with open(os.path.join(tmp, 'log')) as f:
        log = f.read()
ok(log == 'gwlb: vpce-1  on gwlb0\ngwlb: 10.9.9.9 is not in the allow list of gwlb0\n',
   'the program of EVENTS', log)
left = [t for t in GWLB7 if not t.startswith('Mode ')]
ok(not left, 'no example of gwlb(7) is left out', left)

# ---- gwlbctl(8)

machine()
for title, blocks in GWLBCTL8.items():
    for block in blocks:
        if block.startswith('gwlbctl add'):
            run('ip netns exec app gwlbctl del gwlb0', check=False)
        if block.startswith('gwlbctl'):
            shell('gwlbctl(8), %s: %s' % (title, block.split('\n')[0]), block)
conf, unit = None, None
for block in GWLBCTL8['CONFIGURATION'] + GWLBCTL8['At boot']:
    conf = block if block.startswith('# /etc/gwlb/gwlb0.conf') else conf
    unit = block if 'ExecStart=' in block else unit
run('ip netns exec app gwlbctl del gwlb0')
shell('a file', 'gwlbctl up gwlb0 - <<\\END\n%sEND\n' % conf)
run('ip netns add blue')
shell('a link for a namespace', 'gwlbctl add vpc1 endpoint %s on gwlb0' % 'vpce-02356de92d389839c')
run('ip netns exec app ip link set vpc1 up')
for line in re.findall(r'^ExecStart=(.*)', unit, re.M):
    run('ip netns exec app ' + line)
lab.bounce('moved by its service', [of(0, dgram(4, 80)), of(1, dgram(4, 80))])
ok('vpc1' in run('ip netns exec blue gwlbctl show') and
   'vpc1' not in run('ip netns exec app gwlbctl show'), 'it is there')
for line in re.findall(r'^ExecStop=(.*)', unit, re.M):
    # the service runs beside process 1, not so this test
    run('ip netns exec app ' + line.replace('netns 1', 'netns %d' % os.getpid()))
ok('vpc1' in run('gwlbctl show'), 'and back again when that stops')
run('gwlbctl del vpc1')
finish()
