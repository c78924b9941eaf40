#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# slow
"""gwlbctl check: each finding, gone after what it says to do. Topology:
wirelab.py"""
import json
import subprocess
from nflab import nft
from wirelab import ALLOW, Lab, finish, geneve, inner4, ok, run, wire

lab = Lab()
APP = 'ip netns exec app '


def app(command):
    return subprocess.run(APP + command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          shell=True, universal_newlines=True, check=False)


def check():
    """Exit status, and findings by name"""
    done = app('gwlbctl check -j gwlb0')
    return done.returncode, {f['check']: f for f in json.loads(done.stdout)}


def only(name, *want):
    code, found = check()
    ok(set(found) == set(want) and code == bool(want), name, (code, found))
    return found


def cured(name, remedy=None):
    """ok if there is this finding alone, and none after its remedy"""
    found = only(name + ': found', name)
    remedy = remedy or found.get(name, {}).get('remedy', 'false').split(', or ')[0]
    done = app(remedy)
    only('%s: gone after %s' % (name, remedy.split()[0]))
    ok(not done.returncode, name + ': what it says works', done.stdout)


run('modprobe -q nf_conntrack', check=False)
with open('/proc/sys/net/netfilter/nf_conntrack_max') as f:
    most = f.read()
run('sysctl -qw net.netfilter.nf_conntrack_max=300000')
run(APP + 'ethtool -K eth0 gro on')
run(APP + 'gwlbctl set gwlb0 catch socket')

lab.bounce('a load balancer', [wire(geneve(inner4()))])
run(APP + 'ethtool -K eth0 tx on')
code, found = check()
ok(code == 1 and set(found) == {'no-allow-list'} and
   set(found['no-allow-list']) == {'ifname', 'check', 'problem', 'remedy'} and
   found['no-allow-list']['ifname'] == 'gwlb0', 'no-allow-list: found', found)
done = app('gwlbctl check')
ok(done.returncode == 1 and done.stdout.count('\n') == 2 and
   done.stdout.startswith('gwlb0: no-allow-list: ') and
   '\n    gwlbctl set gwlb0 allow ' in done.stdout, 'as text', done.stdout)
run(APP + 'gwlbctl set gwlb0 ' + ALLOW)
only('nothing wrong')
done = app('gwlbctl check')
ok(done.returncode == 0 and done.stdout == 'nothing wrong found\n', 'nothing wrong, as text',
   done.stdout)

run('ip -n app link set eth0 mtu 8567')
cured('uplink-mtu')
for offload in 'gro', 'gso', 'rx', 'tx':
    run(APP + 'ethtool -K eth0 %s off' % offload)
    cured('uplink-' + offload)
run('sysctl -qw net.netfilter.nf_conntrack_max=1000')
found = only('conntrack-small: found', 'conntrack-small')
run('sysctl -qw ' + found['conntrack-small']['remedy'].split()[-1])
only('conntrack-small: gone')
run('sysctl -qw net.netfilter.nf_conntrack_max=300000')

nft('table inet t { chain f { type filter hook forward priority 0; policy drop; }; }')
cured('forward-drop')
nft('table ip6 t { chain f { type filter hook forward priority 0; counter reject; }; }')
cured('forward-drop')
nft('''table inet t { chain f { type filter hook forward priority 0; policy drop;
    iifname "gwlb0" tcp dport 443 accept; }; }''')
only('a forward chain with rules on gwlb0')
nft('table inet t { chain f { type filter hook forward priority 0; tcp dport 22 drop; }; }')
only('a forward chain that drops some')

nft('')
for command in 'iptables', 'ip6tables':
    run(APP + command + ' -P FORWARD DROP')
    cured('forward-drop')
    run(APP + command + ' -P FORWARD ACCEPT')
    run(APP + command + ' -F FORWARD')
run(APP + 'iptables -N DOCKER-USER')
run(APP + 'iptables -A FORWARD -j DOCKER-USER')
run(APP + 'iptables -P FORWARD DROP')
ok('DOCKER-USER' in check()[1]['forward-drop']['remedy'], 'Docker is known', check())
cured('forward-drop')

