# SPDX-License-Identifier: GPL-2.0
"""The namespaces that a path is measured in, one pair for each path, and what
makes the path. Used by measure.

    namespace NAME-lb        NAME-app
    g0 ------------ veth --- eth0, gwlb0
    10.254.11.60             10.254.11.101
"""
import contextlib
import ctypes
import os
import socket
import subprocess
import bpf

GWLB, APPLIANCE, BEHIND = "10.254.11.60", "10.254.11.101", "10.99.0.1"
MAC_LB, MAC_APP = "02:00:00:00:00:01", "02:00:00:00:00:02"
RUN = "/sys/kernel/debug/gwlb-bench/run"
BUCKETS = "/sys/module/nf_conntrack/parameters/hashsize"
# Seconds: what the packets before the first measured one made known stays so
IDLE = 86400
LIBC = ctypes.CDLL(None, use_errno=True)


def run(*command, text=None):
    done = subprocess.run(command, input=text, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


@contextlib.contextmanager
def namespace(name):
    """This process is in network namespace NAME meanwhile."""
    with open("/proc/self/ns/net") as old, open(f"/run/netns/{name}") as new:
        def enter(ns):
            if LIBC.setns(ns.fileno(), 0x40000000):
                raise OSError(ctypes.get_errno(), "setns")
        enter(new)
        try:
            yield
        finally:
            enter(old)


def sysctl(key, value):
    with open("/proc/sys/" + key.replace(".", "/"), "w") as f:
        f.write(str(value))


def room(flows):
    """For both directions of so many a bucket each of conntrack's, which all
    namespaces share"""
    with open(BUCKETS, "r+") as f:
        if int(f.read()) < 2 * flows:
            f.seek(0)
            f.write(str(2 * flows))


class Lab:
    """A path: what the appliance does with the packets"""

    def __init__(self, name, expect, setup, cpu=0, tso=False, check=True):
        self.name, self.expect, self.cpu, self.tso = name, expect, cpu, tso
        self.check = check
        self.merged = 1
        self.warmed = {}
        self.lb, self.app = f"{name}-lb", f"{name}-app"
        self.remove()
        self.file = os.open(RUN, os.O_RDWR)
        try:
            self.connect()
            with namespace(self.app):
                setup(self)
        except BaseException:
            self.close()
            raise

    def connect(self):
        run("ip", "-batch", "-", text=f"""
            netns add {self.lb}
            netns add {self.app}
            link add g0 netns {self.lb} address {MAC_LB} mtu 9001 type veth peer name eth0 netns {self.app} address {MAC_APP} mtu 9001
        """)
        with namespace(self.lb):
            sysctl("net.ipv6.conf.all.disable_ipv6", 1)
            self.napi("g0")
            run("ip", "link", "set", "g0", "up")
        with namespace(self.app):
            # no neighbour discovery while the clock runs
            sysctl("net.ipv6.conf.eth0.disable_ipv6", 1)
            run("ip", "-batch", "-", text=f"""
                link set lo up
                address add {APPLIANCE}/24 dev eth0
                neigh replace {GWLB} lladdr {MAC_LB} dev eth0
                link set eth0 up
            """)
            for key in "udp_timeout", "udp_timeout_stream":
                sysctl("net.netfilter.nf_conntrack_" + key, IDLE)
            self.napi("eth0", self.tso)

    @staticmethod
    def napi(dev, tso=False):
        """Both ends receive as a NIC does, by NAPI and GRO; veth has that for
        what comes from an end that leaves aggregates to the stack"""
        run("ethtool", "-K", dev, "gro", "on", "tso", "on" if tso else "off")

    def remove(self):
        for ns in (self.lb, self.app):
            if os.path.exists(f"/run/netns/{ns}"):
                run("ip", "netns", "del", ns)

    def close(self):
        os.close(self.file)
        self.remove()

    def words(self, flows, payload, packets, warm, train=0):
        to = BEHIND if self.expect in ("forward", "drop") else APPLIANCE
        return (f"send dev=g0 to={MAC_APP} src={GWLB} dst={to} cpu={self.cpu} "
                f"flows={flows} payload={payload} packets={packets} warm={warm} "
                f"batch=64 train={train} expect={self.expect} "
                f"check={self.check:d}\n")

    def warm(self, flows, train):
        """How many packets first, so that each flow is known both ways."""
        if self.warmed.get(train, 0) >= flows:
            return 2000
        self.warmed[train] = flows
        return max(2000, 2 * flows * max(1, train))

    def send(self, **how):
        """Nanoseconds a packet; what is lost or wrong is an error."""
        return together([self], **how)[0]

    def read(self):
        return os.read(self.file, 4096).decode()


def together(labs, flows=1, payload=18, packets=100000, train=0, warm=None):
    """All of them at the same time; nanoseconds a packet of each, which keeps
    how many packets the sink got as one"""
    # one file takes them all: each is in the namespace that it is written in
    times = []
    for lab in labs:
        first = lab.warm(flows, train) if warm is None else warm
        words = lab.words(flows, payload, packets, first, train)
        if lab is not labs[-1]:
            words = "wait\n" + words
        with namespace(lab.lb):
            os.write(labs[0].file, words.encode())
    for lab, line in zip(labs, labs[0].read().splitlines()):
        got = dict(word.split("=") for word in line.split())
        if got["bad"] != "0" or got["lost"] != "0":
            raise RuntimeError(f"{lab.name}, {flows} flows: {line}")
        lab.merged = int(got["returned"]) / int(got["skbs"])
        times.append(int(got["ns"]) / int(got["returned"]))
    return times


# ---- paths. Each is called in the namespace of the appliance.

def drop(lab):
    os.write(lab.file, b"drop dev=eth0\n")


def turn(lab):
    os.write(lab.file, b"turn dev=eth0\n")


def router(lab):
    for key in ("all.send_redirects", "eth0.send_redirects", "all.rp_filter",
                "eth0.rp_filter", "default.rp_filter"):
        sysctl("net.ipv4.conf." + key, 0)
    sysctl("net.ipv4.ip_forward", 1)


def forward(lab):
    router(lab)
    run("ip", "route", "add", "10.99.0.0/16", "via", GWLB)


def nft(rules):
    run("nft", "-f", "-", text=rules)


def nat(lab):
    """What the labs of AWS put on an appliance that does nothing"""
    router(lab)
    nft(f"""table ip nat {{
        chain pre {{
            type nat hook prerouting priority dstnat
            ip saddr {GWLB} ip daddr {APPLIANCE} udp dport 6081 dnat to {GWLB}:6081
        }}
        chain post {{
            type nat hook postrouting priority srcnat
            oif eth0 ip saddr {GWLB} ip daddr {GWLB} udp dport 6081 masquerade
        }}
    }}""")


def geneve_bpf(lab):
    """The kernel's own device, and a program that sends back what it gives"""
    pin = f"/sys/fs/bpf/{lab.name}"
    run("ip", "link", "add", "gnv", "mtu", "8900", "type", "geneve", "external",
        "innerprotoinherit", "dstport", "6081")
    run("ip", "link", "set", "gnv", "up")
    bpf.bounce(socket.if_nametoindex("gnv"), pin)
    try:
        run("tc", "qdisc", "add", "dev", "gnv", "clsact")
        run("tc", "filter", "add", "dev", "gnv", "ingress", "protocol", "ip",
            "bpf", "direct-action", "object-pinned", pin)
    finally:
        os.unlink(pin)


def forward_chain(rules, sets=""):
    nft(f"""table inet bench {{
        {sets}
        chain forward {{
            type filter hook forward priority filter
            {rules}
        }}
    }}""")


def unmerged(setup):
    """Without GRO of its own"""
    def both(lab):
        setup(lab)
        run("ethtool", "-K", "gwlb0", "gro", "off")
    return both


def stateless(n):
    """N rules that look at two fields, and take none of the packets"""
    forward_chain("\n".join(
        f"ip saddr 192.0.2.{i % 250 + 1} udp dport {7000 + i} drop"
        for i in range(n)))


def lookup():
    hosts = ", ".join(f"192.0.{i // 250}.{i % 250 + 1}" for i in range(1000))
    forward_chain("ip saddr @bad drop",
                  f"set bad {{ type ipv4_addr; elements = {{ {hosts} }} }}")


def established():
    forward_chain("""ct state established,related accept
                     ct state invalid drop
                     accept""")


def bump(*options, cap=2000000):
    def setup(lab):
        run("gwlbctl", "add", "gwlb0", "max-flows", str(cap),
            "timeout-other", str(IDLE), *options)
        run("ip", "link", "set", "gwlb0", "up")
    return setup


def marked():
    """Every packet vouches for its flow"""
    forward_chain("meta mark set 1")


def route_mode(*options):
    """The inner packets routed, to where they came from"""
    def setup(lab):
        router(lab)
        bump("mode", "route", *options)(lab)
        sysctl("net.ipv4.conf.gwlb0.rp_filter", 0)
        sysctl("net.ipv4.conf.gwlb0.send_redirects", 0)
        run("ip", "route", "add", "default", "dev", "gwlb0")
    return setup


def ruled(setup, rules):
    def both(lab):
        setup(lab)
        rules()
    return both
