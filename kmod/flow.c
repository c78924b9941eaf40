// SPDX-License-Identifier: GPL-2.0
/*
 * A flow and the context that its packets carry as their dst. NAT and the
 * fragmenters take a dst for a rtable or a rt6_info, hence the two types.
 */
#include <linux/delay.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <net/addrconf.h>
#include "bump.h"
#include "compat.h"
#include "flow.h"
#include "link.h"
#include "passing.h"
#include "route.h"
#include "tx.h"

DEFINE_PER_CPU(struct gwlb_passing *, gwlb_passing);

/* dst operations: nothing about this route ever changes but its MTU */

/* Good for the packet that came with it and for no other: a flowtable that
 * kept it would send by it whatever has the same tuple.
 */
static struct dst_entry *flow_dst_check(struct dst_entry *dst, u32 cookie)
{
	return NULL;
}

static unsigned int flow_dst_mtu(const struct dst_entry *dst)
{
	return dst_metric_raw(dst, RTAX_MTU);
}

static unsigned int flow_dst_advmss(const struct dst_entry *dst)
{
	return dst_metric_raw(dst, RTAX_MTU) -
	       (dst->ops->family == AF_INET ? 40 : 60);
}

static u32 *flow_dst_cow_metrics(struct dst_entry *dst, unsigned long old)
{
	return NULL;
}

static struct neighbour *flow_dst_neigh(const struct dst_entry *dst,
					struct sk_buff *skb, const void *daddr)
{
	return NULL;
}

static void flow_dst_update_pmtu(struct dst_entry *dst, struct sock *sk,
				 struct sk_buff *skb, u32 mtu, bool confirm)
{
}

static void flow_dst_redirect(struct dst_entry *dst, struct sock *sk,
			      struct sk_buff *skb)
{
}

static void flow_free(struct gwlb_flow *flow)
{
	struct gwlb_endpoint *endpoint;

	if (flow->options_len > sizeof(flow->room))
		kfree(flow->options);
	if (flow->peer)
		gwlb_peer_put(flow->peer);
	endpoint = rcu_dereference_protected(flow->endpoint, true);
	if (endpoint)
		gwlb_endpoint_put(endpoint);
}

static void flow4_destroy(struct dst_entry *dst)
{
	flow_free(&container_of(dst, struct gwlb_flow4, rt.dst)->flow);
}

static void flow6_destroy(struct dst_entry *dst)
{
	struct gwlb_flow6 *f = container_of(dst, struct gwlb_flow6, rt.dst);

	if (f->rt.rt6i_idev)
		in6_dev_put(f->rt.rt6i_idev);
	flow_free(&f->flow);
}

struct dst_ops gwlb_dst_ops4 = {
	.family = AF_INET,
	.check = flow_dst_check,
	.mtu = flow_dst_mtu,
	.default_advmss = flow_dst_advmss,
	.cow_metrics = flow_dst_cow_metrics,
	.neigh_lookup = flow_dst_neigh,
	.update_pmtu = flow_dst_update_pmtu,
	.redirect = flow_dst_redirect,
	.destroy = flow4_destroy,
};

struct dst_ops gwlb_dst_ops6 = {
	.family = AF_INET6,
	.check = flow_dst_check,
	.mtu = flow_dst_mtu,
	.default_advmss = flow_dst_advmss,
	.cow_metrics = flow_dst_cow_metrics,
	.neigh_lookup = flow_dst_neigh,
	.update_pmtu = flow_dst_update_pmtu,
	.redirect = flow_dst_redirect,
	.destroy = flow6_destroy,
};

/* Routed into a dst of ours, by whatever left it on a packet; on one that came
 * for the IP stack when the mode is no longer route, nobody took it off.
 */
static int flow_dst_input(struct sk_buff *skb)
{
	struct gwlb_flow *flow = gwlb_flow_of_dst(skb_dst(skb));

	if (gwlb_dev_is_link(skb->dev)) {
		gwlb_route_divert(netdev_priv(skb->dev), skb, NULL);
		return NET_RX_SUCCESS;
	}
	gwlb_drop(&gwlb_flow_link(flow)->drops, skb,
		  GWLB_DROP_REASON_NO_CONTEXT, &flow->peer->remote);
	return NET_RX_DROP;
}

