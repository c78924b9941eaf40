// SPDX-License-Identifier: GPL-2.0
/*
 * The conntrack zones of endpoints, by which networks with the same addresses
 * have entries of their own. Conntrack, and what puts fragments together for
 * it, take the zone from a template that the packet brings. The raw table is
 * for the user: while that runs, there is none, and what it sets is left.
 */
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/dst_metadata.h>
#include <net/l3mdev.h>
#include <net/net_namespace.h>
#include "answer.h"
#include "conntrack.h"
#include "link.h"
#include "net.h"
#include "route.h"
#include "zone.h"

#if IS_ENABLED(CONFIG_NF_CONNTRACK)
#include <net/netfilter/nf_conntrack_extend.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include "compat.h"

static DEFINE_PER_CPU(struct nf_conn *, templates);

/* As nf_ct_tmpl_alloc(), which is in a module that we can do without; it is
 * nf_conntrack that frees it.
 */
static struct nf_conn *template_new(gfp_t gfp)
{
	struct nf_conn *t;
	void *room;

	room = kzalloc(sizeof(*t) + NFCT_INFOMASK, gfp);
	if (!room)
		return NULL;
	/* its low bits are in use */
	t = PTR_ALIGN(room, NFCT_INFOMASK + 1);
	t->proto.tmpl_padto = (void *)t - room;
	t->status = IPS_TEMPLATE | IPS_CONFIRMED;
	write_pnet(&t->ct_net, &init_net);
	gwlb_ct_ref_init(t);
	return t;
}

static void template_free(struct nf_conn *t)
{
	if (t)
		kfree((void *)t - t->proto.tmpl_padto);
}

static bool is_template(const struct sk_buff *skb)
{
	const struct nf_conn *ct = (struct nf_conn *)skb_nfct(skb);

	return ct && nf_ct_is_template(ct);
}

static bool has_extensions(const struct sk_buff *skb)
{
	return ((struct nf_conn *)skb_nfct(skb))->ext;
}

/* That of this CPU, unless a packet in some queue has it still */
static struct nf_conn *template_get(void)
{
	struct nf_conn *t = this_cpu_read(templates);

	if (gwlb_ct_refs(t) > 1)
		return template_new(GFP_ATOMIC);
	nf_conntrack_get(&t->ct_general);
	return t;
}

/* Returns false without memory */
static bool set_zone(struct sk_buff *skb, const struct gwlb_flow *flow, u8 dir)
{
	u16 id = gwlb_endpoint_zone(gwlb_flow_endpoint(flow));
	struct nf_conntrack_zone zone;
	struct nf_conn *t;

	/* without nf_conntrack nobody would free it */
	if (!id || !rcu_access_pointer(nf_ct_hook))
		return true;
	/* a program sends, or a queue gives back, with BH on */
	local_bh_disable();
	t = template_get();
	if (t) {
		nf_ct_zone_init(&zone, id, dir, 0);
		nf_ct_zone_add(t, &zone);
		nf_ct_set(skb, t, IP_CT_NEW);
	}
	local_bh_enable();
	return t;
}

/* A template with extensions, and in no zone: one like it, in the zone.
 * Returns false without memory.
 */
static bool move_template(struct sk_buff *skb, const struct gwlb_flow *flow,
			  u8 dir)
{
	const struct nf_conn *old = (struct nf_conn *)skb_nfct(skb);
	u16 id = gwlb_endpoint_zone(gwlb_flow_endpoint(flow));
	struct nf_conntrack_zone zone;
	struct nf_conn *t;

	if (!id || nf_ct_zone(old)->id)
		return true;
	t = template_new(GFP_ATOMIC);
	if (!t)
		return false;
	if (old->ext) {
		t->ext = kmemdup(old->ext, old->ext->len, GFP_ATOMIC);
		if (!t->ext) {
			template_free(t);
			return false;
		}
	}
	write_pnet(&t->ct_net, nf_ct_net(old));
	nf_ct_zone_init(&zone, id, dir, 0);
	nf_ct_zone_add(t, &zone);
	nf_reset_ct(skb);
	nf_ct_set(skb, t, IP_CT_NEW);
	return true;
}

/**
 * gwlb_zone_fragment() - keep fragments of several networks apart
 * @skb: fragment, before PREROUTING
 * @flow: of it
 *
 * Return: false without memory.
 * Context: BH off, RCU.
 */
bool gwlb_zone_fragment(struct sk_buff *skb, const struct gwlb_flow *flow)
{
	return skb_get_nfct(skb) || set_zone(skb, flow, NF_CT_DEFAULT_ZONE_DIR);
}

