// SPDX-License-Identifier: GPL-2.0
/*
 * Packets of one flow that arrive together become one before they reach the
 * socket; the uplink makes the same packets of it again. What the kernel does
 * for TCP and UDP is what is done here, behind a header that must not differ
 * in a single bit.
 */
#include <linux/udp.h>
#include <net/ip6_checksum.h>
#include <net/udp.h>
#include "compat.h"
#include "gro.h"
#include "link.h"

/* The header of a packet as far as its lengths go, or NULL; it begins at the
 * GENEVE header, behind that of UDP. Behind it is as much as tells the protocol
 * of an inner packet, and not more than is asked for next: newer kernels do not
 * notice that what is pulled for us moves what they ask for less of.
 */
static const u8 *header(const struct gwlb_conf *conf, struct sk_buff *skb)
{
	unsigned int at = skb_gro_offset(skb) - sizeof(struct udphdr);
	unsigned int want = sizeof(struct udphdr) + GWLB_GENEVE_HLEN;
	const struct udphdr *uh;

	if (conf->local.len && !gwlb_gro_knows_outer())
		return NULL;
	uh = skb_gro_header(skb, at + want, at);
	if (!uh)
		return NULL;
	/* UDP would cut off what is behind its own end */
	if (ntohs(uh->len) != sizeof(*uh) + skb_gro_len(skb))
		return NULL;
	want = sizeof(*uh) + gwlb_geneve_len((const u8 *)(uh + 1)) +
	       sizeof(struct iphdr);
	if (want > ntohs(uh->len))
		return NULL;
	uh = skb_gro_header(skb, at + want, at);
	return uh ? (const u8 *)(uh + 1) : NULL;
}

/* Would the kernel merge it with others of its kind: to ask it is dear, for it
 * looks for a socket. What is not IP is refused later.
 */
static bool mergeable(const struct gwlb_link *link,
		      const struct gwlb_conf *conf, const struct sk_buff *skb,
		      const u8 *p, unsigned int hlen)
{
	const void *ip = p + hlen;
	u8 protocol;

	if (*(const __be16 *)(p + 2) == htons(ETH_P_IPV6))
		protocol = ((const struct ipv6hdr *)ip)->nexthdr;
	else
		protocol = ((const struct iphdr *)ip)->protocol;
	if (protocol == IPPROTO_UDP)
		/* a socket can ask for it where packets are for sockets here,
		 * which a child decides for itself
		 */
		return conf->mode != GWLB_MODE_BUMP || conf->divert_mask ||
		       READ_ONCE(link->endpoints.claims) ||
		       skb->dev->features & NETIF_F_GRO_UDP_FWD;
	return protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6;
}

/* Is one held back that has the very same header: it has been found good */
static bool continues(struct list_head *head, unsigned int offset,
		      const u8 *p, unsigned int hlen)
{
	struct sk_buff *held;
	bool found = false;

	list_for_each_entry(held, head, list) {
		if (!NAPI_GRO_CB(held)->same_flow)
			continue;
		if (skb_headlen(held) >= offset + hlen &&
		    !memcmp(held->data + offset, p, hlen))
			found = true;
		else
			NAPI_GRO_CB(held)->same_flow = 0;
	}
	return found;
}

/* Apart, for it takes room on the stack, which is cleared first */
static noinline void fetch_flow(struct gwlb_link *link,
				const struct sk_buff *skb, const u8 *p,
				unsigned int hlen)
{
	unsigned int at = skb_gro_offset(skb) + hlen;
	unsigned int len = skb_gro_len(skb) - hlen;
	unsigned int look = NAPI_GRO_CB(skb)->frag0_len;
	struct gwlb_inner in __uninitialized;

	/* what lies there anyhow, wherever header() found it */
	if (look < at + sizeof(struct iphdr))
		look = skb_headlen(skb);
	look = min3(look - at, len, (unsigned int)GWLB_INNER_LOOK);
	/* without its ports another flow would be found */
	if (look < sizeof(struct iphdr) + 4 ||
	    gwlb_inner_parse(p + hlen, look, len, get_unaligned_be16(p + 2),
			     false, &in))
		return;
	gwlb_tuple_normalize(&in.tuple);
	gwlb_flows_ahead(&link->flows, &in.tuple);
}

/* What it takes to find the flow is on its way from memory while more packets
 * are received
 */
