// SPDX-License-Identifier: GPL-2.0
#include "inner.h"
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#define IPV4_HLEN	20
#define IPV6_HLEN	40

/* IANA protocol numbers */
enum {
	PROTO_HOPOPTS	= 0,
	PROTO_ICMP	= 1,
	PROTO_TCP	= 6,
	PROTO_UDP	= 17,
	PROTO_DCCP	= 33,
	PROTO_ROUTING	= 43,
	PROTO_FRAGMENT	= 44,
	PROTO_AH	= 51,
	PROTO_ICMPV6	= 58,
	PROTO_DSTOPTS	= 60,
	PROTO_SCTP	= 132,
	PROTO_UDPLITE	= 136,
};

static unsigned int get16(const __u8 *p)
{
	return p[0] << 8 | p[1];
}

static __u64 get64(const __u8 *p)
{
	return (__u64)p[0] << 56 | (__u64)p[1] << 48 | (__u64)p[2] << 40 |
	       (__u64)p[3] << 32 | (__u64)p[4] << 24 | (__u64)p[5] << 16 |
	       (__u64)p[6] << 8 | p[7];
}

/* RFC 1071: in whatever order of bytes, the sum over a good header is 0xffff */
static int ipv4_checksum_ok(const __u8 *p, unsigned int len)
{
	__u64 sum = 0;
	__u32 word;

	for (; len; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return (sum & 0xffff) == 0xffff;
}

/* Queries have an id, which the two directions share (RFC 792, RFC 4443) */
static int icmp_has_id(__u8 protocol, __u8 type)
{
	if (protocol == PROTO_ICMPV6)
		return type == 128 || type == 129;
	switch (type) {
	case 0: case 8:		/* echo */
	case 13: case 14:	/* timestamp */
	case 15: case 16:	/* information */
	case 17: case 18:	/* address mask */
		return 1;
	}
	return 0;
}

static void parse_ports(const __u8 *p, unsigned int look, struct gwlb_tuple *t)
{
	switch (t->protocol) {
	case PROTO_TCP:
	case PROTO_UDP:
	case PROTO_DCCP:
	case PROTO_SCTP:
	case PROTO_UDPLITE:
		if (look >= 4)
			memcpy(t->port, p, 4);
		break;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		if (look >= 6 && icmp_has_id(t->protocol, p[0])) {
			memcpy(t->port[0], p + 4, 2);
			memcpy(t->port[1], p + 4, 2);
		}
		break;
	}
}

static enum gwlb_drop_reason parse_ipv4(const __u8 *p, unsigned int look,
					unsigned int len, int aggregate,
					struct gwlb_inner *in)
{
	if (look < IPV4_HLEN)
		return GWLB_DROP_REASON_INNER_SHORT;
	if (p[0] >> 4 != 4)
		return GWLB_DROP_REASON_INNER_VERSION;

	in->hdr_len = (p[0] & 0xf) * 4;
	if (in->hdr_len < IPV4_HLEN)
		return GWLB_DROP_REASON_INNER_LENGTH;
	if (look < in->hdr_len)
		return GWLB_DROP_REASON_INNER_SHORT;

	in->len = get16(p + 2);
	if (aggregate && !in->len)
		in->len = len;
	if (in->len < in->hdr_len || in->len > len)
		return GWLB_DROP_REASON_INNER_LENGTH;
	if (!ipv4_checksum_ok(p, in->hdr_len))
		return GWLB_DROP_REASON_INNER_CHECKSUM;

	in->tuple.version = 4;
	in->tuple.protocol = p[9];
	memcpy(in->tuple.addr[0], p + 12, 4);
	memcpy(in->tuple.addr[1], p + 16, 4);
	/* more fragments, or an offset */
	in->fragment = !!(get16(p + 6) & 0x3fff);
	return GWLB_DROP_REASON_NONE;
}

static enum gwlb_drop_reason parse_ipv6(const __u8 *p, unsigned int look,
					unsigned int len, int aggregate,
					struct gwlb_inner *in)
{
	if (look < IPV6_HLEN)
		return GWLB_DROP_REASON_INNER_SHORT;
	if (p[0] >> 4 != 6)
		return GWLB_DROP_REASON_INNER_VERSION;

	in->len = IPV6_HLEN + get16(p + 4);
	if (in->len == IPV6_HLEN && aggregate)
		in->len = len;
	/* a jumbogram (RFC 2675) does not fit into a UDP datagram */
	else if (in->len == IPV6_HLEN && p[6] == PROTO_HOPOPTS)
		return GWLB_DROP_REASON_INNER_LENGTH;
	if (in->len > len)
		return GWLB_DROP_REASON_INNER_LENGTH;
	if (look > in->len)
		look = in->len;

	in->tuple.version = 6;
	in->tuple.protocol = p[6];
	memcpy(in->tuple.addr[0], p + 8, 16);
	memcpy(in->tuple.addr[1], p + 24, 16);

	/* RFC 8200 section 4; every turn takes 8 bytes or more of the look */
	in->hdr_len = IPV6_HLEN;
	while (in->hdr_len + 8 <= look) {
		const __u8 *ext = p + in->hdr_len;
		unsigned int ext_len;

		switch (in->tuple.protocol) {
		case PROTO_HOPOPTS:
		case PROTO_ROUTING:
		case PROTO_DSTOPTS:
			ext_len = (ext[1] + 1) * 8;
			break;
		case PROTO_AH:	/* RFC 4302 section 2.2 */
			ext_len = (ext[1] + 2) * 4;
			break;
		case PROTO_FRAGMENT:
			/* an atomic fragment (RFC 6946) is one as well: what
			 * reassembles treats it so
			 */
			in->fragment = 1;
			return GWLB_DROP_REASON_NONE;
		default:
			return GWLB_DROP_REASON_NONE;
		}
		if (ext_len > look - in->hdr_len)
			return GWLB_DROP_REASON_NONE;
		in->tuple.protocol = ext[0];
		in->hdr_len += ext_len;
	}
	return GWLB_DROP_REASON_NONE;
}

/**
 * gwlb_inner_parse() - check an inner packet and read its header
 * @p: the packet
 * @look: bytes at @p; the whole packet or GWLB_INNER_LOOK of it, for with less
 *	ports may be missing
 * @len: bytes of the packet
 * @protocol: EtherType by which it was announced, host order
 * @aggregate: it is several packets put together, whose length field may be 0
 * @in: filled if the packet is good
 *
 * Return: GWLB_DROP_REASON_NONE, or what is wrong with it.
 */
enum gwlb_drop_reason gwlb_inner_parse(const __u8 *p, unsigned int look,
				       unsigned int len, __u16 protocol,
				       int aggregate, struct gwlb_inner *in)
{
	enum gwlb_drop_reason reason;

	/* a memset() of all of it is one slow instruction of x86 */
	in->tuple = (struct gwlb_tuple){};
	in->len = 0;
	in->hdr_len = 0;
	in->fragment = 0;
	if (protocol == 0x0800)
		reason = parse_ipv4(p, look, len, aggregate, in);
	else
		reason = parse_ipv6(p, look, len, aggregate, in);
	if (reason)
		return reason;

	if (look > in->len)
		look = in->len;
	if (!in->fragment && in->hdr_len < look)
		parse_ports(p + in->hdr_len, look - in->hdr_len, &in->tuple);
	return GWLB_DROP_REASON_NONE;
}

/**
 * gwlb_tuple_normalize() - make the tuples of both directions the same
 * @t: turned round if its source is the greater address and port
 *
 * Return: 1 if it was turned round, else 0.
 */
int gwlb_tuple_normalize(struct gwlb_tuple *t)
{
	__u64 a = get64(t->addr[0]), b = get64(t->addr[1]);
	__u8 addr[16], port[2];

	if (a == b) {
		a = get64(t->addr[0] + 8);
		b = get64(t->addr[1] + 8);
	}
	if (a == b) {
		a = get16(t->port[0]);
		b = get16(t->port[1]);
	}
	if (a <= b)
		return 0;
	memcpy(addr, t->addr[0], sizeof(addr));
	memcpy(t->addr[0], t->addr[1], sizeof(addr));
	memcpy(t->addr[1], addr, sizeof(addr));
	memcpy(port, t->port[0], sizeof(port));
	memcpy(t->port[0], t->port[1], sizeof(port));
	memcpy(t->port[1], port, sizeof(port));
	return 1;
}
