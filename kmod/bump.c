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
#include <net/netfilter/nf_conntrack.h>
#include "bump.h"
#include "compat.h"
#include "link.h"
#include "tx.h"

static int drop(struct sk_buff *skb, struct net_device *dev,
		enum gwlb_drop_reason reason)
{
	const struct gwlb_flow *flow = gwlb_flow_of(skb, dev);
	struct gwlb_link *link = netdev_priv(dev);

	gwlb_drop(&link->drops, skb, reason, flow ? &flow->key.remote : NULL);
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

static int xmit(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	/* NET_XMIT_DROP and such would stop the fragmenters half way */
	dev_queue_xmit(skb);
	return 0;
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
static int send_one(struct net *net, struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	unsigned int mtu = gwlb_flow_mtu(gwlb_flow_of(skb, dev));
	unsigned int most = frag_max_size(skb);

	/* what was put together goes back in pieces as large as those */
	if (most)
		return most <= mtu ? fragment(net, skb) :
				     drop(skb, dev, GWLB_DROP_REASON_TOO_BIG);
	if (skb->len <= mtu)
		return xmit(net, NULL, skb);
	if (may_fragment(skb))
		return fragment(net, skb);
	return drop(skb, dev, GWLB_DROP_REASON_TOO_BIG);
}

/* An aggregate whose segments do not fit: as ip_finish_output_gso() */
static int send_segments(struct net *net, struct sk_buff *skb)
{
	struct sk_buff *segs, *next;

	segs = skb_gso_segment(skb, netif_skb_features(skb) & ~NETIF_F_GSO_MASK);
	if (IS_ERR_OR_NULL(segs))
		return drop(skb, skb->dev, GWLB_DROP_REASON_SEGMENT);
	consume_skb(skb);
	skb_list_walk_safe(segs, segs, next) {
		skb_mark_not_on_list(segs);
		send_one(net, segs);
	}
	return 0;
}

static int bump_finish(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct gwlb_flow *flow = gwlb_flow_of(skb, dev);
	unsigned int mtu;

	if (!flow)
		return drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);

	/* the uplink's MTU may have grown since the last one was sent */
	mtu = gwlb_flow_mtu(flow);
	if (skb_is_gso(skb) ? !skb_gso_validate_network_len(skb, mtu) :
			      skb->len > mtu)
		WRITE_ONCE(flow->metrics[RTAX_MTU - 1], gwlb_tx_mtu(flow));

	if (!skb_is_gso(skb))
		return send_one(net, skb);
	if (!skb_gso_validate_network_len(skb, gwlb_flow_mtu(flow)))
		return send_segments(net, skb);
	return xmit(net, NULL, skb);
}

static int bump_postrouting(struct net *net, struct sock *sk,
			    struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;

	if (!gwlb_flow_of(skb, dev))
		return drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
	return NF_HOOK(family(skb), NF_INET_POST_ROUTING, net, NULL, skb, dev,
		       dev, bump_finish);
}

static int bump_forward(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;

	return NF_HOOK(family(skb), NF_INET_FORWARD, net, NULL, skb, dev, dev,
		       bump_postrouting);
}

#if IS_ENABLED(CONFIG_NF_CONNTRACK)
/* The addresses with which the packet came in, before NAT */
static bool original_tuple(const struct sk_buff *skb, struct gwlb_tuple *t)
{
	const struct nf_conntrack_tuple *ct_tuple;
	enum ip_conntrack_info ctinfo;
	const struct nf_conn *ct = nf_ct_get(skb, &ctinfo);

	/* an error belongs to the entry of what it is about, not to its own */
	if (!ct || ctinfo == IP_CT_RELATED || ctinfo == IP_CT_RELATED_REPLY)
		return false;
	ct_tuple = &ct->tuplehash[CTINFO2DIR(ctinfo)].tuple;

	memset(t, 0, sizeof(*t));
	t->version = ct_tuple->src.l3num == AF_INET ? 4 : 6;
	t->protocol = ct_tuple->dst.protonum;
	memcpy(t->addr[0], &ct_tuple->src.u3, t->version == 4 ? 4 : 16);
	memcpy(t->addr[1], &ct_tuple->dst.u3, t->version == 4 ? 4 : 16);
	memcpy(t->port[0], &ct_tuple->src.u.all, 2);
	if (t->protocol == IPPROTO_ICMP || t->protocol == IPPROTO_ICMPV6)
		memcpy(t->port[1], &ct_tuple->src.u.all, 2);
	else
		memcpy(t->port[1], &ct_tuple->dst.u.all, 2);
	return true;
}
#else
static bool original_tuple(const struct sk_buff *skb, struct gwlb_tuple *t)
{
	return false;
}
#endif

/* From a queue in PREROUTING, behind which NAT may have taken the flow away */
static int bump_requeued(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	enum gwlb_drop_reason reason = GWLB_DROP_REASON_NO_CONTEXT;
	struct net_device *dev = skb->dev;
	struct gwlb_link *link = netdev_priv(dev);
	struct gwlb_flow *flow;
	struct gwlb_tuple t;

	if (gwlb_flow_of(skb, dev))
		return bump_forward(net, sk, skb);
	if (!original_tuple(skb, &t))
		return drop(skb, dev, reason);
	flow = gwlb_flow_find(link, &t, &reason);
	if (!flow)
		return drop(skb, dev, reason);
	if (!gwlb_flow_attach(skb, flow))
		return drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
	return bump_forward(net, sk, skb);
}

/**
 * gwlb_bump() - rx_handler of a gwlb device
 * @pskb: packet behind the taps, XDP, tc and netdev ingress hooks; consumed
 *
 * Return: RX_HANDLER_CONSUMED.
 * Context: BH off, RCU.
 */
rx_handler_result_t gwlb_bump(struct sk_buff **pskb)
{
	struct net_device *dev = (*pskb)->dev;
	struct gwlb_link *link = netdev_priv(dev);
	struct net *net = dev_net(dev);
	struct gwlb_flow *flow;
	struct gwlb_inner in;
	struct sk_buff *skb;

	skb = skb_share_check(*pskb, GFP_ATOMIC);
	if (!skb) {
		gwlb_drop(&link->drops, NULL, GWLB_DROP_REASON_NO_MEMORY, NULL);
		return RX_HANDLER_CONSUMED;
	}
	flow = gwlb_flow_of(skb, dev);
	if (!flow) {
		drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
		return RX_HANDLER_CONSUMED;
	}
	skb_reset_network_header(skb);
	if (!inner_valid(skb, &in)) {
		drop(skb, dev, GWLB_DROP_REASON_INNER_CHANGED);
		return RX_HANDLER_CONSUMED;
	}

	/* what ip_rcv() and ipv6_rcv() set */
	if (family(skb) == NFPROTO_IPV4) {
		memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
		IPCB(skb)->iif = dev->ifindex;
		skb_set_transport_header(skb, ip_hdrlen(skb));
	} else {
		memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
		IP6CB(skb)->iif = dev->ifindex;
		IP6CB(skb)->nhoff = offsetof(struct ipv6hdr, nexthdr);
		skb_set_transport_header(skb, sizeof(struct ipv6hdr));
	}

	if (nf_hook(family(skb), NF_INET_PRE_ROUTING, net, NULL, skb, dev, NULL,
		    bump_requeued) != 1)
		return RX_HANDLER_CONSUMED;

	/* NAT of the destination drops the dst, as if there were a route to
	 * look up; RCU has kept the flow.
	 */
	if (!gwlb_flow_of(skb, dev) && !gwlb_flow_attach(skb, flow))
		drop(skb, dev, GWLB_DROP_REASON_NO_CONTEXT);
	else
		bump_forward(net, NULL, skb);
	return RX_HANDLER_CONSUMED;
}

/**
 * gwlb_bump_output() - output of the dst of a flow
 * @net: namespace
 * @sk: ignored
 * @skb: packet sent by the stack with that dst; consumed
 *
 * Return: 0.
 * Context: BH off, RCU.
 */
int gwlb_bump_output(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct dst_entry *dst = skb_dst(skb);

	/* dst_dev_put() has been faster */
	skb->dev = dst->dev;
	if (!gwlb_dev_is_link(skb->dev)) {
		kfree_skb(skb);
		return 0;
	}
	skb->protocol = dst->ops->family == AF_INET ? htons(ETH_P_IP) :
						      htons(ETH_P_IPV6);
	return bump_postrouting(net, sk, skb);
}
