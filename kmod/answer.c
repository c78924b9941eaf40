// SPDX-License-Identifier: GPL-2.0
/*
 * Answers that the appliance makes to a bumped packet: resets, ICMP errors,
 * what SYNPROXY sends. The stack routes them as its own; here they are given
 * the flow of what they answer, and leave by gwlb0 as that would have.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/tcp.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/route.h>
#include "answer.h"
#include "bump.h"
#include "compat.h"
#include "conntrack.h"
#include "link.h"
#include "net.h"
#include "passing.h"
#include "route.h"

static bool ip_version(const struct sk_buff *skb, unsigned int *version)
{
	if (skb->protocol == htons(ETH_P_IP))
		*version = 4;
	else if (skb->protocol == htons(ETH_P_IPV6))
		*version = 6;
	else
		return false;
	return true;
}

/* To the sender of the packet, or in its name to whom it wrote */
static bool answers(const struct sk_buff *skb, const struct gwlb_tuple *t)
{
	unsigned int version;

	if (!ip_version(skb, &version) || version != t->version)
		return false;
	if (version == 4)
		return !memcmp(&ip_hdr(skb)->daddr, t->addr[0], 4) ||
		       !memcmp(&ip_hdr(skb)->saddr, t->addr[0], 4);
	return !memcmp(&ipv6_hdr(skb)->daddr, t->addr[0], 16) ||
	       !memcmp(&ipv6_hdr(skb)->saddr, t->addr[0], 16);
}

/* Does it go from the second address of the normalized tuple to the first */
static int turned(const struct sk_buff *skb, const struct gwlb_flow *flow)
{
	if (flow->version == 4)
		return !memcmp(&ip_hdr(skb)->daddr, flow->addr, 4);
	return !memcmp(&ipv6_hdr(skb)->daddr, flow->addr, 16);
}

static struct gwlb_flow *passing_flow(const struct sk_buff *skb,
				      const struct net *net)
{
	const struct gwlb_passing *p = this_cpu_read(gwlb_passing);

	if (!p || !answers(skb, p->tuple) ||
	    !net_eq(dev_net(gwlb_flow_link(p->flow)->dev), net))
		return NULL;
	return gwlb_flow_towards(p->flow, turned(skb, p->flow));
}

/**
 * gwlb_answer_flow() - the flow under which a packet leaves
 * @skb: packet
 * @dev: gwlb device that it is sent to
 * @reason: why nothing was found
 *
 * A flowtable sends what came in past our hooks, with a route of its own
 * making, as the IP stack does; the flow of that packet counts. Others have
 * none: what the stack makes, and netdev hooks, which answer without routing.
 *
 * Return: the flow, NULL if there is none.
 * Context: BH off, RCU.
 */
struct gwlb_flow *gwlb_answer_flow(struct sk_buff *skb,
				   const struct net_device *dev,
				   enum gwlb_drop_reason *reason)
{
	struct gwlb_passing *p = this_cpu_read(gwlb_passing);
	struct gwlb_flow *flow;

	for (; p; p = p->outer) {
		/* what is sent and never came in only lies where that did */
		if (p->skb != skb || !skb->skb_iif ||
		    READ_ONCE(gwlb_flow_dst(p->flow)->dev) != dev)
			continue;
		/* sent once; behind us it is an outer packet, or another */
		p->skb = NULL;
		return p->flow;
	}
	flow = gwlb_flow_of(skb, dev);
	if (flow)
		return flow;
	if (gwlb_route_sends(netdev_priv(dev)))
		return gwlb_route_flow(skb, dev, reason);
	*reason = GWLB_DROP_REASON_NO_CONTEXT;
	flow = passing_flow(skb, dev_net(dev));
	return flow && gwlb_flow_link(flow)->dev == dev ? flow : NULL;
}

