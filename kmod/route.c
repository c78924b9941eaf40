// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that enter the IP stack of the appliance, and what comes out of it.
 * A socket or a queue may keep them, so that they carry no flow there. What is
 * sent to the device finds the flow by its addresses, and by what conntrack
 * knows of them.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <net/icmp.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/l3mdev.h>
#include "compat.h"
#include "conntrack.h"
#include "flows.h"
#include "passing.h"
#include "route.h"
#include "tx.h"

/**
 * gwlb_route_all() - do all packets of a link enter the IP stack
 * @link: link
 *
 * Return: true in mode route.
 * Context: RCU.
 */
bool gwlb_route_all(const struct gwlb_link *link)
{
	return rcu_dereference(link->conf)->mode == GWLB_MODE_ROUTE;
}

/**
 * gwlb_route_diverts() - does this packet enter the IP stack
 * @link: it came by
 * @skb: packet behind PREROUTING
 *
 * Return: true if it has the mark that diverts.
 * Context: RCU.
 */
bool gwlb_route_diverts(const struct gwlb_link *link, const struct sk_buff *skb)
{
	const struct gwlb_conf *conf = rcu_dereference(link->conf);

	return conf->divert_mask &&
	       (skb->mark & conf->divert_mask) == conf->divert_mark;
}

/**
 * gwlb_route_divert() - go on as the IP stack does behind PREROUTING
 * @link: it came by
 * @skb: packet; consumed
 * @flow: of it, NULL if nothing tells
 *
 * Context: BH off, RCU.
 */
void gwlb_route_divert(struct gwlb_link *link, struct sk_buff *skb,
		       struct gwlb_flow *flow)
{
	struct net_device *master = l3mdev_master_dev_rcu(skb->dev);
	bool good = true;

	if (flow && !flow->diverted)
		flow->diverted = 1;
	skb_dst_drop(skb);
	/* as l3mdev_ip_rcv(), but PREROUTING is behind us */
	if (master) {
		skb->dev = master;
		skb->skb_iif = master->ifindex;
	}
	if (skb->protocol == htons(ETH_P_IP)) {
		if (master)
			IPCB(skb)->flags |= IPSKB_L3SLAVE;
		good = gwlb_route_input4(skb);
	} else {
		if (master)
			IP6CB(skb)->flags |= IP6SKB_L3SLAVE;
		ip6_route_input(skb);
	}
	if (good)
		dst_input(skb);
	else
		gwlb_drop(&link->drops, skb, GWLB_DROP_REASON_MARTIAN, NULL);
}

/**
 * gwlb_route_sends() - may the IP stack send to a link
 * @link: link
 *
 * Return: true if packets of its flows have entered the stack.
 * Context: RCU.
 */
bool gwlb_route_sends(const struct gwlb_link *link)
{
	return gwlb_route_all(link) || rcu_dereference(link->conf)->divert_mask;
}

static struct gwlb_tuple reversed(const struct gwlb_tuple *t)
{
	struct gwlb_tuple r = *t;

	memcpy(r.addr[0], t->addr[1], sizeof(r.addr[0]));
	memcpy(r.addr[1], t->addr[0], sizeof(r.addr[1]));
	memcpy(r.port[0], t->port[1], sizeof(r.port[0]));
	memcpy(r.port[1], t->port[0], sizeof(r.port[1]));
	return r;
}

