// SPDX-License-Identifier: GPL-2.0
/*
 * A gateway load balancer for tests. It shares no code with what it tests.
 *
 * What is routed into the tun device of either side is wrapped per flow, with
 * a cookie and an outer port of its own, and sent to an appliance. What comes
 * back is checked, and leaves by the tun device of the other side:
 *
 *	workload's namespace		internet's namespace
 *	  wl  -----------------  lb  ----------------- inet
 *				 |
 *			     appliance
 *
 * With -g it makes up the packets itself. A packet that is wrong is counted
 * once, under the first of these that it is, and goes no further:
 *
 *	outer-header	TTL 0, ToS, DF, a fragment, IP options, bad lengths
 *	outer-checksum	a wrong one, one too many or none
 *	geneve-header	version, flags, reserved byte, protocol type
 *	vni
 *	options		but for the cookie
 *	cookie		of no flow, or of another one
 *	outer-address	not from the appliance that its flow goes to
 *	outer-port	not the source port of its flow
 *	inner		changed
 *	unexpected	nothing of its flow was on its way
 *
 * Lost is what did not come back as it was: a rule may have dropped it. The appliance's
 * uplink must not hand over what GSO would have to cut (ethtool -K eth0 tx off).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define UDP_HLEN	8
#define GENEVE_HLEN	8
#define OPTIONS_LEN	32
#define COOKIE_AT	28	/* in the options */
#define HLEN		(UDP_HLEN + GENEVE_HLEN + OPTIONS_LEN)

#define FLOWS_MAX	(1 << 20)
#define BUCKETS		(1 << 16)
#define ON_THEIR_WAY	8192	/* packets; older ones count as lost */
/* ms after which nothing more will come */
#define SILENCE_TUN	500
#define SILENCE_MADE_UP	3000

/* 29 bits: where a class has the direction in front of the cookie, it is 3 */
#define COOKIE_MASK	0x1fffffffu
#define COOKIE_MIX	0x18ef1b00u
#define CLASS_DIRECTION	0x0167

enum wrong {
	RIGHT,
	OUTER_HEADER,
	OUTER_CHECKSUM,
	GENEVE_HEADER,
	VNI,
	OPTIONS,
	COOKIE,
	OUTER_ADDRESS,
	OUTER_PORT,
	INNER,
	UNEXPECTED,
	WRONGS
};

static const char *const wrong_name[WRONGS] = {
	[OUTER_HEADER] = "outer-header",
	[OUTER_CHECKSUM] = "outer-checksum",
	[GENEVE_HEADER] = "geneve-header",
	[VNI] = "vni",
	[OPTIONS] = "options",
	[COOKIE] = "cookie",
	[OUTER_ADDRESS] = "outer-address",
	[OUTER_PORT] = "outer-port",
	[INNER] = "inner",
	[UNEXPECTED] = "unexpected",
};

struct address {
	int family;
	unsigned int len;
	uint8_t a[16];
};

/* The lower end comes first, so that both directions have the same */
struct tuple {
	uint8_t addr[2][16];
	uint8_t port[2][2];
	uint8_t version;
	uint8_t protocol;
};

struct packet {
	TAILQ_ENTRY(packet) in_flow;
	TAILQ_ENTRY(packet) by_age;
	struct flow *flow;
	uint32_t cookie;
	int side;
	unsigned int len;
	uint8_t bytes[];
};

TAILQ_HEAD(packets, packet);

struct flow {
	struct flow *next;	/* of the same bucket */
	struct tuple tuple;
	struct packets packets;	/* on their way */
	const struct address *appliance;
	uint32_t cookie;
	uint16_t port;
};

static struct address appliances[16], own;
static unsigned int nappliances;
static unsigned int port = 6081, class = 0x0108, vni;
static uint64_t endpoint = 0x2356de92d389839c;
static bool no_checksum, may_change;
static uint8_t options[OPTIONS_LEN];

static struct flow *buckets[BUCKETS], **flows;
static unsigned int nflows, on_their_way;
static struct packets by_age = TAILQ_HEAD_INITIALIZER(by_age);
static uint64_t sent, unsent, returned, undelivered, lost, wrong[WRONGS];