FIREWALLD = '''
table inet firewalld {
    chain filter_PREROUTING { type filter hook prerouting priority -290;
        meta nfproto ipv6 fib saddr . iif oif missing drop; }
    chain filter_FORWARD { type filter hook forward priority 10;
        ct state established,related accept
        reject with icmpx type admin-prohibited; }
}
'''
nft(FIREWALLD)
found = only('firewalld: both are found', 'rpfilter-rule', 'forward-drop')
ok('firewalld.conf' in found['rpfilter-rule']['remedy'] and
   found['forward-drop']['remedy'].startswith('firewall-cmd '), 'firewalld is known', found)
nft('''table inet t { chain p { type filter hook prerouting priority -290;
    iifname != "gwlb0" fib saddr . iif oif missing drop; }; }''')
only('a rpfilter that leaves gwlb0 out')

# 'iptables -S' does not show these where nft is behind it
nft('')
if not app('modprobe -q -a iptable_filter ip6table_filter && iptables-legacy -S').returncode:
    for command in 'iptables-legacy', 'ip6tables-legacy':
        run(APP + command + ' -P FORWARD DROP')
        cured('forward-drop')
        run(APP + command + ' -P FORWARD ACCEPT')
        run(APP + command + ' -F')
        for rules in ('-P INPUT DROP', '-A INPUT -j DROP', '-A INPUT -p udp --dport 6081 -j DROP'):
            run(APP + '%s %s' % (command, rules))
            only('input-drop: ' + rules, 'input-drop')
            run(APP + command + ' -F')
            run(APP + command + ' -P INPUT ACCEPT')
        run(APP + command + ' -P INPUT DROP')
        for rule in ('--dport 6081', '--dport 6000:7000', '-m multiport --dports 53,6000:6081'):
            run(APP + '%s -A INPUT -p udp %s -j ACCEPT' % (command, rule))
            only('input: %s %s' % (command, rule))
            run(APP + command + ' -F')
        cured('input-drop')
        run(APP + command + ' -F')
        run(APP + command + ' -P INPUT ACCEPT')
else:
    print('ok - iptables-legacy # SKIP this system has none')

# established does not match what is untracked
INPUT = '''table inet t { chain input { type filter hook input priority 0; policy drop;
    ct state established,related accept
    tcp dport 22 accept
    %s; }; }'''
nft(INPUT % '')
cured('input-drop')
for rule in ('udp dport 6081 accept', 'udp dport 6000-7000 accept', 'udp dport { 53, 6081 } accept',
             'ip saddr 10.254.11.60 udp dport 6081 counter accept'):
    nft(INPUT % rule)
    only('input: ' + rule)
nft('table inet t { chain input { type filter hook input priority 0; udp dport 6081 drop; }; }')
only('input: a rule that drops the port', 'input-drop')
run(APP + 'gwlbctl set gwlb0 catch auto')
only('input: of no concern to the early catch')

nft('')
run(APP + 'gwlbctl set gwlb0 trust 1')
only('trust: of no concern to the early catch')
run(APP + 'gwlbctl set gwlb0 catch socket')
only('trust: by the socket', 'trust-socket')
run(APP + 'gwlbctl set gwlb0 trust none catch auto')
run(APP + 'sysctl -qw net.ipv4.conf.all.rp_filter=1')
only('rp_filter: of no concern to the bump')
run(APP + 'gwlbctl set gwlb0 mode route')
only('rp_filter of all: found', 'rp-filter')
run(APP + 'sysctl -qw net.ipv4.conf.all.rp_filter=0')
run(APP + 'sysctl -qw net.ipv4.conf.gwlb0.rp_filter=1')
cured('rp-filter')
run(APP + 'gwlbctl set gwlb0 mode bump')

done = app('env PATH=/tmp/none $(which gwlbctl) check')
ok(done.returncode == 1 and done.stdout.startswith('no-nft: '), 'without nft', done.stdout)
done = app('gwlbctl check -s')
ok(done.returncode == 2 and 'not -s' in done.stdout, 'check -s', done.stdout)
done = app('gwlbctl check gwlb7')
ok(done.returncode == 1 and 'gwlb7' in done.stdout, 'a link that is not there', done.stdout)
run('ip -n app link del gwlb0')
done = app('gwlbctl check -j')
ok(done.returncode == 1 and json.loads(done.stdout)[0]['check'] == 'no-link', 'no link at all',
   done.stdout)
run('sysctl -qw net.netfilter.nf_conntrack_max=' + most.strip())
finish()
