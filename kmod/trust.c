// SPDX-License-Identifier: GPL-2.0
/*
 * Flows that the user's rules have seen enough of: for a while their packets
 * go back from where they are caught, with no rule asked.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "compat.h"
#include "conntrack.h"
#include "link.h"
#include "outer.h"
#include "trust.h"

/* What NAT has changed on this way would not be changed on the other */
static bool is_as_it_came(struct sk_buff *skb, const struct gwlb_flow *flow)
{
	unsigned int look = min_t(unsigned int, skb->len, GWLB_INNER_LOOK);
	struct gwlb_inner in;
	struct gwlb_tuple t;

	if (!pskb_may_pull(skb, look) ||
	    gwlb_inner_parse(skb->data, look, skb->len, ntohs(skb->protocol),
			     skb_is_gso(skb), &in))
		return false;
	gwlb_tuple_normalize(&in.tuple);
	gwlb_flow_tuple(flow, &t);
	return !memcmp(&in.tuple, &t, sizeof(t));
}

/**
 * gwlb_trust_grant() - trust the flow of a packet that leaves, if it is marked
 * @skb: inner packet
 * @flow: of it
 * @conf: of its link
 *
 * Context: BH off, RCU.
 */
void gwlb_trust_grant(struct sk_buff *skb, struct gwlb_flow *flow,
		      const struct gwlb_conf *conf)
{
	u32 until = (u32)jiffies + conf->trust_seconds * HZ;

	if (!conf->trust_mask || (skb->mark & conf->trust_mask) != conf->trust_mark)
		return;
	/* nobody would look at it */
	if (READ_ONCE(flow->fragmented) ||
	    !gwlb_conf_early(gwlb_link_outer(gwlb_flow_link(flow))))
		return;
	if (READ_ONCE(flow->trusted) == (until ?: 1) || !is_as_it_came(skb, flow))
		return;
	gwlb_ct_liberal(skb);
	gwlb_flow_trust(flow, until ?: 1);
}

/**
 * gwlb_trust_has() - is a flow trusted
 * @flow: flow
 *
 * Return: true if it is.
 */
bool gwlb_trust_has(const struct gwlb_flow *flow)
{
	u32 until = READ_ONCE(flow->trusted);

	return !READ_ONCE(flow->fragmented) && until &&
	       (s32)(until - (u32)jiffies) > 0;
}

/* What changes the state of a connection is for conntrack to see */
static bool is_plain(const u8 *inner, unsigned int look,
		     const struct gwlb_inner *in)
{
	const u8 *transport = inner + in->hdr_len;

	if (in->fragment)
		return false;
	switch (in->tuple.protocol) {
	case IPPROTO_TCP:
		/* flags */
		return in->hdr_len + sizeof(struct tcphdr) <= look &&
		       !(transport[13] & 7);
	case IPPROTO_ICMP:
		return in->hdr_len < look && !icmp_is_err(transport[0]);
	case IPPROTO_ICMPV6:
		return in->hdr_len < look && !icmpv6_is_err(transport[0]);
	}
	return true;
}

/**
 * gwlb_trust_bounce() - send a packet of a trusted flow back
 * @link: it came in by
 * @skb: at the UDP header, whose outer header is plain; consumed unless
 *	false is returned
 * @flow: of it
 * @turned: it came the other way round than in the tuple
 * @in: what its inner header says
 *
 * Return: false if it must go the whole way.
 * Context: BH off, RCU.
 */
bool gwlb_trust_bounce(struct gwlb_link *link, struct sk_buff *skb,
		       struct gwlb_flow *flow, int turned,
		       const struct gwlb_inner *in)
{
	const struct gwlb_conf *conf = rcu_dereference(link->conf);
	unsigned int at = sizeof(struct udphdr);
	unsigned int hlen = at + GWLB_GENEVE_HLEN +
			    gwlb_flow_options_len(flow);
	struct gwlb_endpoint *endpoint = gwlb_flow_endpoint(flow);
	struct gwlb_peer *peer = flow->peer;
	enum gwlb_drop_reason reason;
	struct dst_entry *dst;

	if (!conf->trust_mask || gwlb_gso_same_ids(skb))
		return false;
	/* reserved bits go back as zero, what is behind its end not at all */
	if (skb->data[at + 1] != (gwlb_geneve_fixed_critical(flow->geneve) ? 0x40 : 0) ||
	    skb->data[at + 7] || in->len + hlen != ntohs(udp_hdr(skb)->len) ||
	    !is_plain(skb->data + hlen, skb_headlen(skb) - hlen, in))
		return false;
	dst = gwlb_outer_route(link->net, peer);
	if (IS_ERR(dst) || !gwlb_outer_can_bounce(skb, dst))
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

static bool end(struct gwlb_flow *flow, void *data)
{
	gwlb_flow_untrust(flow);
	return true;
}

/**
 * gwlb_trust_end() - trust no flow any longer
 * @link: whose
 *
 * Context: process.
 */
void gwlb_trust_end(struct gwlb_link *link)
{
	struct gwlb_flows_cursor at = {};

	/* packets on their way may leave with what was the mark */
	synchronize_net();
	while (gwlb_flows_walk(&link->flows, &at, end, NULL))
		cond_resched();
}
