// SPDX-License-Identifier: GPL-2.0
/* From the virtual interface back to the load balancer: encapsulation. */
#include <linux/udp.h>
#include <net/ip_tunnels.h>
#include "answer.h"
#include "bump.h"
#include "compat.h"
#include "link.h"
#include "outer.h"
#include "route.h"
#include "trust.h"
#include "tx.h"

static unsigned int overhead(const struct gwlb_flow *flow)
{
	return (flow->peer->remote.len == 4 ? sizeof(struct iphdr) :
		sizeof(struct ipv6hdr)) + sizeof(struct udphdr) +
		GWLB_GENEVE_HLEN + flow->options_len;
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
	struct dst_entry *dst = gwlb_outer_route(gwlb_flow_link(flow)->net,
						 flow->peer);

	if (IS_ERR(dst))
		return READ_ONCE(gwlb_flow_link(flow)->dev->mtu);
	return inner_mtu(flow, dst);
}

static bool fits(const struct sk_buff *skb, unsigned int mtu)
{
	if (skb_is_gso(skb))
		return skb_gso_validate_network_len(skb, mtu);
	return skb->len <= mtu;
}

static void push_geneve(struct sk_buff *skb, const struct gwlb_flow *flow)
{
	__skb_push(skb, GWLB_GENEVE_HLEN + flow->options_len);
	gwlb_geneve_build(skb->data, gwlb_flow_fixed(flow), gwlb_flow_options(flow));
	skb_set_inner_protocol(skb, flow->version == 4 ? htons(ETH_P_IP) :
							 htons(ETH_P_IPV6));
}

/**
 * gwlb_tx_flow() - send a packet under the header of a flow
 * @skb: inner packet; consumed
 * @dev: gwlb device
 * @flow: under RCU
 *
 * Context: BH off, RCU.
 */
void gwlb_tx_flow(struct sk_buff *skb, struct net_device *dev,
		  struct gwlb_flow *flow)
{
	struct gwlb_link *link = netdev_priv(dev);
	const struct gwlb_conf *conf;
	enum gwlb_drop_reason reason;
	struct dst_entry *dst;
	unsigned int mtu, len;

	reason = GWLB_DROP_REASON_NO_ROUTE;
	if (link->parent && !netif_running(link->parent->dev))
		goto drop;
	reason = GWLB_DROP_REASON_INNER_CHANGED;
	if (skb->protocol != htons(flow->version == 4 ? ETH_P_IP : ETH_P_IPV6))
		goto drop;

	dst = gwlb_outer_route(link->net, flow->peer);
	if (IS_ERR(dst)) {
		reason = PTR_ERR(dst) == -ELOOP ? GWLB_DROP_REASON_ROUTE_LOOP :
						  GWLB_DROP_REASON_NO_ROUTE;
		goto drop;
	}
	mtu = inner_mtu(flow, dst);
	if (mtu != gwlb_flow_mtu(flow))
		gwlb_flow_set_mtu(flow, mtu);
	reason = GWLB_DROP_REASON_TOO_BIG;
	if (!fits(skb, mtu)) {
		if (gwlb_flow_of(skb, dev)) {
			gwlb_bump_too_big(skb, flow, mtu);
			return;
		}
		if (gwlb_route_too_big(skb, flow, mtu))
			return;
		goto drop;
	}
	/* in the bump alone; what is routed is not what came */
	conf = rcu_dereference(link->conf);
	if (conf->trust_mask && gwlb_flow_of(skb, dev))
		gwlb_trust_grant(skb, flow, conf);
	reason = GWLB_DROP_REASON_NO_HEADROOM;
	if (skb_cow_head(skb, overhead(flow) + LL_RESERVED_SPACE(dst->dev)) ||
	    udp_tunnel_handle_offloads(skb, !flow->nocheck))
		goto drop;

	len = skb->len;
	skb_orphan(skb);
	push_geneve(skb, flow);
	/* with the dst of the packet goes a reference to the flow, which RCU
	 * keeps until we return
	 */
	reason = GWLB_DROP_REASON_NO_ROUTE;
	if (!gwlb_outer_send(skb, gwlb_link_outer(link), flow->peer,
			     flow->port, flow->nocheck, dst))
		goto drop;
	gwlb_traffic_tx(flow->peer->cpu, len);
	gwlb_traffic_tx(gwlb_flow_endpoint(flow)->cpu, len);
	return;

drop:
	gwlb_traffic_drop(gwlb_flow_endpoint(flow)->cpu);
	gwlb_drop(&link->drops, skb, reason, &flow->peer->remote);
}

/**
 * gwlb_tx() - send a packet of a gwlb device
 * @skb: inner packet; consumed
 * @dev: device
 *
 * Context: BH off, RCU.
 */
void gwlb_tx(struct sk_buff *skb, struct net_device *dev)
{
	struct gwlb_link *link = netdev_priv(dev);
	enum gwlb_drop_reason reason;
	struct gwlb_flow *flow;

	flow = gwlb_answer_flow(skb, dev, &reason);
	if (flow)
		gwlb_tx_flow(skb, dev, flow);
	else
		gwlb_drop(&link->drops, skb, reason, NULL);
}