static unsigned int set_for(struct sk_buff *skb, const struct gwlb_flow *flow,
			    struct gwlb_link *link)
{
	if (skb_get_nfct(skb)) {
		/* a helper or timeout of the user's, who said nothing of zones */
		if (!is_template(skb) || !has_extensions(skb) ||
		    move_template(skb, flow, NF_CT_DEFAULT_ZONE_DIR))
			return NF_ACCEPT;
	} else if (set_zone(skb, flow, NF_CT_DEFAULT_ZONE_DIR)) {
		return NF_ACCEPT;
	}
	/* not into a zone that others are in */
	local_bh_disable();
	gwlb_drop(&link->drops, skb, GWLB_DROP_REASON_NO_MEMORY, NULL);
	local_bh_enable();
	return NF_STOLEN;
}

static unsigned int set(void *priv, struct sk_buff *skb,
			const struct nf_hook_state *state)
{
	const struct gwlb_flow *flow;

	if (!gwlb_dev_is_link(state->in))
		return NF_ACCEPT;
	flow = gwlb_flow_of(skb, state->in);
	return flow ? set_for(skb, flow, netdev_priv(state->in)) : NF_ACCEPT;
}

static unsigned int clear(void *priv, struct sk_buff *skb,
			  const struct nf_hook_state *state)
{
	if (skb_nfct(skb) && gwlb_dev_is_link(state->in) && is_template(skb))
		nf_reset_ct(skb);
	return NF_ACCEPT;
}

/* Behind conntrack. What enters the IP stack is to be routed there. */
static unsigned int done(void *priv, struct sk_buff *skb,
			 const struct nf_hook_state *state)
{
	if (gwlb_dev_is_link(state->in) &&
	    gwlb_route_all(netdev_priv(state->in)) && skb_valid_dst(skb)) {
		skb_dst_drop(skb);
		/* ipv6_rcv() has taken it from there */
		if (state->pf == NFPROTO_IPV6)
			IP6CB(skb)->iif = state->in->ifindex;
	}
	return clear(priv, skb, state);
}

/* Did a packet that the IP stack forwards or delivers come by a link, maybe as
 * one of a VRF
 */
static bool came_by_link(const struct sk_buff *skb,
			 const struct nf_hook_state *state)
{
	const struct net_device *dev = state->in;

	if (netif_is_l3_master(dev))
		dev = dev_get_by_index_rcu(state->net, state->pf == NFPROTO_IPV4 ?
					   IPCB(skb)->iif : IP6CB(skb)->iif);
	return dev && gwlb_dev_is_link(dev);
}

/* Replies to what does not go back by a link come without a zone. A new entry
 * is in that of its endpoint in its own direction alone then.
 */
static unsigned int leave(void *priv, struct sk_buff *skb,
			  const struct nf_hook_state *state)
{
	struct nf_conntrack_zone zone;
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct;
	u16 id;

	if (state->out && gwlb_dev_is_link(state->out))
		return NF_ACCEPT;
	ct = nf_ct_get(skb, &ctinfo);
	if (!ct || nf_ct_is_confirmed(ct))
		return NF_ACCEPT;
	id = nf_ct_zone(ct)->id;
	if (!id || !came_by_link(skb, state) ||
	    !gwlb_endpoint_own_zone(state->net, id))
		return NF_ACCEPT;
	nf_ct_zone_init(&zone, id, NF_CT_ZONE_DIR_ORIG, 0);
	nf_ct_zone_add(ct, &zone);
	return NF_ACCEPT;
}

static bool is_tcp(const struct sk_buff *skb, u8 pf)
{
	return (pf == NFPROTO_IPV4 ? ip_hdr(skb)->protocol :
				     ipv6_hdr(skb)->nexthdr) == IPPROTO_TCP;
}

/* What answers a packet, or goes on in its name, belongs to its entry */
static unsigned int local_out(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state)
{
	u8 dir = NF_CT_DEFAULT_ZONE_DIR;
	const struct gwlb_flow *flow;

	if (skb_get_nfct(skb) && !is_template(skb))
		return NF_ACCEPT;
	flow = gwlb_answer_passing(skb, state->net);
	if (!flow)
		return NF_ACCEPT;
	/* as in leave(); errors without an entry are about what ended here */
	if (!is_tcp(skb, state->pf) ||
	    (gwlb_answer_routed(skb, flow, state->out) &&
	     !gwlb_dev_is_link(state->out)))
		dir = NF_CT_ZONE_DIR_ORIG;
	if (skb_nfct(skb))
		move_template(skb, flow, dir);
	else
		set_zone(skb, flow, dir);
	return NF_ACCEPT;
}

