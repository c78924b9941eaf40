// SPDX-License-Identifier: GPL-2.0
/*
 * What nobody is going to look at need not go through the link: from where it
 * is caught the packet goes back as it is, its outer addresses swapped.
 */
#include <linux/netfilter.h>
#include <linux/udp.h>
#include "bounce.h"
#include "compat.h"
#include "link.h"
#include "net.h"
#include "outer.h"
#include "trust.h"

static u8 family(bool v4)
{
	return v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

/* Would it pass the link without a rule, a tap, a queue or a program on its way */
static bool unseen_inside(const struct gwlb_link *link, u8 pf)
{
	const struct gwlb_conf *conf = rcu_dereference(link->conf);
	const struct net *net = dev_net(link->dev);

	/* an endpoint has a mark without any rule */
	return conf->mode == GWLB_MODE_BUMP && !conf->divert_mask &&
	       gwlb_net_alone(net, pf, NF_INET_PRE_ROUTING) &&
	       gwlb_net_alone(net, pf, NF_INET_FORWARD) &&
	       gwlb_net_alone(net, pf, NF_INET_POST_ROUTING) &&
	       !gwlb_dev_rx_watched(link->dev) &&
	       !gwlb_dev_tx_watched(link->dev);
}

/* What came by the socket leaves through the IP stack */
static bool unseen_outside(const struct gwlb_link *link,
			   const struct sk_buff *skb)
{
	u8 pf = family(ip_hdr(skb)->version == 4);

	return gwlb_net_alone(link->net, pf, NF_INET_LOCAL_OUT) &&
	       gwlb_net_alone(link->net, pf, NF_INET_POST_ROUTING);
}

/* Nothing between the addresses and UDP, nor behind it, which UDP cut off */
static bool is_plain(const struct sk_buff *skb)
{
	unsigned int len = ntohs(udp_hdr(skb)->len);

	if (ip_hdr(skb)->version == 4)
		return skb_network_offset(skb) == -(int)sizeof(struct iphdr) &&
		       ntohs(ip_hdr(skb)->tot_len) == sizeof(struct iphdr) + len;
	return skb_network_offset(skb) == -(int)sizeof(struct ipv6hdr) &&
	       ntohs(ipv6_hdr(skb)->payload_len) == len;
}

/* Reserved bits go back as zero, what is behind its end not at all */
static bool goes_back_as_it_came(const struct sk_buff *skb,
				 const struct gwlb_flow *flow,
				 const struct gwlb_inner *in,
				 unsigned int hlen)
{
	return get_unaligned_be64(udp_hdr(skb) + 1) == gwlb_flow_fixed(flow) &&
	       ntohs(udp_hdr(skb)->len) == hlen + in->len &&
	       !gwlb_gso_same_ids(skb);
}

/**
 * gwlb_bounce() - send a packet back from where it was caught
 * @link: it came in by
 * @skb: at the UDP header; consumed unless false is returned
 * @flow: of it
 * @turned: it came the other way round than in the tuple
 * @in: what its inner header says
 * @early: the stack has not seen it; its outer header is plain
 *
 * Return: false if it must go the whole way.
 * Context: BH off, RCU.
 */
bool gwlb_bounce(struct gwlb_link *link, struct sk_buff *skb,
		 struct gwlb_flow *flow, int turned,
		 const struct gwlb_inner *in, bool early)
{
	unsigned int hlen = sizeof(struct udphdr) + GWLB_GENEVE_HLEN +
			    flow->options_len;
	struct gwlb_endpoint *endpoint = gwlb_flow_endpoint(flow);
	struct gwlb_peer *peer = flow->peer;
	enum gwlb_drop_reason reason;
	struct dst_entry *dst;

	if (!(early && gwlb_trust_lets(flow, skb, hlen, in)) &&
	    !(unseen_inside(link, family(flow->version == 4)) &&
	      (early || (is_plain(skb) && unseen_outside(link, skb)))))
		return false;
	if (!goes_back_as_it_came(skb, flow, in, hlen))
		return false;
	dst = gwlb_outer_route(link->net, peer);
	if (IS_ERR(dst) || !gwlb_outer_can_bounce(skb, dst))
		return false;
	/* the IP stack would send it by the device of the VRF */
	if (!early && netif_is_l3_slave(dst->dev))
		return false;
	dev_sw_netstats_rx_add(link->dev, in->len);
	gwlb_peer_count_rx(peer, in->len);
	gwlb_flow_count(flow, turned, in->len);
	gwlb_endpoint_count_rx(endpoint, in->len);
	reason = gwlb_outer_bounce(skb, link->dev, gwlb_link_outer(link), peer,
				   in->len, dst);
	if (reason) {
		gwlb_traffic_drop(endpoint->cpu);
		gwlb_drop(&link->drops, skb, reason, &peer->remote);
		return true;
	}
	gwlb_traffic_tx(peer->cpu, in->len);
	gwlb_traffic_tx(endpoint->cpu, in->len);
	return true;
}