/* dst_alloc() leaves what is behind the dst_entry as it was */
static struct gwlb_flow *flow_alloc4(struct gwlb_link *link)
{
	struct gwlb_flow4 *f;

	f = gwlb_dst_alloc(&gwlb_dst_ops4, link->dev, DST_NOXFRM);
	if (!f)
		return NULL;
	memset((void *)f + sizeof(f->rt.dst), 0, sizeof(*f) - sizeof(f->rt.dst));
	f->rt.rt_type = RTN_UNICAST;
	f->rt.rt_is_input = 1;
	f->flow.version = 4;
	return &f->flow;
}

static struct gwlb_flow *flow_alloc6(struct gwlb_link *link)
{
	struct gwlb_flow6 *f;

	f = gwlb_dst_alloc(&gwlb_dst_ops6, link->dev, DST_NOXFRM);
	if (!f)
		return NULL;
	memset((void *)f + sizeof(f->rt.dst), 0, sizeof(*f) - sizeof(f->rt.dst));
	f->flow.version = 6;
	/* must not be NULL, and must not keep our device from going; before
	 * 5.16 the first of these has none
	 */
	f->rt.rt6i_idev = in6_dev_get(blackhole_netdev) ?:
			  in6_dev_get(init_net.loopback_dev);
	if (f->rt.rt6i_idev)
		return &f->flow;
	dst_dev_put(&f->rt.dst);
	dst_release(&f->rt.dst);
	return NULL;
}

static unsigned int addr_len(const struct gwlb_flow *flow)
{
	return flow->version == 4 ? 4 : 16;
}

static void set_tuple(struct gwlb_flow *flow, const struct gwlb_tuple *t)
{
	unsigned int len = addr_len(flow);

	flow->protocol = t->protocol;
	memcpy(flow->inner_port, t->port, sizeof(flow->inner_port));
	memcpy(flow->addr, t->addr[0], len);
	memcpy(flow->addr + len, t->addr[1], len);
}

/* The length comes last: it tells what is to be freed */
static bool set_geneve(struct gwlb_flow *flow, const struct gwlb_geneve *g,
		       const u8 *options)
{
	if (g->options_len <= sizeof(flow->room)) {
		memcpy(flow->room, options, g->options_len);
	} else {
		flow->options = kmemdup(options, g->options_len, GFP_ATOMIC);
		if (!flow->options)
			return false;
	}
	flow->vni = g->vni;
	flow->critical = g->critical;
	flow->options_len = g->options_len;
	return true;
}

/**
 * gwlb_flow_new() - make a flow
 * @link: by which its first packet came
 * @key: header of that packet
 * @turned: it came the other way round than in the tuple
 * @options: of it
 *
 * Return: the flow with a reference of its dst, NULL without memory.
 * Context: BH off, under the lock of the flows.
 */
struct gwlb_flow *gwlb_flow_new(struct gwlb_link *link,
				const struct gwlb_key *key, int turned,
				const u8 *options)
{
	struct gwlb_endpoint_id id = gwlb_key_endpoint(key);
	struct gwlb_endpoint *endpoint;
	struct gwlb_flow *flow;
	struct dst_entry *dst;
	u32 *metrics;

	if (key->tuple.version == 4)
		flow = flow_alloc4(link);
	else
		flow = flow_alloc6(link);
	if (!flow)
		return NULL;
	dst = gwlb_flow_dst(flow);

	flow->created = ktime_get_boottime_seconds();
	flow->last_seen[0] = jiffies;
	flow->last_seen[1] = flow->last_seen[0];
	memcpy(flow->port, key->port, sizeof(flow->port));
	flow->nocheck = key->nocheck;
	flow->turned = turned;
	set_tuple(flow, &key->tuple);
	if (!set_geneve(flow, &key->geneve, options))
		goto release;
	flow->peer = gwlb_peer_get(link, &key->remote, &key->local,
				   key->vrf);
	if (!flow->peer)
		goto release;
	endpoint = gwlb_endpoint_get(&link->endpoints, &id);
	if (!endpoint)
		goto release;
	RCU_INIT_POINTER(flow->endpoint, endpoint);

	metrics = gwlb_peer_metrics(flow->peer, key->geneve.options_len);
	if (!metrics)
		goto release;
	dst_init_metrics(dst, metrics, true);
	if (!gwlb_flow_mtu(flow))
		gwlb_flow_set_mtu(flow, gwlb_tx_mtu(flow));
	dst->input = flow_dst_input;
	dst->output = gwlb_bump_output;
	return flow;

release:
	dst_dev_put(dst);
	dst_release(dst);
	return NULL;
}