/* Sets the link if several could be meant. A router's answers are routed. */
static struct gwlb_flow *find(struct net *net, const struct gwlb_tuple *t,
			      u16 zone, struct gwlb_link **ambiguous)
{
	struct gwlb_flow *flow, *found = NULL;
	enum gwlb_drop_reason reason;
	struct gwlb_link *link;

	list_for_each_entry_rcu(link, &gwlb_net(net)->up, up) {
		struct gwlb_tuple tuple = *t;

		if (gwlb_route_all(link))
			continue;
		flow = gwlb_flow_find(link, &tuple, zone, &reason);
		if ((flow && found) || (!flow && reason == GWLB_DROP_REASON_AMBIGUOUS)) {
			*ambiguous = link;
			return NULL;
		}
		found = flow ?: found;
	}
	return found;
}

static bool is_local(struct net *net, const u8 *addr, u8 version)
{
	struct in6_addr a;

	memcpy(&a, addr, sizeof(a));
	if (version == 4)
		return inet_addr_type(net, a.s6_addr32[0]) == RTN_LOCAL;
	return ipv6_chk_addr(net, &a, NULL, 0);
}

static bool has_local(struct net *net, const struct gwlb_tuple *t)
{
	return is_local(net, t->addr[0], t->version) ||
	       is_local(net, t->addr[1], t->version);
}

/* Packets delayed in a queue are not being handed on by us: what answers them
 * is known by the conntrack entry that it got from them. Those of the
 * appliance's own traffic may have the same; they have an address of its own
 * before NAT and behind it.
 */
static struct gwlb_flow *conntrack_flow(const struct sk_buff *skb,
					struct net *net,
					struct gwlb_link **ambiguous)
{
	u16 zone = gwlb_ct_zone(skb);
	struct gwlb_tuple t, turned;
	struct gwlb_flow *flow;

	if (!gwlb_ct_tuple(skb, false, &t) ||
	    !gwlb_ct_tuple(skb, true, &turned) ||
	    (has_local(net, &t) && has_local(net, &turned)))
		return NULL;
	flow = find(net, &t, zone, ambiguous);
	if (flow || *ambiguous)
		return flow;
	return find(net, &turned, zone, ambiguous);
}

static const struct icmphdr *icmp_error4(struct sk_buff *skb)
{
	const struct icmphdr *icmp;

	if (ip_hdr(skb)->protocol != IPPROTO_ICMP ||
	    !pskb_may_pull(skb, ip_hdrlen(skb) + sizeof(*icmp) +
				sizeof(struct iphdr)))
		return NULL;
	icmp = (void *)ip_hdr(skb) + ip_hdrlen(skb);
	return icmp_is_err(icmp->type) ? icmp : NULL;
}

static struct icmp6hdr *icmp_error6(struct sk_buff *skb)
{
	struct icmp6hdr *icmp;

	if (ipv6_hdr(skb)->nexthdr != IPPROTO_ICMPV6 ||
	    !pskb_may_pull(skb, 2 * sizeof(struct ipv6hdr) + sizeof(*icmp)))
		return NULL;
	icmp = (void *)(ipv6_hdr(skb) + 1);
	return icmpv6_is_err(icmp->icmp6_type) ? icmp : NULL;
}

/* The address of the uplink says nothing to the workload, and its network may
 * have one of the same: the error comes from whom the packet was for.
 */
static void icmp_source4(struct sk_buff *skb)
{
	const struct icmphdr *icmp = icmp_error4(skb);
	const struct iphdr *inner;
	struct iphdr *ip;
	__be32 source;

	if (!icmp)
		return;
	inner = (const void *)(icmp + 1);
	source = inner->daddr;
	if (skb_ensure_writable(skb, ip_hdrlen(skb)))
		return;
	ip = ip_hdr(skb);
	csum_replace4(&ip->check, ip->saddr, source);
	ip->saddr = source;
}