static int tun[2] = { -1, -1 };	/* workload, internet */
static int raw, sniffer;
static struct timespec start;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	int err = errno;
	va_list args;

	va_start(args, format);
	fputs("lb: ", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(2);
}

static unsigned int get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* RFC 1071, of data behind an even number of other bytes */
static uint32_t sum(const uint8_t *p, unsigned int len, uint32_t before)
{
	uint64_t s = before;

	for (; len > 1; p += 2, len -= 2)
		s += get16(p);
	if (len)
		s += *p << 8;
	while (s >> 16)
		s = (s >> 16) + (s & 0xffff);
	return s;
}

static uint32_t pseudo_sum(const uint8_t *src, const uint8_t *dst, unsigned int address_len,
			   unsigned int protocol, unsigned int len)
{
	return sum(src, address_len, sum(dst, address_len, protocol + len));
}

static const uint8_t *inner_src(const uint8_t *p)
{
	return p + (p[0] >> 4 == 6 ? 8 : 12);
}

static const uint8_t *inner_dst(const uint8_t *p)
{
	return p + (p[0] >> 4 == 6 ? 24 : 16);
}

static void read_tuple(struct tuple *t, const uint8_t *p, unsigned int len)
{
	unsigned int alen = p[0] >> 4 == 6 ? 16 : 4, at;
	struct tuple turned;

	memset(t, 0, sizeof(*t));
	t->version = p[0] >> 4;
	memcpy(t->addr[0], inner_src(p), alen);
	memcpy(t->addr[1], inner_dst(p), alen);
	if (t->version == 6) {
		at = 40;
		t->protocol = p[6];
	} else {
		at = (p[0] & 0xf) * 4;
		t->protocol = p[9];
		if (get16(p + 6) & 0x3fff)	/* a fragment has no ports */
			at = len;
	}
	if (at + 8 <= len) {
		switch (t->protocol) {
		case IPPROTO_TCP:
		case IPPROTO_UDP:
		case IPPROTO_SCTP:
			memcpy(t->port, p + at, 4);
			break;
		case IPPROTO_ICMP:
		case IPPROTO_ICMPV6:
			memcpy(t->port[0], p + at + 4, 2);
			memcpy(t->port[1], p + at + 4, 2);
		}
	}

	turned = *t;
	memcpy(turned.addr[0], t->addr[1], 16);
	memcpy(turned.addr[1], t->addr[0], 16);
	memcpy(turned.port[0], t->port[1], 2);
	memcpy(turned.port[1], t->port[0], 2);
	if (memcmp(&turned, t, sizeof(*t)) < 0)
		*t = turned;
}

static struct flow *find_flow(const struct tuple *t, uint32_t *hash)
{
	const uint8_t *p = (const uint8_t *)t;
	uint32_t h = 2166136261u;	/* FNV-1a */
	struct flow *f;
	size_t i;

	for (i = 0; i < sizeof(*t); i++)
		h = (h ^ p[i]) * 16777619u;
	h ^= h >> 15;
	for (f = buckets[h % BUCKETS]; f; f = f->next)
		if (!memcmp(&f->tuple, t, sizeof(*t)))
			break;
	*hash = h;
	return f;
}

static struct flow *get_flow(const struct tuple *t)
{
	uint32_t hash;
	struct flow *f = find_flow(t, &hash);

	if (f || nflows == FLOWS_MAX)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		die("flow %u", nflows);
	f->tuple = *t;
	f->appliance = &appliances[hash % nappliances];
	f->port = 49152 + nflows % 16384;
	f->cookie = nflows ^ COOKIE_MIX;
	TAILQ_INIT(&f->packets);
	f->next = buckets[hash % BUCKETS];
	buckets[hash % BUCKETS] = f;
	flows[nflows++] = f;
	return f;
}

static void forget(struct packet *p)
{
	TAILQ_REMOVE(&p->flow->packets, p, in_flow);
	TAILQ_REMOVE(&by_age, p, by_age);
	on_their_way--;
	free(p);
}