/**
 * gwlb_flow_list_endpoint() - see to it that the endpoint of a flow is listed
 * @flow: of a received packet, whose endpoint had to make room, was forgotten
 *	or found no place
 *
 * Context: BH off, RCU.
 */
void gwlb_flow_list_endpoint(struct gwlb_flow *flow)
{
	struct gwlb_link *link = gwlb_flow_link(flow);
	struct gwlb_endpoint *endpoint, *old;

	spin_lock(&link->flows.lock);
	old = gwlb_flow_endpoint(flow);
	endpoint = gwlb_endpoint_get(&link->endpoints, &old->id);
	if (endpoint) {
		rcu_assign_pointer(flow->endpoint, endpoint);
		gwlb_endpoint_put(old);
	}
	spin_unlock(&link->flows.lock);
}

/**
 * gwlb_flow_count() - count a received packet
 * @flow: of it
 * @turned: it came the other way round than in the tuple
 * @bytes: of the inner packet
 */
void gwlb_flow_count(struct gwlb_flow *flow, int turned, unsigned int bytes)
{
	u32 now = jiffies;

	if (READ_ONCE(flow->last_seen[turned]) != now)
		WRITE_ONCE(flow->last_seen[turned], now);
	atomic64_inc(&flow->packets[turned]);
	atomic64_add(bytes, &flow->bytes[turned]);
}

/**
 * gwlb_flow_tuple() - the inner addresses of a flow
 * @flow: flow
 * @t: filled, normalized
 */
void gwlb_flow_tuple(const struct gwlb_flow *flow, struct gwlb_tuple *t)
{
	unsigned int len = addr_len(flow);

	memset(t, 0, sizeof(*t));
	t->version = flow->version;
	t->protocol = flow->protocol;
	memcpy(t->port, flow->inner_port, sizeof(t->port));
	memcpy(t->addr[0], flow->addr, len);
	memcpy(t->addr[1], flow->addr + len, len);
}

/**
 * gwlb_flow_init() - prepare for flows
 *
 * Return: 0 or a negative errno.
 */
int gwlb_flow_init(void)
{
	int err = -ENOMEM;

	gwlb_dst_ops4.kmem_cachep =
		kmem_cache_create("gwlb_flow4", sizeof(struct gwlb_flow4) + 2 * 4,
				  0, 0, NULL);
	gwlb_dst_ops6.kmem_cachep =
		kmem_cache_create("gwlb_flow6", sizeof(struct gwlb_flow6) + 2 * 16,
				  0, 0, NULL);
	if (!gwlb_dst_ops4.kmem_cachep || !gwlb_dst_ops6.kmem_cachep)
		goto caches;
	err = dst_entries_init(&gwlb_dst_ops4);
	if (err)
		goto caches;
	err = dst_entries_init(&gwlb_dst_ops6);
	if (err)
		goto entries;
	return 0;

entries:
	dst_entries_destroy(&gwlb_dst_ops4);
caches:
	kmem_cache_destroy(gwlb_dst_ops4.kmem_cachep);
	kmem_cache_destroy(gwlb_dst_ops6.kmem_cachep);
	return err;
}

/**
 * gwlb_flow_exit() - wait until no packet carries a flow
 *
 * All links are gone and with them all flows in tables; what is left hangs on
 * packets in queues of other devices, which go as those send or drop them.
 *
 * Context: process.
 */
void gwlb_flow_exit(void)
{
	int tries = 0;

	while (dst_entries_get_slow(&gwlb_dst_ops4) ||
	       dst_entries_get_slow(&gwlb_dst_ops6)) {
		if (++tries == 100)
			pr_warn("gwlb: unload waits for packets of a former link in some queue\n");
		msleep(20);
	}
	/* flows are freed by RCU, then their peers, then the routes of these */
	rcu_barrier();
	rcu_barrier();
	rcu_barrier();
	dst_entries_destroy(&gwlb_dst_ops6);
	dst_entries_destroy(&gwlb_dst_ops4);
	kmem_cache_destroy(gwlb_dst_ops6.kmem_cachep);
	kmem_cache_destroy(gwlb_dst_ops4.kmem_cachep);
}
