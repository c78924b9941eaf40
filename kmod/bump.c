// SPDX-License-Identifier: GPL-2.0
/*
 * From the virtual interface to itself: what came in passes the hooks of a
 * forwarded packet and goes out again. It is not routed, and nothing but a
 * hook changes it.
 *
 * Each function below is what netfilter continues with after a hook, at once
 * or when a queue gives the packet back.
 */
#include <linux/netfilter.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include "answer.h"
#include "bump.h"
#include "compat.h"
#include "conntrack.h"
#include "hooks.h"
#include "link.h"
#include "net.h"
#include "passing.h"
#include "route.h"
#include "tx.h"
#include "zone.h"

static int drop(struct sk_buff *skb, struct net_device *dev,
		enum gwlb_drop_reason reason)
{
	const struct gwlb_flow *flow = gwlb_flow_of(skb, dev);
	struct gwlb_link *link = netdev_priv(dev);

	if (flow)
		gwlb_traffic_drop(gwlb_flow_endpoint(flow)->cpu);
	gwlb_drop(&link->drops, skb, reason, flow ? &flow->peer->remote : NULL);
	return 0;
}

static u8 family(const struct sk_buff *skb)
{
	return skb->protocol == htons(ETH_P_IP) ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

/* What XDP, tc, nft or a program behind a queue left is checked again */
static bool inner_valid(struct sk_buff *skb, struct gwlb_inner *in)
{
	unsigned int look = min_t(unsigned int, skb->len, GWLB_INNER_LOOK);

	if (skb->protocol != htons(ETH_P_IP) &&
	    skb->protocol != htons(ETH_P_IPV6))
		return false;
	return pskb_may_pull(skb, look) &&
	       !gwlb_inner_parse(skb->data, look, skb->len,
				 ntohs(skb->protocol), skb_is_gso(skb), in) &&
	       in->len == skb->len;
}

/* Would dev_queue_xmit() do nothing but call gwlb_tx() */
static bool may_skip_queue(struct sk_buff *skb)
{
	const netdev_features_t able = NETIF_F_SG | NETIF_F_HW_CSUM;

	return !skb_is_gso(skb) && !skb_has_frag_list(skb) &&
	       !skb_csum_is_sctp(skb) &&
	       (skb->dev->features & able) == able &&
	       !gwlb_dev_tx_watched(skb->dev);
}

static int xmit(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	/* the time of reception is no time to send at */
	skb_clear_tstamp(skb);
	/* NET_XMIT_DROP and such would stop the fragmenters half way */
	if (may_skip_queue(skb)) {
		skb_reset_mac_header(skb);
		gwlb_tx(skb, skb->dev);
	} else {
		dev_queue_xmit(skb);
	}
	return 0;
}

/* Has it come through the hooks of a place with its flow, or with another */
static struct gwlb_flow *flow_behind(const struct sk_buff *skb,
				     struct gwlb_flow *flow,
				     const struct net_device *dev)
{
	if (likely(skb_dst(skb) == gwlb_flow_dst(flow)))
		return flow;
	return gwlb_flow_of(skb, dev);
}

static bool may_fragment(const struct sk_buff *skb)
{
	return skb->protocol == htons(ETH_P_IP) &&
	       !(ip_hdr(skb)->frag_off & htons(IP_DF));
}

static unsigned int frag_max_size(const struct sk_buff *skb)
{
	return family(skb) == NFPROTO_IPV4 ? IPCB(skb)->frag_max_size :
					     IP6CB(skb)->frag_max_size;
}

static int fragment(struct net *net, struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct gwlb_link *link = netdev_priv(dev);
	struct gwlb_inner in;
	int err;

	if (!inner_valid(skb, &in))
		return drop(skb, dev, GWLB_DROP_REASON_INNER_CHANGED);
	/* each piece takes a reference, that of the whole may be RCU's */
	if (!skb_dst_force(skb))
		return drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
	if (family(skb) == NFPROTO_IPV4) {
		err = ip_do_fragment(net, NULL, skb, xmit);
	} else {
		skb->ignore_df = 1;
		err = ip6_fragment(net, NULL, skb, xmit);
	}
	if (err < 0)
		gwlb_drop(&link->drops, NULL, GWLB_DROP_REASON_SEGMENT, NULL);
	return 0;
}

/* One packet, no aggregate */
static int send_one(struct net *net, struct sk_buff *skb, unsigned int mtu)
{
	struct net_device *dev = skb->dev;
	unsigned int most = frag_max_size(skb);

	if (skb->len <= mtu && !most)
		return xmit(net, NULL, skb);
	/* what was put together goes back in pieces no larger than those */
	if (may_fragment(skb) || (most && most <= mtu))
		return fragment(net, skb);
	return drop(skb, dev, GWLB_DROP_REASON_TOO_BIG);
}

/* An aggregate whose segments do not fit: as ip_finish_output_gso() */
static int send_segments(struct net *net, struct sk_buff *skb,
			 unsigned int mtu)
{
	struct sk_buff *segs, *next;

	segs = skb_gso_segment(skb, netif_skb_features(skb) & ~NETIF_F_GSO_MASK);
	if (IS_ERR_OR_NULL(segs))
		return drop(skb, skb->dev, GWLB_DROP_REASON_SEGMENT);
	consume_skb(skb);
	skb_list_walk_safe(segs, segs, next) {
		skb_mark_not_on_list(segs);
		send_one(net, segs, mtu);
	}
	return 0;
}

static bool fits(const struct sk_buff *skb, unsigned int mtu)
{
	unsigned int most = frag_max_size(skb);

	if (skb_is_gso(skb))
		return skb_gso_validate_network_len(skb, mtu);
	return (most ?: skb->len) <= mtu;
}

/* Most are, and need no closer look */
static bool is_small(const struct sk_buff *skb, const struct gwlb_flow *flow)
{
	return !skb_is_gso(skb) && !frag_max_size(skb) &&
	       skb->len <= gwlb_flow_mtu(flow);
}

/* The uplink's MTU may have grown since the last one was sent */
static bool fits_uplink(const struct sk_buff *skb, struct gwlb_flow *flow)
{
	if (fits(skb, gwlb_flow_mtu(flow)))
		return true;
	gwlb_flow_set_mtu(flow, gwlb_tx_mtu(flow));
	return fits(skb, gwlb_flow_mtu(flow));
}

static int finish(struct net *net, struct sk_buff *skb, struct gwlb_flow *flow)
{
	if (is_small(skb, flow) && may_skip_queue(skb)) {
		skb_clear_tstamp(skb);
		skb_reset_mac_header(skb);
		gwlb_passing_sent(skb);
		gwlb_tx_flow(skb, skb->dev, flow);
		return 0;
	}
	if (fits_uplink(skb, flow) && (skb_is_gso(skb) || !frag_max_size(skb)))
		return xmit(net, NULL, skb);
	if (skb_is_gso(skb))
		return send_segments(net, skb, gwlb_flow_mtu(flow));
	return send_one(net, skb, gwlb_flow_mtu(flow));
}

static int bump_finish(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct gwlb_flow *flow = gwlb_flow_of(skb, dev);

	if (!flow)
		return drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
	return finish(net, skb, flow);
}

/**
 * gwlb_bump_too_big() - the uplink carries less now than when a packet set out
 * @skb: packet in transmission; consumed
 * @flow: of it, which knows by now
 * @mtu: longest packet that can pass
 *
 * Context: BH off, RCU.
 */
void gwlb_bump_too_big(struct sk_buff *skb, struct gwlb_flow *flow,
		       unsigned int mtu)
{
	struct net_device *dev = skb->dev;

	/* a qdisc has written over what is there */
	memset(skb->cb, 0, max(sizeof(*IPCB(skb)), sizeof(*IP6CB(skb))));
	if (may_fragment(skb)) {
		bump_finish(dev_net(dev), NULL, skb);
		return;
	}
	gwlb_answer_too_big(skb, flow, mtu, true);
	drop(skb, dev, GWLB_DROP_REASON_TOO_BIG);
}

static int postrouting(struct net *net, struct sk_buff *skb,
		       struct gwlb_flow *flow)
{
	struct net_device *dev = skb->dev;

	if (gwlb_hooks(family(skb), NF_INET_POST_ROUTING, net, skb, flow, dev,
		       dev, bump_finish) != 1)
		return 0;
	flow = flow_behind(skb, flow, dev);
	if (!flow)
		return drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
	return finish(net, skb, flow);
}

static int bump_postrouting(struct net *net, struct sock *sk,
			    struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct gwlb_flow *flow = gwlb_flow_of(skb, dev);

	if (!flow)
		return drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
	return postrouting(net, skb, flow);
}

static int forward(struct net *net, struct sk_buff *skb, struct gwlb_flow *flow)
{
	struct net_device *dev = skb->dev;

	/* TPROXY may have found a socket, which gets what is diverted alone */
	skb_orphan(skb);
	/* before FORWARD, as ip_forward() does, and before NAT of the source:
	 * the error goes to who sent it
	 */
	if (!is_small(skb, flow) && !fits_uplink(skb, flow) &&
	    !may_fragment(skb)) {
		gwlb_answer_too_big(skb, flow, gwlb_flow_mtu(flow), false);
		return drop(skb, dev, GWLB_DROP_REASON_TOO_BIG);
	}
	if (gwlb_hooks(family(skb), NF_INET_FORWARD, net, skb, flow, dev, dev,
		       bump_postrouting) != 1)
		return 0;
	flow = flow_behind(skb, flow, dev);
	if (!flow)
		return drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
	return postrouting(net, skb, flow);
}

/* From a queue in PREROUTING, behind which NAT may have taken the flow away */
static int bump_requeued(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	enum gwlb_drop_reason reason = GWLB_DROP_REASON_NO_CONTEXT;
	struct net_device *dev = skb->dev;
	struct gwlb_link *link = netdev_priv(dev);
	struct gwlb_flow *flow;
	struct gwlb_tuple t;

	if (gwlb_route_diverts(link, skb)) {
		gwlb_route_divert(link, skb, gwlb_flow_of(skb, dev));
		return 0;
	}
	flow = gwlb_flow_of(skb, dev);
	if (flow)
		return forward(net, skb, flow);
	/* an error belongs to the entry of what it is about, not to its own */
	if (gwlb_ct_related(skb) || !gwlb_ct_tuple(skb, false, &t))
		return drop(skb, dev, reason);
	flow = gwlb_flow_find(link, &t, gwlb_ct_zone(skb), &reason);
	if (!flow)
		return drop(skb, dev, reason);
	if (!gwlb_flow_attach(skb, flow))
		return drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
	return forward(net, skb, flow);
}

/* Fragments bring a template that a hook of ours has to take off again */
static int prerouting(struct net *net, struct sk_buff *skb,
		      const struct gwlb_flow *flow, const struct gwlb_inner *in)
{
	u8 pf = family(skb);

	if (in->fragment)
		return nf_hook(pf, NF_INET_PRE_ROUTING, net, NULL, skb,
			       skb->dev, NULL, bump_requeued);
	if (gwlb_net_alone(net, pf, NF_INET_PRE_ROUTING))
		return 1;
	return gwlb_hooks(pf, NF_INET_PRE_ROUTING, net, skb, flow, skb->dev,
			  NULL, bump_requeued);
}

/**
 * gwlb_bump_flow() - pass a packet through the hooks and send it back
 * @skb: packet that carries @flow, at its network header; consumed
 * @flow: of it
 * @in: what its header says
 *
 * Context: BH off, RCU.
 */
void gwlb_bump_flow(struct sk_buff *skb, struct gwlb_flow *flow,
		    const struct gwlb_inner *in)
{
	struct net_device *dev = skb->dev;
	struct gwlb_link *link = netdev_priv(dev);
	struct net *net = dev_net(dev);
	struct gwlb_flow *behind;
	struct gwlb_passing p;

	/* what ip_rcv() and ipv6_rcv() set */
	skb->skb_iif = dev->ifindex;
	if (family(skb) == NFPROTO_IPV4) {
		memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
		IPCB(skb)->iif = dev->ifindex;
	} else {
		memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
		IP6CB(skb)->iif = dev->ifindex;
		IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);
	}
	/* behind IPv6 extension headers too: the length of segments is
	 * reckoned from there
	 */
	skb_set_transport_header(skb, in->hdr_len);

	if (in->fragment && !gwlb_zone_fragment(skb, flow)) {
		drop(skb, dev, GWLB_DROP_REASON_NO_MEMORY);
		return;
	}
	gwlb_passing_begin(&p, skb, flow, &in->tuple);
	if (prerouting(net, skb, flow, in) != 1)
		goto out;

	if (gwlb_route_diverts(link, skb)) {
		gwlb_route_divert(link, skb, flow);
		goto out;
	}
	behind = flow_behind(skb, flow, dev);
	/* NAT of the destination drops the dst, as if there were a route to
	 * look up; RCU has kept the flow.
	 */
	if (behind || gwlb_flow_attach(skb, flow))
		forward(net, skb, behind ?: flow);
	else
		drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
out:
	gwlb_passing_end(&p);
}

