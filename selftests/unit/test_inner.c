// SPDX-License-Identifier: GPL-2.0
#include "unit.h"

static struct gwlb_inner inner;

/* @look bytes of a packet of @len, in a buffer of exactly that length */
static enum gwlb_drop_reason parse(const void *bytes, size_t look, size_t len,
				   __u16 protocol, int aggregate)
{
	__u8 *p = exact(bytes, look);
	enum gwlb_drop_reason reason;

	memset(&inner, 0xa5, sizeof(inner));
	reason = gwlb_inner_parse(p, look, len, protocol, aggregate, &inner);
	free(p);
	return reason;
}

#define is4(reason, bytes, len, with) \
	check(parse(bytes, len, len, 0x0800, 0) == GWLB_DROP_REASON_##reason, with)
#define is6(reason, bytes, len, with) \
	check(parse(bytes, len, len, 0x86dd, 0) == GWLB_DROP_REASON_##reason, with)

static int ports_are(unsigned int a, unsigned int b)
{
	const __u8 (*p)[2] = inner.tuple.port;

	return (p[0][0] << 8 | p[0][1]) == (int)a && (p[1][0] << 8 | p[1][1]) == (int)b;
}

static void set16(__u8 *p, unsigned int v)
{
	p[0] = v >> 8;
	p[1] = v & 0xff;
}

static void sum4(__u8 *p)
{
	unsigned int i, sum = 0;

	set16(p + 10, 0);
	for (i = 0; i < (p[0] & 0xfU) * 4; i += 2)
		sum += p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	set16(p + 10, ~sum & 0xffff);
}

/* 10.0.0.1 > 10.0.0.2, @hlen bytes of header, payload 0x11 0x22 0x33 ... */
static void ipv4(__u8 *p, unsigned int hlen, unsigned int len, __u8 protocol)
{
	unsigned int i;

	memset(p, 0, hlen);
	p[0] = 0x40 | hlen / 4;
	set16(p + 2, len);
	p[8] = 1;
	p[9] = protocol;
	p[12] = p[16] = 10;
	p[15] = 1;
	p[19] = 2;
	for (i = hlen; i < len; i++)
		p[i] = (i - hlen + 1) * 0x11;
	sum4(p);
}

/* fd00::1 > fd00::2 */
static void ipv6(__u8 *p, unsigned int len, __u8 next)
{
	unsigned int i;

	memset(p, 0, 40);
	p[0] = 0x60;
	set16(p + 4, len - 40);
	p[6] = next;
	p[7] = 1;
	p[8] = p[24] = 0xfd;
	p[23] = 1;
	p[39] = 2;
	for (i = 40; i < len; i++)
		p[i] = (i - 40 + 1) * 0x11;
}

static void test_ipv4_lengths(void)
{
	__u8 p[100];
	unsigned int hlen, len, cut;

	for (hlen = 20; hlen <= 60; hlen += 4) {
		for (len = hlen; len <= 80; len++) {
			ipv4(p, hlen, len, 17);
			is4(NONE, p, len, len);
			check(inner.len == len && inner.hdr_len == hlen, len);
			check(!inner.fragment, len);
			/* trailing bytes are not part of it */
			is4(NONE, p, len + 7, len);
			check(inner.len == len, len);
			/* ports only if they are in it */
			if (len >= hlen + 4)
				check(ports_are(0x1122, 0x3344), len);
			else
				check(ports_are(0, 0), len);
			for (cut = 0; cut < len; cut++) {
				if (cut < hlen)
					is4(INNER_SHORT, p, cut, cut);
				else
					is4(INNER_LENGTH, p, cut, cut);
			}
		}
		/* claims less than its header */
		for (len = 0; len < hlen; len++) {
			ipv4(p, hlen, 80, 17);
			set16(p + 2, len);
			sum4(p);
			is4(INNER_LENGTH, p, 80, len);
		}
	}
	for (hlen = 0; hlen < 20; hlen += 4) {
		ipv4(p, 20, 80, 17);
		p[0] = 0x40 | hlen / 4;
		is4(INNER_LENGTH, p, 80, hlen);
	}
}

static void test_ipv4_checksum(void)
{
	__u8 p[60];
	unsigned int bit;

	ipv4(p, 60, 60, 17);
	is4(NONE, p, 60, 0);
	/* any one bit but those that mean something else before it */
	for (bit = 32; bit < 60 * 8; bit++) {
		p[bit / 8] ^= 0x80 >> bit % 8;
		is4(INNER_CHECKSUM, p, 60, bit);
		p[bit / 8] ^= 0x80 >> bit % 8;
	}
}

static void test_versions(void)
{
	__u8 p[60];
	unsigned int v;

	for (v = 0; v < 16; v++) {
		ipv4(p, 20, 60, 17);
		p[0] = v << 4 | 5;
		if (v != 4)
			is4(INNER_VERSION, p, 60, v);
		ipv6(p, 60, 17);
		p[0] = v << 4;
		if (v != 6)
			is6(INNER_VERSION, p, 60, v);
	}
}

static void test_ipv4_fragments(void)
{
	__u8 p[40];
	unsigned int field;

	for (field = 0; field <= 0xffff; field++) {
		ipv4(p, 20, 40, 17);
		set16(p + 6, field);
		sum4(p);
		is4(NONE, p, 40, field);
		/* more to come, or an offset; DF and the evil bit are neither */
		check(inner.fragment == !!(field & 0x3fff), field);
		check(inner.tuple.protocol == 17, field);
		if (inner.fragment)
			check(ports_are(0, 0), field);
		else
			check(ports_are(0x1122, 0x3344), field);
	}
}

static void test_aggregate(void)
{
	__u8 p[128];

	ipv4(p, 20, 128, 6);
	set16(p + 2, 0);
	sum4(p);
	check(parse(p, 128, 100000, 0x0800, 1) == GWLB_DROP_REASON_NONE, 4);
	check(inner.len == 100000, inner.len);
	check(parse(p, 128, 100000, 0x0800, 0) == GWLB_DROP_REASON_INNER_LENGTH, 4);
	ipv6(p, 128, 6);
	set16(p + 4, 0);
	check(parse(p, 128, 100000, 0x86dd, 1) == GWLB_DROP_REASON_NONE, 6);
	check(inner.len == 100000, inner.len);
	/* alone it is a packet without payload */
	check(parse(p, 128, 128, 0x86dd, 0) == GWLB_DROP_REASON_NONE, 6);
	check(inner.len == 40 && ports_are(0, 0), inner.len);
	/* or a jumbogram */
	p[6] = 0;
	check(parse(p, 128, 100000, 0x86dd, 0) == GWLB_DROP_REASON_INNER_LENGTH, 6);
}

/* Only the first bytes are there, as with a packet in several pages */
static void test_look(void)
{
	__u8 p[GWLB_INNER_LOOK];

	ipv4(p, 60, sizeof(p), 6);
	set16(p + 2, 8900);
	sum4(p);
	check(parse(p, sizeof(p), 8900, 0x0800, 0) == GWLB_DROP_REASON_NONE, 4);
	check(inner.len == 8900 && ports_are(0x1122, 0x3344), 4);
	ipv6(p, sizeof(p), 6);
	set16(p + 4, 8860);
	check(parse(p, sizeof(p), 8900, 0x86dd, 0) == GWLB_DROP_REASON_NONE, 6);
	check(inner.len == 8900 && ports_are(0x1122, 0x3344), 6);
	check(parse(p, sizeof(p), 8899, 0x86dd, 0) == GWLB_DROP_REASON_INNER_LENGTH, 6);
}

static void test_ipv6_lengths(void)
{
	__u8 p[100];
	unsigned int len, cut;

	for (len = 40; len <= 80; len++) {
		ipv6(p, len, 17);
		is6(NONE, p, len, len);
		check(inner.len == len && inner.hdr_len == 40, len);
		is6(NONE, p, len + 7, len);
		check(inner.len == len, len);
		if (len >= 44)
			check(ports_are(0x1122, 0x3344), len);
		else
			check(ports_are(0, 0), len);
		for (cut = 0; cut < len; cut++) {
			if (cut < 40)
				is6(INNER_SHORT, p, cut, cut);
			else
				is6(INNER_LENGTH, p, cut, cut);
		}
	}
}

/* One extension header of every kind and length, cut at every length */
static void test_extensions(void)
{
	static const __u8 kinds[] = { 0, 43, 60, 51 };
	__u8 p[400];
	unsigned int k, words, ext, len;

	for (k = 0; k < sizeof(kinds); k++) {
		for (words = 0; words <= 40; words++) {
			ext = kinds[k] == 51 ? (words + 2) * 4 : (words + 1) * 8;
			for (len = 41; len <= 40 + ext + 4; len++) {
				memset(p, 0, sizeof(p));
				ipv6(p, len, kinds[k]);
				p[40] = 6;
				p[41] = words;
				is6(NONE, p, len, len);
				check(inner.len == len && inner.hdr_len <= len, len);
				/* all of it is there, or it is where reading stops */
				if (len >= 40 + ext)
					check(inner.tuple.protocol == 6 &&
					      inner.hdr_len == 40 + ext, len);
				else
					check(inner.tuple.protocol == kinds[k] &&
					      inner.hdr_len == 40, len);
				if (len == 40 + ext + 4)
					check(!ports_are(0, 0), len);
				else
					check(ports_are(0, 0), len);
			}
		}
	}
	/* all four, one after the other, then one that nobody knows */
	memset(p, 0, sizeof(p));
	ipv6(p, 40 + 32 + 8, 0);
	memset(p + 40, 0, 32);
	p[40] = 60;
	p[48] = 43;
	p[56] = 51;
	p[64] = 200;
	is6(NONE, p, 80, 0);
	check(inner.tuple.protocol == 200 && inner.hdr_len == 72, inner.hdr_len);
	check(ports_are(0, 0), 0);
}

static void test_ipv6_fragments(void)
{
	__u8 p[80];
	unsigned int field, hop;

	for (hop = 0; hop <= 8; hop += 8) {
		/* atomic, first, middle, last */
		for (field = 0; field <= 16; field++) {
			ipv6(p, sizeof(p), hop ? 0 : 44);
			p[40] = 44;
			p[41] = 0;
			set16(p + 40 + hop, 17 << 8);
			set16(p + 42 + hop, field);
			is6(NONE, p, sizeof(p), field);
			check(inner.fragment && inner.tuple.protocol == 44, field);
			check(inner.hdr_len == 40 + hop, field);
			check(ports_are(0, 0), field);
		}
	}
}

static void test_ports(void)
{
	__u8 p[80];
	unsigned int proto;

	for (proto = 0; proto < 256; proto++) {
		int has = proto == 6 || proto == 17 || proto == 33 ||
			  proto == 132 || proto == 136;

		ipv4(p, 20, 40, proto);
		is4(NONE, p, 40, proto);
		check(inner.tuple.protocol == proto && inner.tuple.version == 4, proto);
		/* their type 0x11 has an id in ICMP */
		if (proto == 1)
			check(ports_are(0x5566, 0x5566), proto);
		else
			check(ports_are(has ? 0x1122 : 0, has ? 0x3344 : 0), proto);
	}
}

static void test_icmp(void)
{
	__u8 p[60];
	unsigned int type, len;

	for (type = 0; type < 256; type++) {
		int four = type == 0 || type == 8 || (type >= 13 && type <= 18);
		int six = type == 128 || type == 129;

		for (len = 0; len <= 8; len++) {
			ipv4(p, 20, 20 + len, 1);
			p[20] = type;
			is4(NONE, p, 20 + len, type);
			check(ports_are(four && len >= 6 ? 0x5566 : 0,
					four && len >= 6 ? 0x5566 : 0), type);
			ipv6(p, 40 + len, 58);
			p[40] = type;
			is6(NONE, p, 40 + len, type);
			check(ports_are(six && len >= 6 ? 0x5566 : 0,
					six && len >= 6 ? 0x5566 : 0), type);
		}
	}
}

static void test_addresses(void)
{
	static const __u8 zero[12];
	__u8 p[60];

	ipv4(p, 20, 40, 17);
	is4(NONE, p, 40, 0);
	check(!memcmp(inner.tuple.addr[0], "\x0a\0\0\1", 4), 0);
	check(!memcmp(inner.tuple.addr[1], "\x0a\0\0\2", 4), 0);
	check(!memcmp(inner.tuple.addr[0] + 4, zero, 12), 0);
	check(!memcmp(inner.tuple.addr[1] + 4, zero, 12), 0);
	ipv6(p, 60, 17);
	is6(NONE, p, 60, 0);
	check(!memcmp(inner.tuple.addr[0], p + 8, 16), 0);
	check(!memcmp(inner.tuple.addr[1], p + 24, 16), 0);
	check(inner.tuple.version == 6, 0);
}

static struct gwlb_tuple reverse(const struct gwlb_tuple *t)
{
	struct gwlb_tuple r = *t;

	memcpy(r.addr[0], t->addr[1], 16);
	memcpy(r.addr[1], t->addr[0], 16);
	memcpy(r.port[0], t->port[1], 2);
	memcpy(r.port[1], t->port[0], 2);
	return r;
}

/* Tuples that differ in the first, the last or no byte of address and port */
static void test_normalize(void)
{
	unsigned int i, turned, back;

	for (i = 0; i < 4 * 4 * 4 * 4; i++) {
		struct gwlb_tuple t = { .protocol = 6, .version = 4 }, a, b;

		t.addr[0][0] = i & 1 ? 0xff : 0;
		t.addr[0][15] = i & 2 ? 0x7f : 0;
		t.addr[1][0] = i & 4 ? 0xff : 0;
		t.addr[1][15] = i & 8 ? 0x80 : 0;
		t.port[0][0] = i & 16 ? 0xff : 0;
		t.port[0][1] = i & 32 ? 0x7f : 0;
		t.port[1][0] = i & 64 ? 0xff : 0;
		t.port[1][1] = i & 128 ? 0x80 : 0;
		a = t;
		turned = gwlb_tuple_normalize(&a);
		b = reverse(&t);
		back = gwlb_tuple_normalize(&b);
		check(!memcmp(&a, &b, sizeof(a)), i);
		/* just one of the two directions is turned, if they differ */
		b = reverse(&t);
		check(turned + back == !!memcmp(&t, &b, sizeof(t)), i);
		check(turned ? !memcmp(&a, &b, sizeof(a)) : !memcmp(&a, &t, sizeof(a)), i);
		check(!gwlb_tuple_normalize(&a), i);
	}
}

void test_inner(void)
{
	test("inner: IPv4 of every header length, every truncation", test_ipv4_lengths);
	test("inner: IPv4 header checksum, every bit", test_ipv4_checksum);
	test("inner: versions", test_versions);
	test("inner: IPv4 fragments", test_ipv4_fragments);
	test("inner: IPv6 of some lengths, every truncation", test_ipv6_lengths);
	test("inner: IPv6 extension headers, every truncation", test_extensions);
	test("inner: IPv6 fragments", test_ipv6_fragments);
	test("inner: aggregates and jumbograms", test_aggregate);
	test("inner: the first bytes of a long packet", test_look);
	test("inner: addresses", test_addresses);
	test("inner: ports of every protocol", test_ports);
	test("inner: ICMP ids of every type", test_icmp);
	test("tuple: both directions become the same", test_normalize);
}