static void remember(struct flow *f, uint32_t cookie, int side, const uint8_t *bytes,
		     unsigned int len)
{
	struct packet *p = malloc(sizeof(*p) + len);

	if (!p)
		die("packet");
	p->flow = f;
	p->cookie = cookie;
	p->side = side;
	p->len = len;
	memcpy(p->bytes, bytes, len);
	TAILQ_INSERT_TAIL(&f->packets, p, in_flow);
	TAILQ_INSERT_TAIL(&by_age, p, by_age);
	if (++on_their_way > ON_THEIR_WAY) {
		lost++;
		forget(TAILQ_FIRST(&by_age));
	}
}

static struct sockaddr *sockaddr(const struct address *a, uint16_t port, socklen_t *len)
{
	static union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;

	memset(&u, 0, sizeof(u));
	u.sa.sa_family = a->family;
	if (a->family == AF_INET) {
		u.v4.sin_port = htons(port);
		memcpy(&u.v4.sin_addr, a->a, 4);
		*len = sizeof(u.v4);
	} else {
		u.v6.sin6_port = htons(port);
		memcpy(&u.v6.sin6_addr, a->a, 16);
		*len = sizeof(u.v6);
	}
	return &u.sa;
}

/* buf: room of HLEN, then len bytes that came from that side */
static void wrap(uint8_t *buf, unsigned int len, int side)
{
	uint8_t *geneve = buf + UDP_HLEN, *inner = buf + HLEN;
	unsigned int version = inner[0] >> 4, total = HLEN + len;
	struct sockaddr *to;
	struct flow *flow;
	struct tuple t;
	socklen_t tolen;
	uint32_t cookie, check;

	if ((version != 4 || len < 20) && (version != 6 || len < 40))
		return;
	read_tuple(&t, inner, len);
	flow = get_flow(&t);
	if (!flow) {
		unsent++;
		return;
	}
	cookie = flow->cookie;
	if (class == CLASS_DIRECTION)
		cookie |= (uint32_t)(side + 1) << 29;

	put16(buf, flow->port);
	put16(buf + 2, port);
	put16(buf + 4, total);
	put16(buf + 6, 0);
	put16(geneve, OPTIONS_LEN / 4 << 8);
	put16(geneve + 2, version == 6 ? ETH_P_IPV6 : ETH_P_IP);
	put32(geneve + 4, vni << 8);
	memcpy(geneve + GENEVE_HLEN, options, COOKIE_AT);
	put32(geneve + GENEVE_HLEN + COOKIE_AT, cookie);
	if (!no_checksum) {
		check = ~sum(buf, total, pseudo_sum(own.a, flow->appliance->a, own.len,
						    IPPROTO_UDP, total));
		put16(buf + 6, check & 0xffff ? check : 0xffff);
	}

	to = sockaddr(flow->appliance, 0, &tolen);
	if (sendto(raw, buf, total, 0, to, tolen) != (ssize_t)total) {
		unsent++;
		return;
	}
	sent++;
	remember(flow, cookie, side, inner, len);
}

/* Whether NAT may have made b of a */
static bool related(const struct packet *a, const uint8_t *b, unsigned int len)
{
	unsigned int alen = b[0] >> 4 == 6 ? 16 : 4;

	return a->len == len && !((a->bytes[0] ^ b[0]) >> 4) &&
		(!memcmp(inner_src(a->bytes), inner_src(b), alen) ||
		 !memcmp(inner_dst(a->bytes), inner_dst(b), alen));
}

static enum wrong check_inner(struct flow *flow, uint32_t cookie, const uint8_t *p,
			      unsigned int len, int *side)
{
	struct packet *same, *like = NULL;
	enum wrong why = RIGHT;

	TAILQ_FOREACH(same, &flow->packets, in_flow) {
		if (same->cookie != cookie)
			continue;
		if (same->len == len && !memcmp(same->bytes, p, len))
			break;
		if (!like && related(same, p, len))
			like = same;
	}
	if (!same)
		same = like ? like : TAILQ_FIRST(&flow->packets);
	if (!same)
		return UNEXPECTED;
	if (same->cookie != cookie)
		why = COOKIE;
	else if (!may_change && (same->len != len || memcmp(same->bytes, p, len)))
		why = INNER;
	*side = same->side;
	forget(same);
	return why;
}

