# SPDX-License-Identifier: GPL-2.0
"""What the byte-exact tests share: packets, the lab, counters, TAP.

    namespace gwlb                            namespace app
    this test's packet socket                 gwlb0
    eth0 10.254.11.60/24  ------ veth ------  eth0 10.254.11.101/24, .102/24
         fd11::60/64        MTU 9001               fd11::101/64, ::102/64

Nothing of the kernel's encapsulates here: packets are put together from
bytes, and every byte that comes back is compared, the outer IP id excepted.
"""
import atexit
import contextlib
import ctypes
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time

GW4, APP4, APP4B = '10.254.11.60', '10.254.11.101', '10.254.11.102'
GW6, APP6, APP6B = 'fd11::60', 'fd11::101', 'fd11::102'
GW = {4: GW4, 6: GW6}
APP = {4: APP4, 6: APP6}
# else the lab is made without
IPV6 = os.path.exists('/proc/net/if_inet6')
# NAME_early.py is a link to NAME.py: the same test with the early catch
EARLY = os.path.basename(sys.argv[0]).endswith('_early.py')
ALLOW = 'allow 10.254.0.0/16,fd11::/16'
ICMP, TCP, UDP, GRE, ESP, ICMP6, SCTP = 1, 6, 17, 47, 50, 58, 132
DF, MF = 0x4000, 0x2000

# ---- packets


def addr(text):
    return socket.inet_pton(socket.AF_INET6 if ':' in text else socket.AF_INET, text)


def checksum(data):
    """RFC 1071; a multiple of 0xffff is the sum 0xffff, never 0"""
    if len(data) & 1:
        data += b'\0'
    return (0xffff - int.from_bytes(data, 'big') % 0xffff) % 0xffff


def ip4(src, dst, proto, payload=b'', ttl=64, tos=0, ident=0, frag=0, options=b'',
        total=None, ihl=None, check=None):
    """total, ihl and check overrule what is right"""
    def header(check):
        return struct.pack('!BBHHHBBH', 0x40 | words, tos, length, ident, frag, ttl,
                           proto, check) + addr(src) + addr(dst) + options
    words = 5 + len(options) // 4 if ihl is None else ihl
    length = 20 + len(options) + len(payload) if total is None else total
    return header(checksum(header(0)) if check is None else check) + payload


def ip6(src, dst, proto, payload=b'', ttl=64, tos=0, flow=0, length=None):
    length = len(payload) if length is None else length
    return struct.pack('!IHBB', 6 << 28 | tos << 20 | flow, length, proto, ttl) + \
        addr(src) + addr(dst) + payload


def pseudo(src, dst, proto, length):
    return addr(src) + addr(dst) + struct.pack('!II', length, proto)


def udp(src, dst, sport, dport, payload=b'', check=True):
    """check: True for the right one, False for none, or a number"""
    length = 8 + len(payload)
    if check is True:
        data = struct.pack('!HHHH', sport, dport, length, 0) + payload
        check = checksum(pseudo(src, dst, UDP, length) + data) or 0xffff
    return struct.pack('!HHHH', sport, dport, length, int(check)) + payload


def tcp(src, dst, sport, dport, payload=b'', seq=1, flags=0x18, options=b''):
    def header(check):
        return struct.pack('!HHIIBBHHH', sport, dport, seq, 1, 20 + len(options) << 2, flags, 512,
                           check, 0) + options
    data = pseudo(src, dst, TCP, 20 + len(options) + len(payload)) + header(0) + payload
    return header(checksum(data)) + payload


def icmp(kind, ident, seq, payload=b'', pseudo_header=b''):
    def header(check):
        return struct.pack('!BBHHH', kind, 0, check, ident, seq)
    return header(checksum(pseudo_header + header(0) + payload)) + payload


