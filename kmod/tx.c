// SPDX-License-Identifier: GPL-2.0
/* From the virtual interface back to the load balancer: encapsulation. */
#include <linux/udp.h>
#include <net/ip6_route.h>
#include <net/ip_tunnels.h>
#include "answer.h"
#include "compat.h"
#include "link.h"
#include "tx.h"

static unsigned int overhead(const struct gwlb_flow *flow)
{
	return (flow->peer->remote.len == 4 ? sizeof(struct iphdr) :
		sizeof(struct ipv6hdr)) + sizeof(struct udphdr) +
		GWLB_GENEVE_HLEN + flow->options_len;
}

/* Through itself, or to another socket of this machine, a packet would go
 * round for ever.
 */
static bool loops(const struct net_device *dev)
{
	return gwlb_dev_is_link(dev) || dev->flags & IFF_LOOPBACK;
}

static struct dst_entry *route4(const struct gwlb_flow *flow)
{
	struct dst_cache *cache = &flow->peer->route;
	struct flowi4 fl4 = {
		.daddr = flow->peer->remote.a.s6_addr32[0],
		.saddr = flow->peer->local.a.s6_addr32[0],
		.flowi4_proto = IPPROTO_UDP,
	};
	struct rtable *rt;
	__be32 saddr;

	rt = dst_cache_get_ip4(cache, &saddr);
	if (rt)
		return &rt->dst;
	rt = ip_route_output_key(gwlb_flow_link(flow)->net, &fl4);
	if (IS_ERR(rt))
		return ERR_CAST(rt);
	dst_cache_set_ip4(cache, &rt->dst, fl4.saddr);
	return &rt->dst;
}

static struct dst_entry *route6(const struct gwlb_flow *flow)
{
	struct dst_cache *cache = &flow->peer->route;
	struct flowi6 fl6 = {
		.daddr = flow->peer->remote.a,
		.saddr = flow->peer->local.a,
		.flowi6_proto = IPPROTO_UDP,
	};
	struct dst_entry *dst;
	struct in6_addr saddr;

	dst = dst_cache_get_ip6(cache, &saddr);
	if (dst)
		return dst;
	/* IPv4 refuses a source that is not ours by itself */
	if (ipv6_addr_is_multicast(&fl6.saddr))
		return ERR_PTR(-EADDRNOTAVAIL);
	dst = ip6_route_output(gwlb_flow_link(flow)->net, NULL, &fl6);
	if (dst->error) {
		int err = dst->error;

		dst_release(dst);
		return ERR_PTR(err);
	}
	dst_cache_set_ip6(cache, dst, &fl6.saddr);
	return dst;
}

/* The route to the load balancer, with a reference, or an ERR_PTR */
static struct dst_entry *route(const struct gwlb_flow *flow)
{
	struct dst_entry *dst;

	dst = flow->peer->remote.len == 4 ? route4(flow) : route6(flow);
	if (!IS_ERR(dst) && loops(dst->dev)) {
		dst_release(dst);
		return ERR_PTR(-ELOOP);
	}
	return dst;
}

static unsigned int inner_mtu(const struct gwlb_flow *flow,
			      const struct dst_entry *dst)
{
	/* the outer length field has 16 bits */
	unsigned int mtu = min_t(unsigned int, dst_mtu(dst), IP_MAX_MTU);

	return mtu > overhead(flow) + 68 ? mtu - overhead(flow) : 68;
}

/**
 * gwlb_tx_mtu() - longest inner packet that the uplink carries now
 * @flow: whose load balancer and overhead count
 *
 * Return: bytes; without a route those that the device takes.
 * Context: BH off, RCU.
 */
unsigned int gwlb_tx_mtu(const struct gwlb_flow *flow)
{
	struct dst_entry *dst = route(flow);
	unsigned int mtu;

	if (IS_ERR(dst))
		return READ_ONCE(gwlb_flow_link(flow)->dev->mtu);
	mtu = inner_mtu(flow, dst);
	dst_release(dst);
	return mtu;
}