/* p: from the outer IP header on */
static enum wrong check(const uint8_t *p, unsigned int len, bool sum_missing,
			const uint8_t **inner, unsigned int *inner_len, int *side)
{
	unsigned int hlen = own.family == AF_INET ? 20 : 40, total, version;
	const uint8_t *src = inner_src(p), *udp = p + hlen, *geneve = udp + UDP_HLEN;
	struct flow *flow, *other;
	uint32_t cookie, hash;
	struct tuple t;

	if (own.family == AF_INET) {
		if (p[0] != 0x45 || p[1] || get16(p + 6) || !p[8] || get16(p + 2) != len ||
		    sum(p, hlen, 0) != 0xffff)
			return OUTER_HEADER;
	} else if (p[0] != 0x60 || p[1] & 0xf0 || !p[7] || hlen + get16(p + 4) != len) {
		return OUTER_HEADER;
	}
	total = len - hlen;
	if (get16(udp + 4) != total)
		return OUTER_HEADER;
	if (!get16(udp + 6) != no_checksum)
		return OUTER_CHECKSUM;
	if (!no_checksum && !sum_missing &&
	    sum(udp, total, pseudo_sum(src, own.a, own.len, IPPROTO_UDP, total)) != 0xffff)
		return OUTER_CHECKSUM;

	if (total < UDP_HLEN + GENEVE_HLEN || geneve[0] >> 6 || geneve[1] || geneve[7])
		return GENEVE_HEADER;
	if (get32(geneve + 4) >> 8 != vni)
		return VNI;
	if (geneve[0] != OPTIONS_LEN / 4 || total < HLEN ||
	    memcmp(geneve + GENEVE_HLEN, options, COOKIE_AT))
		return OPTIONS;
	cookie = get32(geneve + GENEVE_HLEN + COOKIE_AT);
	if (((cookie & COOKIE_MASK) ^ COOKIE_MIX) >= nflows)
		return COOKIE;
	flow = flows[(cookie & COOKIE_MASK) ^ COOKIE_MIX];

	*inner = udp + HLEN;
	*inner_len = total - HLEN;
	version = *inner_len >= 20 ? **inner >> 4 : 0;
	if (version != 4 && (version != 6 || *inner_len < 40))
		return INNER;
	if (get16(geneve + 2) != (version == 6 ? ETH_P_IPV6 : ETH_P_IP))
		return GENEVE_HEADER;
	if (!may_change) {
		read_tuple(&t, *inner, *inner_len);
		other = find_flow(&t, &hash);
		if (other && other != flow)
			return COOKIE;
	}
	if (memcmp(src, flow->appliance->a, own.len))
		return OUTER_ADDRESS;
	if (get16(udp) != flow->port)
		return OUTER_PORT;
	return check_inner(flow, cookie, *inner, *inner_len, side);
}

/* Whether it is from a tunnel to us at all */
static bool for_us(const uint8_t *p, int len)
{
	if (own.family == AF_INET)
		return len >= 28 && p[9] == IPPROTO_UDP && !memcmp(p + 16, own.a, 4) &&
			(get16(p + 6) & 0x1fff || get16(p + (p[0] & 0xf) * 4 + 2) == port);
	return len >= 48 && !memcmp(p + 24, own.a, 16) &&
		((p[6] == IPPROTO_UDP && get16(p + 42) == port) || p[6] == IPPROTO_FRAGMENT);
}

static void report(enum wrong why, const uint8_t *p, unsigned int len)
{
	static int reports;
	unsigned int i;

	if (++reports > 10)
		return;
	fprintf(stderr, "lb: %s: %u bytes:", wrong_name[why], len);
	for (i = 0; i < len && i < 160; i++)
		fprintf(stderr, "%s%02x", i % 4 ? "" : " ", p[i]);
	fputc('\n', stderr);
}