static void look_ahead(struct gwlb_link *link, const struct sk_buff *skb,
		       const u8 *p, unsigned int hlen)
{
	/* with RPS another CPU looks for it */
	if (gwlb_flows_many(&link->flows) && !gwlb_dev_has_rps(skb->dev) &&
	    !READ_ONCE(link->endpoints.claims))
		fetch_flow(link, skb, p, hlen);
}

static bool good(const struct gwlb_conf *conf, const u8 *p, unsigned int hlen)
{
	struct gwlb_geneve g;

	return !gwlb_geneve_parse(p, hlen, conf->critical, &g);
}

/**
 * gwlb_gro_receive() - see whether a packet continues one that is held back
 * @sk: socket of a link
 * @head: packets held back
 * @skb: packet whose offset is behind the UDP header
 *
 * Return: which packet of @head must wait no longer, or NULL.
 * Context: BH off, RCU; a gro_receive of struct udp_tunnel_sock_cfg.
 */
struct sk_buff *gwlb_gro_receive(struct sock *sk, struct list_head *head,
				 struct sk_buff *skb)
{
	struct gwlb_link *link = rcu_dereference_sk_user_data(sk);
	unsigned int offset = skb_gro_offset(skb);
	struct packet_offload *inner;
	const struct gwlb_conf *conf;
	struct sk_buff *pp;
	unsigned int hlen;
	const u8 *p;

	/* A list of packets would be taken apart before it reaches us, where
	 * skb_udp_tunnel_segment() sums up what lies behind them.
	 */
	if (!link || !(link->dev->features & NETIF_F_GRO) ||
	    skb->dev->features & NETIF_F_GRO_FRAGLIST)
		goto flush;
	conf = rcu_dereference(link->conf);
	p = header(conf, skb);
	if (!p)
		goto flush;
	hlen = gwlb_geneve_len(p);
	if (!mergeable(link, conf, skb, p, hlen)) {
		look_ahead(link, skb, p, hlen);
		goto flush;
	}
	if (!continues(head, offset, p, hlen)) {
		if (!good(conf, p, hlen))
			goto flush;
		look_ahead(link, skb, p, hlen);
	}
	inner = gro_find_receive_by_type(*(const __be16 *)(p + 2));
	if (!inner)
		goto flush;

	skb_gro_pull(skb, hlen);
	skb_gro_postpull_rcsum(skb, p, hlen);
	pp = call_gro_receive(inner->callbacks.gro_receive, head, skb);
	skb_gro_flush_final(skb, pp, 0);
	return pp;

flush:
	NAPI_GRO_CB(skb)->flush = 1;
	return NULL;
}

/* The outer UDP checksum, as it must be for whoever takes the aggregate apart
 * before it reaches the socket: a queue does.
 */
static void begin_checksum(const struct sock *sk, struct sk_buff *skb,
			   unsigned int at)
{
	struct udphdr *uh = (struct udphdr *)(skb->data + at);
	const struct ipv6hdr *ip6 = (void *)uh - sizeof(*ip6);
	const struct iphdr *ip = (void *)uh - sizeof(*ip);

	if (!uh->check)
		return;
	/* options of either are seldom there, and never with IPv4 */
	if (sk->sk_family == AF_INET)
		uh->check = ~udp_v4_check(skb->len - at, ip->saddr, ip->daddr, 0);
	else if (at >= sizeof(*ip6) && ip6->nexthdr == IPPROTO_UDP)
		uh->check = ~udp_v6_check(skb->len - at, &ip6->saddr,
					  &ip6->daddr, 0);
}

/**
 * gwlb_gro_complete() - make a packet of those that were merged
 * @sk: socket of a link
 * @skb: they
 * @nhoff: where the GENEVE header is
 *
 * Return: 0 or a negative errno.
 * Context: BH off, RCU; a gro_complete of struct udp_tunnel_sock_cfg.
 */
int gwlb_gro_complete(struct sock *sk, struct sk_buff *skb, int nhoff)
{
	const u8 *p = skb->data + nhoff;
	struct packet_offload *inner;

	inner = gro_find_complete_by_type(*(const __be16 *)(p + 2));
	if (!inner)
		return -ENOENT;
	if (!gwlb_gro_knows_outer())
		begin_checksum(sk, skb, nhoff - sizeof(struct udphdr));
	nhoff += gwlb_geneve_len(p);
	skb_set_inner_mac_header(skb, nhoff);
	return inner->callbacks.gro_complete(skb, nhoff);
}