static bool fits(const struct sk_buff *skb, unsigned int mtu)
{
	if (skb_is_gso(skb))
		return skb_gso_validate_network_len(skb, mtu);
	return skb->len <= mtu;
}

static void push_geneve(struct sk_buff *skb, const struct gwlb_flow *flow)
{
	struct gwlb_geneve g;

	gwlb_flow_geneve(flow, &g);
	__skb_push(skb, GWLB_GENEVE_HLEN + g.options_len);
	gwlb_geneve_build(skb->data, &g, gwlb_flow_options(flow));
	skb_set_inner_protocol(skb, htons(g.protocol));
}

static void send(struct sk_buff *skb, const struct gwlb_flow *flow,
		 struct dst_entry *dst)
{
	const struct gwlb_conf *conf = rcu_dereference(gwlb_flow_link(flow)->conf);
	const struct gwlb_peer *peer = flow->peer;

	/* Takes the inner packet's mark, conntrack entry and dst off it; with
	 * the dst goes a reference to the flow, which RCU keeps until we return.
	 */
	skb_scrub_packet(skb, true);
	if (peer->remote.len == 4)
		gwlb_udp_tunnel_xmit((struct rtable *)dst, skb,
				     peer->local.a.s6_addr32[0],
				     peer->remote.a.s6_addr32[0], conf->tos,
				     conf->ttl, flow->port, flow->nocheck);
	else
		gwlb_udp_tunnel6_xmit(dst, skb, peer->local.a, peer->remote.a,
				      conf->tos, conf->ttl, flow->port,
				      flow->nocheck);
}

/**
 * gwlb_tx() - ndo_start_xmit of a gwlb device
 * @skb: inner packet; consumed
 * @dev: device
 *
 * Return: NETDEV_TX_OK.
 * Context: BH off, RCU.
 */
netdev_tx_t gwlb_tx(struct sk_buff *skb, struct net_device *dev)
{
	struct gwlb_link *link = netdev_priv(dev);
	struct gwlb_flow *flow = gwlb_answer_flow(skb, dev);
	const struct gwlb_address *remote = NULL;
	enum gwlb_drop_reason reason;
	struct dst_entry *dst;
	unsigned int mtu;

	reason = GWLB_DROP_REASON_NO_CONTEXT;
	if (!flow)
		goto drop;
	remote = &flow->peer->remote;
	reason = GWLB_DROP_REASON_INNER_CHANGED;
	if (skb->protocol != htons(flow->version == 4 ? ETH_P_IP : ETH_P_IPV6))
		goto drop;

	dst = route(flow);
	if (IS_ERR(dst)) {
		reason = PTR_ERR(dst) == -ELOOP ? GWLB_DROP_REASON_ROUTE_LOOP :
						  GWLB_DROP_REASON_NO_ROUTE;
		goto drop;
	}
	mtu = inner_mtu(flow, dst);
	if (mtu != gwlb_flow_mtu(flow))
		gwlb_flow_set_mtu(flow, mtu);
	reason = GWLB_DROP_REASON_TOO_BIG;
	if (!fits(skb, mtu))
		goto release;
	reason = GWLB_DROP_REASON_NO_HEADROOM;
	if (skb_cow_head(skb, overhead(flow) + LL_RESERVED_SPACE(dst->dev)) ||
	    udp_tunnel_handle_offloads(skb, !flow->nocheck))
		goto release;

	gwlb_peer_count_tx(flow->peer, skb->len);
	skb_orphan(skb);
	push_geneve(skb, flow);
	send(skb, flow, dst);
	return NETDEV_TX_OK;

release:
	dst_release(dst);
drop:
	gwlb_drop(&link->drops, skb, reason, remote);
	return NETDEV_TX_OK;
}