/* Return: whether there was one to take */
static bool unwrap(void)
{
	static uint8_t buf[1 << 17];
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	const struct tpacket_auxdata *aux;
	const uint8_t *inner;
	unsigned int inner_len;
	bool sum_missing = false;
	struct cmsghdr *cmsg;
	enum wrong why;
	int side;
	ssize_t len = recvmsg(sniffer, &msg, MSG_DONTWAIT);

	if (len < 0)
		return false;
	if (!for_us(buf, len))
		return true;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		aux = (const void *)CMSG_DATA(cmsg);
		if (cmsg->cmsg_type == PACKET_AUXDATA)
			sum_missing = aux->tp_status & TP_STATUS_CSUMNOTREADY;
	}

	returned++;
	why = check(buf, len, sum_missing, &inner, &inner_len, &side);
	wrong[why]++;
	if (why)
		report(why, buf, len);
	else if (tun[!side] >= 0 && write(tun[!side], inner, inner_len) < 0)
		undelivered++;
	return true;
}

/* Packet number n of the many made up: UDP, every other flow IPv6 */
static void make_up(uint64_t n, unsigned int many_flows, unsigned int min, unsigned int max)
{
	static uint8_t buf[HLEN + 65536];
	uint8_t *p = buf + HLEN, *udp, a[2][16] = { { 0 } };
	unsigned int len = min + n * 7919 % (max - min + 1), alen, i;
	unsigned int flow = n % many_flows, side = n / many_flows & 1;

	memset(p, 0, 40);
	if (flow & 1) {
		alen = 16;
		put32(a[0], 0x20010db8);
		put32(a[1], 0x20010db8);
		put32(a[1] + 4, 0xffff0000);
		p[0] = 0x60;
		put16(p + 4, len - 40);
		p[6] = IPPROTO_UDP;
		p[7] = 64;
		udp = p + 40;
	} else {
		alen = 4;
		put32(a[0], 0x0a000000);
		put32(a[1], 0xc6120001);
		p[0] = 0x45;
		put16(p + 2, len);
		put16(p + 4, n);
		p[8] = 64;
		p[9] = IPPROTO_UDP;
		udp = p + 20;
	}
	put16(a[0] + alen - 2, flow >> 1);
	memcpy((void *)inner_src(p), a[side], alen);
	memcpy((void *)inner_dst(p), a[!side], alen);
	if (alen == 4)
		put16(p + 10, ~sum(p, 20, 0));

	len -= udp - p;
	put16(udp + 2 * side, 1024 + flow % 50000);
	put16(udp + 2 * !side, 7);
	put16(udp + 4, len);
	put16(udp + 6, 0);
	for (i = UDP_HLEN; i < len; i++)
		udp[i] = i + n;
	put32(udp + UDP_HLEN, n);
	i = ~sum(udp, len, pseudo_sum(a[0], a[1], alen, IPPROTO_UDP, len)) & 0xffff;
	put16(udp + 6, i ? i : 0xffff);
	wrap(buf, len + (udp - p), side);
}

static void print(void)
{
	uint64_t all = 0;
	struct timespec now;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (i = 1; i < WRONGS; i++)
		all += wrong[i];
	printf("flows %u\nsent %" PRIu64 "\nunsent %" PRIu64 "\nreturned %" PRIu64 "\n"
	       "undelivered %" PRIu64 "\nlost %" PRIu64 "\nunderway %u\nwrong %" PRIu64 "\n",
	       nflows, sent, unsent, returned, undelivered, lost, on_their_way, all);
	for (i = 1; i < WRONGS; i++)
		printf("wrong-%s %" PRIu64 "\n", wrong_name[i], wrong[i]);
	printf("milliseconds %" PRIu64 "\n\n",
	       (uint64_t)((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000));
	fflush(stdout);
}

static void parse_address(struct address *a, const char *text)
{
	a->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	a->len = a->family == AF_INET ? 4 : 16;
	errno = EINVAL;
	if (inet_pton(a->family, text, a->a) != 1)
		die("%s", text);
}

/* DEV or DEV@NAMESPACE */
static int open_tun(char *text)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	char path[256], *at = strchr(text, '@');
	int fd, here = -1, there;

	if (at) {
		*at++ = '\0';
		snprintf(path, sizeof(path), "/run/netns/%s", at);
		here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		there = open(path, O_RDONLY | O_CLOEXEC);
		if (there < 0 || setns(there, CLONE_NEWNET))
			die("%s", path);
		close(there);
	}
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", text);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr))
		die("tun device %s", text);
	if (at && setns(here, CLONE_NEWNET))
		die("namespace");
	if (at)
		close(here);
	return fd;
}