static bool same(const struct gwlb_tuple *a, const struct gwlb_tuple *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* What this CPU is handing on; the stack may have copied it. What never came
 * in has no interface that it came in by.
 */
static struct gwlb_flow *handed_on(const struct gwlb_link *link,
				   const struct sk_buff *skb,
				   const struct gwlb_tuple *t)
{
	const struct gwlb_passing *p = this_cpu_read(gwlb_passing);

	return p && gwlb_flow_link(p->flow) == link && skb->skb_iif &&
	       same(p->tuple, t) ? p->flow : NULL;
}

/* A packet that came in with that tuple */
static struct gwlb_flow *came(struct gwlb_link *link, const struct sk_buff *skb,
			      struct gwlb_tuple t, enum gwlb_drop_reason *reason)
{
	struct gwlb_flow *flow = handed_on(link, skb, &t);

	return flow ?: gwlb_flow_last(link, &t, gwlb_ct_zone(skb), reason);
}

/* A packet that leaves with that tuple goes under the context learned for its
 * direction, or else under that of the other. What answers a packet that this
 * CPU is handing on is of the same endpoint.
 */
static struct gwlb_flow *leaves(struct gwlb_link *link,
				const struct sk_buff *skb, struct gwlb_tuple t,
				enum gwlb_drop_reason *reason)
{
	const struct gwlb_passing *p = this_cpu_read(gwlb_passing);
	struct gwlb_tuple r = reversed(&t);
	u16 zone = gwlb_ct_zone(skb);
	struct gwlb_flow *flow, *other;

	flow = handed_on(link, skb, &t);
	if (flow)
		return flow;
	if (p && gwlb_flow_link(p->flow) == link && same(p->tuple, &r))
		return gwlb_flow_towards(p->flow, gwlb_tuple_normalize(&t));

	flow = gwlb_flow_last(link, &t, zone, reason);
	if (!flow && *reason == GWLB_DROP_REASON_AMBIGUOUS)
		return NULL;
	other = gwlb_flow_last(link, &r, zone, reason);
	if ((!other && *reason == GWLB_DROP_REASON_AMBIGUOUS) ||
	    (flow && other && !gwlb_flow_same_endpoint(flow, other))) {
		*reason = GWLB_DROP_REASON_AMBIGUOUS;
		return NULL;
	}
	return flow ?: other;
}

/* The tuple of what an ICMP error is about, which goes the other way */
static bool read_cause(struct sk_buff *skb, const struct gwlb_inner *error,
		       struct gwlb_tuple *t)
{
	unsigned int at = error->hdr_len + sizeof(struct icmphdr);
	struct gwlb_inner in;
	u16 protocol;
	u8 type;

	if (error->fragment || skb->len <= at ||
	    !pskb_may_pull(skb, min_t(unsigned int, skb->len,
				      at + GWLB_INNER_LOOK)))
		return false;
	type = skb->data[error->hdr_len];
	if (error->tuple.protocol == IPPROTO_ICMP && icmp_is_err(type))
		protocol = ETH_P_IP;
	else if (error->tuple.protocol == IPPROTO_ICMPV6 && icmpv6_is_err(type))
		protocol = ETH_P_IPV6;
	else
		return false;
	/* quoted in part: its length is not to be checked */
	if (gwlb_inner_parse(skb->data + at,
			     min_t(unsigned int, skb_headlen(skb) - at,
				   GWLB_INNER_LOOK),
			     UINT_MAX, protocol, 0, &in))
		return false;
	*t = in.tuple;
	return true;
}

static bool read_tuple(struct sk_buff *skb, struct gwlb_inner *in)
{
	unsigned int look = min_t(unsigned int, skb->len, GWLB_INNER_LOOK);

	return pskb_may_pull(skb, look) &&
	       !gwlb_inner_parse(skb->data, look, skb->len,
				 ntohs(skb->protocol), skb_is_gso(skb), in);
}

/* A piece of what this CPU is handing on, which the stack has cut */
static struct gwlb_flow *fragment_flow(const struct gwlb_link *link,
				       const struct sk_buff *skb,
				       const struct gwlb_tuple *t)
{
	const struct gwlb_passing *p = this_cpu_read(gwlb_passing);

	if (p && gwlb_flow_link(p->flow) == link && skb->skb_iif &&
	    p->tuple->protocol == t->protocol &&
	    !memcmp(p->tuple->addr, t->addr, sizeof(t->addr)))
		return p->flow;
	return NULL;
}

static struct gwlb_flow *error_flow(struct gwlb_link *link,
				    const struct sk_buff *skb,
				    const struct gwlb_tuple *own,
				    const struct gwlb_tuple *cause,
				    enum gwlb_drop_reason *reason)
{
	struct gwlb_flow *flow;

	/* one of a router behind the load balancer came by itself */
	if (skb->skb_iif) {
		flow = came(link, skb, *own, reason);
		if (flow || *reason == GWLB_DROP_REASON_AMBIGUOUS)
			return flow;
	}
	return leaves(link, skb, reversed(cause), reason);
}

/**
 * gwlb_route_flow() - the flow of a packet that the IP stack sends
 * @skb: packet that carries none
 * @dev: gwlb device that it is sent to
 * @reason: why nothing was found
 *
 * Return: the flow, NULL if there is none, or flows of several endpoints.
 * Context: BH off, RCU.
 */
struct gwlb_flow *gwlb_route_flow(struct sk_buff *skb,
				  const struct net_device *dev,
				  enum gwlb_drop_reason *reason)
{
	struct gwlb_link *link = netdev_priv(dev);
	struct gwlb_tuple t, cause;
	struct gwlb_flow *flow;
	struct gwlb_inner in;
	bool tracked;

	*reason = GWLB_DROP_REASON_NO_CONTEXT;
	if (!read_tuple(skb, &in))
		return NULL;
	if (read_cause(skb, &in, &cause))
		return error_flow(link, skb, &in.tuple, &cause, reason);

	/* NAT has changed it: as it came in, if it came in here */
	tracked = !gwlb_ct_related(skb) && gwlb_ct_tuple(skb, false, &t);
	if (tracked && !same(&t, &in.tuple)) {
		flow = came(link, skb, t, reason);
		if (flow || *reason == GWLB_DROP_REASON_AMBIGUOUS)
			return flow;
	}
	if (in.fragment) {
		flow = fragment_flow(link, skb, &in.tuple);
		/* it has no ports, but the entry of the whole packet */
		if (!flow && tracked && gwlb_ct_tuple(skb, true, &t))
			flow = leaves(link, skb, reversed(&t), reason);
		if (flow || *reason == GWLB_DROP_REASON_AMBIGUOUS)
			return flow;
	}
	return leaves(link, skb, in.tuple, reason);
}

static int resend(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	gwlb_tx(skb, skb->dev);
	return 0;
}

/**
 * gwlb_route_too_big() - what a router does with what it cannot send on
 * @skb: packet that the stack has sent; consumed if it can be fragmented
 * @flow: of it
 * @mtu: longest packet that can pass
 *
 * Return: true if it was fragmented and sent, false if it is to be dropped.
 * Context: BH off, RCU.
 */
bool gwlb_route_too_big(struct sk_buff *skb, struct gwlb_flow *flow,
			unsigned int mtu)
{
	struct net_device *dev = skb->dev;
	struct gwlb_link *link = netdev_priv(dev);

	/* for the next ones, whoever sends them */
	skb_dst_update_pmtu_no_confirm(skb, mtu);
	if (skb->protocol == htons(ETH_P_IPV6)) {
		icmpv6_ndo_send(skb, ICMPV6_PKT_TOOBIG, 0,
				max_t(unsigned int, mtu, IPV6_MIN_MTU));
		return false;
	}
	if (ip_hdr(skb)->frag_off & htons(IP_DF)) {
		icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
			      htonl(mtu));
		return false;
	}
	if (skb_is_gso(skb) || !gwlb_flow_attach(skb, flow))
		return false;
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	if (ip_do_fragment(dev_net(dev), NULL, skb, resend) < 0)
		gwlb_drop(&link->drops, NULL, GWLB_DROP_REASON_SEGMENT, NULL);
	return true;
}
