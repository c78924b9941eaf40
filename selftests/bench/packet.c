// SPDX-License-Identifier: GPL-2.0
/* The packets: what is sent, and whether what comes back is as it must be. */
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include "bench.h"

#define PORT		6081
#define GENEVE_HLEN	8

/* From the outer IP header to the end of the inner UDP or TCP header */
struct headers {
	struct iphdr outer;
	struct udphdr udp;
	u8 geneve[GENEVE_HLEN + 12 + 12 + 4];	/* to the data of the cookie */
	__be32 flow;
	struct iphdr inner;
	union {
		struct udphdr inner_udp;
		struct tcphdr inner_tcp;
	};
};

static unsigned int l4_len(const struct gen *g)
{
	return g->train ? sizeof(struct tcphdr) : sizeof(struct udphdr);
}

static unsigned int headers_len(const struct gen *g)
{
	return offsetof(struct headers, inner_udp) + l4_len(g);
}

static unsigned int udp_len(const struct gen *g)
{
	return headers_len(g) + g->payload - sizeof(struct iphdr);
}

static void fill_ip(struct iphdr *ip, u8 protocol, u8 ttl, unsigned int len,
		    __be32 saddr, __be32 daddr)
{
	memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = htons(len);
	ip->ttl = ttl;
	ip->protocol = protocol;
	ip->saddr = saddr;
	ip->daddr = daddr;
}

static void fill_inner(const struct gen *g, struct headers *h, u32 flow,
		       bool reply, u32 seq, u16 id)
{
	__be32 client = htonl(0x0a100000 + (flow & 0xfffff));
	__be32 server = htonl(0xc6120000 + (flow >> 8 & 0xff));
	__be16 port = htons(1024 + flow % 60000);
	unsigned int len = l4_len(g) + g->payload;
	u8 protocol = g->train ? IPPROTO_TCP : IPPROTO_UDP;
	__be16 *ports = (__be16 *)&h->inner_udp;
	__sum16 *check;

	fill_ip(&h->inner, protocol, reply ? 241 : 254, sizeof(h->inner) + len,
		reply ? server : client, reply ? client : server);
	h->inner.id = htons(id);
	h->inner.frag_off = htons(IP_DF);
	h->inner.check = ip_fast_csum(&h->inner, 5);

	memset(&h->inner_udp, 0, l4_len(g));
	ports[reply] = port;
	ports[!reply] = htons(443);
	if (g->train) {
		h->inner_tcp.doff = 5;
		h->inner_tcp.ack = 1;
		h->inner_tcp.seq = htonl(seq);
		h->inner_tcp.ack_seq = htonl(1);
		h->inner_tcp.window = htons(4096);
		check = &h->inner_tcp.check;
	} else {
		h->inner_udp.len = htons(len);
		check = &h->inner_udp.check;
	}
	*check = csum_tcpudp_magic(h->inner.saddr, h->inner.daddr, len, protocol,
				   csum_partial(&h->inner_udp, l4_len(g), g->sum));
	if (!*check)
		*check = CSUM_MANGLED_0;
}

/* Options as one cloud sends them, the flow's number as its cookie */
static void fill_geneve(struct headers *h, u32 flow)
{
	static const u8 fixed[] = {
		8, 0, 0x08, 0x00, 0, 0, 0, 0,
		1, 8, 1, 2, 0x23, 0x56, 0xde, 0x92, 0xd3, 0x89, 0x83, 0x9c,
		1, 8, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0,
		1, 8, 3, 1,
	};

	BUILD_BUG_ON(sizeof(fixed) != sizeof(h->geneve));
	memcpy(h->geneve, fixed, sizeof(fixed));
	h->flow = htonl(flow);
}

static void fill_outer(const struct gen *g, struct headers *h, u32 flow, u16 id)
{
	unsigned int len = udp_len(g);

	fill_ip(&h->outer, IPPROTO_UDP, 255, sizeof(h->outer) + len, g->src,
		g->dst);
	h->outer.id = htons(id);
	h->outer.check = ip_fast_csum(&h->outer, 5);
	h->udp.source = htons(32768 + flow % 28232);
	h->udp.dest = htons(PORT);
	h->udp.len = htons(len);
	h->udp.check = 0;
	h->udp.check = csum_tcpudp_magic(g->src, g->dst, len, IPPROTO_UDP,
					 csum_partial(&h->udp, headers_len(g) -
						      sizeof(h->outer), g->sum));
	if (!h->udp.check)
		h->udp.check = CSUM_MANGLED_0;
}

/* The packet of this number. Flows come in an order that no cache expects, in
 * one direction once round, then in the other.
 */
struct sk_buff *build(struct gen *g, u64 number)
{
	unsigned int hlen = headers_len(g);
	u64 turn = g->train ? div_u64(number, g->train) : number;
	u32 nth, flow, seq = 0;
	struct headers *h;
	struct sk_buff *skb;
	struct ethhdr *eth;
	u64 round;
	u16 id = number;

	round = div_u64_rem(turn, g->flows, &nth);
	div_u64_rem(nth * 2654435761ULL, g->flows, &flow);
	if (g->train) {
		id = round * g->train + (u32)(number - turn * g->train);
		seq = id * g->payload;
	}