static void icmp_source6(struct sk_buff *skb)
{
	struct icmp6hdr *icmp = icmp_error6(skb);
	const struct ipv6hdr *inner;
	struct in6_addr source;
	struct ipv6hdr *ip;

	if (!icmp)
		return;
	inner = (const void *)(icmp + 1);
	source = inner->daddr;
	if (skb_ensure_writable(skb, sizeof(*ip) + sizeof(*icmp)))
		return;
	ip = ipv6_hdr(skb);
	icmp = (void *)(ip + 1);
	inet_proto_csum_replace16(&icmp->icmp6_cksum, skb,
				  ip->saddr.s6_addr32, source.s6_addr32, true);
	ip->saddr = source;
}

/* What netfilter sends has no socket, what the stack has received or forwards
 * an interface that it came in by; only ICMP errors have the socket of ICMP.
 */
static bool made_here(struct sk_buff *skb)
{
	if (skb->skb_iif)
		return false;
	if (skb->protocol == htons(ETH_P_IP))
		return (ip_hdr(skb)->protocol == IPPROTO_TCP && !skb->sk) ||
		       icmp_error4(skb);
	return (ipv6_hdr(skb)->nexthdr == IPPROTO_TCP && !skb->sk) ||
	       icmp_error6(skb);
}

/* Routing makes redirects, but there is no other gateway to send by */
static bool redirect(struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct icmphdr *icmp;

	if (state->pf != NFPROTO_IPV4 || !state->out ||
	    !gwlb_dev_is_link(state->out))
		return false;
	icmp = icmp_error4(skb);
	return icmp && icmp->type == ICMP_REDIRECT;
}

/**
 * gwlb_answer_passing() - the flow that a packet answers
 * @skb: in LOCAL_OUT
 * @net: namespace
 *
 * Return: the flow, if netfilter or ICMP made it in answer to, or in the name
 *	of the sender of, what is being handed on now, else NULL.
 * Context: BH off, RCU.
 */
struct gwlb_flow *gwlb_answer_passing(struct sk_buff *skb, struct net *net)
{
	return made_here(skb) ? passing_flow(skb, net) : NULL;
}

/**
 * gwlb_answer_routed() - does an answer go where routing says
 * @skb: in LOCAL_OUT
 * @flow: of what it answers
 * @out: device that it is routed to
 *
 * Return: true for those of a router, and for what goes on in the name of whom
 *	was diverted, or to whom that was routed.
 * Context: RCU.
 */
bool gwlb_answer_routed(const struct sk_buff *skb, const struct gwlb_flow *flow,
			const struct net_device *out)
{
	struct gwlb_link *link = gwlb_flow_link(flow);

	if (gwlb_route_all(link))
		return true;
	return flow->diverted && gwlb_route_sends(link) &&
	       gwlb_flow_seen(flow, turned(skb, flow)) && !gwlb_dev_is_link(out);
}

/* Routed, it would leave the tunnel */
static unsigned int drop(struct gwlb_link *link, struct sk_buff *skb,
			 enum gwlb_drop_reason reason)
{
	/* a queue gives back with BH on */
	local_bh_disable();
	gwlb_drop(&link->drops, skb, reason, NULL);
	local_bh_enable();
	return NF_STOLEN;
}

static unsigned int local_out(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state)
{
	struct gwlb_link *ambiguous = NULL;
	struct gwlb_flow *flow;

	if (!made_here(skb))
		return NF_ACCEPT;
	if (redirect(skb, state))
		return NF_DROP;
	flow = passing_flow(skb, state->net);
	if (!flow)
		flow = conntrack_flow(skb, state->net, &ambiguous);
	if (ambiguous)
		return drop(ambiguous, skb, GWLB_DROP_REASON_AMBIGUOUS);
	if (!flow || gwlb_answer_routed(skb, flow, state->out))
		return NF_ACCEPT;
	if (!gwlb_flow_attach(skb, flow))
		return drop(gwlb_flow_link(flow), skb, GWLB_DROP_REASON_NO_CONTEXT);
	if (state->pf == NFPROTO_IPV4)
		icmp_source4(skb);
	else
		icmp_source6(skb);
	return NF_ACCEPT;
}

