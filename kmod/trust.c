// SPDX-License-Identifier: GPL-2.0
/*
 * Flows that the user's rules have seen enough of: for a while their packets
 * go back from where they are caught, with no rule asked.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/tcp.h>
#include "compat.h"
#include "conntrack.h"
#include "link.h"
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
 * gwlb_trust_has() - is a flow trusted
 * @flow: flow
 *
 * Return: true if it is.
 */
bool gwlb_trust_has(const struct gwlb_flow *flow)
{
	u32 until = READ_ONCE(flow->trusted);

	/* the time of a fragment has the same place */
	return until && !READ_ONCE(flow->fragmented) &&
	       (s32)(until - (u32)jiffies) > 0;
}

/**
 * gwlb_trust_lets() - does a packet pass because its flow is trusted
 * @flow: of it
 * @skb: it, at the UDP header
 * @hlen: bytes from there to the inner packet
 * @in: what its inner header says
 *
 * Return: true if no rule is to be asked.
 * Context: BH off, RCU.
 */
bool gwlb_trust_lets(const struct gwlb_flow *flow, const struct sk_buff *skb,
		     unsigned int hlen, const struct gwlb_inner *in)
{
	return gwlb_trust_has(flow) &&
	       rcu_dereference(gwlb_flow_link(flow)->conf)->trust_mask &&
	       is_plain(skb->data + hlen, skb_headlen(skb) - hlen, in);
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