def filler(length, start=0):
    return bytes((start + i) & 0xff for i in range(256)) * (length // 256 + 1)


def inner4(length=84, src='10.1.21.101', dst='54.230.62.60', **more):
    """UDP if there is room for it, of just that length in all"""
    if length < 28:
        return ip4(src, dst, UDP, filler(9)[:length - 20], **more)
    return ip4(src, dst, UDP, udp(src, dst, 1234, 53, filler(length)[:length - 28]), **more)


def inner6(length=104, src='2001:db8::101', dst='2001:db8:ffff::60', **more):
    if length < 48:
        return ip6(src, dst, UDP, filler(9)[:length - 40], **more)
    return ip6(src, dst, UDP, udp(src, dst, 1234, 53, filler(length)[:length - 48]), **more)


INNER = {4: inner4, 6: inner6}


def option(cls, kind, data=b'', words=None):
    words = len(data) // 4 if words is None else words
    return struct.pack('!HBB', cls, kind, words) + data


def aws(cookie=0x98ef1b00, endpoint=0x2356de92d389839c, cls=0x0108):
    return option(cls, 1, struct.pack('!Q', endpoint)) + option(cls, 2, bytes(8)) + \
        option(cls, 3, struct.pack('!I', cookie))


def geneve(inner, options=aws(), vni=0, proto=None, flags=0, version=0, words=None, reserved=0):
    """words overrules the length of the options"""
    if proto is None:
        proto = 0x86dd if inner[0] >> 4 == 6 else 0x0800
    words = len(options) // 4 if words is None else words
    return struct.pack('!BBHI', version << 6 | words, flags, proto, vni << 8 | reserved) + \
        options + inner


def wire(payload, src=GW4, dst=APP4, sport=60001, dport=6081, check=True, family=None, **ip):
    """payload as a datagram from the load balancer, of TTL 255"""
    if family:
        src, dst = GW[family], APP[family]
    ip.setdefault('ttl', 255)
    build = ip6 if ':' in src else ip4
    return build(src, dst, UDP, udp(src, dst, sport, dport, payload, check), **ip)


def swapped(p):
    """What must come back: addresses swapped, a header of the appliance's
    own, the rest as it is. Swapping leaves the UDP checksum what it was."""
    if p[0] >> 4 == 6:
        return b'\x60\0\0\0' + p[4:7] + b'\x40' + p[24:40] + p[8:24] + p[40:]
    head = b'\x45\0' + p[2:4] + b'\0\0\0\0\x40' + p[9:10]
    head += b'\0\0' + p[16:20] + p[12:16]
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + p[20:]


def has_ipv6(p):
    """Outside or inside of GENEVE"""
    at = 8 + 4 * (p[0] & 15)
    return p[0] >> 4 == 6 or p[at + 2:at + 4] == b'\x86\xdd'


def without_id(p):
    """The outer IPv4 id is the appliance's to choose; take it for 0"""
    if p[0] >> 4 == 6 or checksum(p[:20]):
        return p
    head = p[:4] + b'\0\0' + p[6:10] + b'\0\0' + p[12:20]
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + p[20:]


def fragments(p, size, ident=77):
    """Cut an IP packet into fragments that carry size bytes each"""
    out = []
    hlen = 40 if p[0] >> 4 == 6 else 20
    for at in range(0, len(p) - hlen, size):
        part = p[hlen + at:hlen + at + size]
        more = hlen + at + size < len(p)
        if p[0] >> 4 == 6:
            frag = struct.pack('!BBHI', p[6], 0, at | more, ident)
            out.append(p[:4] + struct.pack('!HB', 8 + len(part), 44) + p[7:40] + frag + part)
        else:
            out.append(ip4(socket.inet_ntoa(p[12:16]), socket.inet_ntoa(p[16:20]), p[9], part,
                           ttl=p[8], ident=ident, frag=at // 8 | (MF if more else 0)))
    return out


# ---- TAP

results = []


def ok(good, name, why=''):
    results.append(bool(good))
    print('%sok %d - %s' % ('' if good else 'not ', len(results), name), flush=True)
    if not good and why:
        print('\n'.join('# ' + line for line in str(why).splitlines()), flush=True)


def finish():
    print('1..%d' % len(results))
    sys.exit(0 if all(results) else 1)


def skip(why):
    print('1..0 # SKIP ' + why)
    sys.exit(4)


def difference(want, got):
    if got is None:
        return 'nothing came back'
    at = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
    return 'byte %d of %d: want %s, got %s (%d bytes)' % (
        at, len(want), want[at:at + 16].hex(), got[at:at + 16].hex(), len(got))


# ---- the lab


def run(command, check=True):
    done = subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, check=False)
    if check and done.returncode:
        raise SystemExit('# %s: %s' % (command, done.stdout))
    return done.stdout


def unlimited_icmp(*namespaces):
    """ICMP errors as fast as they are asked for. What holds for all namespaces older
    kernels have in the first alone, and not in these."""
    for where in [''] + ['ip netns exec %s ' % ns for ns in namespaces]:
        run(where + 'sysctl -eqw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 '
            'net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000')


@contextlib.contextmanager
def netns(name):
    libc = ctypes.CDLL(None, use_errno=True)
    with open('/proc/self/ns/net') as here, open('/run/netns/' + name) as there:
        if libc.setns(there.fileno(), 0):
            raise OSError(ctypes.get_errno(), 'setns')
        try:
            yield
        finally:
            libc.setns(here.fileno(), 0)


def uapi():
    """Names of the uapi header's enums to their numbers"""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../kmod/uapi/gwlb.h')
    numbers = {}
    with open(path) as header:
        for body in re.findall(r'enum(?: \w+)? \{(.*?)\}', header.read(), re.S):
            value = 0
            for name, given in re.findall(r'(\w+)(?: = (\d+))?,', body):
                value = int(given) if given else value
                numbers[name] = value
                value += 1
    return numbers


UAPI = uapi()
REASON = {v: k[len('GWLB_DROP_REASON_'):].lower().replace('_', '-')
          for k, v in UAPI.items() if k.startswith('GWLB_DROP_REASON_')}


def attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack('=HH', data[:4])
        yield kind & 0x3fff, data[4:length]
        data = data[(length + 3) & ~3:]


def attribute(kind, value):
    return struct.pack('=HH', 4 + len(value), kind) + value + bytes(-len(value) % 4)


def nest(kind, *attrs):
    return attribute(kind | 0x8000, b''.join(attrs))


def configure(ns, conf, dev='gwlb0', create=False, more=b''):
    """Makes or changes a link; conf: attributes of IFLA_INFO_DATA, more: others of the link"""
    with netns(ns):
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    # ifinfomsg, IFLA_IFNAME, IFLA_LINKINFO of IFLA_INFO_KIND and IFLA_INFO_DATA
    body = bytes(16) + attribute(3, dev.encode() + b'\0') + more + \
        nest(18, attribute(1, b'gwlb'), nest(2, *conf))
    # RTM_NEWLINK; NLM_F_REQUEST | NLM_F_ACK, NLM_F_CREATE | NLM_F_EXCL
    sock.send(struct.pack('=IHHII', 16 + len(body), 16, 5 | (0x600 if create else 0), 1, 0) + body)
    error = -struct.unpack('=i', sock.recv(1 << 16)[16:20])[0]
    if error:
        raise OSError(error, 'rtnetlink')


def configure_child(ns, dev, endpoints, parent='gwlb0', group=0):
    """Makes a link that takes endpoints of another"""
    with netns(ns):
        index = socket.if_nametoindex(parent)
    ids = [attribute(UAPI['GWLB_A_ENDPOINTS_ID'], struct.pack('=Q', e)) for e in endpoints]
    # IFLA_LINK, IFLA_GROUP
    configure(ns, [nest(UAPI['GWLB_A_CONF_ENDPOINTS'], *ids)], dev, True,
              attribute(5, struct.pack('=I', index)) + attribute(27, struct.pack('=I', group)))


class Genl:
    """The generic netlink family as seen in a namespace"""

    def __init__(self, ns):
        with netns(ns):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.family = 16
        reply = dict(self.ask(3, 2, b'gwlb\0'))
        self.family = struct.unpack('=H', reply[1])[0]

    def ask(self, command, kind, value, *more):
        """more: attributes behind the first"""
        value += bytes(-len(value) % 4)
        body = struct.pack('=BBHHH', command, 1, 0, 4 + len(value), kind) + value + b''.join(more)
        self.sock.send(struct.pack('=IHHII', 16 + len(body), self.family, 1, 1, 0) + body)
        reply = self.sock.recv(1 << 16)
        if struct.unpack('=H', reply[4:6])[0] == 2:
            raise OSError(-struct.unpack('=i', reply[16:20])[0], 'generic netlink')
        return attributes(reply[20:struct.unpack('=I', reply[:4])[0]])

    def counters(self, dev='gwlb0'):
        """Drop reasons by name, and rx-packets, rx-bytes, tx-packets, tx-bytes"""
        counts = {}
        for kind, value in self.ask(UAPI['GWLB_CMD_LINK_GET'], UAPI['GWLB_A_LINK_IFNAME'],
                                    dev.encode() + b'\0'):
            nest = {k: int.from_bytes(v, sys.byteorder) for k, v in attributes(value)} \
                if kind in (UAPI['GWLB_A_LINK_DROP'], UAPI['GWLB_A_LINK_STATS']) else {}
            if kind == UAPI['GWLB_A_LINK_DROP']:
                counts[REASON[nest[UAPI['GWLB_A_DROP_REASON']]]] = \
                    nest[UAPI['GWLB_A_DROP_PACKETS']]
            for name in ('RX_PACKETS', 'RX_BYTES', 'TX_PACKETS', 'TX_BYTES'):
                if kind == UAPI['GWLB_A_LINK_STATS']:
                    counts[name.lower().replace('_', '-')] = nest[UAPI['GWLB_A_STATS_' + name]]
        return counts


class Lab:
    """The topology above; link is what follows "gwlbctl add gwlb0" """

    MAC = {'gwlb': '02:00:00:00:00:01', 'app': '02:00:00:00:00:02'}

    def __init__(self, link='', mtu=9001):
        if os.geteuid():
            skip('must be root')
        # veth answers in the context of whoever sends: one CPU keeps the order
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        atexit.register(self.remove)
        self.remove()
        for ns in self.MAC:
            run('ip netns add ' + ns)
        run('ip link add eth0 netns gwlb address %s mtu %d type veth '
            'peer name eth0 netns app address %s mtu %d'
            % (self.MAC['gwlb'], mtu, self.MAC['app'], mtu))
        for ns, mac, addresses in (('gwlb', self.MAC['app'], (GW4, GW6)),
                                   ('app', self.MAC['gwlb'], (APP4, APP6, APP4B, APP6B))):
            # no frames but those of the test
            if IPV6:
                run('ip netns exec %s sysctl -qw net.ipv6.conf.all.router_solicitations=0' % ns)
            # without these, veth hands over checksums that nobody computed
            run('ip netns exec %s ethtool -K eth0 tx off' % ns)
            run('ip -n %s link set lo up' % ns)
            run('ip -n %s link set eth0 up' % ns)
            for a in addresses:
                if ':' in a and not IPV6:
                    continue
                run('ip -n %s address add %s dev eth0%s'
                    % (ns, a + '/64 nodad' if ':' in a else a + '/24', ''))
            for a in (APP4, APP6, APP4B, APP6B) if ns == 'gwlb' else (GW4, GW6):
                if ':' in a and not IPV6:
                    continue
                run('ip -n %s neigh add %s lladdr %s dev eth0' % (ns, a, mac))
        run('modprobe -q gwlb', check=False)
        if EARLY and 'allow' not in link:
            link += ' ' + ALLOW
        if not EARLY and 'allow' in link:
            link += ' catch socket'
        if link:
            run('ip netns exec app gwlbctl add gwlb0 ' + link)
        else:
            run('ip -n app link add gwlb0 type gwlb')
        run('ip -n app link set gwlb0 up')
        self.genl = Genl('app')
        with netns('gwlb'):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.sock.bind(('eth0', 3))
            # 6081 is open, or the kernel answers what comes back by an ICMP error
            self.quiet = []
            for f, any_address in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::'))[:1 + IPV6]:
                s = socket.socket(f, socket.SOCK_DGRAM)
                if f == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.bind((any_address, 6081))
                self.quiet.append(s)
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.sock.setblocking(False)
        self.receive()

    def remove(self):
        for ns in self.MAC:
            run('ip netns del ' + ns, check=False)

    def send(self, packet):
        mac = bytes.fromhex((self.MAC['app'] + self.MAC['gwlb']).replace(':', ''))
        kind = b'\x86\xdd' if packet[0] >> 4 == 6 else b'\x08\x00'
        while True:
            try:
                return self.sock.send(mac + kind + packet)
            except BlockingIOError:
                select.select([], [self.sock], [], 1)

    @contextlib.contextmanager
    def flood(self, packets, pause=0):
        """Meanwhile another CPU sends them over and over, with a pause of so many seconds"""
        child = os.fork()
        if not child:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            os.sched_setaffinity(0, {os.cpu_count() - 1})
            while True:
                for p in packets:
                    with contextlib.suppress(OSError):
                        self.send(p)
                time.sleep(pause)
        try:
            yield
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def receive(self, want=0, seconds=2.0):
        """Waits for that many IP packets to the load balancer's port, takes
        what else is there"""
        packets = []
        while True:
            try:
                frame, source = self.sock.recvfrom(1 << 16)
            except BlockingIOError:
                if len(packets) >= want or not select.select([self.sock], [], [], seconds)[0]:
                    return packets
                continue
            # not our own, and neither neighbour discovery nor multicast
            packet = frame[14:]
            if source[2] == socket.PACKET_HOST and self.from_tunnel(packet):
                packets.append(packet)

    @staticmethod
    def from_tunnel(packet):
        if packet[0] >> 4 == 6:
            return packet[6] in (UDP, 44)
        return packet[0] >> 4 == 4 and packet[9] == UDP

    def exchange(self, packets, want=None):
        """Sends them, returns what came back with outer ids taken for 0"""
        back = []
        for at in range(0, len(packets), 64):
            part = packets[at:at + 64]
            for p in part:
                self.send(p)
            missing = len(part) if want is None else want - len(back)
            back += self.receive(missing)
        return [without_id(p) for p in back]

    def bounce(self, name, packets, expect=None, drops=None):
        """ok if each comes back, in order, as it must, and nothing is counted
        as dropped but what drops says, by reason. Where IPv6 is off, those of IPv6
        are left out, if none is to be dropped."""
        before = self.genl.counters()
        expect = [swapped(p) for p in packets] if expect is None else expect
        if not IPV6 and not drops and len(expect) == len(packets):
            pairs = [pair for pair in zip(packets, expect) if not has_ipv6(pair[0])]
            if not pairs:
                ok(True, name + ' # SKIP this kernel has no IPv6')
                return
            packets, expect = map(list, zip(*pairs))
        back = self.exchange(packets, len(expect) if len(expect) != len(packets) else None)
        counted = self.drops_since(before, sum((drops or {}).values()))
        why = ['packet %d of %d: %s' % (i, len(expect), difference(w, g))
               for i, (w, g) in enumerate(zip(expect, back + [None] * len(expect))) if w != g]
        if len(back) > len(expect):
            why.append('%d packets too many, the first: %s'
                       % (len(back) - len(expect), back[len(expect)].hex()))
        if counted != (drops or {}):
            why.append('counted as dropped: %s' % counted)
        ok(not why, name, '\n'.join(why[:8]))

    def drops_since(self, before, want=0):
        """Waits until there are as many as that, for nothing comes back"""
        end = time.monotonic() + 10
        while True:
            now = self.genl.counters()
            counted = {k: v - before.get(k, 0) for k, v in now.items()
                       if k[:3] not in ('rx-', 'tx-') and v != before.get(k, 0)}
            if sum(counted.values()) >= want or time.monotonic() > end:
                return counted
            time.sleep(0.01)

    @staticmethod
    def snmp(*names):
        """Counters of namespace app by name, as /proc/net/snmp6 writes it
        (Udp6...), or as snmp does, without a blank (UdpInCsumErrors)"""
        with netns('app'):
            with open('/proc/net/snmp6') as f:
                table = dict(line.split() for line in f)
            with open('/proc/net/snmp') as f:
                for head, values in zip(f, f):
                    head, values = head.split(), values.split()
                    table.update((head[0][:-1] + n, v) for n, v in zip(head[1:], values[1:]))
        return {n: int(table[n]) for n in names}