/* Last, for mangle and NAT look for another route before */
static const struct nf_hook_ops hooks[] = {
	{
		.hook = local_out,
		.priv = GWLB_HOOK_PRIV,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = NF_IP_PRI_LAST,
	}, {
		.hook = local_out,
		.priv = GWLB_HOOK_PRIV,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = NF_IP6_PRI_LAST,
	},
};

/**
 * gwlb_answer_start() - see to answers to what comes by a link
 * @dev: its device, coming up
 *
 * Return: 0 or a negative errno.
 * Context: process, RTNL.
 */
int gwlb_answer_start(struct net_device *dev)
{
	struct gwlb_net *gn = gwlb_net(dev_net(dev));
	struct gwlb_link *link = netdev_priv(dev);
	int err;

	if (list_empty(&gn->up)) {
		err = nf_register_net_hooks(dev_net(dev), hooks,
					    ARRAY_SIZE(hooks));
		if (err)
			return err;
	}
	list_add_rcu(&link->up, &gn->up);
	return 0;
}

/**
 * gwlb_answer_stop() - the opposite
 * @dev: its device, going down; the caller waits for RCU before anything of
 *	the link goes
 *
 * Context: process, RTNL.
 */
void gwlb_answer_stop(struct net_device *dev)
{
	struct gwlb_net *gn = gwlb_net(dev_net(dev));
	struct gwlb_link *link = netdev_priv(dev);

	list_del_rcu(&link->up);
	if (list_empty(&gn->up))
		nf_unregister_net_hooks(dev_net(dev), hooks, ARRAY_SIZE(hooks));
}

/* As much of the packet as RFC 1812 section 4.3.2.3 and RFC 4443 section
 * 2.4 (c) want, and the uplink carries
 */
static struct sk_buff *too_big4(struct sk_buff *skb, unsigned int mtu)
{
	unsigned int room = min_t(unsigned int, mtu, 576) - sizeof(struct iphdr) -
			    sizeof(struct icmphdr);
	unsigned int quote = min(skb->len, room);
	const struct iphdr *ip = ip_hdr(skb);
	struct icmphdr *icmp;
	struct sk_buff *n;
	struct iphdr *nip;

	/* RFC 1122 section 3.2.2: never about these */
	if (ip->frag_off & htons(IP_OFFSET) || ipv4_is_multicast(ip->daddr) ||
	    ipv4_is_lbcast(ip->daddr) || ipv4_is_zeronet(ip->saddr) ||
	    ipv4_is_multicast(ip->saddr) || ipv4_is_lbcast(ip->saddr) ||
	    icmp_error4(skb))
		return NULL;
	n = alloc_skb(LL_MAX_HEADER + skb->dev->needed_headroom + sizeof(*nip) +
		      sizeof(*icmp) + quote, GFP_ATOMIC);
	if (!n)
		return NULL;
	skb_reserve(n, LL_MAX_HEADER + skb->dev->needed_headroom);
	skb_reset_network_header(n);
	/* icmp_error4() may have moved it */
	ip = ip_hdr(skb);
	nip = skb_put_zero(n, sizeof(*nip));
	nip->version = 4;
	nip->ihl = 5;
	nip->tos = (ip->tos & IPTOS_TOS_MASK) | IPTOS_PREC_INTERNETCONTROL;
	nip->tot_len = htons(sizeof(*nip) + sizeof(*icmp) + quote);
	nip->frag_off = htons(IP_DF);
	nip->ttl = 64;
	nip->protocol = IPPROTO_ICMP;
	nip->saddr = ip->daddr;
	nip->daddr = ip->saddr;
	ip_send_check(nip);

	skb_set_transport_header(n, n->len);
	icmp = skb_put_zero(n, sizeof(*icmp));
	icmp->type = ICMP_DEST_UNREACH;
	icmp->code = ICMP_FRAG_NEEDED;
	icmp->un.frag.mtu = htons(mtu);
	if (skb_copy_bits(skb, 0, skb_put(n, quote), quote)) {
		kfree_skb(n);
		return NULL;
	}
	icmp->checksum = csum_fold(csum_partial(icmp, sizeof(*icmp) + quote, 0));
	n->protocol = htons(ETH_P_IP);
	return n;
}