/**
 * gwlb_zone_bump() - what a hook of ours does with a packet in the bump
 * @hook: of which file it may be
 * @skb: whole packet
 * @flow: of it
 *
 * Return: verdict.
 * Context: BH off, RCU.
 */
unsigned int gwlb_zone_bump(nf_hookfn *hook, struct sk_buff *skb,
			    const struct gwlb_flow *flow)
{
	if (hook == set)
		return set_for(skb, flow, gwlb_flow_link(flow));
	/* nothing puts one on a whole packet before the raw table */
	if (hook == done && skb_nfct(skb) && is_template(skb))
		nf_reset_ct(skb);
	return NF_ACCEPT;
}

#define HOOK(family, fn, num, prio) {	\
	.hook = (fn),			\
	.priv = GWLB_HOOK_PRIV,		\
	.pf = NFPROTO_##family,		\
	.hooknum = NF_INET_##num,	\
	.priority = (prio),		\
}

static const struct nf_hook_ops hooks[] = {
	HOOK(IPV4, clear, PRE_ROUTING, NF_IP_PRI_CONNTRACK_DEFRAG + 1),
	HOOK(IPV4, set, PRE_ROUTING, NF_IP_PRI_CONNTRACK - 1),
	HOOK(IPV4, done, PRE_ROUTING, NF_IP_PRI_CONNTRACK + 1),
	HOOK(IPV4, leave, FORWARD, NF_IP_PRI_FIRST),
	HOOK(IPV4, leave, LOCAL_IN, NF_IP_PRI_FIRST),
	HOOK(IPV4, local_out, LOCAL_OUT, NF_IP_PRI_CONNTRACK - 1),
	HOOK(IPV6, clear, PRE_ROUTING, NF_IP6_PRI_CONNTRACK_DEFRAG + 1),
	HOOK(IPV6, set, PRE_ROUTING, NF_IP6_PRI_CONNTRACK - 1),
	HOOK(IPV6, done, PRE_ROUTING, NF_IP6_PRI_CONNTRACK + 1),
	HOOK(IPV6, leave, FORWARD, NF_IP6_PRI_FIRST),
	HOOK(IPV6, leave, LOCAL_IN, NF_IP6_PRI_FIRST),
	HOOK(IPV6, local_out, LOCAL_OUT, NF_IP6_PRI_CONNTRACK - 1),
};

/**
 * gwlb_zone_start() - see to the zones in a namespace
 * @net: namespace with a first link coming up
 *
 * Return: 0 or a negative errno.
 * Context: process, RTNL.
 */
int gwlb_zone_start(struct net *net)
{
	return nf_register_net_hooks(net, hooks, ARRAY_SIZE(hooks));
}

/**
 * gwlb_zone_stop() - the opposite
 * @net: namespace with the last link gone down
 *
 * Context: process, RTNL.
 */
void gwlb_zone_stop(struct net *net)
{
	nf_unregister_net_hooks(net, hooks, ARRAY_SIZE(hooks));
}

/* Those that are in some queue are freed by conntrack, which must be there */
static void put_templates(void)
{
	int i;

	for_each_possible_cpu(i) {
		struct nf_conn *t = per_cpu(templates, i);

		if (t && gwlb_ct_ref_put(t))
			template_free(t);
	}
}

/**
 * gwlb_zone_init() - make a template for each CPU
 *
 * Return: 0 or -ENOMEM.
 */
int gwlb_zone_init(void)
{
	int i;

	for_each_possible_cpu(i) {
		per_cpu(templates, i) = template_new(GFP_KERNEL);
		if (per_cpu(templates, i))
			continue;
		put_templates();
		return -ENOMEM;
	}
	return 0;
}

/**
 * gwlb_zone_exit() - give them up
 *
 * Context: process, when no hook runs any more.
 */
void gwlb_zone_exit(void)
{
	put_templates();
}

#else

/* Without hooks, see there */
bool gwlb_zone_fragment(struct sk_buff *skb, const struct gwlb_flow *flow)
{
	return true;
}

unsigned int gwlb_zone_bump(nf_hookfn *hook, struct sk_buff *skb,
			    const struct gwlb_flow *flow)
{
	return NF_ACCEPT;
}

int gwlb_zone_start(struct net *net)
{
	return 0;
}

void gwlb_zone_stop(struct net *net)
{
}

int gwlb_zone_init(void)
{
	return 0;
}

void gwlb_zone_exit(void)
{
}

#endif