static int open_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		die("socket");
	return fd;
}

/* For sending, or to be there */
static int open_deaf(int type, int protocol, uint16_t port)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { 1, &nothing };
	int fd = open_socket(own.family, type, protocol);
	struct sockaddr *sa;
	socklen_t len;

	sa = sockaddr(&own, port, &len);
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ||
	    bind(fd, sa, len))
		die("socket");
	return fd;
}

static void find_own(void)
{
	int fd = open_socket(appliances[0].family, SOCK_DGRAM, 0);
	struct sockaddr_in6 sa;
	struct sockaddr *to;
	socklen_t len;

	own = appliances[0];
	to = sockaddr(&own, port, &len);
	if (connect(fd, to, len) || getsockname(fd, (struct sockaddr *)&sa, &len))
		die("no address towards the appliance");
	memcpy(own.a, own.family == AF_INET6 ? (void *)&sa.sin6_addr :
	       (void *)&((struct sockaddr_in *)&sa)->sin_addr, own.len);
	close(fd);
}

static void open_wire(void)
{
	int one = 1, ttl = 255, room = 64 << 20, dont = IP_PMTUDISC_DONT;
	bool v4 = own.family == AF_INET;

	raw = open_deaf(SOCK_RAW, IPPROTO_UDP, 0);
	setsockopt(raw, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS, &ttl,
		   sizeof(ttl));
	setsockopt(raw, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
		   &dont, sizeof(dont));
	setsockopt(raw, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	/* or the kernel answers what comes back by an ICMP error */
	open_deaf(SOCK_DGRAM, 0, port);

	/* what is sent does not show up at a socket for one protocol */
	sniffer = open_socket(AF_PACKET, SOCK_DGRAM, htons(v4 ? ETH_P_IP : ETH_P_IPV6));
	setsockopt(sniffer, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (setsockopt(sniffer, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)))
		die("PACKET_AUXDATA");
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die("signalfd");
	return fd;
}

static void write_options(void)
{
	put16(options, class);
	put16(options + 2, 1 << 8 | 2);
	put32(options + 4, endpoint >> 32);
	put32(options + 8, endpoint);
	put16(options + 12, class);
	put16(options + 14, 2 << 8 | 2);
	put16(options + 24, class);
	put16(options + 26, 3 << 8 | 1);
}

static void __attribute__((noreturn)) usage(int status)
{
	fputs("usage: lb -a ADDRESS[,ADDRESS]... [-s ADDRESS] [-p PORT] [-c CLASS] [-e ENDPOINT]\n"
	      "          [-v VNI] [-z] [-n] {-w DEV[@NETNS] -i DEV[@NETNS] |\n"
	      "          -g PACKETS [-f FLOWS] [-l MIN[-MAX]] [-k PACKETS]}\n"
	      "  -a  appliances, IPv4 or IPv6\n"
	      "  -s  own address; that of the route to the first appliance\n"
	      "  -p  UDP port (6081)\n"
	      "  -c  option class (0x0108)\n"
	      "  -e  endpoint id (2356de92d389839c)\n"
	      "  -v  VNI (0)\n"
	      "  -z  no outer UDP checksum\n"
	      "  -n  inner packets may come back changed, as by NAT\n"
	      "  -w  tun device to make on the workload's side\n"
	      "  -i  tun device to make on the side of the internet\n"
	      "  -g  make up that many packets instead\n"
	      "  -f  of so many flows (1), half of them IPv6\n"
	      "  -l  of so many bytes (200)\n"
	      "  -k  of which so many may be on their way at a time (64)\n"
	      "Writes \"ready\" and, at the end (SIGINT, SIGTERM) or for SIGUSR1 its counters\n"
	      "and an empty line. Exit status: 1 if a packet came back wrong, or one that\n"
	      "was made up not at all; 2 for another error.\n", status ? stderr : stdout);
	exit(status);
}

int main(int argc, char **argv)
{
	static uint8_t buf[HLEN + 65536];
	unsigned int many_flows = 1, min = 200, max = 200, window = 64;
	uint64_t many = 0, made = 0;
	struct signalfd_siginfo signal;
	char *address, *inet = NULL, *workload = NULL;
	bool bad, ending = false;
	int i, opt, side, signals;

	while ((opt = getopt(argc, argv, "a:s:p:c:e:v:znw:i:g:f:l:k:h")) != -1) {
		switch (opt) {
		case 'a':
			for (address = strtok(optarg, ","); address; address = strtok(NULL, ",")) {
				if (nappliances == 16)
					usage(2);
				parse_address(&appliances[nappliances++], address);
			}
			break;
		case 's':
			parse_address(&own, optarg);
			break;
		case 'p':
			port = strtoul(optarg, NULL, 0);
			break;
		case 'c':
			class = strtoul(optarg, NULL, 0);
			break;
		case 'e':
			endpoint = strtoull(optarg, NULL, 16);
			break;
		case 'v':
			vni = strtoul(optarg, NULL, 0);
			break;
		case 'z':
			no_checksum = true;
			break;
		case 'n':
			may_change = true;
			break;
		case 'w':
			workload = optarg;
			break;
		case 'i':
			inet = optarg;
			break;
		case 'g':
			many = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			many_flows = strtoul(optarg, NULL, 0);
			break;
		case 'l':
			i = sscanf(optarg, "%u-%u", &min, &max);
			if (i == 1)
				max = min;
			break;
		case 'k':
			window = strtoul(optarg, NULL, 0);
			break;
		case 'h':
			usage(0);
		default:
			usage(2);
		}
	}
	if (optind != argc || !nappliances || !many != (workload && inet) || !many_flows ||
	    many_flows > 1 << 17 || min < 52 || max < min || max > 65000 || !window ||
	    window > ON_THEIR_WAY)
		usage(2);
	if (!own.len)
		find_own();
	for (i = 0; i < (int)nappliances; i++)
		if (appliances[i].family != own.family)
			usage(2);

	flows = calloc(FLOWS_MAX, sizeof(*flows));
	if (!flows)
		die("flows");
	write_options();
	signals = open_signals();
	open_wire();
	if (!many) {
		tun[0] = open_tun(workload);
		tun[1] = open_tun(inet);
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	puts("ready");
	fflush(stdout);

	for (;;) {
		struct pollfd fds[] = {
			{ signals, POLLIN, 0 }, { sniffer, POLLIN, 0 },
			{ ending ? -1 : tun[0], POLLIN, 0 }, { ending ? -1 : tun[1], POLLIN, 0 },
		};

		while (!ending && made < many && sent < returned + window)
			make_up(made++, many_flows, min, max);
		if (many && made == many)
			ending = true;
		if (ending && returned >= sent)
			break;
		i = poll(fds, 4, many ? SILENCE_MADE_UP : ending ? SILENCE_TUN : -1);
		if (!i)
			break;
		while (read(signals, &signal, sizeof(signal)) == sizeof(signal)) {
			if (signal.ssi_signo == SIGUSR1)
				print();
			else
				ending = true;
		}
		for (i = 0; i < 64 && unwrap(); i++)
			;
		for (side = 0; side < 2; side++) {
			ssize_t len;

			for (i = 0; i < 64 && fds[2 + side].revents; i++) {
				len = read(tun[side], buf + HLEN, sizeof(buf) - HLEN);
				if (len < 0)
					break;
				wrap(buf, len, side);
			}
		}
	}

	lost += on_their_way;
	on_their_way = 0;
	print();
	bad = many && (lost || unsent || made < many);
	for (i = 1; i < WRONGS; i++)
		bad |= !!wrong[i];
	return bad;
}