/**
 * gwlb_bump() - rx_handler of a gwlb device
 * @pskb: packet behind the taps, XDP, tc and netdev ingress hooks; consumed
 *
 * Return: RX_HANDLER_PASS in mode route, RX_HANDLER_CONSUMED in mode bump.
 * Context: BH off, RCU.
 */
rx_handler_result_t gwlb_bump(struct sk_buff **pskb)
{
	struct net_device *dev = (*pskb)->dev;
	struct gwlb_link *link = netdev_priv(dev);
	struct gwlb_flow *flow;
	struct gwlb_inner in;
	struct sk_buff *skb;

	skb = skb_share_check(*pskb, GFP_ATOMIC);
	if (!skb) {
		gwlb_drop(&link->drops, NULL, GWLB_DROP_REASON_NO_MEMORY, NULL);
		return RX_HANDLER_CONSUMED;
	}
	flow = gwlb_flow_of(skb, dev);
	if (gwlb_route_all(link)) {
		/* it may be a fragment; a hook takes the flow off it, for a
		 * socket would keep that
		 */
		if (flow && !gwlb_zone_fragment(skb, flow)) {
			drop(skb, dev, GWLB_DROP_REASON_NO_MEMORY);
			return RX_HANDLER_CONSUMED;
		}
		if (!IS_ENABLED(CONFIG_NF_CONNTRACK))
			skb_dst_drop(skb);
		*pskb = skb;
		return RX_HANDLER_PASS;
	}
	if (!flow) {
		drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
		return RX_HANDLER_CONSUMED;
	}
	skb_reset_network_header(skb);
	if (inner_valid(skb, &in))
		gwlb_bump_flow(skb, flow, &in);
	else
		drop(skb, dev, GWLB_DROP_REASON_INNER_CHANGED);
	return RX_HANDLER_CONSUMED;
}

/**
 * gwlb_bump_output() - output of the dst of a flow
 * @net: namespace
 * @sk: ignored
 * @skb: packet sent by the stack with that dst; consumed
 *
 * Return: 0.
 * Context: any; a hook behind a queue, which answers, runs with BH on.
 */
int gwlb_bump_output(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct dst_entry *dst = skb_dst(skb);

	local_bh_disable();
	rcu_read_lock();
	skb->dev = dst->dev;
	skb->protocol = dst->ops->family == AF_INET ? htons(ETH_P_IP) :
						      htons(ETH_P_IPV6);
	/* dst_dev_put() may have been faster */
	if (gwlb_dev_is_link(skb->dev))
		bump_postrouting(net, sk, skb);
	else
		kfree_skb(skb);
	rcu_read_unlock();
	local_bh_enable();
	return 0;
}