	skb = netdev_alloc_skb_ip_align(g->dev, ETH_HLEN + hlen + g->payload);
	if (!skb)
		return NULL;
	eth = skb_put(skb, ETH_HLEN);
	ether_addr_copy(eth->h_dest, g->to);
	ether_addr_copy(eth->h_source, g->dev->dev_addr);
	eth->h_proto = htons(ETH_P_IP);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb->protocol = htons(ETH_P_IP);
	/* as a network card hands it on */
	skb->ip_summed = CHECKSUM_UNNECESSARY;

	h = skb_put(skb, hlen);
	fill_geneve(h, flow);
	fill_inner(g, h, flow, !g->train && (round & 1), seq,
		   g->train ? id : 0);
	fill_outer(g, h, flow, number);
	skb_put_data(skb, g->bytes, g->payload);
	return skb;
}

static bool outer_good(const struct gen *g, const struct iphdr *ip)
{
	bool turned = g->expect != FORWARD && g->expect != DROP;

	if (ip->saddr != (turned ? g->dst : g->src) ||
	    ip->daddr != (turned ? g->src : g->dst) ||
	    ip_fast_csum(ip, 5))
		return false;
	switch (g->expect) {
	case FORWARD:
		return ip->ttl == 254;
	case DROP:
		return ip->ttl == 255;
	default:
		return ip->ttl > 1;
	}
}

static bool sum_good(const struct sk_buff *skb, const struct headers *h,
		     bool thorough)
{
	unsigned int len = skb->len - sizeof(struct iphdr);
	__wsum sum;

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		return skb_checksum_start_offset(skb) >= (int)sizeof(struct iphdr);
	if (!h->udp.check)
		return false;
	if (!thorough || skb_is_gso(skb))
		return true;
	sum = skb_checksum(skb, sizeof(struct iphdr), len, 0);
	return !csum_tcpudp_magic(h->outer.saddr, h->outer.daddr, len,
				  IPPROTO_UDP, sum);
}

static bool payload_good(const struct gen *g, const struct sk_buff *skb)
{
	unsigned int hlen = headers_len(g);
	u8 some[256];
	unsigned int at, n;

	for (at = 0; at < g->payload; at += n) {
		n = min_t(unsigned int, sizeof(some), g->payload - at);
		if (skb_copy_bits(skb, hlen + at, some, n) ||
		    memcmp(some, g->bytes + at, n))
			return false;
	}
	return true;
}

/* Returns what is wrong with it, BADS for nothing. skb->data is at the outer
 * IP header.
 */
enum bad check(const struct gen *g, struct sk_buff *skb, bool thorough)
{
	unsigned int hlen = headers_len(g);
	u8 less = g->expect == ROUTE;
	struct headers want;
	struct headers *h;
	bool reply;
	u32 flow;

	if (!pskb_may_pull(skb, hlen))
		return BAD_LENGTH;
	h = (struct headers *)skb->data;
	if (skb->pkt_type != PACKET_HOST || h->outer.ihl != 5 ||
	    h->outer.protocol != IPPROTO_UDP || !outer_good(g, &h->outer))
		return BAD_OUTER;

	flow = ntohl(h->flow);
	reply = h->inner.ttl == 241 - less;
	if (h->udp.dest != htons(PORT))
		return BAD_PORT;
	if (g->expect != GENEVE &&
	    h->udp.source != htons(32768 + flow % 28232))
		return BAD_PORT;
	if (!skb_is_gso(skb) &&
	    (ntohs(h->udp.len) != udp_len(g) ||
	     skb->len != sizeof(struct iphdr) + udp_len(g)))
		return BAD_LENGTH;
	if (!sum_good(skb, h, thorough))
		return BAD_SUM;

	fill_geneve(&want, flow);
	if (memcmp(h->geneve, want.geneve, GENEVE_HLEN))
		return BAD_GENEVE;
	if (memcmp(h->geneve + GENEVE_HLEN, want.geneve + GENEVE_HLEN,
		   sizeof(h->geneve) - GENEVE_HLEN))
		return BAD_OPTION;
	if (h->inner.ttl != 254 - less && !reply)
		return BAD_TTL;
	fill_inner(g, &want, flow, reply,
		   g->train ? ntohl(h->inner_tcp.seq) : 0, ntohs(h->inner.id));
	if (less) {
		want.inner.ttl = h->inner.ttl;
		want.inner.check = 0;
		want.inner.check = ip_fast_csum(&want.inner, 5);
	}
	if (skb_is_gso(skb)) {
		want.inner.tot_len = h->inner.tot_len;
		want.inner.check = h->inner.check;
	}
	/* the uplink fills it in */
	if (g->train &&
	    (skb_is_gso(skb) || (skb->ip_summed == CHECKSUM_PARTIAL &&
				 skb_checksum_start(skb) == (u8 *)&h->inner_tcp)))
		want.inner_tcp.check = h->inner_tcp.check;
	if (memcmp(&h->inner, &want.inner, sizeof(want.inner) + l4_len(g)))
		return BAD_INNER;
	if (thorough && !payload_good(g, skb))
		return BAD_PAYLOAD;
	return BADS;
}