static struct sk_buff *too_big6(struct sk_buff *skb, unsigned int mtu)
{
	unsigned int room = min_t(unsigned int, mtu, IPV6_MIN_MTU) -
			    sizeof(struct ipv6hdr) - sizeof(struct icmp6hdr);
	unsigned int quote = min(skb->len, room);
	const struct ipv6hdr *ip = ipv6_hdr(skb);
	struct icmp6hdr *icmp;
	struct ipv6hdr *nip;
	struct sk_buff *n;
	unsigned int len;

	/* RFC 4443 section 2.4 (e); about multicast, this error is right */
	if (ipv6_addr_any(&ip->saddr) || ipv6_addr_is_multicast(&ip->saddr) ||
	    ipv6_addr_is_multicast(&ip->daddr) || icmp_error6(skb))
		return NULL;
	n = alloc_skb(LL_MAX_HEADER + skb->dev->needed_headroom + sizeof(*nip) +
		      sizeof(*icmp) + quote, GFP_ATOMIC);
	if (!n)
		return NULL;
	skb_reserve(n, LL_MAX_HEADER + skb->dev->needed_headroom);
	skb_reset_network_header(n);
	ip = ipv6_hdr(skb);
	len = sizeof(*icmp) + quote;
	nip = skb_put_zero(n, sizeof(*nip));
	nip->version = 6;
	nip->payload_len = htons(len);
	nip->nexthdr = IPPROTO_ICMPV6;
	nip->hop_limit = 64;
	nip->saddr = ip->daddr;
	nip->daddr = ip->saddr;

	skb_set_transport_header(n, n->len);
	icmp = skb_put_zero(n, sizeof(*icmp));
	icmp->icmp6_type = ICMPV6_PKT_TOOBIG;
	icmp->icmp6_mtu = htonl(max_t(unsigned int, mtu, IPV6_MIN_MTU));
	if (skb_copy_bits(skb, 0, skb_put(n, quote), quote)) {
		kfree_skb(n);
		return NULL;
	}
	icmp->icmp6_cksum = csum_ipv6_magic(&nip->saddr, &nip->daddr, len,
					    IPPROTO_ICMPV6,
					    csum_partial(icmp, len, 0));
	n->protocol = htons(ETH_P_IPV6);
	return n;
}

/* A queue has no business with it */
static int requeued(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	struct gwlb_link *link = netdev_priv(skb->dev);

	gwlb_drop(&link->drops, skb, GWLB_DROP_REASON_NO_CONTEXT, NULL);
	return 0;
}

/**
 * gwlb_answer_too_big() - tell the sender what the uplink carries
 * @skb: packet that must not be fragmented; not consumed
 * @flow: of it
 * @mtu: longest packet that can pass
 * @sent: it is through all hooks, and NAT may have changed the source
 *
 * The answer is built and sent without a route, for there may be none.
 *
 * Context: BH off, RCU.
 */
void gwlb_answer_too_big(struct sk_buff *skb, struct gwlb_flow *flow,
			 unsigned int mtu, bool sent)
{
	struct sk_buff *n;

	if (skb->protocol == htons(ETH_P_IP))
		n = too_big4(skb, mtu);
	else
		n = too_big6(skb, mtu);
	if (!n)
		return;
	n->dev = skb->dev;
	/* with the entry of what it is about, NAT can turn it back; the source
	 * in PREROUTING, as if a router behind the link had sent it
	 */
	nf_ct_attach(n, skb);
	if (sent && nf_hook(flow->version == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6,
			    NF_INET_PRE_ROUTING, dev_net(n->dev), NULL, n,
			    n->dev, NULL, requeued) != 1)
		return;
	flow = gwlb_flow_towards(flow, turned(n, flow));
	if (!gwlb_flow_attach(n, flow)) {
		kfree_skb(n);
		return;
	}
	gwlb_bump_output(dev_net(n->dev), NULL, n);
}
